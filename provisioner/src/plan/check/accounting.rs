//! Every pod that waits is in the plan exactly once, and no other pod is.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Filter, Violation,
    cluster::{Claims, planned},
};
use crate::{
    plan::Plan,
    snapshot::{Pod, Snapshot},
};

/// Counts pods and money.
pub(super) fn check(snapshot: &Snapshot, plan: &Plan) -> Vec<Violation> {
    let mut places: BTreeMap<u32, Vec<&str>> = BTreeMap::new();
    let unplaced = plan.unplaced.iter().map(|unplaced| ("no place", unplaced.pod));
    for (place, pod) in planned(plan).chain(unplaced) {
        places.entry(pod).or_default().push(place);
    }
    let claims = Claims::of(snapshot);
    let staying: BTreeSet<&str> = (snapshot.nodes.iter())
        .filter(|node| !claims.leaving(node))
        .filter_map(|node| node.metadata.name.as_deref())
        .collect();
    let excused = excused(snapshot, plan);
    let mut found = Vec::new();
    for (index, pod) in (0u32..).zip(&snapshot.pods) {
        let id = format!("{}/{}", pod.namespace, pod.name);
        let places = places.remove(&index).unwrap_or_default();
        let fault = if places.len() > 1 {
            "is planned more than once"
        } else if !places.is_empty() && settled(pod, &staying) {
            "is bound, finished or going away, and planned all the same"
        } else if places.is_empty() && waits(pod) && !excused.contains(id.as_str()) {
            "waits, and the plan does not mention it"
        } else {
            continue;
        };
        found.push(violation(id, places.join(", "), fault));
    }
    for (index, places) in places {
        found.push(violation(index.to_string(), places.join(", "), "there is no such pod"));
    }
    let hourly: i64 = plan.launches.iter().map(|launch| launch.price).sum();
    if hourly != plan.totals.hourly {
        let detail = format!("launches cost {hourly}, the total says {}", plan.totals.hourly);
        found.push(violation(String::new(), String::new(), &detail));
    }
    found
}

fn violation(pod: String, node: String, detail: &str) -> Violation {
    Violation { pod, node, filter: Filter::Accounting, detail: detail.to_owned() }
}

/// Pods that the plan says it left out, by `namespace/name`.
fn excused<'a>(snapshot: &'a Snapshot, plan: &'a Plan) -> BTreeSet<&'a str> {
    (snapshot.skipped.iter().chain(&plan.skipped))
        .filter_map(|skipped| skipped.object.strip_prefix("Pod "))
        .collect()
}

/// Whether a pod must not be planned.
fn settled(pod: &Pod, staying: &BTreeSet<&str>) -> bool {
    pod.terminal
        || pod.deleting
        || pod.node_name.as_ref().is_some_and(|name| staying.contains(&**name))
}

/// Whether a pod certainly waits for a place.
fn waits(pod: &Pod) -> bool {
    pod.node_name.is_none() && !pod.terminal && !pod.deleting && pod.nominated_node.is_none()
}
