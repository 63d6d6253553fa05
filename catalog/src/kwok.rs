//! The catalog of Karpenter's kwok provider, as a formula: 12 CPU counts × 3 memory factors × 2
//! operating systems × 2 architectures = 144 sizes, each in 4 zones, spot and on-demand.

use crate::{
    CapacityType, InstanceType, Offering, Quantity, Requirements, Resources,
    resources::{CPU, EPHEMERAL_STORAGE, MEMORY, PODS},
    shape::Shape,
};

const CPUS: [i64; 12] = [1, 2, 4, 8, 16, 32, 48, 64, 96, 128, 192, 256];
/// Family and GiB of memory for each CPU.
const FAMILIES: [(&str, i64); 3] = [("c", 2), ("s", 4), ("m", 8)];
const ZONES: [&str; 4] = ["test-zone-a", "test-zone-b", "test-zone-c", "test-zone-d"];
const GIB: i64 = 1 << 30;
const PODS_PER_CPU: i64 = 16;
const MOST_PODS: i64 = 1024;

/// All 144 sizes, in the order of upstream's loops: CPUs, memory, operating system, architecture.
pub fn instance_types() -> Vec<InstanceType> {
    let mut types = Vec::with_capacity(144);
    for cpus in CPUS {
        for (family, gib_per_cpu) in FAMILIES {
            for os in ["linux", "windows"] {
                for arch in ["amd64", "arm64"] {
                    types.push(instance_type(cpus, family, cpus * gib_per_cpu * GIB, os, arch));
                }
            }
        }
    }
    types
}

fn instance_type(cpus: i64, family: &str, memory: i64, os: &str, arch: &str) -> InstanceType {
    Shape {
        name: &format!("{family}-{cpus}x-{arch}-{os}"),
        architecture: arch,
        operating_systems: vec![os],
        cpu: Quantity::from_milli(cpus * 1000),
        memory: Quantity::binary(memory),
        capacity: Resources::from([
            (CPU, cpus * 1000),
            (MEMORY, memory),
            (PODS, (cpus * PODS_PER_CPU).min(MOST_PODS)),
            (EPHEMERAL_STORAGE, 20 * GIB),
        ]),
        offerings: offerings(cpus, memory),
    }
    .instance_type()
}

fn offerings(cpus: i64, memory: i64) -> Vec<Offering> {
    let mut offerings = Vec::with_capacity(ZONES.len() * 2);
    for zone in ZONES {
        for capacity_type in [CapacityType::Spot, CapacityType::OnDemand] {
            offerings.push(Offering {
                zone: zone.into(),
                capacity_type,
                price: Some(price(cpus, memory, capacity_type)),
                available: true,
                requirements: Requirements::default(),
            });
        }
    }
    offerings
}

/// $0.025 for a CPU and $0.001 for 10^9 bytes of memory, 30 % off for spot; in micro-dollars per
/// hour, rounded to the nearest.
fn price(cpus: i64, memory: i64, capacity_type: CapacityType) -> i64 {
    /// 10^-12 dollars: one byte costs exactly one.
    const PER_CPU: i64 = 25_000_000_000;
    const PER_MICRO: i64 = 1_000_000;
    let regular = cpus * PER_CPU + memory;
    let pico = if capacity_type == CapacityType::Spot { regular * 7 / 10 } else { regular };
    (pico + PER_MICRO / 2) / PER_MICRO
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::well_known;

    #[test]
    fn has_the_published_prices() {
        let types = instance_types();
        // Karpenter's embedded list, in dollars: 0.027147483648, 1.406158430, 8.599023256.
        for (name, regular, spot) in [
            ("c-1x-amd64-linux", 27_147, 19_003),
            ("c-1x-arm64-windows", 27_147, 19_003),
            ("s-48x-amd64-linux", 1_406_158, 984_311),
            ("m-256x-arm64-linux", 8_599_023, 6_019_316),
        ] {
            let found = types.iter().find(|one| &*one.name == name).expect(name);
            assert_eq!(found.offerings.len(), 8);
            for offering in &found.offerings {
                let want =
                    if offering.capacity_type == CapacityType::Spot { spot } else { regular };
                assert_eq!(offering.price, Some(want), "{name}");
                assert!(offering.available);
            }
        }
    }

    #[test]
    fn has_144_different_sizes_with_labels() {
        let types = instance_types();
        let names: std::collections::BTreeSet<_> = types.iter().map(|one| &one.name).collect();
        assert_eq!((types.len(), names.len()), (144, 144));
        let one = types.iter().find(|one| &*one.name == "m-128x-arm64-windows").expect("in list");
        assert_eq!(one.capacity.get(PODS), 1024);
        assert_eq!(one.allocatable().get(CPU), 127_900);
        assert_eq!(one.allocatable().get(MEMORY), 1024 * GIB - (10 << 20));
        assert_eq!(one.allocatable().get(EPHEMERAL_STORAGE), 20 * GIB);
        for (key, value) in [
            (well_known::INSTANCE_TYPE, "m-128x-arm64-windows"),
            (well_known::ARCH, "arm64"),
            (well_known::OS, "windows"),
            (well_known::KWOK_SIZE, "128"),
            (well_known::KWOK_FAMILY, "m"),
            (well_known::KWOK_CPU, "128"),
            (well_known::KWOK_MEMORY, "1Ti"),
        ] {
            let found = one.requirements.get(key).expect(key);
            assert!(found.has(value) && found.values.len() == 1, "{found}");
        }
        assert_eq!(types[0].capacity.get(PODS), 16);
    }
}
