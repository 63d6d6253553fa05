use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use solver::problem::{NODE_KEY, Spread};
use solver::solution::Status;
use solver::{Options, Progress, certify, check, solve, verify};

use crate::certificate::{columns, web};
use crate::generate::{Random, Size, TINY, problem};

/// Whoever stops a search gets the bound that the search has told of, but for a few per cent that
/// the last refinement of the proof would bring, with its proof.
#[test]
fn a_search_that_is_stopped_proves_what_it_found() {
    let mut stopped = 0;
    for seed in 0..12 {
        let problem = web(seed);
        let stop = Arc::new(AtomicBool::new(false));
        let options = Options { stop: Some(stop.clone()), ..columns() };
        let mut first = None;
        let mut promised = None;
        let mut tell = |progress: Progress| {
            let first = *first.get_or_insert(progress);
            if progress.bound > first.bound && progress.unplaced == first.unplaced {
                stop.store(true, Ordering::Relaxed);
                promised.get_or_insert(progress);
            }
        };
        let (solution, certificate) = certify(&problem, &options, &mut tell);
        let Some(promised) = promised else { continue };
        assert_eq!(check(&problem, &solution), [], "seed {seed}");
        let certificate = certificate.expect("there are pods to place");
        let proven = verify(&problem, &solution, &certificate).expect("it holds together");
        assert!(proven <= solution.cost, "seed {seed}: {proven} proven, {} found", solution.cost);
        // The proof is about the pods that were to be placed. Where the last plan finds room for
        // more, what their resources cost may say more than it does.
        let unplaced: u64 = solution.unplaced.iter().map(|missing| u64::from(missing.count)).sum();
        let same = unplaced == promised.unplaced;
        let known = if same { proven } else { solution.bound };
        let promised = promised.bound;
        assert!(known >= promised - promised / 25, "seed {seed}: {known} proven of {promised}");
        stopped += 1;
    }
    assert!(stopped > 6, "only {stopped} got as far as a bound");
}

/// Where the gap stays open the patient go on for as long as there is work left, and never end with
/// less than the others have.
#[test]
fn the_patient_go_on_while_there_is_work_left() {
    let (mut open, mut longer) = (0, 0);
    for case in 0..40 {
        let problem = problem(&mut Random::new(case), TINY);
        let options = Options { effort: 200_000, ..columns() };
        let usual = solve(&problem, &options);
        let patient = solve(&problem, &Options { patient: true, ..options });
        assert_eq!(check(&problem, &patient), [], "case {case}");
        assert!(patient.effort.dives >= usual.effort.dives, "case {case}");
        let same = patient.unplaced == usual.unplaced && patient.penalty == usual.penalty;
        assert!(!same || patient.cost <= usual.cost, "case {case}");
        if patient.status == Status::Stopped && usual.status == Status::Feasible {
            open += 1;
            longer += u32::from(patient.effort.dives > 2 * usual.effort.dives);
        }
    }
    assert!(open > 3 && longer * 2 > open, "{longer} of {open} went on");
}

/// Upper ends of problems that the places of pods matter in.
const MEDIUM: Size =
    Size { groups: 8, pods_per_group: 14, pods: 70, offerings: 4, nodes: 3, constraints: 3 };

/// When pods in the places they have can be packed no better, the patient look for other places.
#[test]
fn the_patient_go_on_with_other_places() {
    let mut open = 0;
    for case in 0..150 {
        let problem = problem(&mut Random::new(case), MEDIUM);
        let between_domains = |spread: &Spread| spread.key != NODE_KEY && spread.cost.is_none();
        if !problem.spreads.iter().any(between_domains) {
            continue;
        }
        let options = Options { effort: 30_000, patient: true, ..columns() };
        let solution = solve(&problem, &options);
        let gap = solution.cost + solution.penalty - solution.bound;
        assert!(gap == 0 || solution.status == Status::Stopped, "case {case}: {gap} are left");
        open += u32::from(gap > 0);
    }
    assert!(open > 5, "{open}");
}
