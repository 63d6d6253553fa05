//! Instance types in few words.

use std::sync::Arc;

use catalog::{
    CapacityType, InstanceType, Offering, Operator, Overhead, Requirement, Requirements, Resources,
};

pub const GIB: i64 = 1 << 30;

/// A requirement in one line.
pub fn requirement(key: &str, operator: Operator, values: &[&str]) -> Requirement {
    let values: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
    Requirement::new(key, operator, &values, None).unwrap()
}

/// Requirements from single ones.
pub fn requirements(list: impl IntoIterator<Item = Requirement>) -> Requirements {
    let mut all = Requirements::default();
    list.into_iter().for_each(|one| all.add(one));
    all
}

/// A size with offerings in zones a, b and c, regular and spot.
pub fn size(name: &str, cpu: i64, gib: i64) -> InstanceType {
    let offerings = ["a", "b", "c"].into_iter().flat_map(|zone| {
        [(CapacityType::OnDemand, 100), (CapacityType::Spot, 40)].map(|(capacity_type, price)| {
            Offering {
                zone: Arc::from(zone),
                capacity_type,
                price: Some(price * 1000 * cpu),
                available: true,
                requirements: Requirements::default(),
            }
        })
    });
    InstanceType {
        name: Arc::from(name),
        requirements: requirements([
            requirement("node.kubernetes.io/instance-type", Operator::In, &[name]),
            requirement("kubernetes.io/arch", Operator::In, &["amd64"]),
            requirement("kubernetes.io/os", Operator::In, &["linux"]),
            requirement("size.example/cpu", Operator::In, &[&cpu.to_string()]),
            requirement("size.example/gpu", Operator::DoesNotExist, &[]),
        ]),
        capacity: Resources::from([("cpu", cpu * 1000), ("memory", gib * GIB), ("pods", 30)]),
        overhead: Overhead {
            kube_reserved: Resources::from([("cpu", 100)]),
            ..Overhead::default()
        },
        offerings: offerings.collect(),
        max_data_disks: Some(4),
        only_if_asked: false,
        os_disk: None,
    }
}
