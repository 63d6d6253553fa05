//! One more pod of a group, tried on a place.

use rustc_hash::FxHashMap;

use super::{Relaxation, TRIALS, shortage};
use crate::BitSet;
use crate::check::{Violation, check};
use crate::problem::{Class, Problem};
use crate::solution::{Launch, Placement, Reason, Solution};

/// The problem and solution, with what one more pod needs to know of them.
pub(super) struct Trial<'a> {
    problem: &'a Problem,
    solution: &'a Solution,
    group: u32,
    /// Used by the launches, per limit.
    used: Vec<i64>,
    /// Over offerings: of a value that the launches leave no room for, per variety.
    shut: Vec<BitSet>,
    /// Answers for launches, by what topology can tell apart.
    known: FxHashMap<Vec<u32>, Option<Reason>>,
    trials: usize,
}

impl<'a> Trial<'a> {
    pub(super) fn new(problem: &'a Problem, solution: &'a Solution, group: u32) -> Self {
        let mut used = vec![0i64; problem.limits.len()];
        for launch in &solution.launches {
            for &(limit, amount) in &problem.offerings[launch.offering as usize].limits {
                let sum = amount.saturating_mul(i64::from(launch.copies));
                used[limit as usize] = used[limit as usize].saturating_add(sum);
            }
        }
        let offerings = problem.offerings.len();
        let varieties = problem.varieties.iter();
        let shut = varieties.map(|of| BitSet::from_indices(offerings, solution.shut(of))).collect();
        Self { problem, solution, group, used, shut, known: FxHashMap::default(), trials: 0 }
    }

    fn class(&self) -> &'a Class {
        self.problem.class_of(self.group)
    }

    /// What keeps a launch of the offering from taking the pod.
    pub(super) fn offering(&mut self, offering: usize) -> Option<Reason> {
        let request = &self.problem.groups[self.group as usize].request;
        if !self.class().offerings.contains(offering) {
            return Some(Reason::Incompatible);
        }
        if shortage(request, &self.problem.offerings[offering].capacity).is_some() {
            return Some(Reason::TooLarge);
        }
        if self.lacking(offering).is_some() {
            return Some(Reason::Limit);
        }
        if self.shut.iter().any(|shut| shut.contains(offering)) {
            return Some(Reason::Variety);
        }
        let mut key = self.problem.offerings[offering].domains.clone();
        let counted = self.problem.spreads.iter().map(|s| s.counted_offerings.contains(offering));
        key.extend(counted.map(u32::from));
        let rules = self.problem.flexibilities.iter();
        key.extend(rules.map(|r| u32::from(r.values.iter().any(|v| v.0 as usize == offering))));
        if let Some(&known) = self.known.get(&key) {
            return known;
        }
        if self.trials >= TRIALS {
            return Some(Reason::Combination);
        }
        self.trials += 1;
        let reason = self.reason(self.problem, &self.launched(offering));
        self.known.insert(key, reason);
        reason
    }

    /// What keeps an existing node from taking the pod.
    pub(super) fn node(&mut self, node: usize) -> Option<Reason> {
        if !self.class().nodes.contains(node) {
            return Some(Reason::Incompatible);
        }
        let mut room = self.problem.nodes[node].free.clone();
        let placement = self.solution.placements.iter().find(|p| p.node as usize == node);
        for &(group, count) in placement.map_or(&[][..], |placement| &placement.pods) {
            for (room, &asked) in room.iter_mut().zip(&self.problem.groups[group as usize].request)
            {
                *room = room.saturating_sub(asked.saturating_mul(i64::from(count)));
            }
        }
        if shortage(&self.problem.groups[self.group as usize].request, &room).is_some() {
            return Some(Reason::TooLarge);
        }
        if self.trials >= 2 * TRIALS {
            return Some(Reason::Combination);
        }
        self.trials += 1;
        self.reason(self.problem, &self.placed(node))
    }

    /// The first limit that a launch would exceed, and by how much.
    fn lacking(&self, offering: usize) -> Option<(u32, i64)> {
        let limits = &self.problem.offerings[offering].limits;
        limits.iter().find_map(|&(limit, amount)| {
            let used = self.used[limit as usize].saturating_add(amount);
            let by = used.saturating_sub(self.problem.limits[limit as usize].remaining);
            (amount > 0 && by > 0).then_some((limit, by))
        })
    }

    fn launched(&self, offering: usize) -> Solution {
        let mut solution = self.solution.clone();
        let pods = vec![(self.group, 1)];
        solution.launches.push(Launch { offering: offering as u32, copies: 1, pods });
        solution
    }

    fn placed(&self, node: usize) -> Solution {
        let mut solution = self.solution.clone();
        let placements = &mut solution.placements;
        let at = placements.partition_point(|placement| (placement.node as usize) < node);
        if placements.get(at).is_none_or(|placement| placement.node as usize != node) {
            placements.insert(at, Placement { node: node as u32, pods: Vec::new() });
        }
        let pods = &mut placements[at].pods;
        let to = pods.partition_point(|(group, _)| *group < self.group);
        match pods.get_mut(to) {
            Some((group, count)) if *group == self.group => *count += 1,
            _ => pods.insert(to, (self.group, 1)),
        }
        solution
    }

    /// What is wrong with the solution, summed up; sums that the pod changes do not count.
    fn reason(&self, problem: &Problem, solution: &Solution) -> Option<Reason> {
        let reasons =
            check(problem, solution).into_iter().filter_map(|violation| match violation {
                Violation::Spread { .. } => Some(Reason::Spread),
                Violation::Affinity { .. } | Violation::AffinityOrder { .. } => {
                    Some(Reason::Affinity)
                }
                Violation::Exclusion { .. } => Some(Reason::Exclusion),
                Violation::Conflict { .. } => Some(Reason::Conflict),
                Violation::Flexibility { .. } => Some(Reason::Flexibility),
                Violation::Limit { .. } => Some(Reason::Limit),
                Violation::Variety { .. } => Some(Reason::Variety),
                Violation::Capacity { .. } => Some(Reason::TooLarge),
                Violation::Refused { .. } | Violation::Problem(_) | Violation::Unknown { .. } => {
                    Some(Reason::Incompatible)
                }
                Violation::Form { .. }
                | Violation::Count { .. }
                | Violation::Cost { .. }
                | Violation::Penalty { .. }
                | Violation::Bound { .. } => None,
            });
        reasons.reduce(|a, b| if a == b { a } else { Reason::Combination })
    }

    /// One required topology constraint less, on a place that only its kind removes.
    pub(super) fn without_topology(
        &mut self,
        spread: &BitSet,
        affinity: &BitSet,
        exclusion: &BitSet,
    ) -> Option<Relaxation> {
        let mut relaxed = self.problem.clone();
        for at in 0..relaxed.spreads.len() {
            let known = relaxed.spreads[at].cost.replace(0);
            if known.is_none() && self.opens(&relaxed, spread) {
                return Some(Relaxation::DropSpread { spread: at as u32 });
            }
            relaxed.spreads[at].cost = known;
        }
        for at in 0..relaxed.affinities.len() {
            let known = relaxed.affinities[at].cost.replace(0);
            if known.is_none() && self.opens(&relaxed, affinity) {
                return Some(Relaxation::DropAffinity { affinity: at as u32 });
            }
            relaxed.affinities[at].cost = known;
        }
        for at in 0..relaxed.exclusions.len() {
            let known = relaxed.exclusions[at].cost.replace(0);
            if known.is_none() && self.opens(&relaxed, exclusion) {
                return Some(Relaxation::DropExclusion { exclusion: at as u32 });
            }
            relaxed.exclusions[at].cost = known;
        }
        None
    }

    /// Whether the pod could go on one of the first few of these offerings.
    fn opens(&self, relaxed: &Problem, offerings: &BitSet) -> bool {
        let mut few = offerings.iter().take(3);
        few.any(|offering| self.reason(relaxed, &self.launched(offering)).is_none())
    }

    /// The limit that needs the smallest rise.
    pub(super) fn raised_limit(&self, offerings: &BitSet) -> Option<Relaxation> {
        let lacking = offerings.iter().filter_map(|offering| self.lacking(offering));
        let (limit, by) = lacking.min_by_key(|&(limit, by)| (by, limit))?;
        Some(Relaxation::RaiseLimit { limit, by })
    }

    /// The first variety that alone keeps a launch of one of these away.
    pub(super) fn raised_variety(&self, offerings: &BitSet) -> Option<Relaxation> {
        let alone = offerings.iter().find_map(|offering| {
            let mut keep_away = (0u32..).zip(&self.shut).filter(|(_, of)| of.contains(offering));
            let first = keep_away.next();
            first.filter(|_| keep_away.next().is_none())
        });
        alone.map(|(variety, _)| Relaxation::RaiseVariety { variety })
    }

    pub(super) fn lowered_flexibility(&self, offerings: &BitSet) -> Option<Relaxation> {
        let offering = offerings.iter().next()? as u32;
        let rules = &self.problem.flexibilities;
        let at = rules.iter().position(|rule| rule.values.iter().any(|v| v.0 == offering))?;
        Some(Relaxation::LowerFlexibility { flexibility: at as u32 })
    }
}
