//! How many pods constraints between domains let into some of them.
//!
//! A spread keeps every zone near the emptiest one, so none takes much more than its even share; an
//! anti-affinity lets one pod into each. Where all domains sell the same at the same prices that
//! changes nothing about what pods cost. Where they do not (capacity types, zones that lack sizes),
//! not all pods can go where it is cheapest, and a core that forgets this promises too much.
//!
//! Every domain that is told from others makes kinds of its own, so domains that sell nearly the
//! same are taken together.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use crate::{
    Problem,
    presolve::{Item, Kind, Rule, Source, is_counted, places::Parts},
    problem::{NO_DOMAIN, Spread},
    spread::{bound, has_few_domains},
};

/// At most so many pods of some items stand in some domains of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ceiling {
    /// A spread or an exclusion by domain.
    pub rule: Rule,
    /// Index into [`Problem::keys`].
    pub key: u8,
    /// Ascending.
    pub domains: Vec<u32>,
    /// Indices into [`super::Core::items`], ascending.
    pub items: Vec<u32>,
    /// Pods.
    pub most: u64,
}

/// Keys beyond the first few have no ceilings.
const MOST_KEYS: usize = 3;
/// What a domain sells is as good as what another sells for this many times the price.
const ALIKE: f64 = 1.02;

/// A constraint that bounds the pods of some groups in a domain.
struct Candidate {
    rule: Rule,
    key: u8,
    /// Groups with pods to place that state the constraint and are counted by it.
    groups: Vec<u32>,
}

/// The constraints that make ceilings, and the domains that they tell apart.
#[derive(Default)]
pub(super) struct Ceilings {
    candidates: Vec<Candidate>,
    /// Per key with a constraint, its domains, those together that are not told apart.
    classes: BTreeMap<u8, Vec<Vec<u32>>>,
    /// Pods to place, per group.
    pods: Vec<u64>,
    /// Per group, the candidates that name it; empty without candidates.
    of_group: Vec<Vec<u32>>,
}

impl Ceilings {
    /// Every constraint that bounds the pods in a domain, with every domain apart; none when pods
    /// have their places already.
    pub(super) fn all(problem: &Problem, parts: &Parts) -> Self {
        let Some(pods) = pods_anywhere(problem, parts) else { return Self::default() };
        let candidates = candidates(problem, &pods);
        let apart = |key: u8| (key, (0..problem.keys[usize::from(key)]).map(|d| vec![d]).collect());
        let mut keys: Vec<u8> = candidates.iter().map(|candidate| candidate.key).collect();
        keys.sort_unstable();
        keys.dedup();
        let classes = keys.into_iter().take(MOST_KEYS).map(apart).collect();
        Self { candidates, classes, pods, of_group: Vec::new() }.tidy()
    }

    /// Without constraints on keys that have no classes.
    fn tidy(mut self) -> Self {
        self.candidates.retain(|candidate| self.classes.contains_key(&candidate.key));
        self.of_group.clear();
        if !self.candidates.is_empty() {
            self.of_group.resize(self.pods.len(), Vec::new());
        }
        for (at, candidate) in (0u32..).zip(&self.candidates) {
            candidate.groups.iter().for_each(|&group| self.of_group[group as usize].push(at));
        }
        self
    }

    /// These with the domains together that sell nearly the same, and without keys whose domains
    /// all do: `kinds` are those of a core with `ceilings`.
    pub(super) fn telling(
        mut self,
        problem: &Problem,
        kinds: &[Kind],
        ceilings: &[Ceiling],
        regions: &Regions,
    ) -> Self {
        for (&key, classes) in &mut self.classes {
            let market = Market { problem, kinds, ceilings, regions, key };
            *classes = market.alike(classes);
        }
        self.classes.retain(|_, classes| classes.len() > 1);
        self.tidy()
    }

    /// Without constraints that all pods together obey anyway; `items` are those of a core with
    /// these.
    pub(super) fn binding(mut self, problem: &Problem, items: &[Item]) -> Self {
        let ceilings = self.write(problem, items);
        self.candidates
            .retain(|candidate| ceilings.iter().any(|ceiling| ceiling.rule == candidate.rule));
        self.tidy()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.candidates.is_empty()
    }

    /// The constraints that name a group, by number.
    pub(super) fn of_group(&self, group: u32) -> &[u32] {
        self.of_group.get(group as usize).map_or(&[], Vec::as_slice)
    }

    /// The ceilings over items, each of which has groups of the same constraints; none that all
    /// pods together stay below.
    pub(super) fn write(&self, problem: &Problem, items: &[Item]) -> Vec<Ceiling> {
        let mut ceilings = Vec::new();
        for (at, candidate) in (0u32..).zip(&self.candidates) {
            let named = |item: &Item| self.of_group(item.groups[0].0).contains(&at);
            let under = (0u32..).zip(items).filter(|(_, item)| named(item));
            let under: Vec<u32> = under.map(|(item, _)| item).collect();
            let all: u64 = under.iter().map(|&i| u64::from(items[i as usize].demand)).sum();
            let &Candidate { rule, key, .. } = candidate;
            let levels = match rule {
                Rule::Spread(at) => {
                    Some(Levels::new(problem, &problem.spreads[at as usize], &self.pods))
                }
                _ => None,
            };
            for domains in &self.classes[&key] {
                let one_each = domains.len() as u64;
                let most = levels.as_ref().map_or(one_each, |levels| levels.most(domains));
                if most < all {
                    let (domains, items) = (domains.clone(), under.clone());
                    ceilings.push(Ceiling { rule, key, domains, items, most });
                }
            }
        }
        ceilings
    }
}

/// Spreads and exclusions by domain that bound how many pods of the groups that state them stand in
/// a domain, as far as these have pods to place.
fn candidates(problem: &Problem, pods: &[u64]) -> Vec<Candidate> {
    let stated = |groups: &[u32], set: u32| {
        let set = &problem.sets[set as usize].groups;
        let named = |&group: &u32| pods[group as usize] > 0 && set.contains(group as usize);
        groups.iter().copied().filter(named).collect::<Vec<u32>>()
    };
    let spreads = (0u32..).zip(&problem.spreads);
    let spreads = spreads.filter(|(_, s)| s.cost.is_none() && has_few_domains(problem, s.key)).map(
        |(at, s)| {
            let mut groups = stated(&s.groups, s.set);
            groups.retain(|&group| is_counted(problem, s, group));
            Candidate { rule: Rule::Spread(at), key: s.key, groups }
        },
    );
    let exclusions = (0u32..).zip(&problem.exclusions);
    let exclusions =
        exclusions.filter(|(_, e)| e.cost.is_none() && has_few_domains(problem, e.key));
    let exclusions = exclusions.map(|(at, e)| Candidate {
        rule: Rule::Exclusion(at),
        key: e.key,
        groups: stated(&e.groups, e.set),
    });
    spreads.chain(exclusions).filter(|candidate| !candidate.groups.is_empty()).collect()
}

/// So many pods of some groups stand on one node at most, for it stands in one domain.
pub(super) struct OnOneNode {
    pub rule: Rule,
    pub groups: Vec<u32>,
    /// Pods.
    pub most: u32,
}

/// What constraints between domains let onto any one node, where that is less than fits there. None
/// when pods have their places already: each place says how many there are.
pub(super) fn on_one_node(problem: &Problem, parts: &Parts) -> Vec<OnOneNode> {
    let Some(pods) = pods_anywhere(problem, parts) else { return Vec::new() };
    let room = roomiest(problem);
    let fits = |&group: &u32| {
        let request = problem.groups[group as usize].request.iter().zip(&room);
        let fits = request.filter(|(ask, _)| **ask > 0).map(|(ask, room)| (room / ask) as u64);
        fits.fold(pods[group as usize], u64::min)
    };
    let known = candidates(problem, &pods).into_iter().filter_map(|candidate| {
        let Candidate { rule, key, mut groups } = candidate;
        let most = match rule {
            Rule::Spread(at) => {
                let levels = Levels::new(problem, &problem.spreads[at as usize], &pods);
                let domains = 0..problem.keys[usize::from(key)];
                domains.map(|domain| levels.most(&[domain])).max().unwrap_or(0)
            }
            // Where the key is missing nobody is kept out.
            _ => {
                groups.retain(|&group| has_domain(problem, group, key));
                1
            }
        };
        let all = groups.iter().map(fits).fold(0, u64::saturating_add);
        let most = u32::try_from(most).ok().filter(|&most| u64::from(most) < all)?;
        Some(OnOneNode { rule, groups, most })
    });
    known.collect()
}

/// Pods to place per group; `None` when some have their places.
fn pods_anywhere(problem: &Problem, parts: &Parts) -> Option<Vec<u64>> {
    let mut pods = vec![0u64; problem.groups.len()];
    for part in &parts.parts {
        if part.place.is_some() {
            return None;
        }
        pods[part.group as usize] += u64::from(part.pods);
    }
    Some(pods)
}

/// The most room that anything has, per dimension.
fn roomiest(problem: &Problem) -> Vec<i64> {
    let mut most = vec![0; problem.dims];
    let offered = problem.offerings.iter().map(|offering| &offering.capacity);
    for room in offered.chain(problem.nodes.iter().map(|node| &node.free)) {
        most.iter_mut().zip(room).for_each(|(most, &room)| *most = room.max(*most));
    }
    most
}

/// Whether all that may host a group is in a domain of the key.
fn has_domain(problem: &Problem, group: u32, key: u8) -> bool {
    let class = problem.class_of(group);
    let is_in = |domains: &[u32]| domains[usize::from(key)] != NO_DOMAIN;
    class.offerings.iter().all(|offering| is_in(&problem.offerings[offering].domains))
        && class.nodes.iter().all(|node| is_in(&problem.nodes[node].domains))
}

/// How many pods a spread counts, and where they are already.
struct Levels {
    skew: u64,
    /// Pods of the set, bound and to be placed.
    pods: u64,
    /// Bound pods in every domain that counts whatever is launched.
    bound: BTreeMap<u32, u64>,
}

impl Levels {
    fn new(problem: &Problem, spread: &Spread, pods: &[u64]) -> Self {
        let set = &problem.sets[spread.set as usize];
        let bound = bound(problem, spread);
        let placed: u64 = set.groups.iter().map(|group| pods[group]).sum();
        Self { skew: spread.max_skew.into(), pods: placed + bound.values().sum::<u64>(), bound }
    }

    /// How many pods of groups that state the spread there can be in these domains together.
    fn most(&self, domains: &[u32]) -> u64 {
        let alone = |&domain: &u32| {
            let bound = self.bound.get(&domain).copied().unwrap_or(0);
            self.together(&[domain]).saturating_sub(bound)
        };
        let each = domains.iter().map(alone).fold(0, u64::saturating_add);
        each.min(self.together(domains))
    }

    /// The largest number of pods in these domains for which there are enough to keep every other
    /// domain within the skew of the fullest of them, which holds an even share at least.
    fn together(&self, domains: &[u32]) -> u64 {
        let others: Vec<u64> = (self.bound.iter())
            .filter(|(domain, _)| !domains.contains(domain))
            .map(|(_, &bound)| bound)
            .collect();
        let needed = |pods: u64| {
            let fullest = pods.div_ceil(domains.len() as u64);
            let level = fullest.saturating_sub(self.skew);
            others.iter().map(|&bound| bound.max(level)).fold(pods, u64::saturating_add)
        };
        let (mut least, mut most) = (0, self.pods);
        while least < most {
            let middle = most - (most - least) / 2;
            if needed(middle) <= self.pods {
                least = middle;
            } else {
                most = middle - 1;
            }
        }
        least
    }
}

/// Which ceilings are over what offerings and nodes hold.
pub(super) struct Regions {
    /// The region of each offering and node; empty when there is but one.
    offerings: Vec<u32>,
    nodes: Vec<u32>,
    /// Per region, the ceilings over it, ascending. Nothing is over the first.
    pub(super) over: Vec<Vec<u32>>,
}

impl Regions {
    pub(super) fn new(problem: &Problem, ceilings: &[Ceiling]) -> Self {
        let mut regions = Self { offerings: Vec::new(), nodes: Vec::new(), over: vec![Vec::new()] };
        if ceilings.is_empty() {
            return regions;
        }
        let mut index = FxHashMap::from_iter([(Vec::new(), 0)]);
        let mut region = |domains: &[u32]| {
            let next = regions.over.len() as u32;
            *index.entry(over(ceilings, domains)).or_insert_with_key(|over| {
                regions.over.push(over.clone());
                next
            })
        };
        regions.offerings = problem.offerings.iter().map(|o| region(&o.domains)).collect();
        regions.nodes = problem.nodes.iter().map(|node| region(&node.domains)).collect();
        regions
    }

    pub(super) fn of_offering(&self, offering: u32) -> u32 {
        self.offerings.get(offering as usize).copied().unwrap_or(0)
    }

    pub(super) fn of_node(&self, node: usize) -> u32 {
        self.nodes.get(node).copied().unwrap_or(0)
    }
}

/// The ceilings over what has these domains, ascending.
pub(super) fn over(ceilings: &[Ceiling], domains: &[u32]) -> Vec<u32> {
    let is_over = |ceiling: &Ceiling| {
        ceiling.domains.binary_search(&domains[usize::from(ceiling.key)]).is_ok()
    };
    let over = (0u32..).zip(ceilings).filter(|(_, ceiling)| is_over(ceiling));
    over.map(|(at, _)| at).collect()
}

/// What is for sale in the domains of a key.
struct Market<'a> {
    problem: &'a Problem,
    kinds: &'a [Kind],
    ceilings: &'a [Ceiling],
    regions: &'a Regions,
    key: u8,
}

impl Market<'_> {
    /// The domains, those together that sell nearly the same.
    fn alike(&self, domains: &[Vec<u32>]) -> Vec<Vec<u32>> {
        let mut classes: Vec<(Vec<&Kind>, Vec<u32>)> = Vec::new();
        for &domain in domains.iter().flatten() {
            let sold = self.sold(domain);
            let same = |(other, _): &&mut (Vec<&Kind>, Vec<u32>)| {
                self.replaces(other, &sold) && self.replaces(&sold, other)
            };
            match classes.iter_mut().find(same) {
                Some((_, class)) => class.push(domain),
                None => classes.push((sold, vec![domain])),
            }
        }
        classes.into_iter().map(|(_, class)| class).collect()
    }

    fn sold(&self, domain: u32) -> Vec<&Kind> {
        let is_here = |kind: &&Kind| match &kind.source {
            Source::Offerings(offerings) => offerings.iter().any(|&offering| {
                self.problem.offerings[offering as usize].domains[usize::from(self.key)] == domain
            }),
            Source::Nodes(_) => false,
        };
        self.kinds.iter().filter(is_here).collect()
    }

    /// Whether for everything of `wanted` there is something as good, for not much more.
    fn replaces(&self, sold: &[&Kind], wanted: &[&Kind]) -> bool {
        let elsewhere = |kind: &Kind| {
            let over = self.regions.over[kind.region as usize].iter();
            over.filter(|&&at| self.ceilings[at as usize].key != self.key).collect::<Vec<_>>()
        };
        wanted.iter().all(|kind| {
            let dearest = kind.price as f64 * ALIKE;
            sold.iter().any(|other| {
                other.price as f64 <= dearest
                    && kind.fits_into(other)
                    && elsewhere(kind) == elsewhere(other)
            })
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{
        BitSet,
        presolve::{Core, View},
        problem::{Class, Exclusion, Group, Money, Offering, PodSet},
    };

    fn levels(skew: u64, pods: u64, bound: &[u64]) -> Levels {
        Levels { skew, pods, bound: (0u32..).zip(bound.iter().copied()).collect() }
    }

    #[test]
    fn no_domain_holds_more_than_the_others_can_follow() {
        let cases: [(Levels, &[u32], u64); 9] = [
            (levels(1, 10, &[0, 0, 0]), &[0], 4),
            (levels(1, 9, &[0, 0, 0]), &[0], 3),
            (levels(2, 9, &[0, 0, 0]), &[0], 4),
            // Four and three: were both to hold four, two pods would be too few for the third.
            (levels(1, 10, &[0, 0, 0]), &[0, 1], 7),
            (levels(1, 10, &[0, 0, 0]), &[0, 1, 2], 10),
            // Two are there already, so seven new ones would make nine; five pods are elsewhere.
            (levels(1, 10, &[2, 5, 0]), &[0], 1),
            (levels(1, 10, &[0, 5, 0]), &[0], 3),
            // A domain beyond those that always count.
            (levels(1, 10, &[0, 0]), &[7], 4),
            (levels(3, 2, &[0, 0, 0]), &[1], 2),
        ];
        for (at, (levels, domains, most)) in cases.into_iter().enumerate() {
            assert_eq!(levels.most(domains), most, "case {at}");
        }
    }

    /// Three zones that sell one size at these prices; twelve pods that are spread over them, and two
    /// that keep each other out of their zones.
    pub(crate) fn problem(prices: [Money; 3]) -> Problem {
        let offering = |(zone, price): (u32, Money)| Offering {
            capacity: vec![8],
            price,
            tier: 0,
            domains: vec![zone],
            limits: vec![],
        };
        let group = |count| Group { request: vec![1], count, priority: 0, class: 0 };
        let set = |group| PodSet { groups: BitSet::from_indices(2, [group]), bound: vec![] };
        Problem {
            dims: 1,
            keys: vec![3],
            groups: vec![group(12), group(2)],
            classes: vec![Class { offerings: BitSet::full(3), nodes: BitSet::empty(0) }],
            offerings: (0..3).zip(prices).map(offering).collect(),
            sets: vec![set(0), set(1)],
            spreads: vec![Spread::even(0, 3, 0, 3)],
            exclusions: vec![Exclusion { groups: vec![1], key: 0, set: 1, cost: None }],
            ..Problem::default()
        }
    }

    fn core(problem: &Problem) -> Core {
        Core::new(problem, &Parts::anywhere(&[12, 2]), View::Bound)
    }

    #[test]
    fn zones_that_sell_the_same_are_not_told_apart() {
        let core = core(&problem([1_000, 1_010, 1_000]));
        assert_eq!((core.ceilings.len(), core.kinds.len()), (0, 1));
        assert_eq!(core.over, [vec![]]);
    }

    /// Four of the twelve and one of the two, for a node stands in one zone.
    #[test]
    fn a_node_takes_no_more_than_its_zone() {
        let problem = problem([1_000, 1_010, 1_000]);
        let caps = |core: &Core| -> Vec<(Rule, u32)> {
            core.rules.iter().copied().zip(core.caps.iter().copied()).collect()
        };
        let expected = [(Rule::Spread(0), 4), (Rule::Exclusion(0), 1)];
        for view in [View::Bound, View::Plan] {
            let core = Core::new(&problem, &Parts::anywhere(&[12, 2]), view);
            assert_eq!(caps(&core), expected);
            assert_eq!(
                core.items.iter().map(|item| item.cap).collect::<Vec<_>>(),
                [Some(0), Some(1)]
            );
        }
        // Where no more fits than that the pods are all alike.
        let mut small = problem.clone();
        small.offerings.iter_mut().for_each(|offering| offering.capacity = vec![1]);
        assert!(core(&small).caps.is_empty());
        // A node without a zone keeps nobody out, and pods under a spread do not go there.
        let mut nowhere = problem.clone();
        nowhere.offerings[1].domains = vec![NO_DOMAIN];
        assert_eq!(caps(&core(&nowhere)), expected[..1]);
        // Pods with places are as many there as they are.
        let mut parts = Parts::anywhere(&[12, 2]);
        parts.places = vec![vec![(0, 1)]];
        parts.parts[0].place = Some(0);
        assert!(Core::new(&problem, &parts, View::Plan).caps.is_empty());
    }

    #[test]
    fn a_cheap_zone_has_ceilings_and_the_others_one_between_them() {
        let core = core(&problem([1_000, 500, 1_010]));
        assert_eq!((core.kinds.len(), core.items.len()), (2, 2));
        let ceiling = |rule, domains: &[u32], item, most| Ceiling {
            rule,
            key: 0,
            domains: domains.to_vec(),
            items: vec![item],
            most,
        };
        let expected = [
            ceiling(Rule::Spread(0), &[0, 2], 0, 8),
            ceiling(Rule::Spread(0), &[1], 0, 4),
            ceiling(Rule::Exclusion(0), &[1], 1, 1),
        ];
        assert_eq!(core.ceilings, expected);
        assert_eq!(core.over, [vec![], vec![0], vec![1, 2]]);
        let over = |kind: &Kind| core.over[kind.region as usize].as_slice();
        let kinds: Vec<(Money, &[u32])> =
            core.kinds.iter().map(|kind| (kind.price, over(kind))).collect();
        assert_eq!(kinds, [(500, &[1, 2][..]), (1_000, &[0][..])]);
    }

    #[test]
    fn pods_with_places_have_no_ceilings() {
        let problem = problem([1_000, 500, 1_010]);
        let mut parts = Parts::anywhere(&[12, 2]);
        parts.places = vec![vec![(0, 1)]];
        parts.parts[0].place = Some(0);
        assert!(Core::new(&problem, &parts, View::Bound).ceilings.is_empty());
    }
}
