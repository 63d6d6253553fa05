//! NodeClaims as Karpenter writes them (karpenter.md, section 2.12), with what tenon adds in
//! annotations.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{DefaultHasher, Hash, Hasher},
};

use catalog::{
    Resources, quantity,
    resources::{CPU, EPHEMERAL_STORAGE, MEMORY},
    well_known,
};
use k8s_openapi::apimachinery::pkg::{
    api::resource::Quantity,
    apis::meta::v1::{ObjectMeta, OwnerReference},
};
use serde_json::json;

use crate::api::{
    names,
    v1::{
        NodeClaim, NodeClaimSpec, NodePool, OfferingRef, PodRef, Requirement, write_offerings,
        write_pods,
    },
};

/// Karpenter's MaxInstanceTypes.
const MOST_TYPES: usize = 600;
/// A host name may be this long, and claims' names become host names.
const LONGEST_NAME: usize = 63;

const INSTANCE_TYPE: &str = "node.kubernetes.io/instance-type";
const ZONE: &str = "topology.kubernetes.io/zone";

/// What a claim is to say.
#[derive(Clone, Debug)]
pub struct Order<'a> {
    /// The pool it belongs to.
    pub pool: &'a NodePool,
    /// Its name.
    pub name: String,
    /// The round that wants it.
    pub round: &'a str,
    /// Its turn among the claims of the round.
    pub turn: u32,
    /// What to try, the planned offering first, then by price.
    pub offerings: Vec<OfferingRef>,
    /// The pods it is for.
    pub pods: Vec<PodRef>,
    /// The labels that the planned node will have.
    pub labels: BTreeMap<String, String>,
    /// What its pods and daemons ask for.
    pub requests: Resources,
    /// What the planned machine has.
    pub capacity: Resources,
    /// What of it pods may use.
    pub allocatable: Resources,
}

/// The name of a claim: the pool's, and a hash of what the claim is for. Whoever wants the same
/// thing again — after a time-out, after a restart, or as a second leader — meets "already exists".
/// `attempt` tells apart those that must not meet: a claim on its way out, and its successor.
pub fn name<T: Hash>(pool: &str, purpose: &T, attempt: usize) -> String {
    let mut hasher = DefaultHasher::new();
    (pool, purpose, attempt).hash(&mut hasher);
    let mut short = pool.to_owned();
    short.truncate(LONGEST_NAME - 11);
    format!("{}-{:010x}", short.trim_end_matches(['.', '-']), hasher.finish() >> 24)
}

/// The claim.
pub fn node_claim(order: &Order<'_>) -> NodeClaim {
    let template = &order.pool.spec.template.spec;
    let (requirements, relaxed) = requirements(order);
    let spec = NodeClaimSpec {
        taints: template.taints.clone().unwrap_or_default(),
        startup_taints: template.startup_taints.clone().unwrap_or_default(),
        requirements,
        resources: crate::api::v1::Resources { requests: quantities(&order.requests) },
        node_class_ref: template.node_class_ref.clone(),
        termination_grace_period: template.termination_grace_period.clone(),
        expire_after: template.expire_after.clone(),
    };
    let metadata = ObjectMeta {
        name: Some(order.name.clone()),
        labels: Some(labels(order)),
        annotations: Some(annotations(order, relaxed)),
        owner_references: Some(vec![owner(order.pool)]),
        finalizers: Some(vec![names::TERMINATION.to_owned()]),
        ..ObjectMeta::default()
    };
    NodeClaim { metadata, spec, status: None }
}

fn pool_name(pool: &NodePool) -> String {
    pool.metadata.name.clone().unwrap_or_default()
}

fn owner(pool: &NodePool) -> OwnerReference {
    OwnerReference {
        api_version: "karpenter.sh/v1".to_owned(),
        kind: "NodePool".to_owned(),
        name: pool_name(pool),
        uid: pool.metadata.uid.clone().unwrap_or_default(),
        block_owner_deletion: Some(true),
        controller: None,
    }
}

/// Those of the template, the pool, the node class, and one value for each label of the pool's own
/// that its requirements leave open: the planned one.
fn labels(order: &Order<'_>) -> BTreeMap<String, String> {
    let template = &order.pool.spec.template;
    let mut labels = template.metadata.labels.clone().unwrap_or_default();
    labels.insert(names::NODE_POOL.to_owned(), pool_name(order.pool));
    let class = &template.spec.node_class_ref;
    if !class.name.is_empty() {
        let key = format!("{}/{}", class.group, class.kind.to_lowercase());
        labels.insert(key, class.name.clone());
    }
    for requirement in template.spec.requirements.iter().filter(|one| is_own(&one.key)) {
        if let Some(value) = order.labels.get(&requirement.key) {
            labels.entry(requirement.key.clone()).or_insert_with(|| value.clone());
        }
    }
    labels
}

/// Whether a label means nothing to the cloud: it is what the claim says it is.
fn is_own(key: &str) -> bool {
    !well_known::is_well_known(key)
        && !key.starts_with("karpenter.azure.com/")
        && !key.starts_with("kubernetes.azure.com/")
        && !key.starts_with("karpenter.kwok.sh/")
}

fn annotations(order: &Order<'_>, relaxed: bool) -> BTreeMap<String, String> {
    let mut notes = order.pool.spec.template.metadata.annotations.clone().unwrap_or_default();
    let of_pool = order.pool.metadata.annotations.iter().flatten();
    let hashes = [names::NODE_POOL_HASH, names::NODE_POOL_HASH_VERSION];
    let of_pool = of_pool.filter(|(key, _)| hashes.contains(&key.as_str()));
    notes.extend(of_pool.map(|(key, value)| (key.clone(), value.clone())));
    let promise = json!({
        "capacity": quantities(&order.capacity),
        "allocatable": quantities(&order.allocatable),
    });
    notes.insert(names::ROUND.to_owned(), order.round.to_owned());
    notes.insert(names::TURN.to_owned(), order.turn.to_string());
    notes.insert(names::OFFERINGS.to_owned(), write_offerings(&order.offerings));
    notes.insert(names::PROMISE.to_owned(), promise.to_string());
    if !order.pods.is_empty() {
        notes.insert(names::PLANNED_PODS.to_owned(), write_pods(&order.pods));
    }
    if relaxed {
        notes.insert(names::MIN_VALUES_RELAXED.to_owned(), "true".to_owned());
    }
    notes
}

/// The pool's requirements and labels, narrowed to the offerings; and whether fewer values are left
/// than `minValues` asks for.
fn requirements(order: &Order<'_>) -> (Vec<Requirement>, bool) {
    let template = &order.pool.spec.template;
    let narrowed = [
        (INSTANCE_TYPE, distinct(&order.offerings, |one| &one.instance_type, MOST_TYPES)),
        (ZONE, sorted(&order.offerings, |one| &one.zone)),
        (names::CAPACITY_TYPE, sorted(&order.offerings, |one| &one.capacity_type)),
    ];
    let mut found: Vec<Requirement> = (template.spec.requirements.iter())
        .filter(|one| narrowed.iter().all(|(key, _)| *key != one.key))
        .cloned()
        .collect();
    let is = |key: &str, value: &str| Requirement {
        key: key.to_owned(),
        operator: "In".to_owned(),
        values: vec![value.to_owned()],
        min_values: None,
    };
    let labels = template.metadata.labels.iter().flatten();
    found.extend(labels.map(|(key, value)| is(key, value)));
    found.push(is(names::NODE_POOL, &pool_name(order.pool)));
    let mut relaxed = false;
    for (key, values) in narrowed {
        let same = template.spec.requirements.iter().filter(|one| one.key == key);
        let asked = same.filter_map(|one| one.min_values).max();
        let kept = asked.map(|min| min.min(values.len() as u32));
        relaxed |= asked != kept;
        found.push(Requirement { values, min_values: kept, ..is(key, "") });
    }
    (found, relaxed)
}

/// The distinct values in their order.
fn distinct<'o>(
    offerings: &'o [OfferingRef],
    value: impl Fn(&'o OfferingRef) -> &'o String,
    most: usize,
) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let values = offerings.iter().map(value).filter(|value| seen.insert(*value));
    values.take(most).cloned().collect()
}

fn sorted<'o>(
    offerings: &'o [OfferingRef],
    value: impl Fn(&'o OfferingRef) -> &'o String,
) -> Vec<String> {
    offerings.iter().map(value).collect::<BTreeSet<_>>().into_iter().cloned().collect()
}

/// Amounts as Kubernetes writes them.
fn quantities(amounts: &Resources) -> BTreeMap<String, Quantity> {
    let text = |name: &str, amount: i64| match name {
        CPU => quantity::Quantity::from_milli(amount).to_string(),
        MEMORY | EPHEMERAL_STORAGE => quantity::Quantity::binary(amount).to_string(),
        name if name.starts_with("hugepages-") => quantity::Quantity::binary(amount).to_string(),
        _ => amount.to_string(),
    };
    let amounts = amounts.0.iter().filter(|(_, amount)| **amount > 0);
    amounts.map(|(name, &amount)| (name.to_string(), Quantity(text(name, amount)))).collect()
}
