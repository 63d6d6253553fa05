//! What became of a scenario, in words and numbers that are the same each time.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use catalog::well_known;
use k8s_openapi::api::{
    core::v1::{Node, Pod},
    events::v1::Event,
};
use kube::{Api, Client, Resource, ResourceExt, api::ListParams};
use provisioner::api::{
    names,
    v1::{NodeClaim, NodePool},
};
use serde::de::DeserializeOwned;

use crate::cluster::{self, is_running};

/// How a report's line on nominations begins.
const LANDED: &str = "landed";

/// Everything that a report is made of.
pub(super) struct State {
    pub(super) pods: Vec<Pod>,
    pub(super) nodes: Vec<Node>,
    pub(super) claims: Vec<NodeClaim>,
    pools: Vec<NodePool>,
    events: Vec<Event>,
}

impl State {
    /// Reads what the scenario is about: pods of its namespace, and events that are not `before`.
    pub(super) async fn read(
        client: &Client,
        namespace: &str,
        before: &BTreeSet<String>,
    ) -> Result<Self, kube::Error> {
        async fn all<K>(client: &Client) -> Result<Vec<K>, kube::Error>
        where
            K: Resource<DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug,
        {
            Ok(Api::<K>::all(client.clone()).list(&ListParams::default()).await?.items)
        }
        let mut state = Self {
            pods: all(client).await?,
            nodes: all(client).await?,
            claims: all(client).await?,
            pools: all(client).await?,
            events: all(client).await?,
        };
        state.events.retain(|event| !before.contains(&uid(event)));
        // Pods whose node is gone go too, at some time.
        let names: BTreeSet<String> = state.nodes.iter().map(ResourceExt::name_any).collect();
        state.pods.retain(|pod| {
            pod.namespace().as_deref() == Some(namespace)
                && pod.labels().contains_key("app")
                && host(pod).is_none_or(|node| names.contains(node))
        });
        let mut nodes = std::mem::take(&mut state.nodes);
        nodes.sort_by_cached_key(|node| (state.kind(node), node.name_any()));
        Ok(Self { nodes, ..state })
    }

    /// What can be said of a node each time: pool, type, zone, capacity type, peculiarities, pods.
    fn kind(&self, node: &Node) -> (String, usize) {
        let label = |key: &str| node.labels().get(key).map_or("-", String::as_str);
        let mut words = vec![
            label(names::NODE_POOL),
            label(well_known::INSTANCE_TYPE),
            label(well_known::ZONE),
            label(names::CAPACITY_TYPE),
        ];
        if node.spec.as_ref().and_then(|spec| spec.unschedulable) == Some(true) {
            words.push("cordoned");
        }
        if node.metadata.deletion_timestamp.is_some() {
            words.push("leaving");
        }
        if node.labels().get(names::INITIALIZED).map(String::as_str) != Some("true") {
            words.push("not initialised");
        }
        let name = node.name_any();
        (words.join(" "), self.pods.iter().filter(|pod| host(pod) == Some(&name)).count())
    }

    /// How many objects had an event of a reason that tenon told.
    pub(super) fn events(&self) -> BTreeMap<(String, String), usize> {
        let mut objects: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
        for event in &self.events {
            if event.reporting_controller.as_deref() != Some(names::FIELD_MANAGER) {
                continue;
            }
            let about = event.regarding.clone().unwrap_or_default();
            let key = (event.reason.clone().unwrap_or_default(), about.kind.unwrap_or_default());
            objects.entry(key).or_default().insert(about.name.unwrap_or_default());
        }
        objects.into_iter().map(|(key, objects)| (key, objects.len())).collect()
    }

    /// Pods that run, that have no node, and the others, by workload.
    pub(super) fn counts(&self) -> BTreeMap<&str, [usize; 3]> {
        let mut counts: BTreeMap<&str, [usize; 3]> = BTreeMap::new();
        for pod in &self.pods {
            let state = match (is_running(pod), host(pod)) {
                (true, _) => 0,
                (false, None) => 1,
                (false, Some(_)) => 2,
            };
            let name = pod.labels().get("app").map_or("", String::as_str);
            counts.entry(name).or_default()[state] += 1;
        }
        counts
    }

    /// Of the pods that a claim lists and that have a node: those on the claim's node, and all.
    fn landed(&self) -> (usize, usize) {
        let mut planned: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for claim in &self.claims {
            let node = claim.status.as_ref().and_then(|status| status.node_name.as_deref());
            for pod in claim.planned_pods() {
                planned.entry(pod.name).or_default().extend(node);
            }
        }
        let bound = self.pods.iter().filter_map(|pod| Some((planned.get(&pod.name_any())?, pod)));
        let bound: Vec<_> = bound.filter(|(_, pod)| host(pod).is_some()).collect();
        let there =
            bound.iter().filter(|(nodes, pod)| nodes.iter().any(|at| Some(*at) == host(pod)));
        (there.count(), bound.len())
    }

    /// The report.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for (name, [running, waiting, others]) in self.counts() {
            line(&mut text, "pods", &format!("{name}: {running} running, {waiting} waiting"));
            if others > 0 {
                line(&mut text, "", &format!("{name}: {others} starting or ending"));
            }
        }
        let (there, bound) = self.landed();
        line(&mut text, LANDED, &format!("{there} of {bound} on the node planned for them"));
        let mut nodes: BTreeMap<(String, usize), usize> = BTreeMap::new();
        for node in &self.nodes {
            *nodes.entry(self.kind(node)).or_insert(0) += 1;
        }
        for ((kind, pods), count) in nodes {
            line(&mut text, "nodes", &format!("{count} x {kind}, pods: {pods}"));
        }
        for (wrong, count) in self.conditions() {
            line(&mut text, "wrong", &format!("{count} x {wrong}"));
        }
        for ((reason, kind), count) in self.events() {
            line(&mut text, "events", &format!("{reason} of {count} {kind}"));
        }
        text
    }

    /// Conditions of pools that are False, and of claims that have no node.
    fn conditions(&self) -> BTreeMap<String, usize> {
        let mut found = BTreeMap::new();
        let pools = self.pools.iter().flat_map(|pool| {
            let conditions = pool.status.iter().flat_map(|status| &status.conditions);
            conditions.map(|condition| (format!("NodePool {}", pool.name_any()), condition))
        });
        let claims = self.claims.iter().flat_map(|claim| {
            let name = format!("NodeClaim of {}", claim.pool().unwrap_or_default());
            claim.conditions().iter().map(move |condition| (name.clone(), condition))
        });
        for (name, condition) in pools.chain(claims).filter(|(_, one)| one.status == "False") {
            let shown = format!("{name}: {} is False, {}", condition.type_, condition.reason);
            *found.entry(shown).or_insert(0) += 1;
        }
        found
    }

    /// Whether an object has a condition of a status, `Kind/name` and `type=status`.
    pub(super) fn has_condition(&self, object: &str, condition: &str) -> bool {
        let Some((kind, status)) = condition.split_once('=') else { return false };
        let pools =
            self.pools.iter().filter(|pool| object == format!("NodePool/{}", pool.name_any()));
        let mut conditions =
            pools.flat_map(|pool| pool.status.iter().flat_map(|it| &it.conditions));
        conditions.any(|one| one.type_ == kind && one.status == status)
    }
}

/// Whether a report begins like another, which may be all of it. Of a real cluster it need not say
/// how many pods landed where they were planned: kube-scheduler takes a nomination back when it tries
/// the pod too early, and one of its like may be faster then.
pub fn continues(golden: &str, report: &str) -> bool {
    let real = cluster::is_real();
    let counts = |line: &&str| !(real && line.starts_with(LANDED));
    let mut golden = golden.lines().filter(counts);
    report.lines().filter(counts).all(|line| golden.next() == Some(line))
}

/// The events that a cluster has already.
pub(super) async fn events(client: &Client) -> Result<BTreeSet<String>, kube::Error> {
    let events = Api::<Event>::all(client.clone()).list(&ListParams::default()).await?;
    Ok(events.items.iter().map(uid).collect())
}

fn uid(event: &Event) -> String {
    event.uid().unwrap_or_default()
}

fn host(pod: &Pod) -> Option<&str> {
    pod.spec.as_ref()?.node_name.as_deref()
}

fn line(text: &mut String, head: &str, rest: &str) {
    // A String takes all that is written to it.
    let _ = writeln!(text, "{head:<8}{rest}");
}
