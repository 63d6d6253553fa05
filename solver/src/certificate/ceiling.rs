//! How many pods constraints between domains let into some of them.
//!
//! For a spread, let `pods` be all that it counts. Say M of them are to stand in the domains D, and
//! these are of groups that state it. One domain of D then holds M / |D| of them at least, rounded up,
//! and states the spread, so every other domain that always counts holds no fewer than that less the
//! skew. M is possible only when there are pods enough for all of this. Taken one by one, a domain
//! holds what is bound there besides.

use rustc_hash::FxHashMap;

use crate::{
    Problem,
    certificate::{Ceiling, Certificate, Fault, Rule, ascending, at},
    problem::{Exclusion, NO_DOMAIN, NODE_KEY, Spread},
};

/// A ceiling, looked up in the problem.
pub(super) struct Roof {
    key: usize,
    domains: Vec<u32>,
    /// Items under it.
    pub items: Vec<u32>,
    /// Pods at most.
    pub most: u64,
}

impl Roof {
    /// `placed` pods of each group are to be placed.
    pub(super) fn new(
        problem: &Problem,
        placed: &[u32],
        certificate: &Certificate,
        ceiling: &Ceiling,
    ) -> Result<Option<Self>, Fault> {
        ascending("item", ceiling.items.iter().copied(), certificate.items.len())?;
        let mut groups = ceiling.items.iter().flat_map(|&item| &certificate.items[item as usize]);
        let (key, holds) = match ceiling.rule {
            Rule::Spread(index) => {
                let spread = at(&problem.spreads, "spread", index)?;
                (spread.key, spread.cost.is_none() && groups.all(|&g| keeps_to(problem, spread, g)))
            }
            Rule::Exclusion(index) => {
                let exclusion = at(&problem.exclusions, "exclusion", index)?;
                (exclusion.key, groups.all(|&group| is_alone(problem, exclusion, group)))
            }
            Rule::Port(_) => return Ok(None),
        };
        if !holds || key == NODE_KEY || ceiling.domains.is_empty() {
            return Ok(None);
        }
        let key = usize::from(key);
        ascending("domain", ceiling.domains.iter().copied(), problem.keys[key] as usize)?;
        let domains = ceiling.domains.clone();
        let most = match ceiling.rule {
            Rule::Spread(index) => {
                Count::new(problem, placed, &problem.spreads[index as usize]).most(&domains)
            }
            _ => domains.len() as u64,
        };
        Ok(Some(Self { key, domains, items: ceiling.items.clone(), most }))
    }

    /// Whether all pods that stand in one of these places are under it.
    pub(super) fn covers<'a>(&self, mut places: impl Iterator<Item = &'a [u32]>) -> bool {
        places.all(|domains| self.domains.binary_search(&domains[self.key]).is_ok())
    }
}

/// The most pods of groups that state a spread that can be in any one domain, and so on one node.
pub(super) fn most_in_one(problem: &Problem, placed: &[u32], spread: &Spread) -> u64 {
    let count = Count::new(problem, placed, spread);
    let domains = 0..problem.keys[usize::from(spread.key)];
    domains.map(|domain| count.most(&[domain])).max().unwrap_or(0)
}

/// Whether pods of a group obey a spread that counts them, wherever they stand.
pub(super) fn keeps_to(problem: &Problem, spread: &Spread, group: u32) -> bool {
    let class = problem.class_of(group);
    spread.groups.binary_search(&group).is_ok()
        && problem.sets[spread.set as usize].groups.contains(group as usize)
        && class.offerings.is_subset(&spread.counted_offerings)
        && class.nodes.is_subset(&spread.counted_nodes)
}

/// Whether a pod of a group keeps all of the set, its own group too, out of its domain.
pub(super) fn is_alone(problem: &Problem, exclusion: &Exclusion, group: u32) -> bool {
    exclusion.cost.is_none()
        && exclusion.groups.binary_search(&group).is_ok()
        && problem.sets[exclusion.set as usize].groups.contains(group as usize)
}

/// What a spread counts.
struct Count {
    /// Pods of its set, those that are bound included.
    pods: u64,
    skew: u64,
    /// Bound pods of every domain that is there whatever is launched.
    there: FxHashMap<u32, u64>,
}

impl Count {
    fn new(problem: &Problem, placed: &[u32], spread: &Spread) -> Self {
        let set = &problem.sets[spread.set as usize];
        let mut count = Self {
            pods: set.groups.iter().map(|group| u64::from(placed[group])).sum(),
            skew: spread.max_skew.into(),
            there: spread.domains.iter().map(|&domain| (domain, 0)).collect(),
        };
        let mut bound = set.bound.iter().peekable();
        for (node, of) in (0u32..).zip(&problem.nodes) {
            let pods = bound.next_if(|(other, _)| *other == node).map_or(0, |&(_, pods)| pods);
            let domain = of.domains[usize::from(spread.key)];
            if domain != NO_DOMAIN && spread.counted_nodes.contains(node as usize) {
                *count.there.entry(domain).or_default() += u64::from(pods);
                count.pods += u64::from(pods);
            }
        }
        count
    }

    fn most(&self, domains: &[u32]) -> u64 {
        let mut sum = 0u64;
        for &domain in domains {
            let bound = self.there.get(&domain).copied().unwrap_or(0);
            sum = sum.saturating_add(self.crowd(&[domain]).saturating_sub(bound));
        }
        sum.min(self.crowd(domains))
    }

    /// The most pods that these domains hold together while there are enough for the others.
    fn crowd(&self, domains: &[u32]) -> u64 {
        let enough = |crowd: u64| {
            let high = crowd.div_ceil(domains.len() as u64);
            let low = u128::from(high.saturating_sub(self.skew));
            let others = self.there.iter().filter(|(domain, _)| !domains.contains(domain));
            let others: u128 = others.map(|(_, &bound)| low.max(bound.into())).sum();
            u128::from(crowd) + others <= u128::from(self.pods)
        };
        // With more pods there each of the others needs no fewer, so what is enough is so from 0 up.
        let mut most = 0;
        let mut step = 1u64 << 63;
        while step > 0 {
            if most + step <= self.pods && enough(most + step) {
                most += step;
            }
            step >>= 1;
        }
        most
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        BitSet, Solution,
        certificate::{Cap, Members, Prices, Proof, Rents, Step, verify},
        problem::{Class, Group, Money, Node, Offering, PodSet},
        solution::Launch,
    };

    /// Six pods of 1 that a spread keeps even over two zones, which sell room for two at 10 and at 40.
    fn problem() -> Problem {
        let offering = |zone: u32, price: Money| Offering {
            capacity: vec![2],
            price,
            tier: 0,
            domains: vec![zone],
            limits: vec![],
        };
        Problem {
            dims: 1,
            keys: vec![2],
            groups: vec![Group { request: vec![1], count: 6, priority: 0, class: 0 }],
            classes: vec![Class { offerings: BitSet::full(2), nodes: BitSet::full(1) }],
            offerings: vec![offering(0, 10), offering(1, 40)],
            nodes: vec![Node { free: vec![0], domains: vec![1] }],
            sets: vec![PodSet { groups: BitSet::full(1), bound: vec![] }],
            spreads: vec![Spread::even(0, 2, 1, 2)],
            exclusions: vec![Exclusion { groups: vec![0], key: 0, set: 0, cost: None }],
            ..Problem::default()
        }
    }

    /// Pods at 20, as the dear zone sells them, and 15 less in the cheap one.
    fn certificate(rule: Rule) -> Certificate {
        let room = |rent| Rents { room: vec![rent], caps: vec![] };
        let proof = |rent| Proof::Tree(vec![Step::Leaf(room(rent))]);
        Certificate {
            items: vec![vec![0]],
            kinds: vec![Members::Offerings(vec![0]), Members::Offerings(vec![1])],
            ceilings: vec![Ceiling { rule, domains: vec![0], items: vec![0] }],
            cuts: vec![vec![], vec![]],
            tree: vec![Step::Leaf(0)],
            prices: vec![Prices {
                items: vec![20],
                ceilings: vec![15],
                proofs: vec![proof(10), proof(40)],
                ..Prices::default()
            }],
            ..Certificate::default()
        }
    }

    fn proven(problem: &Problem, certificate: &Certificate) -> Result<Money, Fault> {
        let copies = problem.groups[0].count;
        let launches = vec![Launch { offering: 1, copies, pods: vec![(0, 1)] }];
        verify(problem, &Solution { launches, ..Solution::default() }, certificate)
    }

    #[test]
    fn not_all_pods_go_where_it_is_cheap() {
        let mut problem = problem();
        let certificate = certificate(Rule::Spread(0));
        // Three pods at 5 and three at 20.
        assert_eq!(proven(&problem, &certificate), Ok(75));
        problem.spreads[0].max_skew = 2;
        assert_eq!(proven(&problem, &certificate), Ok(60));
        problem.spreads[0].max_skew = 1;
        // Two that are in the dear zone already.
        problem.sets[0].bound = vec![(0, 2)];
        assert_eq!(proven(&problem, &certificate), Ok(60));
        problem.spreads[0].counted_nodes = BitSet::empty(1);
        problem.classes[0].nodes = BitSet::empty(1);
        assert_eq!(proven(&problem, &certificate), Ok(75));
    }

    #[test]
    fn one_pod_goes_where_pods_exclude_each_other() {
        let mut problem = problem();
        problem.groups[0].count = 2;
        assert_eq!(proven(&problem, &certificate(Rule::Exclusion(0))), Ok(25));
    }

    #[test]
    fn a_charge_needs_all_members_of_a_kind_under_the_ceiling() {
        let mut certificate = certificate(Rule::Spread(0));
        certificate.kinds = vec![Members::Offerings(vec![0, 1])];
        certificate.cuts.pop();
        certificate.prices[0].proofs[0] = certificate.prices[0].proofs.pop().unwrap();
        // All at 5 as far as this proof can tell, less what the ceiling takes.
        assert_eq!(proven(&problem(), &certificate), Ok(18));
    }

    #[test]
    fn a_ceiling_follows_from_its_rule() {
        let refused = |rule: Rule, spoil: fn(&mut Problem, &mut Ceiling)| {
            let (mut problem, mut certificate) = (problem(), certificate(rule));
            spoil(&mut problem, &mut certificate.ceilings[0]);
            assert_eq!(proven(&problem, &certificate), Err(Fault::Ceiling { ceiling: 0 }));
        };
        refused(Rule::Port(0), |_, _| ());
        let spread = |spoil| refused(Rule::Spread(0), spoil);
        spread(|_, ceiling| ceiling.domains.clear());
        spread(|problem, _| problem.spreads[0].cost = Some(1));
        spread(|problem, _| problem.spreads[0].groups.clear());
        spread(|problem, _| {
            problem.spreads[0].key = NODE_KEY;
            problem.spreads[0].domains.clear();
        });
        spread(|problem, _| problem.spreads[0].counted_offerings = BitSet::empty(2));
        spread(|problem, _| problem.spreads[0].counted_nodes = BitSet::empty(1));
        spread(|problem, _| problem.sets[0].groups = BitSet::empty(1));
        let exclusion = |spoil| refused(Rule::Exclusion(0), spoil);
        exclusion(|problem, _| problem.exclusions[0].cost = Some(1));
        exclusion(|problem, _| problem.exclusions[0].groups.clear());
        exclusion(|problem, _| problem.exclusions[0].key = NODE_KEY);
        exclusion(|problem, _| problem.sets[0].groups = BitSet::empty(1));
    }

    /// One size at 12 in both zones, with room for all six pods, and a certificate that pays 4 for
    /// each and rests on a cap.
    fn large(rule: Rule) -> (Problem, Certificate) {
        let mut problem = problem();
        problem.offerings.iter_mut().for_each(|offering| {
            (offering.capacity, offering.price) = (vec![6], 12);
        });
        let capped = Rents { room: vec![0], caps: vec![(0, 4)] };
        let certificate = Certificate {
            items: vec![vec![0]],
            caps: vec![Cap { rule, items: vec![0] }],
            kinds: vec![Members::Offerings(vec![0, 1])],
            cuts: vec![vec![]],
            tree: vec![Step::Leaf(0)],
            prices: vec![Prices {
                items: vec![4],
                proofs: vec![Proof::Tree(vec![Step::Leaf(capped)])],
                ..Prices::default()
            }],
            ..Certificate::default()
        };
        (problem, certificate)
    }

    #[test]
    fn a_node_holds_no_more_than_one_zone() {
        let (mut problem, certificate) = large(Rule::Spread(0));
        // Three of the six fit a node at most, whichever zone it is in, so it takes two.
        assert_eq!(proven(&problem, &certificate), Ok(24));
        // Four and two: one node and a half, rounded down.
        problem.spreads[0].max_skew = 2;
        assert_eq!(proven(&problem, &certificate), Ok(17));
        problem.spreads[0].max_skew = 1;
        // The other zone has two already, so up to four of eight go into this one.
        problem.sets[0].bound = vec![(0, 2)];
        assert_eq!(proven(&problem, &certificate), Ok(17));
        let (mut problem, certificate) = large(Rule::Exclusion(0));
        problem.groups[0].count = 2;
        assert_eq!(proven(&problem, &certificate), Ok(8));
        let refused = Err(Fault::Cap { cap: 0 });
        // Where the key is missing pods do not keep each other out.
        problem.offerings[0].domains = vec![NO_DOMAIN];
        assert_eq!(proven(&problem, &certificate), refused);
        problem.offerings[0].domains = vec![0];
        problem.nodes[0].domains = vec![NO_DOMAIN];
        assert_eq!(proven(&problem, &certificate), refused);
    }

    #[test]
    fn a_cap_by_zone_follows_from_its_rule() {
        let refused = |rule: Rule, spoil: fn(&mut Problem)| {
            let (mut problem, certificate) = large(rule);
            problem.groups[0].count = 2;
            spoil(&mut problem);
            assert_eq!(proven(&problem, &certificate), Err(Fault::Cap { cap: 0 }));
        };
        let spread = |spoil| refused(Rule::Spread(0), spoil);
        spread(|problem| problem.spreads[0].cost = Some(1));
        spread(|problem| problem.spreads[0].groups.clear());
        spread(|problem| problem.spreads[0].counted_offerings = BitSet::empty(2));
        spread(|problem| problem.spreads[0].counted_nodes = BitSet::empty(1));
        spread(|problem| problem.sets[0].groups = BitSet::empty(1));
        let exclusion = |spoil| refused(Rule::Exclusion(0), spoil);
        exclusion(|problem| problem.exclusions[0].cost = Some(1));
        exclusion(|problem| problem.exclusions[0].groups.clear());
        exclusion(|problem| problem.sets[0].groups = BitSet::empty(1));
    }

    #[test]
    fn domains_and_items_ascend_and_are_there() {
        let named = |spoil: fn(&mut Certificate)| {
            let mut certificate = certificate(Rule::Spread(0));
            spoil(&mut certificate);
            proven(&problem(), &certificate).unwrap_err()
        };
        let fault = named(|c| c.ceilings[0].domains = vec![1, 1]);
        assert_eq!(fault, Fault::Repeated { object: "domain", index: 1 });
        let fault = named(|c| c.ceilings[0].domains = vec![2]);
        assert_eq!(fault, Fault::Unknown { object: "domain", index: 2 });
        let fault = named(|c| c.ceilings[0].items = vec![1]);
        assert_eq!(fault, Fault::Unknown { object: "item", index: 1 });
        let fault = named(|c| c.ceilings[0].rule = Rule::Spread(1));
        assert_eq!(fault, Fault::Unknown { object: "spread", index: 1 });
        let fault = named(|c| c.prices[0].ceilings.clear());
        let (found, expected) = (0, 1);
        assert_eq!(fault, Fault::Length { object: "ceiling charges", found, expected });
    }
}
