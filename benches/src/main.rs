//! `tenon-bench`: one table of time, cost, bound and memory over the stored workloads.
//!
//! Prints Markdown. Each row runs in this one process; memory is the peak of live heap bytes from
//! the moment the snapshot is in memory.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    io::{self, Write},
    process::ExitCode,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Instant,
};

use provisioner::{
    formulate::{self, formulate},
    snapshot::Snapshot,
    source::Catalog,
};
use tenon_bench::{benchmark_catalog, diverse, eastus, preferences, web};

fn main() -> ExitCode {
    match table(&mut io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        // A reader that has gone away (`| head`) has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: standard output: {error}");
            ExitCode::FAILURE
        }
    }
}

fn table(out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "| workload | pods | groups | offerings | nodes | unplaced | $/h | lower bound $/h | gap | formulate ms | solve ms | check ms | pods/s | peak MiB |"
    )?;
    writeln!(out, "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")?;
    let benchmark = benchmark_catalog();
    for pods in [1, 50, 100, 500, 1_000, 1_500, 2_000, 5_000, 10_000, 20_000] {
        if let Some(snapshot) = diverse(pods) {
            row(out, "Karpenter diverse", &snapshot, &benchmark)?;
        }
    }
    row(out, "Karpenter preferences", &preferences(), &benchmark)?;
    let Some(eastus) = eastus() else { return Ok(()) };
    for pods in [1_000, 20_000] {
        if let Some(snapshot) = diverse(pods) {
            row(out, "Karpenter diverse, eastus", &snapshot, &eastus)?;
        }
    }
    for pods in [200, 1_000, 10_000, 100_000] {
        row(out, "web, 60 deployments, eastus", &web(pods, 60, 1), &eastus)?;
    }
    Ok(())
}

/// The best of five runs, each stage apart.
fn row(out: &mut impl Write, name: &str, snapshot: &Snapshot, catalog: &Catalog) -> io::Result<()> {
    let mut best = [f64::INFINITY; 3];
    let before = LIVE.load(Relaxed);
    PEAK.store(before, Relaxed);
    let mut text = String::new();
    for _ in 0..5 {
        let start = Instant::now();
        let formulation = formulate(snapshot, catalog, &formulate::Options::default());
        let formulated = start.elapsed();
        let solution = solver::solve(&formulation.problem, &solver::Options::default());
        let solved = start.elapsed();
        let violations = solver::check(&formulation.problem, &solution);
        let checked = start.elapsed();
        assert!(violations.is_empty(), "{name}: {:?}", violations.first());
        let stages = [formulated, solved - formulated, checked - solved];
        for (best, stage) in best.iter_mut().zip(stages) {
            *best = best.min(stage.as_secs_f64() * 1e3);
        }
        let nodes: u32 = solution.launches.iter().map(|launch| launch.copies).sum();
        let unplaced: u32 = solution.unplaced.iter().map(|group| group.count).sum();
        let usd = |money: i64| money as f64 / 1e6;
        let gap = (solution.cost - solution.bound) as f64 / (solution.cost as f64).max(1.0);
        text = format!(
            "{} | {} | {} | {nodes} | {unplaced} | {:.3} | {:.3} | {:.1} %",
            snapshot.pods.len(),
            formulation.problem.groups.len(),
            formulation.problem.offerings.len(),
            usd(solution.cost),
            usd(solution.bound),
            gap * 100.0
        );
    }
    let peak = (PEAK.load(Relaxed) - before) as f64 / f64::from(1 << 20);
    let total: f64 = best.iter().sum();
    let rate = snapshot.pods.len() as f64 / total * 1e3;
    writeln!(
        out,
        "| {name} | {text} | {:.1} | {:.1} | {:.1} | {rate:.0} | {peak:.0} |",
        best[0], best[1], best[2]
    )
}

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

/// The system's allocator, with a count of live bytes.
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
        let live = LIVE.fetch_add(layout.size(), Relaxed) + layout.size();
        PEAK.fetch_max(live, Relaxed);
        // SAFETY: the caller's promise about `layout` is handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: `pointer` came from `alloc` above with the same `layout`.
        unsafe { System.dealloc(pointer, layout) }
    }
}
