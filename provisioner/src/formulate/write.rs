//! Writes what was found out in the solver's terms.

use solver::{
    BitSet,
    problem::{Affinity, Exclusion, NODE_KEY, PodSet, Preference, Spread},
};

use super::{
    classes::Classes,
    constraints::{PreferenceKey, SpreadKey, Stated, Statements},
    groups::Groups,
    places::NO_VALUE,
};

/// The groups that state each of `count` things.
fn stating(
    groups: &Groups,
    count: usize,
    list: impl Fn(&Statements) -> &Vec<u32>,
) -> Vec<Vec<u32>> {
    let mut stating = vec![vec![]; count];
    for (group, statements) in groups.statements.iter().enumerate() {
        for &number in list(statements) {
            stating[number as usize].push(group as u32);
        }
    }
    stating
}

/// The sets of pods.
pub(super) fn sets(groups: &Groups, bound: Vec<Vec<(u32, u32)>>) -> Vec<PodSet> {
    let members = groups.members(bound.len());
    members.into_iter().zip(bound).map(|(groups, bound)| PodSet { groups, bound }).collect()
}

/// The spreads. `domains` holds the domain of every place, per key.
pub(super) fn spreads(
    stated: &Stated<'_>,
    groups: &Groups,
    classes: &mut Classes<'_, '_>,
    domains: &[Vec<u32>],
) -> Vec<Spread> {
    let stating = stating(groups, stated.spreads.list.len(), |statements| &statements.spreads);
    let pairs = stated.spreads.list.iter().zip(stating);
    let used = pairs.filter(|(_, groups)| !groups.is_empty());
    used.map(|(key, stating)| spread(key, stating, groups, classes, domains)).collect()
}

fn spread(
    key: &SpreadKey,
    stating: Vec<u32>,
    groups: &Groups,
    classes: &mut Classes<'_, '_>,
    domains: &[Vec<u32>],
) -> Spread {
    let mut counted = classes.everywhere();
    if let Some(terms) = key.terms {
        counted.intersect_with(classes.terms(terms));
    }
    if let Some(tolerations) = key.tolerations {
        counted.intersect_with(classes.tolerations(tolerations));
    }
    classes.keep_keys(&mut counted, &key.keys);
    let (counted_offerings, counted_nodes) = classes.split(&counted);
    let domains = match key.key {
        NODE_KEY => vec![],
        number => {
            let launchable = launchable(&stating, groups, classes, &counted_offerings);
            domains_of(&launchable, &domains[number as usize])
        }
    };
    Spread {
        groups: stating,
        key: key.key,
        set: key.set,
        max_skew: key.max_skew,
        min_domains: key.min_domains,
        domains,
        counted_nodes,
        counted_offerings,
        cost: key.cost,
    }
}

/// Counted offerings that one of the groups accepts.
fn launchable(
    stating: &[u32],
    groups: &Groups,
    classes: &Classes<'_, '_>,
    counted: &BitSet,
) -> BitSet {
    let mut rows: Vec<u32> =
        stating.iter().map(|&group| groups.groups[group as usize].class).collect();
    rows.sort_unstable();
    rows.dedup();
    let mut accepted = BitSet::empty(counted.universe());
    for row in rows {
        accepted.union_with(&classes.rows()[row as usize].offerings);
    }
    accepted.intersect_with(counted);
    accepted
}

fn domains_of(offerings: &BitSet, domains: &[u32]) -> Vec<u32> {
    let mut found: Vec<u32> = offerings.iter().map(|offering| domains[offering]).collect();
    found.retain(|&domain| domain != NO_VALUE);
    found.sort_unstable();
    found.dedup();
    found
}

/// The pod affinities.
pub(super) fn affinities(stated: &Stated<'_>, groups: &Groups) -> Vec<Affinity> {
    let list = &stated.affinities.list;
    let stating = stating(groups, list.len(), |statements| &statements.affinities);
    let used = list.iter().zip(stating).filter(|(_, groups)| !groups.is_empty());
    used.map(|(key, groups)| Affinity {
        groups,
        keys: key.keys.clone(),
        set: key.set,
        cost: key.cost,
    })
    .collect()
}

/// The pod anti-affinities.
pub(super) fn exclusions(stated: &Stated<'_>, groups: &Groups) -> Vec<Exclusion> {
    let list = &stated.exclusions.list;
    let stating = stating(groups, list.len(), |statements| &statements.exclusions);
    let used = list.iter().zip(stating).filter(|(_, groups)| !groups.is_empty());
    used.map(|(key, groups)| Exclusion { groups, key: key.key, set: key.set, cost: key.cost })
        .collect()
}

/// The preferences for places; those that every place meets are left out.
pub(super) fn preferences(
    stated: &Stated<'_>,
    groups: &Groups,
    classes: &mut Classes<'_, '_>,
) -> Vec<Preference> {
    let list = &stated.preferences.list;
    let stating = stating(groups, list.len(), |statements| &statements.preferences);
    let mut found = vec![];
    for (key, groups) in list.iter().zip(stating) {
        let (bits, cost) = match key {
            PreferenceKey::Term(term, cost) => (classes.matching(term), *cost),
            PreferenceKey::Taints(tolerations, cost) => {
                (classes.soft_tolerations(*tolerations), *cost)
            }
        };
        if !groups.is_empty() && bits.count() < bits.universe() {
            found.push(Preference { groups, class: classes.add(&bits), cost });
        }
    }
    found
}
