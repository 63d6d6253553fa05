//! The catalog of Karpenter's scheduling benchmark (`fake-it-<i>`), for benchmarks and tests.

use crate::{
    CapacityType, InstanceType, Offering, Requirement, Requirements, Resources,
    resources::{CPU, MEMORY, PODS},
    shape,
    well_known::{ARCH, INSTANCE_TYPE, OS},
};

const GIB: i64 = 1 << 30;

/// The first `n` benchmark sizes; Karpenter uses 400. Size i (from 0) has i + 1 CPUs, 2(i + 1) GiB
/// and room for 10(i + 1) pods, in zones `test-zone-1` to `-3`, spot in the first two only, all
/// at one price: $0.1 for a CPU and $0.1 for 10^9 bytes.
pub fn benchmark_types(n: usize) -> Vec<InstanceType> {
    (0..n).map(instance_type).collect()
}

fn instance_type(index: usize) -> InstanceType {
    let name = format!("fake-it-{index}");
    let cpus = index as i64 + 1;
    let memory = 2 * cpus * GIB;
    InstanceType {
        name: name.as_str().into(),
        requirements: labels(&name, cpus, memory),
        capacity: Resources::from([(CPU, cpus * 1000), (MEMORY, memory), (PODS, cpus * 10)]),
        overhead: shape::overhead(),
        offerings: offerings(price(cpus, memory)),
        max_data_disks: None,
        only_if_asked: false,
        os_disk: None,
    }
}

fn labels(name: &str, cpus: i64, memory: i64) -> Requirements {
    let large = cpus > 4 && memory > 8 * GIB;
    let (size, special) = if large {
        ("large", Requirement::one_of("special", ["optional"]))
    } else {
        ("small", Requirement::absent("special"))
    };
    [
        Requirement::one_of(INSTANCE_TYPE, [name]),
        Requirement::one_of(ARCH, ["amd64"]),
        Requirement::one_of(OS, ["linux", "windows", "darwin"]),
        Requirement::one_of("size", [size]),
        special,
        Requirement::one_of("integer", [cpus.to_string().as_str()]),
    ]
    .into_iter()
    .collect()
}

fn offerings(price: i64) -> Vec<Offering> {
    use CapacityType::{OnDemand, Spot};
    let places = [
        (Spot, "test-zone-1"),
        (Spot, "test-zone-2"),
        (OnDemand, "test-zone-1"),
        (OnDemand, "test-zone-2"),
        (OnDemand, "test-zone-3"),
    ];
    let offering = |(capacity_type, zone): (CapacityType, &str)| Offering {
        zone: zone.into(),
        capacity_type,
        price: Some(price),
        available: true,
        requirements: Requirements::default(),
    };
    places.into_iter().map(offering).collect()
}

/// Micro-dollars per hour, rounded to the nearest: 10^5 for a CPU, one for 10^4 bytes.
fn price(cpus: i64, memory: i64) -> i64 {
    const BYTES_PER_MICRO: i64 = 10_000;
    cpus * 100_000 + (memory + BYTES_PER_MICRO / 2) / BYTES_PER_MICRO
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_the_benchmark() {
        let types = benchmark_types(400);
        assert_eq!(types.len(), 400);
        let last = &types[399];
        assert_eq!(&*last.name, "fake-it-399");
        assert_eq!(last.capacity.get(CPU), 400_000);
        assert_eq!(last.capacity.get(MEMORY), 800 * GIB);
        assert_eq!(last.capacity.get(PODS), 4000);
        // 0.1 · 400 + 0.1 · 800 · 2^30 / 10^9 dollars
        assert!(last.offerings.iter().all(|one| one.price == Some(125_899_346)));
        let spot = |one: &&Offering| one.capacity_type == CapacityType::Spot;
        assert_eq!((last.offerings.iter().filter(spot).count(), last.offerings.len()), (2, 5));
        let size = |index: usize| types[index].requirements.get("size").cloned();
        // Four CPUs have 8 GiB: not more than the bounds, so still small.
        assert_eq!(size(3), Some(Requirement::one_of("size", ["small"])));
        assert_eq!(size(4), Some(Requirement::one_of("size", ["large"])));
        assert!(types[3].requirements.get("special").is_some_and(Requirement::is_empty));
        assert!(types[4].requirements.get("special").is_some_and(|one| one.has("optional")));
        assert!(types[6].requirements.get("integer").is_some_and(|one| one.has("7")));
    }
}
