//! Where pods stand, as far as constraints between domains can tell.
//!
//! Whether zone spreads, affinities and anti-affinities hold depends on nothing but how many pods
//! of each group are in each domain. So plans that keep these numbers as they are in a plan that
//! holds, hold as well, and may do within the domains as they please.

use rustc_hash::FxHashMap;

use crate::{
    Problem, Solution,
    problem::{Money, NODE_KEY, Offering},
};

/// A domain of each topology key that some constraint of a group reads: (key, domain).
pub(crate) type Place = Vec<(u8, u32)>;

/// Some pods of a group, all in one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// Index into [`Problem::groups`].
    pub group: u32,
    /// How many pods; above zero.
    pub pods: u32,
    /// Index into [`Parts::places`]; `None`: anywhere.
    pub place: Option<u32>,
}

/// All pods to be placed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parts {
    /// Ascending by group, then in the order of the places.
    pub parts: Vec<Part>,
    /// Distinct.
    pub places: Vec<Place>,
}

impl Parts {
    /// `pods[group]` pods of each group, anywhere.
    pub(crate) fn anywhere(pods: &[u32]) -> Self {
        let parts = (0u32..).zip(pods).filter(|(_, pods)| **pods > 0);
        let parts = parts.map(|(group, &pods)| Part { group, pods, place: None });
        Self { parts: parts.collect(), places: Vec::new() }
    }

    /// The pods that a solution places; those that constraints between domains look at stay in
    /// their domains, unless these are preferences that cost next to nothing.
    pub(crate) fn along(problem: &Problem, solution: &Solution) -> Self {
        let keys = keys(problem);
        let mut index: FxHashMap<Place, u32> = FxHashMap::default();
        let mut places = Vec::new();
        let mut counts: FxHashMap<(u32, Option<u32>), u32> = FxHashMap::default();
        let mut count = |pods: &[(u32, u32)], copies: u32, domains: &[u32]| {
            for &(group, pods) in pods {
                let keys = &keys[group as usize];
                let place = (!keys.is_empty()).then(|| {
                    let place: Place = keys.iter().map(|&k| (k, domains[k as usize])).collect();
                    *index.entry(place).or_insert_with_key(|place| {
                        places.push(place.clone());
                        places.len() as u32 - 1
                    })
                });
                *counts.entry((group, place)).or_default() += pods * copies;
            }
        };
        for placement in &solution.placements {
            count(&placement.pods, 1, &problem.nodes[placement.node as usize].domains);
        }
        for launch in &solution.launches {
            let domains = &problem.offerings[launch.offering as usize].domains;
            count(&launch.pods, launch.copies, domains);
        }
        let parts = counts.into_iter().map(|((group, place), pods)| Part { group, pods, place });
        let mut parts: Vec<Part> = parts.collect();
        parts.sort_unstable_by_key(|part| (part.group, part.place));
        Self { parts, places }
    }

    /// Whether a host in these domains is in a place.
    pub(crate) fn is_in(&self, place: Option<u32>, domains: &[u32]) -> bool {
        place.is_none_or(|place| {
            self.places[place as usize].iter().all(|&(key, domain)| domains[key as usize] == domain)
        })
    }
}

/// Preferences that cost less than this share of what their pods' nodes do are not worth standing
/// still for.
const MINOR: f64 = 0.05;

/// Per group, the keys by which constraints between domains look at it, ascending.
fn keys(problem: &Problem) -> Vec<Vec<u8>> {
    let mut keys = vec![Vec::new(); problem.groups.len()];
    let mut note = |groups: &[u32], set: u32, key: u8, cost: Option<Money>| {
        // A key that tells no offerings and no nodes apart binds nobody.
        if key == NODE_KEY || !tells_apart(problem, key) || is_minor(problem, groups, cost) {
            return;
        }
        let members = problem.sets[set as usize].groups.iter().map(|group| group as u32);
        for group in members.chain(groups.iter().copied()) {
            keys[group as usize].push(key);
        }
    };
    for spread in &problem.spreads {
        note(&spread.groups, spread.set, spread.key, spread.cost);
    }
    for exclusion in &problem.exclusions {
        note(&exclusion.groups, exclusion.set, exclusion.key, exclusion.cost);
    }
    for affinity in &problem.affinities {
        let keys = affinity.keys.iter();
        keys.for_each(|&key| note(&affinity.groups, affinity.set, key, affinity.cost));
    }
    for keys in &mut keys {
        keys.sort_unstable();
        keys.dedup();
    }
    keys
}

/// Whether a constraint is a preference that costs these groups' pods next to nothing.
fn is_minor(problem: &Problem, groups: &[u32], cost: Option<Money>) -> bool {
    cost.is_some_and(|cost| {
        groups.iter().all(|&group| cost as f64 <= MINOR * price_of_one(problem, group))
    })
}

/// The least part of a node's price that a pod of a group takes the same part of.
fn price_of_one(problem: &Problem, group: u32) -> f64 {
    let request = &problem.groups[group as usize].request;
    let part = |offering: usize| {
        let offering = &problem.offerings[offering];
        let parts = request.iter().zip(&offering.capacity).filter(|(ask, _)| **ask > 0);
        let parts = parts.map(|(&ask, &have)| ask as f64 / have as f64);
        parts.fold(0.0, f64::max) * offering.price as f64
    };
    problem.class_of(group).offerings.iter().map(part).fold(f64::INFINITY, f64::min)
}

fn tells_apart(problem: &Problem, key: u8) -> bool {
    let of = |offering: &Offering| offering.domains[key as usize];
    let launched = problem.offerings.iter().map(of);
    let mut domains = launched.chain(problem.nodes.iter().map(|node| node.domains[key as usize]));
    let first = domains.next();
    domains.any(|domain| Some(domain) != first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{presolve::ceilings::tests::problem, solution::Launch};

    /// A pod takes an eighth of a node at 1,000 or 1,010, or at 500.
    #[test]
    fn pods_stand_still_for_what_matters() {
        let placed = |cost: Option<Money>| {
            let mut problem = problem([1_000, 500, 1_010]);
            problem.spreads[0].cost = cost;
            problem.exclusions[0].cost = cost;
            let launch =
                |offering, group, pods| Launch { offering, copies: 1, pods: vec![(group, pods)] };
            let launches = vec![launch(0, 0, 4), launch(1, 0, 8), launch(2, 1, 2)];
            let parts = Parts::along(&problem, &Solution { launches, ..Solution::default() });
            let parts = parts.parts.into_iter().map(|part| (part.group, part.pods, part.place));
            parts.collect::<Vec<_>>()
        };
        let still = [(0, 4, Some(0)), (0, 8, Some(1)), (1, 2, Some(2))];
        let free = [(0, 12, None), (1, 2, None)];
        assert_eq!(placed(None), still);
        assert_eq!(placed(Some(4)), still);
        assert_eq!(placed(Some(3)), free);
    }
}
