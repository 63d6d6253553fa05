//! What a solution costs, by the definitions in [`crate::problem`].

use rustc_hash::FxHashMap;

use crate::{
    BitSet, Problem, Solution,
    problem::{Money, NO_DOMAIN, NODE_KEY, Spread},
};

/// The price of all launches, saturating.
pub fn price(problem: &Problem, solution: &Solution) -> Money {
    solution.launches.iter().fold(0, |sum: Money, launch| {
        let each = problem.offerings[launch.offering as usize].price;
        sum.saturating_add(each.saturating_mul(launch.copies.into()))
    })
}

/// Writes into a solution what its launches and its unmet preferences cost.
pub(crate) fn assess(problem: &Problem, solution: &mut Solution) {
    solution.cost = price(problem, solution);
    solution.penalty = penalty(problem, solution);
}

/// One place where pods are put: an existing node or all copies of a launch.
struct Spot<'a> {
    existing: Option<u32>,
    offering: Option<u32>,
    domains: &'a [u32],
    copies: u32,
    pods: &'a [(u32, u32)],
}

fn spots<'a>(problem: &'a Problem, solution: &'a Solution) -> Vec<Spot<'a>> {
    let placements = solution.placements.iter().map(|placement| Spot {
        existing: Some(placement.node),
        offering: None,
        domains: &problem.nodes[placement.node as usize].domains,
        copies: 1,
        pods: &placement.pods,
    });
    let launches = solution.launches.iter().map(|launch| Spot {
        existing: None,
        offering: Some(launch.offering),
        domains: &problem.offerings[launch.offering as usize].domains,
        copies: launch.copies,
        pods: &launch.pods,
    });
    placements.chain(launches).collect()
}

/// What unmet preferences cost, saturating.
pub fn penalty(problem: &Problem, solution: &Solution) -> Money {
    let spots = spots(problem, solution);
    let mut sum: Money = 0;
    for preference in &problem.preferences {
        let class = &problem.classes[preference.class as usize];
        for spot in &spots {
            let met = spot.existing.is_some_and(|node| class.nodes.contains(node as usize))
                || spot.offering.is_some_and(|o| class.offerings.contains(o as usize));
            if !met {
                let pods = count(spot, |group| preference.groups.binary_search(&group).is_ok());
                sum = sum.saturating_add(preference.cost.saturating_mul(pods));
            }
        }
    }
    for spread in &problem.spreads {
        if let Some(cost) = spread.cost {
            let pods = beyond(problem, &spots, spread);
            sum = sum.saturating_add(cost.saturating_mul(pods));
        }
    }
    for exclusion in &problem.exclusions {
        if let Some(cost) = exclusion.cost {
            let sharing = Sharing::new(problem, &spots, exclusion.set, exclusion.key);
            let pods = pods_where(&spots, &exclusion.groups, |at, group| sharing.near(at, group));
            sum = sum.saturating_add(cost.saturating_mul(pods));
        }
    }
    for affinity in &problem.affinities {
        if let Some(cost) = affinity.cost {
            let sharing: Vec<Sharing<'_>> = affinity
                .keys
                .iter()
                .map(|&key| Sharing::new(problem, &spots, affinity.set, key))
                .collect();
            let met = |at: usize, group: u32| sharing.iter().all(|one| one.near(at, group));
            let pods = pods_where(&spots, &affinity.groups, |at, group| !met(at, group));
            sum = sum.saturating_add(cost.saturating_mul(pods));
        }
    }
    sum
}

fn count(spot: &Spot<'_>, is_in: impl Fn(u32) -> bool) -> i64 {
    let pods = spot.pods.iter().filter(|(group, _)| is_in(*group));
    pods.map(|(_, pods)| i64::from(*pods)).sum::<i64>() * i64::from(spot.copies)
}

/// Pods of a spread's groups that stand in a domain beyond the skew.
fn beyond(problem: &Problem, spots: &[Spot<'_>], spread: &Spread) -> i64 {
    let set = &problem.sets[spread.set as usize];
    let mut domains: FxHashMap<u64, (i64, i64, bool)> = FxHashMap::default();
    let existing = |node: u32| match spread.key {
        NODE_KEY => Some(u64::from(node)),
        key => Some(problem.nodes[node as usize].domains[key as usize])
            .filter(|d| *d != NO_DOMAIN)
            .map(u64::from),
    };
    for &domain in &spread.domains {
        domains.entry(domain.into()).or_default().2 = true;
    }
    for node in spread.counted_nodes.iter() {
        if let Some(domain) = existing(node as u32) {
            domains.entry(domain).or_default().2 = true;
        }
    }
    for &(node, pods) in &set.bound {
        if spread.counted_nodes.contains(node as usize)
            && let Some(domain) = existing(node)
        {
            domains.entry(domain).or_default().0 += i64::from(pods);
        }
    }
    let mut alone = Vec::new();
    for (at, spot) in spots.iter().enumerate() {
        let counted = spot.existing.is_some_and(|n| spread.counted_nodes.contains(n as usize))
            || spot.offering.is_some_and(|o| spread.counted_offerings.contains(o as usize));
        let domain = match (spread.key, spot.existing) {
            (NODE_KEY, Some(node)) => u64::from(node),
            (NODE_KEY, None) => {
                alone.push((1 << 32) + at as u64);
                (1 << 32) + at as u64
            }
            (key, _) if spot.domains[key as usize] != NO_DOMAIN => {
                spot.domains[key as usize].into()
            }
            _ => continue,
        };
        let entry = domains.entry(domain).or_default();
        entry.2 |= counted;
        let copies = if spread.key == NODE_KEY { i64::from(spot.copies) } else { 1 };
        if counted {
            entry.0 += count(spot, |g| set.groups.contains(g as usize)) / copies;
        }
        entry.1 += count(spot, |g| spread.groups.binary_search(&g).is_ok());
    }
    let counts = domains.values().filter(|(_, _, counted)| *counted).map(|(pods, _, _)| *pods);
    let enough = counts.clone().count() >= spread.min_domains as usize;
    let lowest = if enough { counts.min().unwrap_or(0) } else { 0 };
    domains
        .values()
        .filter(|(pods, _, _)| pods - lowest > i64::from(spread.max_skew))
        .map(|(_, subjects, _)| *subjects)
        .sum()
}

/// Pods of `groups` for which something holds, by spot and group.
fn pods_where(spots: &[Spot<'_>], groups: &[u32], holds: impl Fn(usize, u32) -> bool) -> i64 {
    let mut sum = 0;
    for (at, spot) in spots.iter().enumerate() {
        for &(group, pods) in spot.pods {
            if groups.binary_search(&group).is_ok() && holds(at, group) {
                sum += i64::from(pods) * i64::from(spot.copies);
            }
        }
    }
    sum
}

/// Who shares a domain with pods of a set.
struct Sharing<'a> {
    members: &'a BitSet,
    /// Pods of the set in the domain of each spot; `None` where the spot lacks the key.
    there: Vec<Option<i64>>,
}

impl<'a> Sharing<'a> {
    fn new(problem: &'a Problem, spots: &[Spot<'_>], set: u32, key: u8) -> Self {
        let set = &problem.sets[set as usize];
        let known = |domain: u32| (domain != NO_DOMAIN).then(|| u64::from(domain));
        let of_node = |node: u32| match key {
            NODE_KEY => Some(u64::from(node)),
            key => known(problem.nodes[node as usize].domains[key as usize]),
        };
        let of_spot = |at: usize, spot: &Spot<'_>| match (key, spot.existing) {
            (_, Some(node)) => of_node(node),
            (NODE_KEY, None) => Some((1 << 32) + at as u64),
            (key, None) => known(spot.domains[key as usize]),
        };
        let mut domains: FxHashMap<u64, i64> = FxHashMap::default();
        for &(node, pods) in &set.bound {
            if let Some(domain) = of_node(node) {
                *domains.entry(domain).or_default() += i64::from(pods);
            }
        }
        for (at, spot) in spots.iter().enumerate() {
            if let Some(domain) = of_spot(at, spot) {
                let copies = if key == NODE_KEY { i64::from(spot.copies) } else { 1 };
                let pods = count(spot, |g| set.groups.contains(g as usize)) / copies;
                *domains.entry(domain).or_default() += pods;
            }
        }
        let of = |(at, spot)| of_spot(at, spot).map(|d| domains.get(&d).copied().unwrap_or(0));
        Self { members: &set.groups, there: spots.iter().enumerate().map(of).collect() }
    }

    /// Whether a pod of `group` on a spot has a pod of the set beside it, itself not counted.
    fn near(&self, at: usize, group: u32) -> bool {
        let own = i64::from(self.members.contains(group as usize));
        self.there[at].is_some_and(|pods| pods > own)
    }
}
