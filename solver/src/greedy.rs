//! The greedy engine: a valid, price-aware plan in milliseconds.
//!
//! Several constructions with different knobs run in parallel; the best is kept, by pods placed
//! (higher priorities first), then cost and penalties, then number of nodes, then the order of the
//! knobs. Each construction fills existing room first, because it costs nothing, then buys the
//! pattern with most worth per price over and over. Groups that fill a node alike share a bucket,
//! so the work follows the number of distinct requests, not of pods.

mod dominance;
mod fill;
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
        ledger::Host,
        prepare::Prepared,
        run::{Run, Variant},
    },
    problem::NODE_KEY,
    solution::{Launch, Placement, Unplaced},
};

/// Solves greedily. `bound` and `status` of the result are left at their defaults.
pub(crate) fn solve(problem: &Problem) -> Solution {
    let prepared = Prepared::new(problem);
    let mut best = variants(problem, &prepared)
        .into_par_iter()
        .map(|variant| construct(&prepared, variant))
        .collect::<Vec<_>>()
        .into_iter()
        .min_by_key(|(solution, _)| rank(problem, solution));
    if best.as_ref().is_some_and(|(_, limited)| *limited) {
        let tight = Variant {
            share: Share::Largest,
            fair: Some(1.0),
            node_floor: false,
            by_priority: true,
            heed_limits: true,
            affine_first: false,
        };
        let more = [tight, Variant { by_priority: false, share: Share::Sum, ..tight }]
            .into_par_iter()
            .map(|variant| construct(&prepared, variant))
            .collect::<Vec<_>>();
        best = best.into_iter().chain(more).min_by_key(|(solution, _)| rank(problem, solution));
    }
    best.map(|(solution, _)| solution).unwrap_or_default()
}

/// Problems up to this many pods are tried with every combination of knobs: it takes a moment.
const SMALL: u64 = 48;

/// What is tried, in order of preference; less for large problems, where each costs more.
fn variants(problem: &Problem, prepared: &Prepared<'_>) -> Vec<Variant> {
    let base = Variant {
        share: Share::Largest,
        fair: Some(1.0),
        node_floor: false,
        by_priority: false,
        heed_limits: false,
        affine_first: false,
    };
    let mut variants = vec![base, Variant { share: Share::Sum, ..base }];
    let capped = prepared.buckets.iter().any(|bucket| bucket.cap.is_some());
    if capped && problem.groups.len() * prepared.kinds.len() < 60_000 {
        for share in [Share::Largest, Share::Sum] {
            variants.push(Variant { fair: None, share, ..base });
            variants.push(Variant { fair: Some(1.2), share, ..base });
            variants.push(Variant { fair: Some(0.9), share, ..base });
        }
    }
    let small = problem.pods() <= SMALL;
    let hostname_spread = problem.spreads.iter().any(|s| s.key == NODE_KEY && s.cost.is_none());
    if hostname_spread && !problem.nodes.is_empty() {
        variants.push(Variant { node_floor: true, ..base });
    }
    let first = problem.groups.first().map(|group| group.priority);
    let mixed = problem.groups.iter().any(|group| Some(group.priority) != first);
    let with = |variants: &mut Vec<Variant>, change: fn(&mut Variant)| {
        for mut variant in variants.clone() {
            change(&mut variant);
            variants.push(variant);
        }
    };
    if mixed && small {
        with(&mut variants, |variant| variant.by_priority = true);
    } else if mixed {
        variants.push(Variant { by_priority: true, ..base });
    }
    let affine = problem.affinities.iter().any(|a| a.cost.is_none() && !a.groups.is_empty());
    if affine && small {
        with(&mut variants, |variant| variant.affine_first = true);
    } else if affine {
        variants.push(Variant { affine_first: true, ..base });
    }
    if small && !problem.limits.is_empty() {
        with(&mut variants, |variant| variant.heed_limits = true);
    }
    variants
}

fn construct(prepared: &Prepared<'_>, variant: Variant) -> (Solution, bool) {
    let mut run = Run::new(prepared, variant);
    run.construct();
    run.shrink();
    run.dissolve(0);
    run.shrink();
    run.dissolve(run.price() / 1000);
    run.shrink();
    repair::repair(&mut run);
    (solution(&run), run.limited)
}

type Rank = (Vec<u64>, i64, usize);

/// Less is better.
fn rank(problem: &Problem, solution: &Solution) -> Rank {
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
    let nodes = solution.launches.iter().map(|launch| launch.copies as usize).sum();
    (unplaced, solution.cost.saturating_add(solution.penalty), nodes)
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
    merge(&mut solution);
    for (group, &count) in run.ledger.left.iter().enumerate() {
        if count > 0 {
            let group = group as u32;
            let reason = reason::reason(run, group);
            solution.unplaced.push(Unplaced { group, count, reason });
        }
    }
    solution.cost = cost::price(problem, &solution);
    solution.penalty = cost::penalty(problem, &solution);
    solution
}

/// Equal launches become copies, in a fixed order.
fn merge(solution: &mut Solution) {
    solution.launches.sort_by(|a, b| (a.offering, &a.pods).cmp(&(b.offering, &b.pods)));
    solution.launches.dedup_by(|next, kept| {
        let same = next.offering == kept.offering && next.pods == kept.pods;
        if same {
            kept.copies += next.copies;
        }
        same
    });
    solution.placements.sort_by_key(|placement| placement.node);
}
