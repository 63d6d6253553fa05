//! The part of a problem that is left when only some values may be used.

use crate::{
    BitSet, Problem, Solution,
    problem::{Class, Limit, Variety, fits},
};

use super::rules::{Choice, Rule};

/// A problem without varieties and without the offerings that a choice leaves out. Everything else
/// is as it was, the domains that a spread counts included, so what is right here is right there.
pub(super) struct Part {
    pub(super) problem: Problem,
    /// The number of each offering in the whole problem.
    offerings: Vec<u32>,
}

impl Part {
    pub(super) fn new(problem: &Problem, rules: &[Rule], choice: &Choice) -> Self {
        let allowed = (0..problem.offerings.len() as u32).map(|at| choice.allows(rules, at));
        let allowed = allowed.enumerate().filter(|(_, allowed)| *allowed).map(|(at, _)| at);
        let allowed = BitSet::from_indices(problem.offerings.len(), allowed);
        let mut kept = alternatives(problem);
        kept.union_with(&allowed);
        let offerings: Vec<u32> = kept.iter().map(|at| at as u32).collect();
        let mut part = Self { problem: without_offerings(problem), offerings };
        part.stock(problem, &allowed);
        part
    }

    /// Puts the offerings in. Who is there only as an alternative may not be launched.
    fn stock(&mut self, whole: &Problem, allowed: &BitSet) {
        let pick = |from: &BitSet| {
            let members = self.offerings.iter().enumerate();
            let members = members.filter(|(_, at)| from.contains(**at as usize));
            BitSet::from_indices(self.offerings.len(), members.map(|(new, _)| new))
        };
        let of_rules = whole.flexibilities.iter().map(|rule| self.renumbered(&rule.values));
        let of_rules: Vec<Vec<(u32, u32)>> = of_rules.collect();
        let problem = &mut self.problem;
        for (rule, values) in problem.flexibilities.iter_mut().zip(of_rules) {
            rule.values = values;
        }
        problem.classes = (whole.classes.iter())
            .map(|class| Class { offerings: pick(&class.offerings), nodes: class.nodes.clone() })
            .collect();
        for (spread, from) in problem.spreads.iter_mut().zip(&whole.spreads) {
            spread.counted_offerings = pick(&from.counted_offerings);
        }
        let known = self.offerings.iter().map(|&at| whole.offerings[at as usize].clone());
        problem.offerings = known.collect();
        if self.offerings.iter().all(|&at| allowed.contains(at as usize)) {
            return;
        }
        let shut = problem.limits.len() as u32;
        problem.limits.push(Limit { remaining: 0 });
        for (offering, &at) in problem.offerings.iter_mut().zip(&self.offerings) {
            if !allowed.contains(at as usize) {
                offering.limits.push((shut, 1));
            }
        }
    }

    /// The part of a problem without the values that there is no room for, with the varieties that
    /// leave a choice.
    pub(super) fn with_choices(problem: &Problem, rules: &[Rule]) -> Self {
        let mut part = Self::new(problem, rules, &Choice::new(rules));
        let open = problem.varieties.iter().filter(|variety| variety.room() > 0);
        let varieties = open.map(|variety| Variety {
            values: part.renumbered(&variety.values),
            used: variety.used.clone(),
            most: variety.most,
        });
        part.problem.varieties = varieties.collect();
        part
    }

    /// Pairs of an offering and a value in the terms of the part.
    fn renumbered(&self, values: &[(u32, u32)]) -> Vec<(u32, u32)> {
        let known = values.iter().filter_map(|&(offering, value)| {
            Some((self.offerings.binary_search(&offering).ok()? as u32, value))
        });
        known.collect()
    }

    /// A solution of the part in the terms of the whole.
    pub(super) fn lift(&self, mut solution: Solution) -> Solution {
        for launch in &mut solution.launches {
            launch.offering = self.offerings[launch.offering as usize];
        }
        solution
    }

    /// A solution of the whole in the terms of the part; `None` when it launches what is left out.
    pub(super) fn lower(&self, mut solution: Solution) -> Option<Solution> {
        for launch in &mut solution.launches {
            launch.offering = self.offerings.binary_search(&launch.offering).ok()? as u32;
        }
        Some(solution)
    }

    /// Groups with pods that no node and no offering could ever hold.
    pub(super) fn homeless(&self) -> Vec<u32> {
        let problem = &self.problem;
        let groups = (0u32..).zip(&problem.groups).filter(|(_, group)| group.count > 0);
        let homeless = groups.filter(|(_, group)| {
            let class = &problem.classes[group.class as usize];
            let mut nodes = class.nodes.iter();
            let mut offerings = class.offerings.iter();
            let holds = |room: &[i64]| fits(&group.request, room);
            !nodes.any(|node| holds(&problem.nodes[node].free))
                && !offerings.any(|at| holds(&problem.offerings[at].capacity))
        });
        homeless.map(|(at, _)| at).collect()
    }

    /// What one look at all pods and offerings costs, in units of work.
    pub(super) fn size(&self) -> u64 {
        let hosts = self.problem.offerings.len() + self.problem.nodes.len();
        (self.problem.groups.len() * hosts) as u64
    }
}

/// Offerings that may be among the alternatives of a launch, whether they may be launched or not.
fn alternatives(problem: &Problem) -> BitSet {
    let rules = problem.flexibilities.iter().filter(|rule| rule.min > 0);
    let values = rules.flat_map(|rule| &rule.values).map(|&(offering, _)| offering as usize);
    BitSet::from_indices(problem.offerings.len(), values)
}

fn without_offerings(problem: &Problem) -> Problem {
    Problem {
        dims: problem.dims,
        keys: problem.keys.clone(),
        groups: problem.groups.clone(),
        classes: Vec::new(),
        offerings: Vec::new(),
        nodes: problem.nodes.clone(),
        sets: problem.sets.clone(),
        spreads: problem.spreads.clone(),
        affinities: problem.affinities.clone(),
        exclusions: problem.exclusions.clone(),
        conflicts: problem.conflicts.clone(),
        limits: problem.limits.clone(),
        flexibilities: problem.flexibilities.clone(),
        varieties: Vec::new(),
        preferences: problem.preferences.clone(),
    }
}
