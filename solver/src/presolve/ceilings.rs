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
    BitSet, Problem,
    presolve::{Core, Item, Kind, Rule, Source, is_counted, places::Parts, times},
    problem::{NO_DOMAIN, Spread},
    spread::{bound, has_few_domains},
};

/// At most so many pods of some items stand in some domains of a key, or on existing nodes there.
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
    /// Whether only existing nodes are under it, for what is for sale is not told apart by domain.
    pub is_of_nodes: bool,
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

impl Candidate {
    /// How many pods of its groups some domains hold together, when there are so many to place per
    /// group.
    fn most(&self, problem: &Problem, pods: &[u64]) -> impl Fn(&[u32]) -> u64 + use<> {
        let levels = match self.rule {
            Rule::Spread(at) => Some(Levels::new(problem, &problem.spreads[at as usize], pods)),
            _ => None,
        };
        move |domains| {
            let one_each = domains.len() as u64;
            levels.as_ref().map_or(one_each, |levels| levels.most(domains))
        }
    }
}

/// The constraints that make ceilings, and the domains that they tell apart.
#[derive(Default)]
pub(super) struct Ceilings {
    candidates: Vec<Candidate>,
    /// Per key with a constraint, its domains, those together that are not told apart.
    classes: BTreeMap<u8, Vec<Vec<u32>>>,
    /// The constraints that tell existing nodes apart by each domain.
    crowded: Vec<Rule>,
    /// Pods to place, per group.
    pods: Vec<u64>,
    /// Per group, the candidates that name it; empty without candidates.
    of_group: Vec<Vec<u32>>,
}

impl Ceilings {
    /// Every constraint that bounds the pods in a domain, with every domain apart; none when pods
    /// have their places already.
    pub(super) fn all(problem: &Problem, parts: &Parts, crowded: &[Rule]) -> Self {
        let Some(pods) = pods_anywhere(problem, parts) else { return Self::default() };
        let candidates = candidates(problem, &pods);
        let apart = |key: u8| (key, (0..problem.keys[usize::from(key)]).map(|d| vec![d]).collect());
        let mut keys: Vec<u8> = candidates.iter().map(|candidate| candidate.key).collect();
        keys.sort_unstable();
        keys.dedup();
        let classes = keys.into_iter().take(MOST_KEYS).map(apart).collect();
        let crowded = crowded.to_vec();
        Self { candidates, classes, crowded, pods, of_group: Vec::new() }.tidy()
    }

    /// Without constraints that tell nothing apart.
    fn tidy(mut self) -> Self {
        let tells = |candidate: &Candidate| {
            let classes = self.classes.get(&candidate.key);
            classes.is_some_and(|all| all.len() > 1 || self.crowded.contains(&candidate.rule))
        };
        self.candidates.retain(tells);
        self.of_group.clear();
        if !self.candidates.is_empty() {
            self.of_group.resize(self.pods.len(), Vec::new());
        }
        for (at, candidate) in (0u32..).zip(&self.candidates) {
            candidate.groups.iter().for_each(|&group| self.of_group[group as usize].push(at));
        }
        self
    }

    /// These with the domains together that sell nearly the same: `kinds` are those of a core with
    /// `ceilings`.
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

    /// Without those that tell existing nodes apart.
    pub(super) fn without_crowds(mut self) -> Self {
        self.crowded.clear();
        self.tidy()
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
            let most_in = candidate.most(problem, &self.pods);
            let classes = &self.classes[&key];
            for domains in classes.iter().filter(|_| classes.len() > 1) {
                let most = most_in(domains);
                if most < all {
                    let (domains, items) = (domains.clone(), under.clone());
                    ceilings.push(Ceiling { rule, key, domains, items, is_of_nodes: false, most });
                }
            }
            let alike = classes.iter().filter(|domains| domains.len() > 1).flatten();
            for &domain in alike.filter(|_| self.crowded.contains(&rule)) {
                let most = most_in(&[domain]);
                if most < all && most < room(problem, items, &under, key, domain) {
                    let (domains, items) = (vec![domain], under.clone());
                    ceilings.push(Ceiling { rule, key, domains, items, is_of_nodes: true, most });
                }
            }
        }
        ceilings
    }
}

/// How many pods of some items the existing nodes in a domain hold at most, by the resources that
/// each pod asks for by itself.
fn room(problem: &Problem, items: &[Item], under: &[u32], key: u8, domain: u32) -> u64 {
    let nodes = (0..).zip(&problem.nodes);
    let there: Vec<_> =
        nodes.filter(|(_, node)| node.domains[usize::from(key)] == domain).collect();
    let of_item = |item: &Item| {
        let class = &problem.classes[item.class as usize];
        let hosts = there.iter().filter(|(at, _)| class.nodes.contains(*at));
        let pods = hosts.map(|(_, node)| times(&item.request, &node.free));
        pods.fold(0, u64::saturating_add).min(item.demand.into())
    };
    under.iter().map(|&item| of_item(&items[item as usize])).fold(0, u64::saturating_add)
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

/// Columns in use: index into [`super::Core::kinds`], (item, pods), and how often.
pub(crate) type Held<'a> = (u32, &'a [(u32, u32)], f64);

/// The constraints by domain that let fewer pods onto the existing nodes of some domain than a
/// relaxation has there, and what the pods beyond are worth at these prices of the items.
pub(crate) fn crowds(
    problem: &Problem,
    parts: &Parts,
    core: &Core,
    held: &[Held<'_>],
    prices: &[f64],
) -> Vec<(Rule, f64)> {
    let Some(pods) = pods_anywhere(problem, parts) else { return Vec::new() };
    let mut standing: BTreeMap<u8, Vec<Vec<f64>>> = BTreeMap::new();
    let of_candidate = |candidate: &Candidate| {
        let key = candidate.key;
        let standing = standing.entry(key).or_insert_with(|| on_nodes(problem, core, key, held));
        let most_in = candidate.most(problem, &pods);
        let named = candidate.groups.iter().map(|&group| group as usize);
        let named = BitSet::from_indices(problem.groups.len(), named);
        let others = |item: &Item| {
            let others = item.groups.iter().filter(|(group, _)| !named.contains(*group as usize));
            others.map(|(_, pods)| f64::from(*pods)).sum()
        };
        let others: Vec<f64> = core.items.iter().map(others).collect();
        let domains = 0..problem.keys[usize::from(key)];
        let beyond = domains.map(|domain| {
            let (mut sum, mut worth) = (0.0, 0.0);
            let pods = standing[domain as usize].iter().zip(&others).zip(prices);
            for ((standing, others), price) in pods {
                // The item's other pods stand there first, for all that the relaxation knows.
                let there = (standing - others).max(0.0);
                sum += there;
                worth += there * price;
            }
            worth * (sum - most_in(&[domain]) as f64).max(0.0) / sum.max(f64::MIN_POSITIVE)
        });
        (candidate.rule, beyond.sum())
    };
    let all = candidates(problem, &pods);
    all.iter().map(of_candidate).filter(|(_, worth)| *worth > 0.0).collect()
}

/// How many pods of each item stand on existing nodes, per domain of a key.
fn on_nodes(problem: &Problem, core: &Core, key: u8, held: &[Held<'_>]) -> Vec<Vec<f64>> {
    let domains = problem.keys[usize::from(key)] as usize;
    let mut standing = vec![vec![0.0; core.items.len()]; domains];
    for &(kind, pattern, amount) in held {
        let Source::Nodes(nodes) = &core.kinds[kind as usize].source else { continue };
        let each = amount / nodes.len() as f64;
        for &node in nodes {
            let domain = problem.nodes[node as usize].domains[usize::from(key)];
            let Some(there) = standing.get_mut(domain as usize) else { continue };
            for &(item, pods) in pattern {
                there[item as usize] += each * f64::from(pods);
            }
        }
    }
    standing
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
        times(&problem.groups[group as usize].request, &room).min(pods[group as usize])
    };
    let known = candidates(problem, &pods).into_iter().filter_map(|candidate| {
        let most_in = candidate.most(problem, &pods);
        let Candidate { rule, key, mut groups } = candidate;
        let domains = 0..problem.keys[usize::from(key)];
        let most = domains.map(|domain| most_in(&[domain])).max().unwrap_or(0);
        // Where the key is missing an exclusion keeps nobody out.
        if matches!(rule, Rule::Exclusion(_)) {
            groups.retain(|&group| has_domain(problem, group, key));
        }
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
        let mut region = |domains: &[u32], is_node: bool| {
            let next = regions.over.len() as u32;
            *index.entry(over(ceilings, domains, is_node)).or_insert_with_key(|over| {
                regions.over.push(over.clone());
                next
            })
        };
        regions.offerings = problem.offerings.iter().map(|o| region(&o.domains, false)).collect();
        regions.nodes = problem.nodes.iter().map(|node| region(&node.domains, true)).collect();
        regions
    }

    pub(super) fn of_offering(&self, offering: u32) -> u32 {
        self.offerings.get(offering as usize).copied().unwrap_or(0)
    }

    pub(super) fn of_node(&self, node: usize) -> u32 {
        self.nodes.get(node).copied().unwrap_or(0)
    }
}

/// The ceilings over an offering, or an existing node, with these domains; ascending.
pub(super) fn over(ceilings: &[Ceiling], domains: &[u32], is_node: bool) -> Vec<u32> {
    let is_over = |ceiling: &Ceiling| {
        (is_node || !ceiling.is_of_nodes)
            && ceiling.domains.binary_search(&domains[usize::from(ceiling.key)]).is_ok()
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
        problem::{Class, Exclusion, Group, Money, Node, Offering, PodSet},
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
            is_of_nodes: false,
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

    /// The zones sell the same, and all existing nodes are in the first.
    fn with_nodes() -> Problem {
        let node = Node { free: vec![20], domains: vec![0] };
        Problem {
            nodes: vec![node.clone(), node],
            classes: vec![Class { offerings: BitSet::full(3), nodes: BitSet::full(2) }],
            spreads: vec![Spread::even(0, 3, 2, 3)],
            ..problem([1_000; 3])
        }
    }

    #[test]
    fn existing_nodes_have_ceilings_where_they_are_crowded() {
        let problem = with_nodes();
        let parts = Parts::anywhere(&[12, 2]);
        let core = |rules: &[Rule]| Core::without_slack(&problem, &parts, View::Bound, 5, rules);
        assert!(core(&[]).ceilings.is_empty());
        let both = core(&[Rule::Spread(0), Rule::Exclusion(0)]);
        let ceiling = |rule, item, most| Ceiling {
            rule,
            key: 0,
            domains: vec![0],
            items: vec![item],
            is_of_nodes: true,
            most,
        };
        let expected = [ceiling(Rule::Spread(0), 0, 4), ceiling(Rule::Exclusion(0), 1, 1)];
        assert_eq!(both.ceilings, expected);
        // What is for sale in the same zone is not under them.
        let over = |kind: &Kind| both.over[kind.region as usize].as_slice();
        let kinds: Vec<(Money, &[u32])> =
            both.kinds.iter().map(|kind| (kind.price, over(kind))).collect();
        assert_eq!(kinds, [(0, &[0, 1][..]), (1_000, &[][..])]);
        assert_eq!(both.region(&[0]), Some(0));
        // Where the nodes hold no more than that anyway there is nothing to heed.
        let mut small = problem.clone();
        small.nodes.iter_mut().for_each(|node| node.free = vec![2]);
        let small = Core::without_slack(&small, &parts, View::Bound, 5, &[Rule::Spread(0)]);
        assert!(small.ceilings.is_empty());
    }

    #[test]
    fn pods_beyond_what_a_zone_may_hold_are_a_crowd() {
        let problem = with_nodes();
        let parts = Parts::anywhere(&[12, 2]);
        let core = Core::without_slack(&problem, &parts, View::Bound, 5, &[]);
        let on = |pattern| crowds(&problem, &parts, &core, &[(0, pattern, 2.0)], &[10.0, 3.0]);
        assert_eq!(on(&[(0, 2), (1, 0)]), []);
        // Ten on two nodes of which four may be there.
        assert_eq!(on(&[(0, 5)]), [(Rule::Spread(0), 60.0)]);
        assert_eq!(on(&[(0, 6), (1, 1)]), [(Rule::Spread(0), 80.0), (Rule::Exclusion(0), 3.0)]);
        // Pods that nobody spreads stand there before those that are spread.
        let mut problem = problem.clone();
        problem.exclusions.clear();
        problem.groups[1].count = 20;
        problem.offerings.iter_mut().for_each(|offering| offering.capacity = vec![4]);
        problem.nodes.iter_mut().for_each(|node| node.free = vec![4]);
        let parts = Parts::anywhere(&[12, 20]);
        let core = Core::without_slack(&problem, &parts, View::Bound, 5, &[]);
        assert_eq!(core.items.len(), 1);
        let on = |amount| crowds(&problem, &parts, &core, &[(0, &[(0, 4)], amount)], &[10.0]);
        assert_eq!(on(6.0), []);
        assert_eq!(on(6.5), [(Rule::Spread(0), 20.0)]);
    }
}
