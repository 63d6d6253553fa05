//! Telling kube-scheduler where pods are expected (`status.nominatedNodeName`; KEP-5278, feature
//! NominatedNodeNameForExpectation).
//!
//! A nomination lasts until the scheduler next fails to place the pod: it then clears the field
//! (1.36: `Evaluator.Preempt` without a candidate, `ErrNoNodesAvailable`), even when the nominated
//! node will take pods in a moment. So whoever nominates has to [`renew`] until the pod is bound.
//!
//! When the scheduler looks at a node, it counts the other pods nominated there as if they were
//! bound. Two pods that must be spread, both nominated to one node, would therefore keep each other
//! out of it: of each such family no more are nominated to a node than its skew allows. The others
//! have their turn when these are bound.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Mutex, PoisonError},
};

use futures::{StreamExt, stream};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
};
use serde_json::json;

use crate::api::{names, v1::PodRef};

/// Requests in flight for one node.
const AT_ONCE: usize = 16;
/// Other writers of the same pod are met so often before the pod is left to the scheduler.
const MOST_CONFLICTS: usize = 3;

/// What became of the pods that a node was meant for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Nominated {
    /// Nominated to the node.
    pub nominated: usize,
    /// Bound meanwhile.
    pub bound: usize,
    /// Gone, ended or terminating.
    pub gone: usize,
    /// Nominated to another node, by somebody else.
    pub taken: usize,
    /// Left for later, for they would keep others of their family out.
    pub left: usize,
    /// The server does not keep the field: its feature is off.
    pub ignored: usize,
    /// The server refused or did not answer.
    pub failed: usize,
}

impl fmt::Display for Nominated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { nominated, bound, gone, taken, left, ignored, failed } = self;
        write!(
            f,
            "{nominated} nominated, {bound} bound already, {gone} gone, {taken} nominated \
             elsewhere, {left} left for later, {ignored} ignored, {failed} failed"
        )
    }
}

#[derive(Clone, Copy)]
enum Outcome {
    Nominated,
    Bound,
    Gone,
    Taken,
    Left,
    Ignored,
    Failed,
}

/// How many pods of each family are nominated to a node. A family has the same hard spreads.
#[derive(Debug, Default)]
struct Families(Mutex<BTreeMap<String, usize>>);

impl Families {
    /// Whether one more pod may be nominated; it counts then.
    fn admit(&self, pod: &Pod) -> bool {
        let Some((family, most)) = family(pod) else { return true };
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(family).or_insert(0);
        *count += 1;
        *count <= most
    }
}

/// A pod's namespace and hard spreads, and the least skew among these; `None` without any.
fn family(pod: &Pod) -> Option<(String, usize)> {
    let spec = pod.spec.as_ref()?;
    let spreads = spec.topology_spread_constraints.iter().flatten();
    let hard: Vec<_> = spreads.filter(|one| one.when_unsatisfiable == "DoNotSchedule").collect();
    let most = hard.iter().map(|one| usize::try_from(one.max_skew).unwrap_or(1).max(1)).min()?;
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    Some((json!([namespace, hard]).to_string(), most))
}

/// Nominates pods to a node. A pod that is bound, or that changes all the time, is left alone:
/// nomination is a hint, and a node must not wait for it.
pub async fn nominate(client: &Client, node: &str, pods: &[PodRef]) -> Nominated {
    write(client, node, pods, Over::Any).await
}

/// Nominates pods to a node again that are not nominated to any.
pub async fn renew(client: &Client, node: &str, pods: &[PodRef]) -> Nominated {
    write(client, node, pods, Over::Nothing).await
}

/// Which nomination of a pod gives way to a new one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Over {
    Any,
    /// The scheduler has plans of its own with a pod that it nominated.
    Nothing,
}

async fn write(client: &Client, node: &str, pods: &[PodRef], over: Over) -> Nominated {
    let mut sum = Nominated::default();
    let families = Families::default();
    let mut outcomes = stream::iter(pods.to_vec())
        .map(|pod| nominate_one(client, node, pod, over, &families))
        .buffer_unordered(AT_ONCE);
    while let Some(outcome) = outcomes.next().await {
        *match outcome {
            Outcome::Nominated => &mut sum.nominated,
            Outcome::Bound => &mut sum.bound,
            Outcome::Gone => &mut sum.gone,
            Outcome::Taken => &mut sum.taken,
            Outcome::Left => &mut sum.left,
            Outcome::Ignored => &mut sum.ignored,
            Outcome::Failed => &mut sum.failed,
        } += 1;
    }
    sum
}

async fn nominate_one(
    client: &Client,
    node: &str,
    pod: PodRef,
    over: Over,
    families: &Families,
) -> Outcome {
    let mut admitted = false;
    let mut admit = |pod: &Pod| {
        admitted = admitted || families.admit(pod);
        admitted
    };
    let api = Api::<Pod>::namespaced(client.clone(), &pod.namespace);
    for _ in 0..MOST_CONFLICTS {
        match attempt(&api, node, &pod.name, over, &mut admit).await {
            Ok(outcome) => return outcome,
            Err(kube::Error::Api(status)) if status.code == 404 => return Outcome::Gone,
            Err(kube::Error::Api(status)) if status.code == 409 => {}
            Err(error) => {
                tracing::warn!(%error, node, pod = pod.name, "pod not nominated");
                return Outcome::Failed;
            }
        }
    }
    Outcome::Failed
}

/// Reads the pod and writes under its version, so that a pod that is bound in between stays as it
/// is.
async fn attempt(
    api: &Api<Pod>,
    node: &str,
    name: &str,
    over: Over,
    admit: &mut (impl FnMut(&Pod) -> bool + Send),
) -> Result<Outcome, kube::Error> {
    let pod = api.get(name).await?;
    let nominee = |pod: &Pod| pod.status.as_ref().and_then(|it| it.nominated_node_name.clone());
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    if pod.metadata.deletion_timestamp.is_some() || matches!(phase, Some("Succeeded" | "Failed")) {
        return Ok(Outcome::Gone);
    }
    if pod.spec.as_ref().is_some_and(|spec| spec.node_name.is_some()) {
        return Ok(Outcome::Bound);
    }
    match nominee(&pod) {
        Some(known) if known == node => {
            admit(&pod);
            return Ok(Outcome::Nominated);
        }
        Some(_) if over == Over::Nothing => return Ok(Outcome::Taken),
        _ if !admit(&pod) => return Ok(Outcome::Left),
        _ => {}
    }
    let patch = json!({
        "metadata": { "resourceVersion": pod.metadata.resource_version },
        "status": { "nominatedNodeName": node },
    });
    let params = PatchParams {
        field_manager: Some(names::FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    let answer = api.patch_status(name, &params, &Patch::Merge(patch)).await?;
    let kept = nominee(&answer).as_deref() == Some(node);
    Ok(if kept { Outcome::Nominated } else { Outcome::Ignored })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(app: &str, skew: i32, rule: &str) -> Pod {
        let spread = json!({
            "maxSkew": skew, "topologyKey": "topology.kubernetes.io/zone",
            "whenUnsatisfiable": rule, "labelSelector": { "matchLabels": { "app": app } },
        });
        let spec = json!({ "containers": [], "topologySpreadConstraints": [spread] });
        let pod = json!({ "metadata": { "namespace": "shop", "name": app }, "spec": spec });
        serde_json::from_value(pod).expect("a pod")
    }

    #[test]
    fn no_more_of_a_family_than_its_skew() {
        let families = Families::default();
        let admitted = |pod: Pod| (0..4).filter(|_| families.admit(&pod)).count();
        assert_eq!(admitted(pod("web", 1, "DoNotSchedule")), 1);
        assert_eq!(admitted(pod("cart", 3, "DoNotSchedule")), 3, "another family");
        assert_eq!(admitted(pod("web", 1, "ScheduleAnyway")), 4, "a wish keeps nobody out");
        assert_eq!(admitted(Pod::default()), 4);
    }
}
