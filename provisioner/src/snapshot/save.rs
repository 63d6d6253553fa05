//! A snapshot as a file, so that the same plan can be made again.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use catalog::Resources;
use k8s_openapi::api::{
    core::v1::{Namespace, Node, PersistentVolume, PersistentVolumeClaim},
    node::v1::RuntimeClass,
    policy::v1::PodDisruptionBudget,
    storage::v1::{CSINode, StorageClass},
};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::{Nomination, Pod, PodTemplate, Skipped, Snapshot, intern::Interner};
use crate::{
    api::node_pool::{AksNodeClass, NodeClaim, NodePool},
    refusals::Refused,
};

/// The version of the form below.
const VERSION: u32 = 1;

/// Why a file is not a saved snapshot.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// Not JSON, or not of this form.
    #[error("this is no snapshot saved by tenon: {0}")]
    Form(#[from] serde_json::Error),
    /// Written by another version.
    #[error("the snapshot has form {0}, this tenon reads form {VERSION}; save it again")]
    Version(u32),
    /// A pod refers to a template that is not there.
    #[error("pod {pod} refers to template {template}, but there are only {templates}")]
    Template {
        /// Namespace and name of the pod.
        pod: String,
        /// What it refers to.
        template: usize,
        /// How many there are.
        templates: usize,
    },
}

/// The form of the file. Templates stand once, pods refer to them by position.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Saved<'a> {
    tenon_snapshot: u32,
    templates: Vec<Cow<'a, PodTemplate>>,
    pods: Vec<SavedPod<'a>>,
    daemon_sets: Vec<(Cow<'a, str>, usize)>,
    nodes: Cow<'a, [Arc<Node>]>,
    node_pools: Cow<'a, [NodePool]>,
    node_claims: Cow<'a, [Arc<NodeClaim>]>,
    node_classes: Cow<'a, [AksNodeClass]>,
    namespaces: Cow<'a, BTreeMap<String, Namespace>>,
    volume_claims: Vec<(Cow<'a, str>, Cow<'a, str>, Cow<'a, PersistentVolumeClaim>)>,
    volumes: Cow<'a, BTreeMap<String, PersistentVolume>>,
    storage_classes: Cow<'a, BTreeMap<String, StorageClass>>,
    csi_nodes: Cow<'a, BTreeMap<String, CSINode>>,
    runtime_classes: Cow<'a, BTreeMap<String, RuntimeClass>>,
    disruption_budgets: Cow<'a, [PodDisruptionBudget]>,
    skipped: Cow<'a, [Skipped]>,
    #[serde(default, skip_serializing_if = "<[Refused]>::is_empty")]
    refused: Cow<'a, [Refused]>,
    #[serde(default, skip_serializing_if = "is_zero")]
    taken_at: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SavedPod<'a> {
    namespace: Cow<'a, str>,
    name: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "str::is_empty")]
    uid: Cow<'a, str>,
    template: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    node_name: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nominated_node: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nomination_planned_at: Option<i64>,
    #[serde(default, skip_serializing_if = "is_false")]
    terminal: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    deleting: bool,
    created: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resized: Option<Cow<'a, Resources>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expanded_from: Option<Cow<'a, str>>,
}

fn is_zero(value: &i64) -> bool {
    *value == 0
}

fn is_false(value: &bool) -> bool {
    !value
}

/// Numbers templates in the order of their first use.
#[derive(Default)]
struct Numbering<'a> {
    templates: Vec<Cow<'a, PodTemplate>>,
    known: FxHashMap<usize, usize>,
}

impl<'a> Numbering<'a> {
    fn number(&mut self, template: &'a Arc<PodTemplate>) -> usize {
        let next = self.templates.len();
        let number = *self.known.entry(Arc::as_ptr(template) as usize).or_insert(next);
        if number == next {
            self.templates.push(Cow::Borrowed(template));
        }
        number
    }
}

/// The whole snapshot as JSON.
pub fn to_json(snapshot: &Snapshot) -> Result<String, SaveError> {
    let mut numbering = Numbering::default();
    let pods = snapshot.pods.iter().map(|pod| save_pod(pod, numbering.number(&pod.template)));
    let pods = pods.collect();
    let daemon_sets = snapshot.daemon_sets.iter();
    let daemon_sets = daemon_sets
        .map(|(name, template)| (name.as_str().into(), numbering.number(template)))
        .collect();
    let volume_claims = snapshot.volume_claims.iter();
    let volume_claims = volume_claims.map(|((namespace, name), claim)| {
        (namespace.as_str().into(), name.as_str().into(), Cow::Borrowed(claim))
    });
    let saved = Saved {
        tenon_snapshot: VERSION,
        templates: numbering.templates,
        pods,
        daemon_sets,
        nodes: Cow::Borrowed(&snapshot.nodes),
        node_pools: Cow::Borrowed(&snapshot.node_pools),
        node_claims: Cow::Borrowed(&snapshot.node_claims),
        node_classes: Cow::Borrowed(&snapshot.node_classes),
        namespaces: Cow::Borrowed(&snapshot.namespaces),
        volume_claims: volume_claims.collect(),
        volumes: Cow::Borrowed(&snapshot.volumes),
        storage_classes: Cow::Borrowed(&snapshot.storage_classes),
        csi_nodes: Cow::Borrowed(&snapshot.csi_nodes),
        runtime_classes: Cow::Borrowed(&snapshot.runtime_classes),
        disruption_budgets: Cow::Borrowed(&snapshot.disruption_budgets),
        skipped: Cow::Borrowed(&snapshot.skipped),
        refused: Cow::Borrowed(&snapshot.refused),
        taken_at: snapshot.taken_at,
    };
    Ok(serde_json::to_string(&saved)?)
}

fn save_pod(pod: &Pod, template: usize) -> SavedPod<'_> {
    SavedPod {
        namespace: Cow::Borrowed(&pod.namespace),
        name: Cow::Borrowed(&pod.name),
        uid: Cow::Borrowed(&pod.uid),
        template,
        node_name: pod.node_name.as_deref().map(Cow::Borrowed),
        nominated_node: pod.nominated_node.as_ref().map(|it| Cow::Borrowed(&*it.node)),
        nomination_planned_at: pod.nominated_node.as_ref().and_then(|it| it.planned_at),
        terminal: pod.terminal,
        deleting: pod.deleting,
        created: pod.created,
        resized: pod.resized.as_deref().map(Cow::Borrowed),
        expanded_from: pod.expanded_from.as_deref().map(Cow::Borrowed),
    }
}

/// Reads back what [`to_json`] wrote; equal texts and templates are shared again.
pub fn from_json(text: &str) -> Result<Snapshot, SaveError> {
    let saved: Saved<'_> = serde_json::from_str(text)?;
    if saved.tenon_snapshot != VERSION {
        return Err(SaveError::Version(saved.tenon_snapshot));
    }
    let mut interner = Interner::default();
    let templates = saved.templates.into_iter();
    let templates: Vec<_> =
        templates.map(|template| interner.template(template.into_owned())).collect();
    let pods = saved.pods.into_iter().map(|pod| load_pod(pod, &templates, &mut interner));
    let pods = pods.map(|pod| pod.map(Arc::new)).collect::<Result<_, _>>()?;
    let daemon_sets = saved.daemon_sets.into_iter().map(|(name, template)| {
        Ok((name.to_string(), find(&templates, template, || format!("of DaemonSet {name}"))?))
    });
    let volume_claims = saved.volume_claims.into_iter();
    let volume_claims = volume_claims.map(|(namespace, name, claim)| {
        ((namespace.into_owned(), name.into_owned()), claim.into_owned())
    });
    Ok(Snapshot {
        pods,
        nodes: saved.nodes.into_owned(),
        node_pools: saved.node_pools.into_owned(),
        node_claims: saved.node_claims.into_owned(),
        node_classes: saved.node_classes.into_owned(),
        daemon_sets: daemon_sets.collect::<Result<_, SaveError>>()?,
        namespaces: saved.namespaces.into_owned(),
        volume_claims: volume_claims.collect(),
        volumes: saved.volumes.into_owned(),
        storage_classes: saved.storage_classes.into_owned(),
        csi_nodes: saved.csi_nodes.into_owned(),
        runtime_classes: saved.runtime_classes.into_owned(),
        disruption_budgets: saved.disruption_budgets.into_owned(),
        skipped: saved.skipped.into_owned(),
        refused: saved.refused.into_owned(),
        taken_at: saved.taken_at,
    })
}

fn load_pod(
    pod: SavedPod<'_>,
    templates: &[Arc<PodTemplate>],
    interner: &mut Interner,
) -> Result<Pod, SaveError> {
    let template = find(templates, pod.template, || format!("{}/{}", pod.namespace, pod.name))?;
    let mut shared = |text: Option<Cow<'_, str>>| text.map(|text| interner.text(&text));
    let planned_at = pod.nomination_planned_at;
    let nomination = |node| Nomination { node, planned_at };
    Ok(Pod {
        node_name: shared(pod.node_name),
        nominated_node: shared(pod.nominated_node).map(nomination),
        expanded_from: shared(pod.expanded_from),
        namespace: interner.text(&pod.namespace),
        name: pod.name.into(),
        uid: pod.uid.into(),
        template,
        terminal: pod.terminal,
        deleting: pod.deleting,
        created: pod.created,
        resized: pod.resized.map(|resized| Box::new(resized.into_owned())),
    })
}

fn find(
    templates: &[Arc<PodTemplate>],
    number: usize,
    pod: impl Fn() -> String,
) -> Result<Arc<PodTemplate>, SaveError> {
    templates.get(number).cloned().ok_or_else(|| SaveError::Template {
        pod: pod(),
        template: number,
        templates: templates.len(),
    })
}
