//! Pods that share everything a node can tell apart are looked at once.

use std::{collections::BTreeMap, sync::Arc};

use catalog::Resources;
use rustc_hash::FxHashMap;

use super::{
    intern::Interner,
    pending::{Sorted, refuser},
    ports::{self, HostPort},
    requests,
    terms::{self, NodeRequirement, NodeTerms, Term, Tolerated},
    volumes::{self, Volumes},
};
use crate::{
    plan::PodIndex,
    snapshot::{Pod, SkipReason, Snapshot},
};

/// What the shapes refer to by number.
#[derive(Debug, Default)]
pub(super) struct Interned<'a> {
    /// Selectors and required node affinity.
    pub terms: Interner<NodeTerms<'a>>,
    /// Lists of tolerations.
    pub tolerations: Interner<Vec<Tolerated<'a>>>,
    /// For each volume, where it is.
    pub volumes: Interner<Vec<Vec<Term<'a>>>>,
    /// Lists of host ports.
    pub ports: Interner<Vec<HostPort<'a>>>,
}

/// Pods of one template in one namespace.
#[derive(Debug)]
pub(super) struct Shape<'a> {
    /// One of them.
    pub pod: &'a Pod,
    /// All of them.
    pub pods: Vec<PodIndex>,
    /// What each asks.
    pub request: Resources,
    /// How many volumes of each CSI driver each attaches.
    pub attached: BTreeMap<String, i64>,
    /// Number in [`Interned::terms`].
    pub terms: u32,
    /// Number in [`Interned::tolerations`].
    pub tolerations: u32,
    /// Number in [`Interned::volumes`].
    pub volumes: u32,
    /// Number in [`Interned::ports`].
    pub ports: u32,
}

/// The shapes of the planned pods, in order of their first pod. Pods whose volumes are in trouble
/// are reported as skipped.
pub(super) fn of_planned<'a>(
    snapshot: &'a Snapshot,
    sorted: &mut Sorted,
    interned: &mut Interned<'a>,
) -> Vec<Shape<'a>> {
    let mut shapes: Vec<Result<Shape<'a>, String>> = vec![];
    let mut numbers: FxHashMap<Key<'a>, usize> = FxHashMap::default();
    let mut last: Option<(Key<'a>, usize)> = None;
    let planned = std::mem::take(&mut sorted.planned);
    for index in planned {
        let pod = &snapshot.pods[index as usize];
        let key = key(pod, index, snapshot.taken_at);
        let number = match last {
            Some((known, number)) if known == key => number,
            _ => *numbers.entry(key).or_insert_with(|| {
                shapes.push(Shape::of(pod, snapshot, interned));
                shapes.len() - 1
            }),
        };
        last = Some((key, number));
        match &mut shapes[number] {
            Ok(shape) => {
                shape.pods.push(index);
                sorted.planned.push(index);
            }
            Err(problem) => {
                let problem = problem.clone();
                sorted.skip(pod, SkipReason::Volume, problem);
            }
        }
    }
    shapes.into_iter().flatten().collect()
}

/// Template, namespace, the pod itself where its name matters, and the node that refuses it.
type Key<'a> = (usize, &'a str, u32, bool, Option<&'a str>);

fn key(pod: &Pod, index: PodIndex, now: i64) -> Key<'_> {
    let by_name = volumes::depends_on_name(pod.template.spec.volumes.as_ref());
    let template = Arc::as_ptr(&pod.template) as usize;
    let own = if by_name { index } else { u32::MAX };
    (template, &pod.namespace, own, pod.expanded_from.is_some(), refuser(pod, now))
}

impl<'a> Shape<'a> {
    fn of(
        pod: &'a Pod,
        snapshot: &'a Snapshot,
        interned: &mut Interned<'a>,
    ) -> Result<Self, String> {
        let spec = &pod.template.spec;
        let Volumes { terms, attached: volumes, .. } = volumes::of_pod(pod, snapshot)?;
        let mut node_terms = NodeTerms::of(spec);
        if let Some(node) = refuser(pod, snapshot.taken_at) {
            node_terms.all.0.push(NodeRequirement::not_named(node));
        }
        let mut attached = BTreeMap::new();
        for (driver, _) in volumes {
            *attached.entry(driver.into_owned()).or_insert(0) += 1;
        }
        Ok(Self {
            pod,
            pods: vec![],
            request: requests::effective(spec, &snapshot.runtime_classes),
            attached,
            terms: interned.terms.intern(node_terms),
            tolerations: interned.tolerations.intern(terms::tolerations(spec)),
            volumes: interned.volumes.intern(terms),
            ports: interned.ports.intern(ports::of(spec)),
        })
    }
}

/// Bound pods of one template in one namespace.
#[derive(Debug)]
pub(super) struct BoundShape<'a> {
    /// One of them.
    pub pod: &'a Pod,
    /// (pod, node) of each.
    pub places: Vec<(PodIndex, u32)>,
    /// What each asks, if it is not being resized.
    pub request: Resources,
}

/// The shapes of the bound pods.
pub(super) fn of_bound<'a>(
    snapshot: &'a Snapshot,
    bound: &[(PodIndex, u32)],
) -> Vec<BoundShape<'a>> {
    let mut shapes: Vec<BoundShape<'a>> = vec![];
    let mut numbers: FxHashMap<(usize, &str), usize> = FxHashMap::default();
    for &(index, node) in bound {
        let pod = &snapshot.pods[index as usize];
        let key = (Arc::as_ptr(&pod.template) as usize, &*pod.namespace);
        let number = *numbers.entry(key).or_insert_with(|| {
            let request = requests::effective(&pod.template.spec, &snapshot.runtime_classes);
            shapes.push(BoundShape { pod, places: vec![], request });
            shapes.len() - 1
        });
        shapes[number].places.push((index, node));
    }
    shapes
}
