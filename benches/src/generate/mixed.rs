//! Web-like pods with what spans nodes: zone spread, anti-affinity, pool limits, existing nodes.
//!
//! Of the groups of a web-like set, in turn by a draw each: 30 % spread over zones with a skew of
//! 1, 10 % keep their pods on nodes of their own (hostname), 3 % keep one pod per zone (and have
//! at most as many pods as there are zones), 10 % are spread by preference; the rest is free. Every
//! size comes in three zones. Half of the sizes belong to a pool whose cores are limited to a
//! third of what the pods ask. One existing node for every 50 pods stands half full, zone by zone,
//! and every constrained group of the first ten has some pods on them already.

use provisioner::instance::{Instance, ReadError};
use solver::{
    BitSet, Problem,
    problem::{Exclusion, Limit, NODE_KEY, Node, Offering, PodSet, Spread},
    validate::validate,
};

use super::web::{Prices, Web};
use crate::rng::SplitMix;

/// How many zones there are.
const ZONES: u32 = 3;
/// The only topology key apart from the nodes.
const ZONE: u8 = 0;
/// Keeps the draws for constraints apart from those for requests.
const SALT: u64 = 0x6d69_7865;

/// What a generated set is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mixed {
    /// The pods and their requests.
    pub web: Web,
}

impl Mixed {
    /// The whole problem.
    ///
    /// # Errors
    ///
    /// None for sizes that fit 32 bits; the sums are checked all the same.
    pub fn instance(&self, prices: Prices) -> Result<Instance, ReadError> {
        let mut instance = self.web.instance(prices)?;
        let mut random = SplitMix::new(self.web.seed ^ SALT);
        for problem in &mut instance.problems {
            zones(problem);
            existing(problem, self.web.pods, &mut random);
            constraints(problem, &mut random);
            pool_limit(problem);
            validate(problem)
                .map_err(|error| ReadError::text(provisioner::instance::Fault::Problem(error)))?;
        }
        let names = instance.offerings.iter();
        let zoned = names.flat_map(|name| (1..=ZONES).map(move |zone| format!("{name} {zone}")));
        instance.offerings = zoned.collect();
        Ok(instance)
    }
}

/// Every offering once per zone.
fn zones(problem: &mut Problem) {
    problem.keys = vec![ZONES];
    let zoned = problem.offerings.iter().flat_map(|offering| {
        (0..ZONES).map(|zone| Offering { domains: vec![zone], ..offering.clone() })
    });
    problem.offerings = zoned.collect();
    for class in &mut problem.classes {
        class.offerings = BitSet::full(problem.offerings.len());
    }
}

/// One node of 16 cores and 64 GiB for every 50 pods, with a random half of its room left.
fn existing(problem: &mut Problem, pods: u32, random: &mut SplitMix) {
    for number in 0..pods / 50 {
        let mut share = |whole: i64| whole * (20 + random.below(60) as i64) / 100;
        let mut free = vec![share(15_500), share(58_000), share(110)];
        free.truncate(problem.dims);
        problem.nodes.push(Node { free, domains: vec![number % ZONES] });
    }
    for class in &mut problem.classes {
        class.nodes = BitSet::full(problem.nodes.len());
    }
}

fn constraints(problem: &mut Problem, random: &mut SplitMix) {
    for group in 0..problem.groups.len() as u32 {
        let draw = random.below(100);
        if draw >= 53 {
            continue;
        }
        if (40..43).contains(&draw) {
            let count = &mut problem.groups[group as usize].count;
            *count = (*count).min(ZONES);
        }
        let set = own_set(problem, group, draw, random);
        match draw {
            0..30 => spread(problem, group, set, None),
            30..40 => exclude(problem, group, set, NODE_KEY),
            40..43 => exclude(problem, group, set, ZONE),
            _ => spread(problem, group, set, Some(200)),
        }
    }
}

/// The set of one group; of a spread group among the first ten, some pods are bound already.
fn own_set(problem: &mut Problem, group: u32, draw: u64, random: &mut SplitMix) -> u32 {
    let mut groups = BitSet::empty(problem.groups.len());
    groups.insert(group as usize);
    let mut bound = Vec::new();
    if group < 10 && draw < 30 {
        for node in 0..problem.nodes.len() as u32 {
            if random.percent(10) {
                bound.push((node, 1));
            }
        }
    }
    problem.sets.push(PodSet { groups, bound });
    problem.sets.len() as u32 - 1
}

fn spread(problem: &mut Problem, group: u32, set: u32, cost: Option<i64>) {
    problem.spreads.push(Spread {
        groups: vec![group],
        key: ZONE,
        set,
        max_skew: 1,
        min_domains: 1,
        domains: (0..ZONES).collect(),
        counted_nodes: BitSet::full(problem.nodes.len()),
        counted_offerings: BitSet::full(problem.offerings.len()),
        cost,
    });
}

fn exclude(problem: &mut Problem, group: u32, set: u32, key: u8) {
    problem.exclusions.push(Exclusion { groups: vec![group], key, set, cost: None });
}

/// Every other size takes its cores from a limit of a third of all that is asked.
fn pool_limit(problem: &mut Problem) {
    let asked: i64 =
        problem.groups.iter().map(|group| group.request[0] * i64::from(group.count)).sum();
    problem.limits.push(Limit { remaining: asked / 3 });
    for (at, offering) in problem.offerings.iter_mut().enumerate() {
        if (at / ZONES as usize).is_multiple_of(2) {
            offering.limits.push((0, offering.capacity[0]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_constraint_is_there_and_the_plan_holds() {
        let mixed = Mixed { web: Web { pods: 1_000, shapes: 60, seed: 1 } };
        let instance = mixed.instance(Prices::OnDemand).unwrap();
        assert_eq!(instance, mixed.instance(Prices::OnDemand).unwrap());
        let problem = &instance.problems[0];
        let hard = problem.spreads.iter().filter(|spread| spread.cost.is_none()).count();
        assert!(hard > 5 && hard < problem.spreads.len());
        let keys: Vec<u8> = problem.exclusions.iter().map(|exclusion| exclusion.key).collect();
        assert!(keys.contains(&NODE_KEY));
        assert_eq!(problem.nodes.len(), 20);
        assert!(problem.sets.iter().any(|set| !set.bound.is_empty()));
        assert_eq!(instance.offerings.len(), problem.offerings.len());
        let answer = instance.solve(&solver::Options::default());
        assert_eq!(instance.check(&answer), []);
        assert_eq!(answer.unplaced(), 0);
    }
}
