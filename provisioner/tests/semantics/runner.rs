//! Runs tables of cases.
//!
//! A row has a name, the objects of a cluster, and the plan that is expected, seen through one of
//! the views below. Rows without a NodePool get the pool `main`, which wishes nothing. On sale are
//! [`sizes`](on_sale) in zones a, b and c, spot cheaper than regular.

use std::{collections::BTreeMap, sync::Arc};

use catalog::{InstanceType, Operator, azure::NetworkPlugin};
use provisioner::{
    pipeline::{self, Means, Outcome, Policies, Search, Settings},
    snapshot::{
        Snapshot,
        read::{ReadOptions, Reader},
    },
    source::Catalog,
};
use serde_json::{Value, json};

use crate::{
    objects::with,
    sizes::{requirement, size},
};

pub const ZONE: &str = "topology.kubernetes.io/zone";
pub const HOST: &str = "kubernetes.io/hostname";

/// One case.
pub struct Row {
    name: &'static str,
    objects: Vec<Value>,
    policies: Policies,
    expected: &'static str,
}

impl Row {
    /// The same under other policies.
    pub fn under(self, policies: Policies) -> Self {
        Self { policies, ..self }
    }
}

/// A row in one line.
pub fn row(
    name: &'static str,
    objects: impl IntoIterator<Item = Value>,
    expected: &'static str,
) -> Row {
    let policies = Policies::default();
    Row { name, objects: objects.into_iter().collect(), policies, expected }
}

/// Plans every row, insists that both checks accept the plan, and compares what the view shows.
pub fn run(view: fn(&Planned) -> String, rows: Vec<Row>) {
    let wrong: Vec<String> = rows.into_iter().filter_map(|row| fault(view, row)).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn fault(view: fn(&Planned) -> String, row: Row) -> Option<String> {
    let planned = Planned::of(row.objects, row.policies);
    let violations = &planned.outcome.violations;
    if !violations.is_empty() {
        return Some(format!("{}: {violations:#?}", row.name));
    }
    let found = view(&planned);
    (found != row.expected)
        .then(|| format!("{}:\n  expected {:?}\n  found    {found:?}", row.name, row.expected))
}

/// A node pool with `extra` merged into its template's spec.
pub fn pool(name: &str, extra: Value) -> Value {
    let class = json!({"group": "example.com", "kind": "Class", "name": "default"});
    let spec = with(json!({"nodeClassRef": class, "requirements": []}), extra);
    json!({
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodePool",
        "metadata": {"name": name},
        "spec": {"template": {"spec": spec}}
    })
}

/// A claim for a node of pool `main` that has not come up as `node` yet: 4 cores and one GPU.
pub fn starting(node: Option<&str>, extra: Value) -> Value {
    let holds = json!({"cpu": "4", "memory": "8Gi", "pods": "110", "nvidia.com/gpu": "1"});
    let claim = json!({
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodeClaim",
        "metadata": {"name": "claim", "labels": {"karpenter.sh/nodepool": "main", ZONE: "a"}},
        "spec": {},
        "status": {"nodeName": node, "capacity": holds, "allocatable": holds}
    });
    with(claim, extra)
}

/// A daemon set of one container with `extra` merged into its pods' spec.
pub fn daemon_set(name: &str, extra: Value) -> Value {
    let containers = json!([{"name": "main", "resources": {"requests": {"cpu": "500m"}}}]);
    json!({
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": with(json!({"containers": containers}), extra)
            }
        }
    })
}

/// A storage class that waits for the first consumer and makes volumes in these zones.
pub fn class(name: &str, provisioner: &str, zones: &[&str]) -> Value {
    let terms = json!([{"matchLabelExpressions": [{"key": ZONE, "values": zones}]}]);
    json!({
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name},
        "provisioner": provisioner,
        "volumeBindingMode": "WaitForFirstConsumer",
        "allowedTopologies": if zones.is_empty() { json!([]) } else { terms }
    })
}

/// The spec of a pod whose one container asks for this.
pub fn asks(requests: Value) -> Value {
    json!({"containers": [{"name": "main", "resources": {"requests": requests, "limits": {}}}]})
}

/// The spec of a pod whose one container has this port.
pub fn port(port: Value) -> Value {
    json!({"containers": [{"name": "main", "ports": [port]}]})
}

/// Required node affinity of these terms, each a list of expressions.
pub fn required(terms: &[Value]) -> Value {
    let terms: Vec<Value> = terms.iter().map(|term| json!({"matchExpressions": term})).collect();
    json!({"affinity": {"nodeAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}
    }}})
}

/// s2 (2 cores), s8 (8 cores) and g4 (4 cores and a GPU, four times as dear).
fn on_sale() -> Vec<Arc<InstanceType>> {
    let mut gpu = size("g4", 4, 16);
    gpu.capacity.set("nvidia.com/gpu", 1);
    let asked = requirement("size.example/gpu", Operator::In, &["1"]);
    gpu.requirements.0.insert(asked.key.clone(), asked);
    for offering in &mut gpu.offerings {
        offering.price = offering.price.map(|price| price * 4);
    }
    [size("s2", 2, 8), size("s8", 8, 32), gpu].map(Arc::new).into()
}

/// A plan and what it was made from.
pub struct Planned {
    snapshot: Snapshot,
    outcome: Outcome,
}

impl Planned {
    fn of(mut objects: Vec<Value>, policies: Policies) -> Self {
        if objects.iter().all(|object| object["kind"] != "NodePool") {
            objects.push(pool("main", json!({})));
        }
        let list = json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string();
        let mut reader = Reader::new(ReadOptions::default());
        reader.add_bytes("row", list.as_bytes()).unwrap();
        let snapshot = reader.finish();
        let catalog = Catalog::Types { name: "test".to_owned(), types: on_sale() };
        let settings = Settings {
            kubernetes_version: (1, 34),
            network_plugin: NetworkPlugin::None,
            max_pods: None,
            os_disk_price: None,
            policies,
            search: Search::default(),
        };
        let means = Means { threads: 1, stop: None };
        let outcome = pipeline::plan(&snapshot, &catalog, &settings, &means);
        Self { snapshot, outcome }
    }

    /// Node and zone of every pod that the plan gives a place, by the pod's name.
    fn places(&self) -> BTreeMap<&str, (&str, &str)> {
        let plan = &self.outcome.plan;
        let existing =
            plan.existing.iter().map(|one| (&*one.node, self.zone(&one.node), &one.pods));
        let new = plan.launches.iter().map(|one| (one.name.as_str(), &*one.zone, &one.pods));
        let all = existing.chain(new);
        let placed =
            all.flat_map(|(node, zone, pods)| pods.iter().map(move |pod| (pod, node, zone)));
        placed.map(|(pod, node, zone)| (self.name(*pod), (node, zone))).collect()
    }

    /// The pools of what is launched.
    pub fn pools(&self) -> String {
        let launches = self.outcome.plan.launches.iter();
        launches.map(|one| &*one.node_pool).collect::<Vec<_>>().join(", ")
    }

    /// The zone of a node that exists or is on its way.
    fn zone(&self, node: &str) -> &str {
        let known = self.outcome.formulation.index.nodes.iter().find(|one| *one.name == *node);
        known.and_then(|one| one.labels.get(ZONE)).map_or("nowhere", |zone| zone)
    }

    fn name(&self, pod: u32) -> &str {
        &self.snapshot.pods[pod as usize].name
    }

    /// Node and zone of all pods, those that are bound and stay included.
    fn residents(&self) -> Vec<(&str, &str)> {
        let staying = self.snapshot.pods.iter().filter(|pod| !pod.deleting);
        let bound = staying.filter_map(|pod| pod.node_name.as_deref());
        let bound =
            bound.map(|node| (node, self.zone(node))).filter(|(_, zone)| *zone != "nowhere");
        bound.chain(self.places().into_values()).collect()
    }
}

/// `p old, q new, r Spread, s Volume`: the existing node, `new`, or the reason why there is no
/// place.
pub fn places(planned: &Planned) -> String {
    let plan = &planned.outcome.plan;
    let launched = |node: &str| plan.launches.iter().any(|launch| launch.name == node);
    let mut words: BTreeMap<&str, String> = planned
        .places()
        .into_iter()
        .map(|(pod, (node, _))| (pod, if launched(node) { "new" } else { node }.to_owned()))
        .collect();
    for one in &plan.unplaced {
        words.insert(planned.name(one.pod), format!("{:?}", one.reason));
    }
    for one in &planned.outcome.formulation.skipped {
        if let Some((_, pod)) = one.object.strip_prefix("Pod ").and_then(|id| id.split_once('/')) {
            words.insert(pod, format!("{:?}", one.reason));
        }
    }
    in_words(words)
}

/// `p a, q b`: the zone of every pod that the plan gives a place.
pub fn zones(planned: &Planned) -> String {
    in_words(planned.places().into_iter().map(|(pod, (_, zone))| (pod, zone)))
}

fn in_words<'a, T: AsRef<str>>(pairs: impl IntoIterator<Item = (&'a str, T)>) -> String {
    let words = pairs.into_iter().map(|(pod, word)| format!("{pod} {}", word.as_ref()));
    words.collect::<Vec<_>>().join(", ")
}

/// `s2 spot, s8 on-demand`: what is launched.
pub fn launches(planned: &Planned) -> String {
    let launches = planned.outcome.plan.launches.iter();
    let mut words: Vec<String> =
        launches.map(|one| format!("{} {}", one.instance_type, one.capacity_type)).collect();
    words.sort();
    words.join(", ")
}

/// `2 1 1`: how many pods the zones hold in the end, bound ones included, largest first.
pub fn per_zone(planned: &Planned) -> String {
    counts(planned.residents().into_iter().map(|(_, zone)| zone))
}

/// `2 1 1`: how many pods the nodes hold in the end, bound ones included, largest first.
pub fn per_node(planned: &Planned) -> String {
    counts(planned.residents().into_iter().map(|(node, _)| node))
}

fn counts<'a>(keys: impl Iterator<Item = &'a str>) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    keys.for_each(|key| *counts.entry(key).or_default() += 1);
    let mut counts: Vec<usize> = counts.into_values().collect();
    counts.sort_unstable_by(|a, b| b.cmp(a));
    counts.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// `p q | r`: which planned pods share a zone.
pub fn sharing_zones(planned: &Planned) -> String {
    shares(planned.places().into_iter().map(|(pod, (_, zone))| (zone, pod)))
}

/// `p q | r`: which planned pods share a node.
pub fn sharing_nodes(planned: &Planned) -> String {
    shares(planned.places().into_iter().map(|(pod, (node, _))| (node, pod)))
}

fn shares<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    pairs.for_each(|(place, pod)| groups.entry(place).or_default().push(pod));
    let mut groups: Vec<String> = groups.into_values().map(|pods| pods.join(" ")).collect();
    groups.sort();
    groups.join(" | ")
}
