//! The greedy engine: a valid, price-aware plan in milliseconds.
//!
//! Several constructions with different knobs run in parallel; the best is kept, by pods placed
//! (higher priorities first), then cost and penalties, then number of nodes, then the order of the
//! knobs. Each construction fills existing room first, because it costs nothing, then buys the
//! pattern with most worth per price over and over. Groups that fill a node alike share a bucket,
//! so the work follows the number of distinct requests, not of pods.

mod dominance;
mod fill;
mod flexible;
mod ledger;
mod prepare;
mod reason;
mod repair;
mod run;

use rayon::prelude::*;

use crate::{
    Problem, Solution, cost,
    greedy::{
        fill::Share,
        ledger::{Host, Ledger},
        run::{Run, Variant},
    },
    problem::{Money, NODE_KEY},
    solution::{Launch, Placement, Reason, Unplaced},
};

pub(crate) use prepare::Prepared;
pub(crate) use run::follow::{From, Wish};

/// Solves greedily. `bound` and `status` of the result are left at their defaults.
pub(crate) fn solve(prepared: &Prepared<'_>) -> Solution {
    let problem = prepared.problem;
    let first = variants(problem, prepared);
    let mut tried = construct_all(prepared, &first);
    let unplaced = tried.iter().all(|built| !built.solution.unplaced.is_empty());
    let limited = tried.iter().any(|built| built.limited);
    if unplaced || limited {
        tried.extend(construct_all(prepared, &insistent(problem, &first)));
    }
    // The first of equals is kept, so the order of the knobs decides and not the threads.
    let best = tried.into_iter().min_by_key(|built| rank(problem, &built.solution));
    best.map(Built::explained).unwrap_or_default()
}

/// Opens the nodes that another engine wishes for as far as every constraint lets them be, and
/// places the rest greedily.
pub(crate) fn along(prepared: &Prepared<'_>, wishes: &[Wish]) -> Solution {
    construct(prepared, BASE, wishes).explained()
}

/// What a construction came to.
struct Built<'a> {
    /// Without the reasons of what has no place.
    solution: Solution,
    /// The account at its end.
    ledger: Ledger<'a>,
    /// A limit stood in the way of a launch.
    limited: bool,
}

impl Built<'_> {
    /// The solution with its reasons, which are worth their time only for the one that is kept.
    fn explained(mut self) -> Solution {
        for missing in &mut self.solution.unplaced {
            missing.reason = reason::reason(&self.ledger, missing.group);
        }
        self.solution
    }
}

fn construct_all<'a>(prepared: &'a Prepared<'_>, variants: &[Variant]) -> Vec<Built<'a>> {
    variants.par_iter().map(|&variant| construct(prepared, variant, &[])).collect()
}

/// Problems up to this many pods are tried with every combination of knobs: it takes a moment.
const SMALL: u64 = 48;

const BASE: Variant = Variant {
    share: Share::Largest,
    fair: Some(1.0),
    node_floor: false,
    by_priority: false,
    heed_limits: false,
    affine_first: false,
};

/// What is tried first, in order of preference; less for large problems, where each costs more.
fn variants(problem: &Problem, prepared: &Prepared<'_>) -> Vec<Variant> {
    let mut variants = vec![BASE, Variant { share: Share::Sum, ..BASE }];
    let capped = prepared.buckets.iter().any(|bucket| bucket.cap.is_some());
    if capped && problem.groups.len() * prepared.kinds.len() < 60_000 {
        for share in [Share::Largest, Share::Sum] {
            variants.push(Variant { fair: None, share, ..BASE });
            variants.push(Variant { fair: Some(1.2), share, ..BASE });
            variants.push(Variant { fair: Some(0.9), share, ..BASE });
        }
    }
    let hostname_spread = problem.spreads.iter().any(|s| s.key == NODE_KEY && s.cost.is_none());
    if hostname_spread && !problem.nodes.is_empty() {
        variants.push(Variant { node_floor: true, ..BASE });
    }
    variants
}

/// What is tried when pods were left over or a limit stood in the way.
fn insistent(problem: &Problem, first: &[Variant]) -> Vec<Variant> {
    let priority = problem.groups.first().map(|group| group.priority);
    let priorities = problem.groups.iter().any(|group| Some(group.priority) != priority);
    let affine = problem.affinities.iter().any(|a| a.cost.is_none() && !a.groups.is_empty());
    let mut changes: Vec<fn(&mut Variant)> = Vec::new();
    if priorities {
        changes.push(|variant| variant.by_priority = true);
    }
    if !problem.limits.is_empty() {
        changes.push(|variant| variant.heed_limits = true);
    }
    if affine {
        changes.push(|variant| variant.affine_first = true);
    }
    let small = problem.pods() <= SMALL;
    let mut variants = if small { first.to_vec() } else { first[..2].to_vec() };
    for change in changes {
        for mut variant in variants.clone() {
            change(&mut variant);
            variants.push(variant);
        }
    }
    variants.retain(|variant| variant.by_priority || variant.heed_limits || variant.affine_first);
    variants
}

/// How often pods whose place did not hold look for another one.
const REPAIRS: usize = 2;

fn construct<'a>(prepared: &'a Prepared<'_>, variant: Variant, wishes: &[Wish]) -> Built<'a> {
    let mut run = Run::new(prepared, variant);
    run.construct_along(wishes);
    run.shrink();
    run.dissolve(0);
    run.shrink();
    run.dissolve(run.price() / 1000);
    run.shrink();
    // Those who lost their place find another one where they may be in the end, as a rule.
    let mut tries = REPAIRS;
    while repair::repair(&mut run) && tries > 0 {
        tries -= 1;
        run.go_on();
        run.shrink();
    }
    Built { solution: solution(&run), limited: run.limited, ledger: run.ledger }
}

pub(crate) type Rank = (Vec<u64>, Money, u64);

/// Less is better.
pub(crate) fn rank(problem: &Problem, solution: &Solution) -> Rank {
    let mut priorities: Vec<i32> = problem.groups.iter().map(|group| group.priority).collect();
    priorities.sort_unstable_by(|a, b| b.cmp(a));
    priorities.dedup();
    let mut unplaced = vec![0; priorities.len()];
    for missing in &solution.unplaced {
        let priority = problem.groups[missing.group as usize].priority;
        if let Some(at) = priorities.iter().position(|&other| other == priority) {
            unplaced[at] += u64::from(missing.count);
        }
    }
    (unplaced, solution.total(), solution.launched())
}

fn solution(run: &Run<'_>) -> Solution {
    let problem = run.prepared.problem;
    let mut solution = Solution::default();
    for spot in &run.spots {
        let mut pods = spot.pods.clone();
        pods.sort_unstable();
        match spot.host {
            Host::Existing(node) => solution.placements.push(Placement { node, pods }),
            Host::Launch(offering) => {
                solution.launches.push(Launch { offering, copies: spot.copies, pods });
            }
        }
    }
    solution.merge();
    for (group, &count) in run.ledger.left.iter().enumerate() {
        if count > 0 {
            let missing = Unplaced { group: group as u32, count, reason: Reason::Combination };
            solution.unplaced.push(missing);
        }
    }
    cost::assess(problem, &mut solution);
    solution
}
