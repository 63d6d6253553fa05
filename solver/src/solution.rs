//! What came out: launches, placements, what has no place and why, cost and bound.

use crate::problem::{Money, Variety};

/// The answer to a [`crate::Problem`]; complete even when nothing could be placed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Solution {
    /// Nodes to buy.
    pub launches: Vec<Launch>,
    /// Pods on existing nodes, ascending by node.
    pub placements: Vec<Placement>,
    /// Pods without a place, ascending by group; counts are above zero.
    pub unplaced: Vec<Unplaced>,
    /// Price of all launches.
    pub cost: Money,
    /// What the preferences that are not met cost, by the weights in the problem.
    pub penalty: Money,
    /// No solution that places the same pods can cost less than this (launch prices only).
    pub bound: Money,
    /// How the engine ended.
    pub status: Status,
    /// What it took.
    pub effort: Effort,
}

impl Solution {
    /// Price of all launches, with what unmet preferences cost.
    pub(crate) fn total(&self) -> Money {
        self.cost.saturating_add(self.penalty)
    }

    /// How many nodes are launched.
    pub(crate) fn launched(&self) -> u64 {
        self.launches.iter().map(|launch| u64::from(launch.copies)).sum()
    }

    /// How many nodes are used, launched and existing.
    pub(crate) fn nodes(&self) -> u64 {
        self.launched() + self.placements.len() as u64
    }

    /// The distinct values that launches bring in beyond those that are used already, ascending.
    fn new_values(&self, variety: &Variety) -> Vec<u32> {
        let launches = self.launches.iter();
        let mut values: Vec<u32> =
            launches.filter_map(|launch| variety.new_value(launch.offering)).collect();
        values.sort_unstable();
        values.dedup();
        values
    }

    /// The offerings whose launch would bring in one value too many, ascending.
    pub(crate) fn shut(&self, variety: &Variety) -> impl Iterator<Item = usize> {
        let values = self.new_values(variety);
        let is_full = values.len() >= variety.room();
        variety.values.iter().map(|&(offering, _)| offering).filter_map(move |offering| {
            let value = variety.new_value(offering).filter(|_| is_full)?;
            values.binary_search(&value).is_err().then_some(offering as usize)
        })
    }

    /// Joins equal launches to copies, and puts launches and placements in a fixed order.
    pub(crate) fn merge(&mut self) {
        self.launches.sort_by(|a, b| (a.offering, &a.pods).cmp(&(b.offering, &b.pods)));
        self.launches.dedup_by(|next, kept| {
            let same = next.offering == kept.offering && next.pods == kept.pods;
            if same {
                kept.copies += next.copies;
            }
            same
        });
        self.placements.sort_by_key(|placement| placement.node);
    }
}

/// `copies` nodes of one offering, each with the same pods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    /// Index into [`crate::Problem::offerings`].
    pub offering: u32,
    /// How many such nodes.
    pub copies: u32,
    /// (group, pods per node), ascending by group; counts are above zero.
    pub pods: Vec<(u32, u32)>,
}

/// Pods put on one existing node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// Index into [`crate::Problem::nodes`].
    pub node: u32,
    /// (group, pods), ascending by group; counts are above zero.
    pub pods: Vec<(u32, u32)>,
}

/// Pods of one group without a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unplaced {
    /// Index into [`crate::Problem::groups`].
    pub group: u32,
    /// How many of its pods.
    pub count: u32,
    /// The reason that stands nearest to a place.
    pub reason: Reason,
}

/// Why a pod has no place. The order is from "nothing accepts it" to "nearly".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// No offering and no node accepts the pod (selectors, taints, zones).
    Incompatible,
    /// Offerings accept it, and none is large enough.
    TooLarge,
    /// A limit of the pool or a quota is used up.
    Limit,
    /// The launches would be of too many sizes, or of too many of something else.
    Variety,
    /// Too few alternatives remain for the pool's minValues.
    Flexibility,
    /// A topology spread constraint forbids every place.
    Spread,
    /// No domain holds the pods that its affinity asks for.
    Affinity,
    /// An anti-affinity (its own or another pod's) forbids every place.
    Exclusion,
    /// Host ports are taken on every place.
    Conflict,
    /// Several constraints exclude every place together, none does alone.
    Combination,
}

/// How sure the engine is of its answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Status {
    /// Proven: no other answer places more pods (higher priorities first) or, placing as many,
    /// does with less money. Without preferences, and with one tier, the cost equals the bound.
    Optimal,
    /// The gap asked for is reached.
    Within,
    /// The budget or the stop flag ended the work.
    Stopped,
    /// A valid answer; cost is between bound and cost.
    #[default]
    Feasible,
}

/// The work an engine did, in counts that do not depend on the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effort {
    /// Patterns added to the master problem.
    pub columns: u64,
    /// Pivots of the simplex method.
    pub pivots: u64,
    /// Knapsacks solved to find patterns.
    pub prices: u64,
    /// Dives from the relaxation down to a plan.
    pub dives: u64,
    /// Nodes of search trees.
    pub nodes: u64,
}
