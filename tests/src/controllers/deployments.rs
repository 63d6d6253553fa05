//! Deployments: one ReplicaSet per pod template, and a rolling change from one to the next.

use std::hash::{Hash, Hasher};

use k8s_openapi::{
    api::apps::v1::{Deployment, ReplicaSet, ReplicaSetSpec},
    apimachinery::pkg::{apis::meta::v1::ObjectMeta, util::intstr::IntOrString},
};
use rustc_hash::FxHasher;
use serde_json::json;

use super::{
    Action, Kind, World,
    replica_sets::replicas,
    world::{is_deleting, owned_by, owner, scaled},
};
use crate::watch::key;

/// Label of ReplicaSets and pods: which template of the deployment they were made from.
const TEMPLATE_HASH: &str = "pod-template-hash";
/// Letters that make no words.
const LETTERS: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

pub(super) fn actions(world: &World) -> Vec<Action> {
    let mut actions = Vec::new();
    let deployments = world.deployments.values();
    for deployment in deployments.filter(|deployment| !is_deleting(&deployment.metadata)) {
        let uid = deployment.metadata.uid.as_deref();
        let sets: Vec<&ReplicaSet> = (world.replica_sets.values())
            .filter(|set| owner(&set.metadata).map(|owner| owner.uid.as_str()) == uid)
            .filter(|set| !is_deleting(&set.metadata))
            .collect();
        actions.extend(status(deployment, &sets));
        if deployment.spec.paused == Some(true) {
            continue;
        }
        let hash = template_hash(deployment);
        let has_hash = |set: &&ReplicaSet| {
            set.metadata.labels.as_ref().and_then(|labels| labels.get(TEMPLATE_HASH)) == Some(&hash)
        };
        let (new, old): (Vec<&ReplicaSet>, Vec<&ReplicaSet>) = sets.into_iter().partition(has_hash);
        match new.first() {
            None => {
                let wanted = Rollout::new(deployment, None, &old).new_replicas();
                let set = replica_set(deployment, &hash, wanted);
                actions.push(Action::CreateReplicaSet(Box::new(set)));
            }
            Some(new) => actions.extend(Rollout::new(deployment, Some(new), &old).actions()),
        }
    }
    actions
}

/// A change of template that may be under way.
struct Rollout<'a> {
    wanted: i32,
    surge: i32,
    unavailable: i32,
    recreate: bool,
    new: Option<&'a ReplicaSet>,
    old: &'a [&'a ReplicaSet],
}

impl<'a> Rollout<'a> {
    fn new(of: &Deployment, new: Option<&'a ReplicaSet>, old: &'a [&'a ReplicaSet]) -> Self {
        let wanted = of.spec.replicas.unwrap_or(1).max(0);
        let strategy = of.spec.strategy.clone().unwrap_or_default();
        let rolling = strategy.rolling_update.unwrap_or_default();
        let quarter = || IntOrString::String("25%".to_owned());
        let surge = scaled(&rolling.max_surge.unwrap_or_else(quarter), wanted, true);
        let given = rolling.max_unavailable.unwrap_or_else(quarter);
        let unavailable = scaled(&given, wanted, false).min(wanted);
        let stuck = surge == 0 && unavailable == 0;
        Self {
            wanted,
            surge,
            unavailable: if stuck { 1 } else { unavailable },
            recreate: strategy.type_.as_deref() == Some("Recreate"),
            new,
            old,
        }
    }

    fn old_replicas(&self) -> i32 {
        self.old.iter().map(|set| replicas(set)).sum()
    }

    /// As many as wanted, and never more in sum than the surge allows. Recreation waits until the
    /// old pods are gone.
    fn new_replicas(&self) -> i32 {
        let current = self.new.map_or(0, replicas);
        if self.recreate {
            let remain = self.old.iter().any(|set| {
                replicas(set) > 0 || set.status.as_ref().is_some_and(|status| status.replicas > 0)
            });
            return if remain { current } else { self.wanted };
        }
        let room = self.wanted + self.surge - self.old_replicas();
        self.wanted.min(room.max(current))
    }

    fn actions(&self) -> Vec<Action> {
        let mut actions = Vec::new();
        let new_replicas = self.new_replicas();
        if let Some(new) = self.new.filter(|new| replicas(new) != new_replicas) {
            actions.push(scale(new, new_replicas));
        }
        let mut spare = if self.recreate { i32::MAX } else { self.spare() };
        for set in self.old {
            let fewer = replicas(set).min(spare).max(0);
            if fewer > 0 {
                actions.push(scale(set, replicas(set) - fewer));
                spare -= fewer;
            }
        }
        actions
    }

    /// How many old pods may go without too few being available. Those that are not available
    /// anyway may always go.
    fn spare(&self) -> i32 {
        let available = |set: &ReplicaSet| {
            set.status.as_ref().and_then(|status| status.available_replicas).unwrap_or(0)
        };
        let new = self.new.map_or(0, available);
        let old: i32 = self.old.iter().map(|set| available(set).min(replicas(set))).sum();
        let broken = self.old_replicas() - old;
        broken + (new + old - (self.wanted - self.unavailable)).max(0)
    }
}

fn scale(set: &ReplicaSet, replicas: i32) -> Action {
    Action::Scale { replica_set: key(set), replicas }
}

fn replica_set(deployment: &Deployment, hash: &str, replicas: i32) -> ReplicaSet {
    let meta = &deployment.metadata;
    let mut template = deployment.spec.template.clone();
    let labels = template.metadata.get_or_insert_default().labels.get_or_insert_default();
    labels.insert(TEMPLATE_HASH.to_owned(), hash.to_owned());
    let labels = labels.clone();
    let mut selector = deployment.spec.selector.clone();
    let equal = selector.match_labels.get_or_insert_default();
    equal.insert(TEMPLATE_HASH.to_owned(), hash.to_owned());
    ReplicaSet {
        metadata: ObjectMeta {
            name: Some(format!("{}-{hash}", meta.name.as_deref().unwrap_or_default())),
            namespace: meta.namespace.clone(),
            labels: Some(labels),
            owner_references: Some(owned_by("Deployment", meta)),
            ..ObjectMeta::default()
        },
        spec: ReplicaSetSpec {
            replicas: Some(replicas),
            selector,
            template: Some(template),
            min_ready_seconds: deployment.spec.min_ready_seconds,
        },
        status: None,
    }
}

/// Ten letters that stand for the template.
fn template_hash(deployment: &Deployment) -> String {
    let mut hasher = FxHasher::default();
    // Templates come from JSON, so they can be written as such.
    serde_json::to_string(&deployment.spec.template).unwrap_or_default().hash(&mut hasher);
    letters(hasher.finish(), 10)
}

/// A number as letters for names.
pub(super) fn letters(mut number: u64, length: usize) -> String {
    let base = LETTERS.len() as u64;
    (0..length)
        .map(|_| {
            // The remainder is below 27.
            let letter = LETTERS[(number % base) as usize];
            number /= base;
            char::from(letter)
        })
        .collect()
}

fn status(deployment: &Deployment, sets: &[&ReplicaSet]) -> Option<Action> {
    let hash = template_hash(deployment);
    let sum = |read: fn(&ReplicaSet) -> i32| sets.iter().map(|set| read(set)).sum::<i32>();
    let current = sets.iter().filter(|set| {
        set.metadata.labels.as_ref().and_then(|labels| labels.get(TEMPLATE_HASH)) == Some(&hash)
    });
    let there = |set: &ReplicaSet| set.status.as_ref().map_or(0, |status| status.replicas);
    let ready = sum(|set| set.status.as_ref().and_then(|it| it.ready_replicas).unwrap_or(0));
    let available =
        sum(|set| set.status.as_ref().and_then(|it| it.available_replicas).unwrap_or(0));
    let replicas: i32 = sets.iter().map(|set| there(set)).sum();
    let status = json!({
        "replicas": replicas,
        "updatedReplicas": current.map(|set| there(set)).sum::<i32>(),
        "readyReplicas": ready,
        "availableReplicas": available,
        "unavailableReplicas": (deployment.spec.replicas.unwrap_or(1) - available).max(0),
        "observedGeneration": deployment.metadata.generation,
    });
    let old = deployment.status.clone().unwrap_or_default();
    let old = json!({
        "replicas": old.replicas.unwrap_or(0),
        "updatedReplicas": old.updated_replicas.unwrap_or(0),
        "readyReplicas": old.ready_replicas.unwrap_or(0),
        "availableReplicas": old.available_replicas.unwrap_or(0),
        "unavailableReplicas": old.unavailable_replicas.unwrap_or(0),
        "observedGeneration": old.observed_generation,
    });
    (status != old).then(|| Action::Status {
        kind: Kind::Deployment,
        object: key(deployment),
        patch: json!({ "status": status }),
    })
}
