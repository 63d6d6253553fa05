//! Workloads that the benches share: Karpenter's own benchmark pods, web-like pods of our own, and
//! packing problems, stored and generated ([`sets`]).

pub mod first_fit;
pub mod generate;
pub mod plot;
pub mod rng;
pub mod sets;

use std::{collections::BTreeMap, sync::Arc};

use k8s_openapi::{
    api::core::v1::{
        Affinity, Container, NodeAffinity, NodeSelectorRequirement, NodeSelectorTerm, PodAffinity,
        PodAffinityTerm, PodAntiAffinity, PodSpec, PreferredSchedulingTerm, ResourceRequirements,
        TopologySpreadConstraint, WeightedPodAffinityTerm,
    },
    apimachinery::pkg::{api::resource::Quantity, apis::meta::v1::LabelSelector},
};
use provisioner::{
    api::node_pool::NodePool,
    snapshot::{Pod, PodTemplate, Snapshot},
    source::Catalog,
};

use crate::rng::SplitMix;

const ZONE: &str = "topology.kubernetes.io/zone";
const HOSTNAME: &str = "kubernetes.io/hostname";
const CPU_MILLI: [u32; 5] = [100, 250, 500, 1000, 1500];
const MEMORY_MIB: [u32; 6] = [100, 256, 512, 1024, 2048, 4096];

/// The 400 types that go with Karpenter's benchmark pods.
pub fn benchmark_catalog() -> Catalog {
    let types = catalog::synthetic::benchmark_types(400).into_iter().map(Arc::new).collect();
    Catalog::Types { name: "benchmark".to_owned(), types }
}

/// The embedded catalog of Azure's eastus.
pub fn eastus() -> Option<Catalog> {
    catalog::azure::Region::load("eastus").ok().map(Catalog::azure)
}

/// Karpenter's "diverse" pods for random seed 42, as many as its benchmark has them: 1, 50, 100,
/// 500, 1,000, 1,500, 2,000, 5,000, 10,000 or 20,000. `None` for any other number.
pub fn diverse(pods: u32) -> Option<Snapshot> {
    let data =
        miniz_oxide::inflate::decompress_to_vec(include_bytes!("../data/diverse.bin")).ok()?;
    let mut rest = data.as_slice();
    while let Some((head, tail)) = rest.split_first_chunk::<4>() {
        let count = u32::from_le_bytes(*head);
        let (set, next) = tail.split_at_checked(count as usize * 3)?;
        if count == pods {
            return Some(snapshot(set.chunks_exact(3).map(diverse_template)));
        }
        rest = next;
    }
    None
}

/// 4,000 equal pods full of preferences that cannot all be met: one zone, and apart from each other
/// by zone and by node.
pub fn preferences() -> Snapshot {
    let mut template = template(100, 4096, [("app", "nginx")]);
    template.spec.affinity = Some(Affinity {
        node_affinity: Some(NodeAffinity {
            preferred_during_scheduling_ignored_during_execution: Some(vec![
                PreferredSchedulingTerm {
                    weight: 1,
                    preference: NodeSelectorTerm {
                        match_expressions: Some(vec![NodeSelectorRequirement {
                            key: ZONE.to_owned(),
                            operator: "In".to_owned(),
                            values: Some(vec!["test-zone-1".to_owned()]),
                        }]),
                        ..Default::default()
                    },
                },
            ]),
            ..Default::default()
        }),
        pod_anti_affinity: Some(PodAntiAffinity {
            preferred_during_scheduling_ignored_during_execution: Some(
                [(10, ZONE), (1, HOSTNAME)]
                    .into_iter()
                    .map(|(weight, key)| WeightedPodAffinityTerm {
                        weight,
                        pod_affinity_term: term("app", "nginx", key),
                    })
                    .collect(),
            ),
            ..Default::default()
        }),
        ..Default::default()
    });
    snapshot((0..4000).map(|_| template.clone()))
}

/// `pods` pods of `groups` deployments without constraints: CPU from 50 m to 2 cores, one to eight
/// GiB a core, replica counts that fall off like 1/rank. The same seed gives the same pods.
pub fn web(pods: u32, groups: u32, seed: u64) -> Snapshot {
    let mut random = SplitMix::new(seed);
    let weights: f64 = (1..=groups).map(|rank| 1.0 / f64::from(rank)).sum();
    let mut templates = Vec::new();
    for rank in 1..=groups {
        let cpu = 50 + 25 * random.below(79) as u32;
        let gib_per_core = 1 + random.below(8) as u32;
        let memory = (cpu * gib_per_core * 1024 / 1000).next_multiple_of(64);
        let share = f64::from(pods) / f64::from(rank) / weights;
        let name = format!("web-{rank}");
        let template = template(cpu, memory, [("app", name.as_str())]);
        templates.extend(std::iter::repeat_n(template, (share.round() as usize).max(1)));
    }
    templates.truncate(pods as usize);
    snapshot(templates)
}

fn diverse_template(pod: &[u8]) -> PodTemplate {
    let [kind, labels, size] = [pod[0], pod[1], pod[2]];
    let value = |index: u8| (index > 0).then(|| char::from(b'a' + index - 1).to_string());
    let (label, selector) = (value(labels / 8), value(labels % 8).unwrap_or_default());
    let cpu = CPU_MILLI[usize::from(size) / 6];
    let memory = MEMORY_MIB[usize::from(size) % 6];
    let label = label.unwrap_or_default();
    match kind {
        1 | 2 => {
            let key = if kind == 1 { ZONE } else { HOSTNAME };
            let mut template = template(cpu, memory, [("my-label", label.as_str())]);
            template.spec.topology_spread_constraints = Some(vec![TopologySpreadConstraint {
                max_skew: 1,
                topology_key: key.to_owned(),
                when_unsatisfiable: "DoNotSchedule".to_owned(),
                label_selector: Some(equals("my-label", &selector)),
                ..Default::default()
            }]);
            template
        }
        3 => {
            let mut template = template(cpu, memory, [("my-affininity", label.as_str())]);
            template.spec.affinity = Some(Affinity {
                pod_affinity: Some(PodAffinity {
                    required_during_scheduling_ignored_during_execution: Some(vec![term(
                        "my-affininity",
                        &selector,
                        ZONE,
                    )]),
                    ..Default::default()
                }),
                ..Default::default()
            });
            template
        }
        4 => {
            let mut template = template(cpu, memory, [("app", "nginx")]);
            template.spec.affinity = Some(Affinity {
                pod_anti_affinity: Some(PodAntiAffinity {
                    required_during_scheduling_ignored_during_execution: Some(vec![term(
                        "app", "nginx", HOSTNAME,
                    )]),
                    ..Default::default()
                }),
                ..Default::default()
            });
            template
        }
        _ => template(cpu, memory, [("my-label", label.as_str())]),
    }
}

fn equals(key: &str, value: &str) -> LabelSelector {
    LabelSelector {
        match_labels: Some(BTreeMap::from([(key.to_owned(), value.to_owned())])),
        ..Default::default()
    }
}

fn term(key: &str, value: &str, topology_key: &str) -> PodAffinityTerm {
    PodAffinityTerm {
        label_selector: Some(equals(key, value)),
        topology_key: topology_key.to_owned(),
        ..Default::default()
    }
}

fn template<const N: usize>(
    cpu_milli: u32,
    memory_mib: u32,
    labels: [(&str, &str); N],
) -> PodTemplate {
    let requests = BTreeMap::from([
        ("cpu".to_owned(), Quantity(format!("{cpu_milli}m"))),
        ("memory".to_owned(), Quantity(format!("{memory_mib}Mi"))),
    ]);
    PodTemplate {
        labels: labels.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
        spec: PodSpec {
            containers: vec![Container {
                name: "main".to_owned(),
                resources: Some(ResourceRequirements {
                    requests: Some(requests),
                    ..Default::default()
                }),
                ..Default::default()
            }],
            ..Default::default()
        },
        ..Default::default()
    }
}

/// Pods of one shape share a template, as they do when a dump is read.
fn snapshot(templates: impl IntoIterator<Item = PodTemplate>) -> Snapshot {
    let namespace: Arc<str> = Arc::from("default");
    let mut shared: BTreeMap<String, Arc<PodTemplate>> = BTreeMap::new();
    let mut pods = Vec::new();
    for (at, template) in templates.into_iter().enumerate() {
        let template = shared
            .entry(format!("{:?} {:?}", template.labels, template.spec))
            .or_insert_with(|| Arc::new(template))
            .clone();
        let pod = Pod {
            namespace: namespace.clone(),
            name: format!("pod-{at:06}").into(),
            uid: "".into(),
            template,
            node_name: None,
            nominated_node: None,
            terminal: false,
            deleting: false,
            created: 0,
            resized: None,
            expanded_from: None,
        };
        pods.push(Arc::new(pod));
    }
    let pool = NodePool { name: "default".to_owned(), ..Default::default() };
    Snapshot { pods, node_pools: vec![pool], ..Default::default() }
}
