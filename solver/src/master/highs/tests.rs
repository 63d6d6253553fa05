//! Covers small enough to know the answer, by hand or by trying everything.

use super::*;

const BUDGET: Budget<'_> = Budget { gap: (0.0, 0.0), iterations: 1_000_000, stop: None };

/// (row, amount) of a column.
type Entries = Vec<(u32, f64)>;

/// A cover that owns its columns: (price, most, entries).
#[derive(Debug)]
struct Owned {
    columns: Vec<(f64, u32, Entries)>,
    rows: Vec<(f64, f64)>,
}

impl Owned {
    fn with<T>(&self, run: impl FnOnce(&Cover<'_>) -> T) -> T {
        let columns: Vec<Column<'_>> = (self.columns.iter())
            .map(|&(price, most, ref entries)| Column { price, most, entries })
            .collect();
        run(&Cover { columns: &columns, rows: &self.rows })
    }
}

/// Seven pods of one group and five of another; three ways to fill a node.
fn shop() -> Owned {
    Owned {
        columns: vec![
            (3.0, u32::MAX, vec![(0, 2.0), (1, 1.0)]),
            (2.0, u32::MAX, vec![(0, 1.0), (1, 1.0)]),
            (4.0, u32::MAX, vec![(0, 4.0)]),
        ],
        rows: vec![(7.0, f64::INFINITY), (5.0, f64::INFINITY)],
    }
}

/// SplitMix64.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Rows with lower bounds, and one with an upper bound, over columns with small whole entries.
fn random_cover(seed: u64, rows: u32, columns: u64, most: u32) -> Owned {
    let state = &mut seed.wrapping_mul(977);
    let mut below = |limit: u64| (random(state) % limit) as f64;
    let mut bounds: Vec<(f64, f64)> = (0..rows).map(|_| (1.0 + below(6), f64::INFINITY)).collect();
    bounds.push((f64::NEG_INFINITY, 1.0 + below(5)));
    let mut column = || {
        let mut entries: Vec<(u32, f64)> = (0..rows).map(|row| (row, below(4))).collect();
        entries.push((rows, below(3)));
        (1.0 + below(30), most, entries.into_iter().filter(|entry| entry.1 > 0.0).collect())
    };
    Owned { columns: (0..columns).map(|_| column()).collect(), rows: bounds }
}

/// Calls `visit` with every vector of counts up to `most`.
fn for_each_counts(columns: usize, most: u32, visit: &mut dyn FnMut(&[u32])) {
    let mut counts = vec![0; columns];
    loop {
        visit(&counts);
        let Some(at) = counts.iter().position(|&count| count < most) else { return };
        counts[..at].fill(0);
        counts[at] += 1;
    }
}

#[test]
fn a_known_optimum_is_found_and_proven() {
    let plan = shop().with(|cover| solve(cover, None, &BUDGET)).expect("the shop can be covered");
    assert_eq!(plan.price, 12.0);
    assert_eq!(plan.status, PlanStatus::Proven);
    assert!(plan.bound > 12.0 - 1e-6, "{plan:?}");
}

#[test]
fn covers_that_cannot_hold_have_no_plan() {
    let mut cover = shop();
    cover.rows[1] = (5.0, 4.0);
    assert_eq!(cover.with(|cover| solve(cover, None, &BUDGET)), None);
    let mut cover = shop();
    cover.columns.truncate(1);
    cover.columns[0].1 = 3;
    assert_eq!(cover.with(|cover| solve(cover, None, &BUDGET)), None);
    assert!(cover.with(relax).is_none());
}

#[test]
fn malformed_covers_have_no_plan() {
    let mut unknown_row = shop();
    unknown_row.columns[0].2[0].0 = 9;
    let mut no_number = shop();
    no_number.columns[0].0 = f64::NAN;
    let mut no_entry = shop();
    no_entry.columns[1].2[0].1 = f64::NAN;
    let mut twice = shop();
    twice.columns[0].2 = vec![(0, 1.0), (0, 1.0)];
    for cover in [unknown_row, no_number, no_entry, twice] {
        assert_eq!(cover.with(|cover| solve(cover, None, &BUDGET)), None, "{cover:?}");
        assert!(cover.with(relax).is_none(), "{cover:?}");
    }
}

#[test]
fn without_columns_only_rows_that_hold_at_nothing_have_a_plan() {
    let empty = Owned { columns: vec![], rows: vec![(-1.0, 0.0)] };
    let plan = empty.with(|cover| solve(cover, None, &BUDGET)).expect("nothing is enough");
    assert_eq!((plan.counts, plan.price), (vec![], 0.0));
    let short = Owned { columns: vec![], rows: vec![(1.0, 2.0)] };
    assert_eq!(short.with(|cover| solve(cover, None, &BUDGET)), None);
}

#[test]
fn unbounded_covers_have_no_plan_but_keep_the_start() {
    let mut cover = shop();
    cover.columns[0].0 = -1.0;
    assert_eq!(cover.with(|cover| solve(cover, None, &BUDGET)), None);
    let start = [7, 0, 0];
    let plan = cover.with(|cover| solve(cover, Some(&start), &BUDGET)).expect("the start holds");
    assert_eq!((plan.counts, plan.status), (start.to_vec(), PlanStatus::Stopped));
}

#[test]
fn a_start_is_kept_when_there_is_no_time_and_dropped_when_it_does_not_hold() {
    let hurried = Budget { iterations: 0, ..BUDGET };
    let start = [1, 4, 1];
    let plan = shop().with(|cover| solve(cover, Some(&start), &hurried)).expect("the start holds");
    assert!(plan.price <= 15.0 && plan.bound <= plan.price, "{plan:?}");
    let short = [1, 0, 0];
    let plan = shop().with(|cover| solve(cover, Some(&short), &BUDGET)).expect("a plan");
    assert_eq!(plan.price, 12.0);
}

#[test]
fn a_start_stays_among_plans_of_equal_price() {
    let mut cover = shop();
    cover.columns.push(cover.columns[0].clone());
    for start in [[2, 3, 0, 0], [1, 3, 0, 1], [0, 3, 0, 2]] {
        let plan = cover.with(|cover| solve(cover, Some(&start), &BUDGET)).expect("a plan");
        assert_eq!((plan.counts, plan.status), (start.to_vec(), PlanStatus::Proven));
    }
}

#[test]
fn plans_cost_as_little_as_the_best_of_all() {
    let (mut feasible, mut infeasible) = (0, 0);
    for seed in 0..300 {
        let owned = random_cover(seed, 3, 5, 3);
        owned.with(|cover| {
            let mut best: Option<f64> = None;
            for_each_counts(cover.columns.len(), 3, &mut |counts| {
                if holds(cover, counts) {
                    let price = price(cover, counts);
                    best = Some(best.map_or(price, |best| best.min(price)));
                }
            });
            let plan = solve(cover, None, &BUDGET);
            assert_eq!(plan.as_ref().map(|plan| plan.price), best, "seed {seed}: {cover:?}");
            let status = plan.map(|plan| plan.status);
            assert!(status.is_none_or(|status| status == PlanStatus::Proven), "seed {seed}");
            *(if best.is_some() { &mut feasible } else { &mut infeasible }) += 1;
        });
    }
    assert!(feasible > 30 && infeasible > 30, "{feasible} feasible, {infeasible} not");
}

/// With two rows an optimum has at most two columns or slacks that are not zero.
fn least_by_pairs(columns: &[(f64, [f64; 2])], demand: [f64; 2]) -> Option<f64> {
    let slacks = [(0.0, [-1.0, 0.0]), (0.0, [0.0, -1.0])];
    let all: Vec<_> = columns.iter().chain(&slacks).collect();
    let mut best: Option<f64> = None;
    for (at, (price, a)) in all.iter().enumerate() {
        for (other, b) in &all[..at] {
            let determinant = a[0] * b[1] - a[1] * b[0];
            let x = (demand[0] * b[1] - demand[1] * b[0]) / determinant;
            let y = (a[0] * demand[1] - a[1] * demand[0]) / determinant;
            if determinant != 0.0 && x >= -1e-12 && y >= -1e-12 {
                let sum = price * x + other * y;
                best = Some(best.map_or(sum, |best| best.min(sum)));
            }
        }
    }
    best
}

#[test]
fn relaxed_covers_cost_as_little_as_the_best_vertex() {
    let mut feasible = 0;
    for seed in 0..500 {
        let state = &mut (seed as u64 * 7919);
        let mut below = |limit: u64| (random(state) % limit) as f64;
        let columns: Vec<(f64, [f64; 2])> =
            (0..4).map(|_| (1.0 + below(20), [below(4), below(3)])).collect();
        let demand = [1.0 + below(9), 1.0 + below(9)];
        let owned = Owned {
            columns: (columns.iter())
                .map(|(price, [a, b])| (*price, u32::MAX, vec![(0, *a), (1, *b)]))
                .collect(),
            rows: demand.map(|least| (least, f64::INFINITY)).to_vec(),
        };
        let (found, best) = (owned.with(relax), least_by_pairs(&columns, demand));
        assert_eq!(found.is_some(), best.is_some(), "seed {seed}: {owned:?}");
        if let (Some(found), Some(best)) = (found, best) {
            assert!((found.price - best).abs() < 1e-6, "seed {seed}: {found:?}, best {best}");
            feasible += 1;
        }
    }
    assert!(feasible > 400, "only {feasible} feasible");
}

#[test]
fn duals_prove_the_relaxed_price() {
    let mut proven = 0;
    for seed in 0..300 {
        let owned = random_cover(seed, 4, 9, u32::MAX);
        let Some(relaxed) = owned.with(relax) else { continue };
        let last = owned.rows.len() - 1;
        assert!(relaxed.duals[..last].iter().all(|&dual| dual >= -1e-7), "seed {seed}");
        assert!(relaxed.duals[last] <= 1e-7, "seed {seed}");
        for (price, _, entries) in &owned.columns {
            let worth: f64 = entries.iter().map(|(row, a)| a * relaxed.duals[*row as usize]).sum();
            assert!(worth <= price + 1e-6, "seed {seed}: a column of {price} is worth {worth}");
        }
        let finite = |&(low, high): &(f64, f64)| if low.is_finite() { low } else { high };
        let sides = owned.rows.iter().map(finite);
        let bound: f64 = sides.zip(&relaxed.duals).map(|(side, dual)| side * dual).sum();
        let prices = owned.columns.iter().zip(&relaxed.values).map(|(column, x)| column.0 * x);
        assert!((prices.sum::<f64>() - relaxed.price).abs() < 1e-6, "seed {seed}");
        assert!((bound - relaxed.price).abs() < 1e-6, "seed {seed}: {relaxed:?}");
        proven += 1;
    }
    assert!(proven > 100, "only {proven} proven");
}

#[test]
fn the_relaxation_is_below_the_plan_and_the_bound_is_not_above_it() {
    for seed in 0..100 {
        random_cover(seed, 4, 9, u32::MAX).with(|cover| {
            let few = Budget { iterations: 10, ..BUDGET };
            if let (Some(plan), Some(relaxed)) = (solve(cover, None, &few), relax(cover)) {
                assert!(holds(cover, &plan.counts), "seed {seed}");
                assert!(plan.bound <= plan.price, "seed {seed}");
                assert!(relaxed.price <= plan.price + 1e-6, "seed {seed}");
            }
        });
    }
}

/// Large enough for branching, cuts and heuristics to matter; stopped by the number of iterations.
#[test]
fn equal_covers_get_equal_plans_on_any_thread() {
    let owned = random_cover(5, 24, 160, u32::MAX);
    let budget = Budget { iterations: 20_000, ..BUDGET };
    let run = || owned.with(|cover| solve(cover, None, &budget)).expect("a plan");
    let first = run();
    let others: Vec<IntegerPlan> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..3).map(|_| scope.spawn(run)).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    assert!(others.iter().all(|other| *other == first), "{first:?}\n{others:?}");
}

#[test]
fn whoever_asks_to_stop_gets_what_there_is() {
    let owned = random_cover(5, 24, 160, u32::MAX);
    let start: Vec<u32> = owned.with(|cover| solve(cover, None, &BUDGET)).expect("a plan").counts;
    let stop = AtomicBool::new(true);
    let stopped = Budget { stop: Some(&stop), ..BUDGET };
    let plan = owned.with(|cover| solve(cover, Some(&start), &stopped)).expect("the start");
    assert!(owned.with(|cover| holds(cover, &plan.counts)), "{plan:?}");
    assert!(plan.iterations < 10_000, "{plan:?}");
}
