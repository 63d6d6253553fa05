//! The problem without what no good plan buys, so that looks at parts of it are cheap.

use crate::{
    BitSet, Problem, Solution, bound,
    presolve::{Core, Source, View, places::Parts},
};

/// A problem with fewer offerings.
pub(super) struct Market<'a> {
    /// The whole.
    pub(super) problem: &'a Problem,
    /// The same with few offerings.
    pub(super) few: Problem,
    /// Their indices in the whole, ascending.
    pub(super) offerings: Vec<u32>,
}

impl<'a> Market<'a> {
    pub(super) fn new(problem: &'a Problem, plan: &Solution) -> Self {
        let offerings = worthy(problem, plan);
        let mut few = problem.clone();
        if offerings.len() < problem.offerings.len() {
            few.offerings =
                offerings.iter().map(|&at| problem.offerings[at as usize].clone()).collect();
            let keep = |set: &BitSet| {
                let kept = offerings.iter().enumerate();
                let kept = kept.filter(|(_, old)| set.contains(**old as usize));
                BitSet::from_indices(offerings.len(), kept.map(|(new, _)| new))
            };
            for class in &mut few.classes {
                class.offerings = keep(&class.offerings);
            }
            for spread in &mut few.spreads {
                spread.counted_offerings = keep(&spread.counted_offerings);
            }
        }
        Self { problem, few, offerings }
    }
}

/// The offerings that plans may be made of: all where alternatives count, or else those that no
/// cheaper one replaces, and those of the plan.
fn worthy(problem: &Problem, plan: &Solution) -> Vec<u32> {
    if !problem.flexibilities.is_empty() || !problem.varieties.is_empty() {
        return (0..problem.offerings.len() as u32).collect();
    }
    let core = Core::new(problem, &Parts::anywhere(&bound::placed(problem, plan)), View::Plan);
    let sold = core.kinds.iter().filter_map(|kind| match &kind.source {
        Source::Offerings(offerings) => Some(offerings.iter().copied()),
        Source::Nodes(_) => None,
    });
    let mut worthy: Vec<u32> = sold.flatten().collect();
    worthy.extend(plan.launches.iter().map(|launch| launch.offering));
    worthy.sort_unstable();
    worthy.dedup();
    worthy
}
