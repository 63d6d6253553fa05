//! What is to be solved: plain data, built by the caller, read by every engine.
//!
//! Indices into the vectors of [`Problem`] are `u32` (`Group`, `Offering`, `Node` …): the position
//! in its vector is an object's identity. Resources are `i64` in units the caller chose, one per
//! dimension; money is integer micro-dollars per hour.

use crate::BitSet;

/// Money: micro-dollars per hour (1 USD/h = 1,000,000).
pub type Money = i64;

/// No domain: the offering or node does not carry the topology key.
pub const NO_DOMAIN: u32 = u32::MAX;

/// The topology key whose domains are the nodes themselves (`kubernetes.io/hostname`). It has no
/// column in `domains`: every existing node and every launched node is a domain of its own.
pub const NODE_KEY: u8 = u8::MAX;

/// A whole problem.
///
/// Feasibility is order-proof: a solution is right when every placed pod would pass its filters as
/// the *last* pod to be scheduled, with all others in place, and when the required affinities can
/// be met one after another.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Problem {
    /// Number of resource dimensions; the length of every `request`, `capacity` and `free`.
    pub dims: usize,
    /// Domain values per topology key (all keys but [`NODE_KEY`]): `keys[k]` is how many domains
    /// key `k` has; domains are `0..keys[k]`.
    pub keys: Vec<u32>,
    /// Groups of identical pods.
    pub groups: Vec<Group>,
    /// Which offerings and nodes a group's pods accept. Groups of one class share a row.
    pub classes: Vec<Class>,
    /// What can be bought.
    pub offerings: Vec<Offering>,
    /// Nodes that exist (or are on their way) and stay.
    pub nodes: Vec<Node>,
    /// Sets of pods that selectors pick out.
    pub sets: Vec<PodSet>,
    /// Topology spread constraints.
    pub spreads: Vec<Spread>,
    /// Pod affinities: near pods of a set.
    pub affinities: Vec<Affinity>,
    /// Pod anti-affinities: not in one domain with pods of a set.
    pub exclusions: Vec<Exclusion>,
    /// Pairs of groups whose pods cannot share a node (host ports). A pair (g, g) means at most one
    /// pod of g per node. Stored with the smaller index first, sorted, without repeats.
    pub conflicts: Vec<(u32, u32)>,
    /// Upper limits on what may be launched.
    pub limits: Vec<Limit>,
    /// Launches must keep a number of alternatives (Karpenter's minValues).
    pub flexibilities: Vec<Flexibility>,
    /// Launches may use a number of different values (sizes, families).
    pub varieties: Vec<Variety>,
    /// Preferences of pods for offerings and nodes.
    pub preferences: Vec<Preference>,
}

/// `count` pods that nobody's constraint can tell apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// What one pod asks, per dimension.
    pub request: Vec<i64>,
    /// How many pods there are.
    pub count: u32,
    /// Higher is placed first when not all can be placed.
    pub priority: i32,
    /// Index into [`Problem::classes`].
    pub class: u32,
}

/// The yes/no answers of a group against offerings and nodes: selectors, taints, volumes' zones,
/// anti-affinity of pods that are bound already. Capacity is not part of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Class {
    /// Over [`Problem::offerings`].
    pub offerings: BitSet,
    /// Over [`Problem::nodes`].
    pub nodes: BitSet,
}

/// One way to buy a node: a size in a pool, a zone and a capacity type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offering {
    /// What pods can use: allocatable less the daemonsets' overhead, per dimension.
    pub capacity: Vec<i64>,
    /// Price of one node.
    pub price: Money,
    /// Pools of a lower tier (0 is first) are used before those of a higher one, whatever they
    /// cost (Karpenter's strict pool weight).
    pub tier: u16,
    /// The domain per topology key, or [`NO_DOMAIN`]; as long as [`Problem::keys`].
    pub domains: Vec<u32>,
    /// What one node takes from each limit it counts against: (index into [`Problem::limits`],
    /// amount).
    pub limits: Vec<(u32, i64)>,
}

/// A node that exists or is on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Room left, per dimension (never negative; an over-full node has 0).
    pub free: Vec<i64>,
    /// The domain per topology key, or [`NO_DOMAIN`]; as long as [`Problem::keys`].
    pub domains: Vec<u32>,
}

/// The pods that a selector picks out: whole groups, and pods already bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodSet {
    /// Over [`Problem::groups`].
    pub groups: BitSet,
    /// Pods of the set already on existing nodes: (node, how many), ascending, no zero counts.
    pub bound: Vec<(u32, u32)>,
}

/// A topology spread constraint (KEP-895), shared by the groups that state it alike.
///
/// With n(d) the number of pods of `set` in domain d on *counted* nodes, every domain that holds a
/// pod of `groups` must have n(d) − min(n) ≤ `max_skew`. The minimum runs over `domains`, the
/// domains of counted existing nodes, and those of counted launches; it is 0 when there are fewer
/// than `min_domains` of them. For [`NODE_KEY`] the domains are the counted existing nodes and the
/// counted launched nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spread {
    /// The groups that state the constraint.
    pub groups: Vec<u32>,
    /// Index into [`Problem::keys`], or [`NODE_KEY`].
    pub key: u8,
    /// Index into [`Problem::sets`].
    pub set: u32,
    /// At least 1.
    pub max_skew: u32,
    /// At least 1; 1 when not stated.
    pub min_domains: u32,
    /// Domains that count even while empty: those where a new node could be launched for the
    /// constraint's groups. Ascending. Empty for [`NODE_KEY`].
    pub domains: Vec<u32>,
    /// Existing nodes whose pods are counted (node inclusion policies), over [`Problem::nodes`].
    pub counted_nodes: BitSet,
    /// Offerings whose launches are counted, over [`Problem::offerings`].
    pub counted_offerings: BitSet,
    /// `None`: a filter. `Some(cost)`: a preference, this much per pod of `groups` in a domain
    /// beyond the skew.
    pub cost: Option<Money>,
}

/// A pod affinity: each pod of `groups` needs, for each key, a pod of `set` in its domain.
///
/// Bound pods count everywhere. When no pod of the set is in any domain of the keys, a pod of a
/// group that is itself in the set may be the first, anywhere (kube-scheduler's bootstrap rule);
/// pods on nodes without the keys do not count. Affinities are met in some order: a pod only leans
/// on pods placed before it. Pods of groups that state no required affinity come before all others,
/// because nothing keeps them waiting: a plan that needs them late would not come true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Affinity {
    /// The groups that state it.
    pub groups: Vec<u32>,
    /// Topology keys, all of which must hold (one, except for several required terms).
    pub keys: Vec<u8>,
    /// Index into [`Problem::sets`]: pods that match all terms.
    pub set: u32,
    /// `None`: a filter. `Some(cost)`: a preference, this much per pod placed without.
    pub cost: Option<Money>,
}

/// A pod anti-affinity: no other pod of `set` in the domain of a pod of `groups`, in either
/// direction. What bound pods forbid is already in [`Class`]; `set.bound` is not consulted for
/// required exclusions, but is for preferred ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exclusion {
    /// The groups that state it.
    pub groups: Vec<u32>,
    /// Index into [`Problem::keys`], or [`NODE_KEY`].
    pub key: u8,
    /// Index into [`Problem::sets`].
    pub set: u32,
    /// `None`: a filter. `Some(cost)`: a preference, this much per pod of `groups` that shares its
    /// domain with another pod of the set.
    pub cost: Option<Money>,
}

/// The launches may use at most `remaining` of something: a pool's CPUs, its node count, a quota.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// What is left (negative counts as nothing left).
    pub remaining: i64,
}

/// A launched node of `offerings` must have, among those of `offerings` that accept all its pods
/// and hold them, at least `min` distinct values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flexibility {
    /// How many distinct values must remain.
    pub min: u32,
    /// (offering, value), ascending by offering; an offering may carry several values.
    pub values: Vec<(u32, u32)>,
}

/// The launches of the offerings in `values` use at most `most` distinct values, counting those in
/// `used`: values that are not in `used` may be brought in as long as they and `used` are no more
/// than `most`; none when `used` alone is as many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variety {
    /// How many distinct values there may be.
    pub most: u32,
    /// Values that existing nodes hold already; ascending. These may always be used again.
    pub used: Vec<u32>,
    /// (offering, value), ascending by offering, one per offering.
    pub values: Vec<(u32, u32)>,
}

/// Pods of `groups` placed outside of `class` cost `cost` each: preferred node affinity,
/// PreferNoSchedule taints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preference {
    /// The groups that state it.
    pub groups: Vec<u32>,
    /// Index into [`Problem::classes`]: where the preference is met.
    pub class: u32,
    /// Per pod.
    pub cost: Money,
}

#[cfg(test)]
impl Spread {
    /// For tests: one that group 0 states over set 0 and the first so many domains of a key, none of
    /// which may hold a pod more than another; all of so many nodes and offerings are counted.
    pub(crate) fn even(key: u8, domains: u32, nodes: usize, offerings: usize) -> Self {
        Self {
            groups: vec![0],
            key,
            set: 0,
            max_skew: 1,
            min_domains: 1,
            domains: if key == NODE_KEY { Vec::new() } else { (0..domains).collect() },
            counted_nodes: BitSet::full(nodes),
            counted_offerings: BitSet::full(offerings),
            cost: None,
        }
    }
}

impl Variety {
    /// How many values may be brought in that are not used yet.
    pub fn room(&self) -> usize {
        (self.most as usize).saturating_sub(self.used.len())
    }

    /// The value of an offering; `None` when the rule does not look at it, or when the value is
    /// used already and nothing stands in its way.
    pub fn new_value(&self, offering: u32) -> Option<u32> {
        let at = self.values.binary_search_by_key(&offering, |pair| pair.0).ok()?;
        let value = self.values[at].1;
        self.used.binary_search(&value).is_err().then_some(value)
    }
}

/// Whether so much room holds a pod that asks this; who asks for nothing does not mind a shortage.
pub(crate) fn fits(request: &[i64], room: &[i64]) -> bool {
    request.iter().zip(room).all(|(ask, have)| *ask == 0 || ask <= have)
}

impl Problem {
    /// The row of yes/no answers of a group.
    pub fn class_of(&self, group: u32) -> &Class {
        &self.classes[self.groups[group as usize].class as usize]
    }

    /// Number of pods in a set, with those that are bound.
    pub fn pods_in(&self, set: u32) -> u64 {
        let set = &self.sets[set as usize];
        let pending = set.groups.iter().map(|group| self.groups[group].count);
        let bound = set.bound.iter().map(|&(_, pods)| pods);
        pending.chain(bound).map(u64::from).fold(0, u64::saturating_add)
    }

    /// Whether some offerings come before others, whatever they cost.
    pub(crate) fn has_tiers(&self) -> bool {
        self.offerings.windows(2).any(|pair| pair[0].tier != pair[1].tier)
    }

    /// Number of pods over all groups.
    pub fn pods(&self) -> u64 {
        self.groups.iter().map(|group| u64::from(group.count)).sum()
    }
}
