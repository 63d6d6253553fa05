//! Clusters with every kind of constraint mixed go down the whole street, and two checks that share
//! nothing with each other or with the street accept the plan.
//!
//! `TENON_CASES` says how many seeds to try, `TENON_SEED` where to begin.

use std::{
    env,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    thread,
};

use catalog::azure::Region;
use provisioner::{
    formulate::{Options, formulate},
    plan::{self, Plan},
    snapshot::{
        Snapshot,
        read::{ReadOptions, Reader},
    },
    source::Catalog,
};
use tenon_tests::generate::{Cloud, as_list, generate};

/// Units of work per cluster: column generation has its turn, and thousands of clusters stay
/// possible.
const EFFORT: u64 = 5_000;

/// Seeds that found a fault once.
const ONCE_WRONG: [u64; 2] = [7436, 9427];

/// Every how many seeds the cluster is one of Azure.
const AZURE_EVERY: u64 = 10;

fn read(bytes: &[u8]) -> Snapshot {
    let mut reader = Reader::new(ReadOptions::default());
    reader.add_bytes("generated", bytes).expect("generated objects are well-formed");
    reader.finish()
}

/// What a case says when a check does not accept its plan.
fn faults(snapshot: &Snapshot, catalog: &Catalog) -> (Plan, Vec<String>) {
    let formulation = formulate(snapshot, catalog, &Options::default());
    let options = solver::Options { effort: EFFORT, ..solver::Options::default() };
    let solution = solver::solve(&formulation.problem, &options);
    let solved = solver::check(&formulation.problem, &solution);
    let mut faults: Vec<String> = solved.iter().map(|fault| format!("solver: {fault:?}")).collect();
    let plan = plan::assemble(snapshot, &formulation, &solution);
    let placed = plan::check::check(snapshot, &formulation.node_pools, &plan);
    faults.extend(placed.iter().map(|fault| format!("plan: {fault}")));
    (plan, faults)
}

/// A number from the environment.
fn number(name: &str, default: u64) -> u64 {
    env::var(name).ok().map_or(default, |text| text.parse().expect("a number"))
}

/// Sums over all cases, so that a street that places nothing does not pass for a good one.
#[derive(Default)]
struct Tally {
    pods: AtomicUsize,
    placed: AtomicUsize,
    launches: AtomicUsize,
    on_existing: AtomicUsize,
}

impl Tally {
    fn add(&self, plan: &Plan) {
        let existing: usize = plan.existing.iter().map(|node| node.pods.len()).sum();
        self.pods.fetch_add(plan.totals.pods, Ordering::Relaxed);
        self.placed.fetch_add(plan.totals.placed, Ordering::Relaxed);
        self.launches.fetch_add(plan.launches.len(), Ordering::Relaxed);
        self.on_existing.fetch_add(existing, Ordering::Relaxed);
    }
}

#[test]
fn both_checks_accept_every_plan() {
    let kwok = Catalog::Types {
        name: "kwok".to_owned(),
        types: catalog::kwok::instance_types().into_iter().map(Arc::new).collect(),
    };
    let azure = Catalog::azure(Region::load("eastus").expect("the region is embedded"));
    let first = number("TENON_SEED", 0);
    let cases = number("TENON_CASES", 1000);
    let tally = Tally::default();
    let threads = thread::available_parallelism().map_or(1, usize::from) as u64;
    let next = AtomicU64::new(0);
    let failed: Vec<String> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    // Cases differ much in length, so each worker takes the next one.
                    let seeds = std::iter::from_fn(|| {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        match at.checked_sub(cases) {
                            None => Some(first + at),
                            Some(again) => ONCE_WRONG.get(again as usize).copied(),
                        }
                    });
                    let run = |seed| {
                        let ran = AssertUnwindSafe(|| run(seed, &kwok, &azure, &tally));
                        catch_unwind(ran).unwrap_or_else(|_| Some(format!("seed {seed}: panics")))
                    };
                    seeds.filter_map(run).collect::<Vec<_>>()
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("no case panics")).collect()
    });
    let shown = failed.iter().take(20).cloned().collect::<Vec<_>>().join("\n");
    assert!(failed.is_empty(), "{} of {cases} cases failed\n{shown}", failed.len());
    assert_useful(&tally, cases);
}

/// Runs one seed; says what went wrong.
fn run(seed: u64, kwok: &Catalog, azure: &Catalog, tally: &Tally) -> Option<String> {
    let (cloud, catalog) =
        if seed % AZURE_EVERY == 9 { (Cloud::Azure, azure) } else { (Cloud::Kwok, kwok) };
    let size = 1 + (seed % 12) as usize;
    let snapshot = read(&as_list(&generate(seed, size, cloud)));
    let (plan, faults) = faults(&snapshot, catalog);
    tally.add(&plan);
    (!faults.is_empty()).then(|| format!("seed {seed} ({cloud:?}):\n  {}", faults.join("\n  ")))
}

/// Most pods find a place, new nodes are launched and old ones are used.
fn assert_useful(tally: &Tally, cases: u64) {
    let get = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
    let (pods, placed) = (get(&tally.pods), get(&tally.placed));
    let (launches, on_existing) = (get(&tally.launches), get(&tally.on_existing));
    println!(
        "{cases} cases: {pods} pods, {placed} placed, {on_existing} of them on existing nodes, {launches} launches"
    );
    if cases >= 100 {
        assert!(placed * 2 > pods, "{placed} of {pods} pods have a place");
        assert!(launches > 0 && on_existing > 0);
    }
}
