//! `tenon-bench`: one table of time, cost, bound and memory over the stored workloads.
//!
//! Prints Markdown. Each row starts with a catalog that nobody has asked anything yet. Time is
//! measured with the plain allocator; one more run counts the peak of live heap bytes from the
//! moment snapshot and catalog are in memory.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicBool, AtomicIsize, Ordering::Relaxed},
    time::Instant,
};

use provisioner::{
    formulate::{self, Formulation, formulate},
    snapshot::Snapshot,
    source::Catalog,
};
use solver::Solution;
use tenon_bench::{benchmark_catalog, diverse, eastus, preferences, web};

fn main() {
    println!(
        "| workload | pods | groups | offerings | nodes | unplaced | $/h | lower bound $/h | gap | first formulate ms | formulate ms | solve ms | check ms | pods/s | peak MiB |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
    for pods in [1, 50, 100, 500, 1_000, 1_500, 2_000, 5_000, 10_000, 20_000] {
        if let Some(snapshot) = diverse(pods) {
            row("Karpenter diverse", &snapshot, || Some(benchmark_catalog()));
        }
    }
    row("Karpenter preferences", &preferences(), || Some(benchmark_catalog()));
    for pods in [1_000, 20_000] {
        if let Some(snapshot) = diverse(pods) {
            row("Karpenter diverse, eastus", &snapshot, eastus);
        }
    }
    for pods in [200, 1_000, 10_000, 100_000] {
        row("web, 60 deployments, eastus", &web(pods, 60, 1), eastus);
    }
}

/// A snapshot's way to a checked solution.
struct Run {
    formulation: Formulation,
    solution: Solution,
    /// How long formulating, solving and checking took, in milliseconds.
    stages: [f64; 3],
}

fn run(name: &str, snapshot: &Snapshot, catalog: &Catalog) -> Run {
    let start = Instant::now();
    let formulation = formulate(snapshot, catalog, &formulate::Options::default());
    let formulated = start.elapsed();
    let solution = solver::solve(&formulation.problem, &solver::Options::default());
    let solved = start.elapsed();
    let violations = solver::check(&formulation.problem, &solution);
    let checked = start.elapsed();
    assert!(violations.is_empty(), "{name}: {:?}", violations.first());
    let stages = [formulated, solved - formulated, checked - solved];
    Run { formulation, solution, stages: stages.map(|stage| stage.as_secs_f64() * 1e3) }
}

/// The first run's formulation, and of each stage the best of all runs.
fn row(name: &str, snapshot: &Snapshot, catalog: impl Fn() -> Option<Catalog>) {
    let Some(fresh) = catalog() else { return };
    let Run { formulation, solution, stages: first } = run(name, snapshot, &fresh);
    let mut best = first;
    for _ in 1..RUNS {
        let again = run(name, snapshot, &fresh).stages;
        best = std::array::from_fn(|stage| best[stage].min(again[stage]));
    }
    let Some(fresh) = catalog() else { return };
    let peak = peak_of(|| run(name, snapshot, &fresh)) as f64 / f64::from(1 << 20);
    let nodes: u32 = solution.launches.iter().map(|launch| launch.copies).sum();
    let unplaced: u32 = solution.unplaced.iter().map(|group| group.count).sum();
    let usd = |money: i64| money as f64 / 1e6;
    let gap = (solution.cost - solution.bound) as f64 / (solution.cost as f64).max(1.0);
    let total: f64 = best.iter().sum();
    println!(
        "| {name} | {} | {} | {} | {nodes} | {unplaced} | {:.3} | {:.3} | {:.1} % | {:.1} | {:.1} | {:.1} | {:.1} | {:.0} | {peak:.0} |",
        snapshot.pods.len(),
        formulation.problem.groups.len(),
        formulation.problem.offerings.len(),
        usd(solution.cost),
        usd(solution.bound),
        gap * 100.0,
        first[0],
        best[0],
        best[1],
        best[2],
        snapshot.pods.len() as f64 / total * 1e3,
    );
}

const RUNS: usize = 5;

/// The most heap bytes that live at once during `work`, beyond those that live before.
fn peak_of<T>(work: impl FnOnce() -> T) -> isize {
    LIVE.store(0, Relaxed);
    PEAK.store(0, Relaxed);
    COUNTING.store(true, Relaxed);
    let done = work();
    COUNTING.store(false, Relaxed);
    drop(done);
    PEAK.load(Relaxed)
}

static COUNTING: AtomicBool = AtomicBool::new(false);
static LIVE: AtomicIsize = AtomicIsize::new(0);
static PEAK: AtomicIsize = AtomicIsize::new(0);

/// The system's allocator, with a count of live bytes when asked for.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call is handed on unchanged to the system's allocator.
#[expect(
    unsafe_code,
    reason = "a counting allocator is the only way to see the peak of live bytes"
)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if COUNTING.load(Relaxed) {
            let size = layout.size() as isize;
            PEAK.fetch_max(LIVE.fetch_add(size, Relaxed) + size, Relaxed);
        }
        // SAFETY: the caller's promise about `layout` is handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        if COUNTING.load(Relaxed) {
            LIVE.fetch_sub(layout.size() as isize, Relaxed);
        }
        // SAFETY: `pointer` came from `alloc` above with the same `layout`.
        unsafe { System.dealloc(pointer, layout) }
    }
}
