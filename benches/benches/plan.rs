//! Time from a snapshot in memory to a checked solution, in pods per second.

use std::{hint::black_box, time::Duration};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use provisioner::{
    formulate::{self, formulate},
    snapshot::Snapshot,
    source::Catalog,
};
use tenon_bench::{benchmark_catalog, diverse, eastus, preferences, web};

fn plan(snapshot: &Snapshot, catalog: &Catalog) -> usize {
    let formulation = formulate(snapshot, catalog, &formulate::Options::default());
    let solution = solver::solve(&formulation.problem, &solver::Options::default());
    let violations = solver::check(&formulation.problem, &solution);
    assert!(violations.is_empty(), "the solution breaks {:?}", violations.first());
    solution.launches.len()
}

fn run(c: &mut Criterion, name: &str, snapshot: &Snapshot, catalog: &Catalog) {
    let pods = snapshot.pods.len();
    let mut group = c.benchmark_group(name);
    group.throughput(Throughput::Elements(pods as u64));
    group.sample_size(10).measurement_time(Duration::from_secs(2));
    group.warm_up_time(Duration::from_millis(300));
    group.bench_function(BenchmarkId::from_parameter(pods), |b| {
        b.iter(|| black_box(plan(snapshot, catalog)));
    });
    group.finish();
}

fn karpenter_diverse(c: &mut Criterion) {
    let catalog = benchmark_catalog();
    for pods in [100, 1_000, 5_000, 20_000] {
        if let Some(snapshot) = diverse(pods) {
            run(c, "karpenter-diverse", &snapshot, &catalog);
        }
    }
}

fn karpenter_preferences(c: &mut Criterion) {
    run(c, "karpenter-preferences", &preferences(), &benchmark_catalog());
}

fn web_on_eastus(c: &mut Criterion) {
    if let Some(catalog) = eastus() {
        for pods in [1_000, 10_000, 100_000] {
            run(c, "web-60-groups-eastus", &web(pods, 60, 1), &catalog);
        }
    }
}

criterion_group!(benches, karpenter_diverse, karpenter_preferences, web_on_eastus);
criterion_main!(benches);
