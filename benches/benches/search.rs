//! Time to a first plan, to a good one (within 1 % of the bound), and to one that is certified
//! within 0.5 %, for the sets whose times are promised.

use std::{hint::black_box, time::Duration};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use solver::{Engine, Options};
use tenon_bench::sets;

/// What each search is asked for.
const STAGES: [(&str, Engine, u32); 3] = [
    ("first", Engine::Greedy, 1_000_000),
    ("good", Engine::Auto, 10_000),
    ("certified", Engine::Auto, 5_000),
];
/// Units of work, so that a search that does not arrive ends at the same place every time.
const EFFORT: u64 = 4_000_000;
const SETS: [&str; 10] = [
    "web/1000x40/eastus-spot/1",
    "web/5000x60/eastus-spot/1",
    "web/20000x100/eastus-spot/1",
    "web/100000x60/aws/1",
    "web/1000000x60/aws/1",
    "mixed/1000x60/eastus/1",
    "mixed/10000x100/eastus/1",
    "openb/aws",
    "vm-stream/aws",
    "vbp/triplet/classF_120_3_3",
];

fn stages(c: &mut Criterion) {
    for name in SETS {
        let Ok(set) = sets::load(name) else { continue };
        let pods = set.instance.problems[0].pods();
        let mut group = c.benchmark_group(name);
        group.throughput(Throughput::Elements(pods));
        group.sample_size(10).measurement_time(Duration::from_secs(2));
        group.warm_up_time(Duration::from_millis(300));
        for (stage, engine, gap_ppm) in STAGES {
            let options = Options { engine, gap_ppm, effort: EFFORT, ..Options::default() };
            group.bench_function(BenchmarkId::from_parameter(stage), |b| {
                b.iter(|| black_box(set.instance.solve(&options).solution.cost));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, stages);
criterion_main!(benches);
