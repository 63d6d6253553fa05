use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use solver::{Options, Progress, certify, check, verify};

use crate::certificate::{columns, web};

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
