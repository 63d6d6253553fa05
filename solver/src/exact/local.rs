//! What one node's pods mean for each other, whatever is on other nodes: host ports, and
//! everything between pods whose topology key is the node itself.

use crate::exact::model::{Host, Model};
use crate::problem::{Affinity, Exclusion, Money, NODE_KEY};

/// Pods of `set` and those of `subjects`, one bit per group of the model.
#[derive(Clone, Copy)]
pub(super) struct Masks {
    pub set: u64,
    pub subjects: u64,
}

/// Pods on one node, as a constraint sees them.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// In the set.
    pub members: u32,
    /// Stating the constraint, and in the set themselves.
    pub inside: u32,
    /// Stating the constraint, not in the set.
    pub outside: u32,
}

impl Masks {
    pub(super) fn new(model: &Model<'_>, set: u32, groups: &[u32]) -> Self {
        let set = &model.problem.sets[set as usize].groups;
        Self {
            set: model.mask(|group| set.contains(group as usize)),
            subjects: model.mask(|group| groups.contains(&group)),
        }
    }

    pub(super) fn tally(self, pods: &[(u8, u32)]) -> Tally {
        let mut tally = Tally::default();
        for &(group, count) in pods {
            let is_in = self.set >> group & 1 == 1;
            tally.members += if is_in { count } else { 0 };
            if self.subjects >> group & 1 == 1 {
                *(if is_in { &mut tally.inside } else { &mut tally.outside }) += count;
            }
        }
        tally
    }
}

/// A preferred exclusion or affinity between the pods of a node.
struct Soft {
    masks: Masks,
    cost: Money,
    /// Whether the pods want to be near the set (or else far from it).
    near: bool,
    /// Keys that a host must carry for this to matter there.
    keys: Vec<u8>,
    /// Bound pods per existing node of the model.
    bound: Vec<u32>,
}

/// The rules that hold node by node.
pub(super) struct Local {
    /// Per group: those it cannot share a node with.
    conflicts: Vec<u64>,
    exclusions: Vec<Masks>,
    soft: Vec<Soft>,
}

impl Local {
    pub(super) fn new(model: &Model<'_>) -> Self {
        let problem = model.problem;
        let position = |group: u32| model.groups.iter().position(|&other| other == group);
        let mut conflicts = vec![0u64; model.groups.len()];
        for &(a, b) in &problem.conflicts {
            if let (Some(a), Some(b)) = (position(a), position(b)) {
                conflicts[a] |= 1 << b;
                conflicts[b] |= 1 << a;
            }
        }
        let mut local = Self { conflicts, exclusions: Vec::new(), soft: Vec::new() };
        for exclusion in problem.exclusions.iter().filter(|e| e.key == NODE_KEY) {
            let masks = Masks::new(model, exclusion.set, &exclusion.groups);
            match exclusion.cost {
                None => local.exclusions.push(masks),
                Some(cost) => {
                    local.soft.push(Soft::new(model, masks, cost, None, exclusion.set));
                }
            }
        }
        for affinity in problem.affinities.iter().filter(|a| is_local(a)) {
            let masks = Masks::new(model, affinity.set, &affinity.groups);
            let cost = affinity.cost.unwrap_or(0);
            local.soft.push(Soft::new(model, masks, cost, Some(affinity), affinity.set));
        }
        local
    }

    /// Whether the pods may share a node. What is refused stays refused with more pods.
    pub(super) fn allows(&self, pods: &[(u8, u32)]) -> bool {
        let here: u64 = pods.iter().map(|&(group, _)| 1u64 << group).sum();
        let quiet = pods.iter().all(|&(group, count)| {
            let rivals = self.conflicts[usize::from(group)];
            let own = rivals >> group & 1 == 1;
            rivals & here & !(1 << group) == 0 && !(own && count > 1)
        });
        quiet
            && self.exclusions.iter().all(|masks| {
                let tally = masks.tally(pods);
                !(tally.outside > 0 && tally.members > 0 || tally.inside > 0 && tally.members > 1)
            })
    }

    /// What preferences between these pods, and with bound ones of an existing node, cost.
    pub(super) fn penalty(
        &self,
        model: &Model<'_>,
        pods: &[(u8, u32)],
        host: &Host,
        node: Option<usize>,
    ) -> Money {
        // Where a key is missing, the host's own cost for the pod says so.
        let has_keys =
            |soft: &&Soft| soft.keys.iter().all(|&key| host.domain(model.problem, key).is_some());
        let costs = self.soft.iter().filter(has_keys).map(|soft| {
            let tally = soft.masks.tally(pods);
            let bound = node.map_or(0, |node| soft.bound[node]);
            let members = tally.members.saturating_add(bound);
            let charged = if soft.near {
                let alone = if members <= 1 { tally.inside } else { 0 };
                alone + if members == 0 { tally.outside } else { 0 }
            } else {
                let shared = if members > 1 { tally.inside } else { 0 };
                shared + if members > 0 { tally.outside } else { 0 }
            };
            soft.cost.saturating_mul(charged.into())
        });
        costs.fold(0, Money::saturating_add)
    }
}

impl Soft {
    /// `near`: the affinity, unless it is an exclusion.
    fn new(
        model: &Model<'_>,
        masks: Masks,
        cost: Money,
        near: Option<&Affinity>,
        set: u32,
    ) -> Self {
        let bound = model.nodes.iter().map(|host| host.bound(model.problem, set)).collect();
        let keys = near.map_or_else(Vec::new, |affinity| affinity.keys.clone());
        Self { masks, cost, near: near.is_some(), keys, bound }
    }
}

/// Whether an exclusion is settled by what is on one node.
pub(super) fn is_local_exclusion(exclusion: &Exclusion) -> bool {
    exclusion.key == NODE_KEY
}

/// Whether an affinity is settled by what is on one node: pods of one node share its other domains
/// too. A required one is not, as a pod may be the first of its set only while there is no other
/// anywhere.
pub(super) fn is_local(affinity: &Affinity) -> bool {
    affinity.cost.is_some() && affinity.keys.contains(&NODE_KEY)
}
