//! The restricted master as an integer programme, solved by HiGHS.
//!
//! HiGHS (Huangfu and Hall, Parallelizing the dual revised simplex method, Math. Prog. Comp. 2018)
//! runs on one thread with a fixed seed, so equal covers get equal answers as long as iterations, not
//! seconds, end the search. Whatever it returns is rounded and looked at again here: a wrong or
//! missing answer becomes `None` or the warm start, never a panic.

mod watch;

use std::sync::atomic::AtomicBool;

use highs::{ColProblem, Model, Row, Sense, SolvedModel};

use watch::Watch;

/// Rows may be missed by this much, relative to their size: more than HiGHS's own tolerance, less
/// than half a pod.
const TOLERANCE: f64 = 1e-6;

/// Heuristics that solve programmes of their own, in which nobody can stop them.
const SUBPROGRAMMES: [&str; 4] = [
    "mip_heuristic_run_feasibility_jump",
    "mip_heuristic_run_rens",
    "mip_heuristic_run_rins",
    "mip_heuristic_run_root_reduced_cost",
];

/// One thing that can be bought any number of times.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column<'a> {
    /// What one costs; finite.
    pub(crate) price: f64,
    /// At most this many; `u32::MAX` is no limit.
    pub(crate) most: u32,
    /// (row, what one adds to it); every row at most once.
    pub(crate) entries: &'a [(u32, f64)],
}

/// Least total price of columns, each a whole number of times, with every row in its bounds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cover<'a> {
    pub(crate) columns: &'a [Column<'a>],
    /// (lower, upper) per row; either may be infinite.
    pub(crate) rows: &'a [(f64, f64)],
}

/// When to stop. The first to be reached does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget<'a> {
    /// Distance between price and bound that is good enough: as a share, and as it is.
    pub(crate) gap: (f64, f64),
    /// Iterations of the simplex method: the deterministic limit, looked at after each node.
    pub(crate) iterations: u64,
    /// Stops the work soon after it is set. An answer that it ended may differ from run to run.
    pub(crate) stop: Option<&'a AtomicBool>,
}

/// How often to buy each column.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct IntegerPlan {
    /// As long as [`Cover::columns`].
    pub(crate) counts: Vec<u32>,
    /// The price of the counts.
    pub(crate) price: f64,
    /// No whole-number plan over these columns costs less, up to HiGHS's tolerances: no
    /// certificate. Negative infinity when there is none.
    pub(crate) bound: f64,
    pub(crate) status: PlanStatus,
    /// Iterations of the simplex method that it took.
    pub(crate) iterations: u64,
}

/// How sure a plan is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PlanStatus {
    /// Within the gap asked for.
    Proven,
    /// The best that was found when the budget was used up.
    Stopped,
}

/// The best plan found, never worse than `start` when that is one (counts per column); `None` when
/// nothing was found, be it that nothing is feasible, that the budget was too small, or that the
/// cover is malformed (an entry of a row that is not there, a price that is no number).
pub(crate) fn solve(
    cover: &Cover<'_>,
    start: Option<&[u32]>,
    budget: &Budget<'_>,
) -> Option<IntegerPlan> {
    // HiGHS has no answer to a model without columns.
    let nothing: &[u32] = &[];
    let start = start.or_else(|| cover.columns.is_empty().then_some(nothing));
    let start = start.filter(|counts| holds(cover, counts));
    let found = search(cover, start, budget).unwrap_or_default();
    // The first of equals is kept, so a start is left only for something cheaper.
    let plans = start.map(<[u32]>::to_vec).into_iter().chain(found.counts);
    let priced = plans.map(|counts| (price(cover, &counts), counts));
    let (price, counts) = priced.reduce(|best, next| if next.0 < best.0 { next } else { best })?;
    let bound = found.bound.filter(|bound| !bound.is_nan()).unwrap_or(f64::NEG_INFINITY);
    let bound = bound.min(price);
    let enough = (budget.gap.0 * price.abs()).max(budget.gap.1);
    let near = price - bound <= enough.max(TOLERANCE * price.abs().max(1.0));
    let status = if near { PlanStatus::Proven } else { PlanStatus::Stopped };
    Some(IntegerPlan { counts, price, bound, status, iterations: found.iterations })
}

/// What HiGHS came to.
#[derive(Debug, Default)]
struct Found {
    counts: Option<Vec<u32>>,
    bound: Option<f64>,
    iterations: u64,
}

fn search(cover: &Cover<'_>, start: Option<&[u32]>, budget: &Budget<'_>) -> Option<Found> {
    let mut watch = Watch::new(budget.stop, budget.iterations);
    let mut model = model(cover, true)?;
    model.try_set_option("mip_rel_gap", budget.gap.0.max(0.0)).ok()?;
    model.try_set_option("mip_abs_gap", budget.gap.1.max(0.0)).ok()?;
    for heuristic in SUBPROGRAMMES {
        model.try_set_option(heuristic, false).ok()?;
    }
    if let Some(counts) = start {
        let values: Vec<f64> = counts.iter().map(|&count| count.into()).collect();
        model.try_set_solution(Some(&values), None, None, None).ok()?;
    }
    if !watch.over(&mut model) {
        return None;
    }
    let solved = model.try_solve().ok()?;
    let counts = counts(cover, &solved);
    let bound = solved.double_info_value(c"mip_dual_bound").ok();
    Some(Found { counts, bound, iterations: watch.made() })
}

/// The cover in HiGHS's terms, quiet, on one thread.
fn model(cover: &Cover<'_>, integer: bool) -> Option<Model> {
    if !is_sane(cover) {
        return None;
    }
    let mut problem = ColProblem::new();
    let rows: Vec<Row> =
        cover.rows.iter().map(|&(low, high)| problem.add_row(low..=high)).collect();
    for column in cover.columns {
        let entry = |&(row, amount): &(u32, f64)| Some((*rows.get(row as usize)?, amount));
        let entries: Vec<_> = column.entries.iter().map(entry).collect::<Option<_>>()?;
        let most = if column.most == u32::MAX { f64::INFINITY } else { column.most.into() };
        problem.add_column_with_integrality(column.price, 0.0..=most, entries, integer);
    }
    let mut model = problem.try_optimise(Sense::Minimise).ok()?;
    // The number of threads is the same in the whole process, or HiGHS refuses to run; what is
    // parallel is so outside.
    model.try_set_option("threads", 1).ok()?;
    model.try_set_option("parallel", "off").ok()?;
    model.try_set_option("random_seed", 0).ok()?;
    Some(model)
}

/// Whether all numbers are numbers; HiGHS does not look at each.
fn is_sane(cover: &Cover<'_>) -> bool {
    let finite = |&(_, amount): &(u32, f64)| amount.is_finite();
    let columns =
        |column: &Column<'_>| column.price.is_finite() && column.entries.iter().all(finite);
    cover.rows.iter().all(|(low, high)| !low.is_nan() && !high.is_nan())
        && cover.columns.iter().all(columns)
}

/// The whole numbers next to what HiGHS found, if it found anything and they are a plan.
fn counts(cover: &Cover<'_>, solved: &SolvedModel) -> Option<Vec<u32>> {
    if !has_point(solved) {
        return None;
    }
    let values = solved.get_solution();
    let whole =
        |value: &f64| (value.is_finite() && value.abs() < 4e9).then(|| value.round() as u32);
    let counts: Vec<u32> = values.columns().iter().map(whole).collect::<Option<_>>()?;
    holds(cover, &counts).then_some(counts)
}

/// Whether there is a primal solution. Asked as a plain number, for the enumeration of model
/// statuses does not know all of HiGHS's.
fn has_point(solved: &SolvedModel) -> bool {
    const FEASIBLE: i64 = 2;
    solved.int_info_value(c"primal_solution_status") == Ok(FEASIBLE)
}

fn price(cover: &Cover<'_>, counts: &[u32]) -> f64 {
    cover.columns.iter().zip(counts).map(|(column, &count)| column.price * f64::from(count)).sum()
}

/// Whether these counts keep every row in its bounds.
fn holds(cover: &Cover<'_>, counts: &[u32]) -> bool {
    if counts.len() != cover.columns.len() {
        return false;
    }
    let mut sums = vec![0.0; cover.rows.len()];
    let mut sizes = vec![1.0; cover.rows.len()];
    for (column, &count) in cover.columns.iter().zip(counts) {
        for &(row, amount) in column.entries {
            let Some(sum) = sums.get_mut(row as usize) else { return false };
            *sum += amount * f64::from(count);
            sizes[row as usize] += (amount * f64::from(count)).abs();
        }
    }
    let few = cover.columns.iter().zip(counts).all(|(column, &count)| count <= column.most);
    let mut rows = cover.rows.iter().zip(sums).zip(sizes);
    few && rows.all(|((&(low, high), sum), size)| {
        sum >= low - TOLERANCE * size && sum <= high + TOLERANCE * size
    })
}

/// The cover without whole numbers: what other linear programming code is compared with.
#[cfg(test)]
#[derive(Clone, Debug)]
pub(crate) struct Relaxed {
    pub(crate) values: Vec<f64>,
    /// Per row: what a unit more of its bound adds to the price. Not negative where only the lower
    /// bound is finite.
    pub(crate) duals: Vec<f64>,
    pub(crate) price: f64,
}

/// An optimum of the linear relaxation; `None` when there is none.
#[cfg(test)]
pub(crate) fn relax(cover: &Cover<'_>) -> Option<Relaxed> {
    const DUAL_FEASIBLE: i64 = 2;
    let solved = model(cover, false)?.try_solve().ok()?;
    let proven = solved.int_info_value(c"dual_solution_status") == Ok(DUAL_FEASIBLE);
    (has_point(&solved) && proven).then(|| {
        let point = solved.get_solution();
        let (values, duals) = (point.columns().to_vec(), point.dual_rows().to_vec());
        Relaxed { values, duals, price: solved.objective_value() }
    })
}

#[cfg(test)]
mod tests;
