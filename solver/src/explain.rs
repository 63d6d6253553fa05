//! Why pods of a group have no place, and what would give them one.
//!
//! Every offering and node is asked the same question: with everything of the solution in place,
//! what keeps one more pod of the group from it? The first reason found, in the order of
//! [`Reason`], removes it. Whether a topology constraint removes a place is decided by putting the
//! pod there and asking [`crate::check`].

mod trial;

use crate::BitSet;
use crate::problem::Problem;
use crate::solution::{Reason, Solution};

use trial::Trial;

/// Topology is tried on a few places of each kind of domains; equal ones would answer alike.
const TRIALS: usize = 64;

/// Why a pod of the group has no place, as things stand in the solution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The reason nearest to a place.
    pub reason: Reason,
    /// How many offerings each reason removes, in the order of [`Reason`], without zeros. Those
    /// that nothing removes are not counted: a launch there would work.
    pub offerings: Vec<(Reason, usize)>,
    /// As `offerings`, for existing nodes.
    pub nodes: Vec<(Reason, usize)>,
    /// Offerings that accept the pod and are too small, by the dimension that is shortest.
    pub short: Vec<(usize, usize)>,
    /// The smallest change found that would give the pod a place.
    pub nearest: Option<Relaxation>,
}

/// A change that would give the pod a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relaxation {
    /// None is needed: a launch of this offering takes the pod as things stand.
    Launch {
        /// The offering.
        offering: u32,
    },
    /// One limit raised.
    RaiseLimit {
        /// The limit.
        limit: u32,
        /// By how much.
        by: i64,
    },
    /// One more value allowed by a variety.
    RaiseVariety {
        /// The variety.
        variety: u32,
    },
    /// minValues of one rule lowered.
    LowerFlexibility {
        /// The rule.
        flexibility: u32,
    },
    /// One spread turned into a preference.
    DropSpread {
        /// The spread.
        spread: u32,
    },
    /// One affinity turned into a preference.
    DropAffinity {
        /// The affinity.
        affinity: u32,
    },
    /// One exclusion turned into a preference.
    DropExclusion {
        /// The exclusion.
        exclusion: u32,
    },
    /// A smaller request, or a larger offering.
    LowerRequest {
        /// The dimension that is short; others may be too.
        dim: usize,
        /// By how much, on the offering that comes nearest.
        by: i64,
        /// That offering.
        offering: u32,
    },
    /// Selectors and tolerations widened so that the pod is accepted by an offering that would
    /// hold it.
    Accept {
        /// The cheapest such offering.
        offering: u32,
    },
}

/// Explains a group; of use for one that has unplaced pods.
///
/// The problem must be sound ([`crate::validate::validate`]) and the solution must name nothing
/// that does not exist. A group out of range is [`Reason::Incompatible`] with everything.
pub fn explain(problem: &Problem, solution: &Solution, group: u32) -> Explanation {
    if group as usize >= problem.groups.len() {
        let offerings = vec![(Reason::Incompatible, problem.offerings.len())];
        let nodes = vec![(Reason::Incompatible, problem.nodes.len())];
        let reason = Reason::Incompatible;
        return Explanation { reason, offerings, nodes, short: Vec::new(), nearest: None };
    }
    let mut trial = Trial::new(problem, solution, group);
    let offerings: Vec<Option<Reason>> =
        (0..problem.offerings.len()).map(|offering| trial.offering(offering)).collect();
    let nodes: Vec<Option<Reason>> =
        (0..problem.nodes.len()).map(|node| trial.node(node)).collect();
    let open = offerings.iter().position(Option::is_none);
    let worst = offerings.iter().chain(&nodes).flatten().max().copied();
    Explanation {
        reason: match open {
            Some(_) => Reason::Combination,
            None => worst.unwrap_or(Reason::Incompatible),
        },
        short: short(problem, group),
        nearest: match open {
            Some(offering) => Some(Relaxation::Launch { offering: offering as u32 }),
            None => nearest(problem, &mut trial, group, &offerings),
        },
        offerings: tally(&offerings),
        nodes: tally(&nodes),
    }
}

fn tally(reasons: &[Option<Reason>]) -> Vec<(Reason, usize)> {
    let mut counts = std::collections::BTreeMap::new();
    for reason in reasons.iter().flatten() {
        *counts.entry(*reason).or_insert(0) += 1;
    }
    counts.into_iter().collect()
}

/// By how much the request exceeds a capacity, in the dimension where the share is worst.
fn shortage(request: &[i64], capacity: &[i64]) -> Option<(usize, i64)> {
    let pairs = request.iter().zip(capacity).enumerate();
    let short = pairs.filter(|(_, (ask, have))| **ask > (**have).max(0));
    let share = |ask: i64, have: i64| ask as f64 / have.max(1) as f64;
    let worst = short.max_by(|(_, a), (_, b)| share(*a.0, *a.1).total_cmp(&share(*b.0, *b.1)));
    worst.map(|(dim, (ask, have))| (dim, ask - have.max(&0)))
}

fn short(problem: &Problem, group: u32) -> Vec<(usize, usize)> {
    let mut counts = vec![0; problem.dims];
    let request = &problem.groups[group as usize].request;
    for offering in problem.class_of(group).offerings.iter() {
        if let Some((dim, _)) = shortage(request, &problem.offerings[offering].capacity) {
            counts[dim] += 1;
        }
    }
    counts.into_iter().enumerate().filter(|(_, count)| *count > 0).collect()
}

/// Tries the small changes first.
fn nearest(
    problem: &Problem,
    trial: &mut Trial<'_>,
    group: u32,
    offerings: &[Option<Reason>],
) -> Option<Relaxation> {
    let by = |reason| {
        BitSet::from_indices(
            offerings.len(),
            (0..offerings.len()).filter(|&at| offerings[at] == Some(reason)),
        )
    };
    (trial.without_topology(&by(Reason::Spread), &by(Reason::Affinity), &by(Reason::Exclusion)))
        .or_else(|| trial.raised_limit(&by(Reason::Limit)))
        .or_else(|| trial.raised_variety(&by(Reason::Variety)))
        .or_else(|| trial.lowered_flexibility(&by(Reason::Flexibility)))
        .or_else(|| larger(problem, group, &by(Reason::TooLarge)))
        .or_else(|| accepted(problem, group, &by(Reason::Incompatible)))
}

fn larger(problem: &Problem, group: u32, too_small: &BitSet) -> Option<Relaxation> {
    let request = &problem.groups[group as usize].request;
    let steps = too_small.iter().filter_map(|offering| {
        let (dim, by) = shortage(request, &problem.offerings[offering].capacity)?;
        let share = by as f64 / request[dim].max(1) as f64;
        Some((share, Relaxation::LowerRequest { dim, by, offering: offering as u32 }))
    });
    steps.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, step)| step)
}

fn accepted(problem: &Problem, group: u32, incompatible: &BitSet) -> Option<Relaxation> {
    let request = &problem.groups[group as usize].request;
    let holds = |at: &usize| shortage(request, &problem.offerings[*at].capacity).is_none();
    let cheapest =
        incompatible.iter().filter(holds).min_by_key(|&at| problem.offerings[at].price)?;
    Some(Relaxation::Accept { offering: cheapest as u32 })
}

#[cfg(test)]
mod tests;
