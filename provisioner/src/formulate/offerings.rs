//! From node pools and sizes to the offerings that may be bought.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use catalog::{CapacityType, InstanceType, Requirement, Requirements, Resources, well_known};
use rustc_hash::FxHashMap;

use super::{labels::Reads, volumes::ZONE};
use crate::{
    api::{
        names::{self, CAPACITY_TYPE, NODE_POOL},
        node_pool::NodePool,
    },
    snapshot::Snapshot,
};

const REGIONAL_ZONE: &str = "0";
/// A size is bought by name when a pool lists one of these explicitly. The family is not among
/// them: the family of a confidential `DC` or `EC` size is plain `D` or `E`.
const NAMING_KEYS: [&str; 3] = [
    "node.kubernetes.io/instance-type",
    "karpenter.azure.com/sku-name",
    "karpenter.azure.com/sku-series",
];

/// Labels by key.
pub type Labels = BTreeMap<Arc<str>, Arc<str>>;
/// The few labels in which offerings of one size differ; shared by all that have the same.
pub type OwnLabels = Arc<[(Arc<str>, Arc<str>)]>;

/// The way back from an offering of the problem to what it stands for.
#[derive(Clone, Debug)]
pub struct OfferingRef {
    /// Index into the formulation's node pools.
    pub pool: usize,
    /// The size.
    pub instance_type: Arc<InstanceType>,
    /// Index into the size's offerings.
    pub offering: usize,
    /// Labels that all offerings of the size in the pool share.
    pub shared_labels: Arc<Labels>,
    /// Labels of this offering; they win over the shared ones.
    pub own_labels: OwnLabels,
    /// What the daemon pods on such a node ask.
    pub daemon_requests: Arc<Resources>,
}

impl OfferingRef {
    /// All labels that a node bought this way carries, its host name apart.
    pub fn labels(&self) -> Labels {
        let mut labels = (*self.shared_labels).clone();
        labels.extend(self.own_labels.iter().cloned());
        labels
    }

    /// Zone, capacity type and price.
    pub fn terms(&self) -> &catalog::Offering {
        &self.instance_type.offerings[self.offering]
    }
}

/// What a pool asks of its nodes: its requirements and its labels.
pub(super) fn requirements_of(pool: &NodePool) -> Requirements {
    let mut requirements = pool.requirements.clone();
    let labels = pool.labels.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    for requirement in Requirements::from_labels(labels).0.into_values() {
        requirements.add(requirement);
    }
    requirements
}

/// A pool on its way through the sizes.
pub(super) struct Buyer<'a> {
    pool: usize,
    requirements: &'a Requirements,
    reads: &'a Reads,
    refused: &'a Refused<'a>,
    /// Labels that all its nodes carry, whatever their size.
    labels: Labels,
    known: FxHashMap<OwnKey, OwnLabels>,
    nothing: Arc<Resources>,
}

/// What the cloud has refused of late: zones and capacity types by size.
pub(super) type Refused<'a> = FxHashMap<&'a str, Vec<(&'a str, &'a str)>>;

/// The refusals of a snapshot by size.
pub(super) fn refused(snapshot: &Snapshot) -> Refused<'_> {
    let mut refused = Refused::default();
    for one in &snapshot.refused {
        let terms = (one.offering.zone.as_str(), one.offering.capacity_type.as_str());
        refused.entry(&one.offering.instance_type).or_default().push(terms);
    }
    refused
}

/// Zone, capacity type, and what else an offering adds.
type OwnKey = (Arc<str>, CapacityType, Vec<(Arc<str>, Arc<str>)>);

impl<'a> Buyer<'a> {
    /// For the pool of this number.
    pub fn new(
        pool: usize,
        node_pool: &NodePool,
        requirements: &'a Requirements,
        reads: &'a Reads,
        refused: &'a Refused<'a>,
    ) -> Self {
        Self {
            pool,
            requirements,
            reads,
            refused,
            labels: labels_of_pool(node_pool),
            known: FxHashMap::default(),
            nothing: Arc::default(),
        }
    }

    /// Adds everything the pool can buy of one size.
    pub fn add_type(&mut self, instance_type: &Arc<InstanceType>, found: &mut Vec<OfferingRef>) {
        if instance_type.only_if_asked && !is_named(self.requirements, instance_type)
            || !self.requirements.is_compatible(&instance_type.requirements, &|_| true)
        {
            return;
        }
        let mut usable = usable_offerings(self.requirements, instance_type);
        if let Some(refused) = self.refused.get(&*instance_type.name) {
            usable.retain(|&offering| {
                let terms = &instance_type.offerings[offering];
                !refused.contains(&(&*terms.zone, terms.capacity_type.as_str()))
            });
        }
        if usable.is_empty() {
            return;
        }
        for shared_labels in
            label_variants(&self.labels, self.requirements, instance_type, self.reads)
        {
            for &offering in &usable {
                found.push(OfferingRef {
                    pool: self.pool,
                    instance_type: instance_type.clone(),
                    offering,
                    shared_labels: shared_labels.clone(),
                    own_labels: self.own_labels(&instance_type.offerings[offering]),
                    daemon_requests: self.nothing.clone(),
                });
            }
        }
    }

    fn own_labels(&mut self, offering: &catalog::Offering) -> OwnLabels {
        let key = (offering.zone.clone(), offering.capacity_type, added_labels(offering));
        let reads = self.reads;
        self.known.entry(key).or_insert_with_key(|key| own_labels(key, reads)).clone()
    }
}

fn is_named(requirements: &Requirements, instance_type: &InstanceType) -> bool {
    NAMING_KEYS.iter().any(|key| {
        let (Some(asked), Some(has)) = (requirements.get(key), instance_type.requirements.get(key))
        else {
            return false;
        };
        !asked.complement && has.values.iter().any(|value| asked.has(value))
    })
}

/// Available offerings with a known price that the pool allows; spot only where it is not dearer
/// than the regular price.
fn usable_offerings(requirements: &Requirements, instance_type: &InstanceType) -> Vec<usize> {
    let offerings = &instance_type.offerings;
    let zonal = offerings.iter().any(|offering| &*offering.zone != REGIONAL_ZONE);
    let asks_regional = requirements.get(well_known::PLACEMENT_SCOPE).is_some()
        || requirements.get(ZONE).is_some_and(|zone| !zone.complement && zone.has(REGIONAL_ZONE));
    let allowed = |key: &str, value: &str| requirements.get(key).is_none_or(|one| one.has(value));
    let usable =
        offerings.iter().enumerate().filter(|(_, offering)| {
            let Some(price) = offering.price else { return false };
            let regular = || {
                offerings.iter().find(|other| {
                    other.capacity_type == CapacityType::OnDemand && other.zone == offering.zone
                })
            };
            let overpriced = offering.capacity_type == CapacityType::Spot
                && regular().and_then(|other| other.price).is_some_and(|regular| price > regular);
            offering.available
                && !overpriced
                && price >= 0
                && (&*offering.zone != REGIONAL_ZONE || !zonal || asks_regional)
                && allowed(ZONE, &offering.zone)
                && allowed(CAPACITY_TYPE, offering.capacity_type.as_str())
                && offering.requirements.0.iter().all(|(key, own)| {
                    requirements.get(key).is_none_or(|asked| asked.intersects(own))
                })
        });
    usable.map(|(index, _)| index).collect()
}

/// What an offering adds to zone and capacity type.
fn added_labels(offering: &catalog::Offering) -> Vec<(Arc<str>, Arc<str>)> {
    let mut labels = vec![];
    for (key, requirement) in &offering.requirements.0 {
        if let Some(value) = single(requirement)
            && &**key != ZONE
            && &**key != CAPACITY_TYPE
        {
            labels.push((key.clone(), value.clone()));
        }
    }
    labels
}

/// The value, where a requirement leaves only one.
fn single(requirement: &Requirement) -> Option<&Arc<str>> {
    let listed = !requirement.complement && requirement.values.len() == 1;
    listed.then(|| requirement.values.first()).flatten()
}

fn own_labels((zone, capacity_type, added): &OwnKey, reads: &Reads) -> OwnLabels {
    let mut labels = vec![
        (Arc::from(ZONE), zone.clone()),
        (Arc::from(CAPACITY_TYPE), Arc::from(capacity_type.as_str())),
    ];
    labels.extend(added.iter().cloned());
    for (alias, canonical) in &reads.aliases {
        let value = labels.iter().find(|(key, _)| **key == **canonical);
        if let Some(value) = value.map(|(_, value)| value.clone()) {
            labels.push((Arc::from(alias.as_str()), value));
        }
    }
    labels.into()
}

/// The labels that tenon and the pool itself put on every node.
fn labels_of_pool(node_pool: &NodePool) -> Labels {
    let mut labels = Labels::new();
    labels.insert(Arc::from(NODE_POOL), Arc::from(node_pool.name.as_str()));
    labels.insert(Arc::from(names::REGISTERED), Arc::from("true"));
    labels.insert(Arc::from(names::INITIALIZED), Arc::from("true"));
    let class = &node_pool.node_class;
    if !class.name.is_empty() {
        let key = format!("{}/{}", class.group, class.kind.to_lowercase());
        labels.insert(Arc::from(key), Arc::from(class.name.as_str()));
    }
    labels
}

/// The label sets that nodes of a size can have in a pool. Where pool and size leave a label open
/// and some pod reads it, each value is a way of its own to buy the size; labels that nobody
/// reads get the first value.
fn label_variants(
    of_pool: &Labels,
    requirements: &Requirements,
    instance_type: &InstanceType,
    reads: &Reads,
) -> Vec<Arc<Labels>> {
    const MOST_VARIANTS: usize = 64;
    let mut fixed = Labels::new();
    let mut open: Vec<(Arc<str>, Vec<Arc<str>>)> = vec![];
    let type_only = instance_type.requirements.0.iter();
    let type_only = type_only.filter(|(key, _)| requirements.get(key).is_none());
    for (key, requirement) in requirements.0.iter().chain(type_only) {
        if matches!(&**key, ZONE | CAPACITY_TYPE | super::places::HOSTNAME) {
            continue;
        }
        let narrowed = match instance_type.requirements.get(key) {
            Some(own) if !std::ptr::eq(own, requirement) => {
                Cow::Owned(own.intersection(requirement))
            }
            _ => Cow::Borrowed(requirement),
        };
        if let Some(value) = single(&narrowed) {
            fixed.insert(key.clone(), value.clone());
            continue;
        }
        let mut values = reads.values_for(&narrowed);
        match values.len() {
            0 => {}
            1 => drop(fixed.insert(key.clone(), values.remove(0))),
            _ => open.push((key.clone(), values)),
        }
    }
    fixed.extend(of_pool.iter().map(|(key, value)| (key.clone(), value.clone())));
    let mut variants = vec![fixed];
    for (key, mut values) in open {
        values.truncate((MOST_VARIANTS / variants.len()).max(1));
        variants = variants
            .into_iter()
            .flat_map(|labels| {
                values.iter().map({
                    let key = key.clone();
                    move |value| {
                        let mut labels = labels.clone();
                        labels.insert(key.clone(), value.clone());
                        labels
                    }
                })
            })
            .collect();
    }
    variants.into_iter().map(|labels| Arc::new(reads.with_aliases(labels))).collect()
}

/// Limits of the pools, what each offering takes from them, and what they are.
#[derive(Debug, Default)]
pub(super) struct Limits {
    /// For the problem.
    pub limits: Vec<solver::problem::Limit>,
    /// In words, one per limit.
    pub names: Vec<String>,
    per_pool: FxHashMap<usize, Vec<PoolLimit>>,
}

/// One limit of a pool.
#[derive(Debug)]
struct PoolLimit {
    number: u32,
    /// `None` limits the number of nodes.
    resource: Option<Arc<str>>,
}

impl Limits {
    /// Adds the limits of a pool, less what its live nodes use.
    pub fn add_pool(&mut self, pool: usize, node_pool: &NodePool, used: &Resources, nodes: i64) {
        for (name, limit) in &node_pool.limits.0 {
            let remaining = limit.saturating_sub(used.get(name));
            self.push(pool, Some(name.clone()), remaining, &node_pool.name, name);
        }
        if let Some(limit) = node_pool.node_limit {
            self.push(pool, None, limit.saturating_sub(nodes), &node_pool.name, "nodes");
        }
    }

    fn push(
        &mut self,
        pool: usize,
        resource: Option<Arc<str>>,
        remaining: i64,
        pool_name: &str,
        what: &str,
    ) {
        let number = self.limits.len() as u32;
        self.limits.push(solver::problem::Limit { remaining });
        self.names.push(format!("NodePool {pool_name}: limit on {what}"));
        self.per_pool.entry(pool).or_default().push(PoolLimit { number, resource });
    }

    /// What one node of an offering takes.
    pub fn taken_by(&self, offering: &OfferingRef) -> Vec<(u32, i64)> {
        let limits = self.per_pool.get(&offering.pool).into_iter().flatten();
        let capacity = &offering.instance_type.capacity;
        limits
            .map(|limit| {
                let amount = limit.resource.as_ref().map_or(1, |name| capacity.get(name));
                (limit.number, amount)
            })
            .filter(|&(_, amount)| amount > 0)
            .collect()
    }
}

/// The alternatives that pools want to keep (minValues), one entry per pool and key.
pub(super) fn flexibilities(
    pools: &[(usize, Requirements)],
    offerings: &[OfferingRef],
) -> Vec<solver::problem::Flexibility> {
    let mut found = vec![];
    for (pool, requirements) in pools {
        for requirement in requirements.0.values() {
            let Some(min) = requirement.min_values.filter(|&min| min > 1) else { continue };
            found.push(flexibility(*pool, requirement, min, offerings));
        }
    }
    found
}

fn flexibility(
    pool: usize,
    requirement: &Requirement,
    min: u32,
    offerings: &[OfferingRef],
) -> solver::problem::Flexibility {
    let mut numbers: FxHashMap<Arc<str>, u32> = FxHashMap::default();
    let mut values = vec![];
    for (index, offering) in offerings.iter().enumerate() {
        if offering.pool != pool {
            continue;
        }
        let own = offering.own_labels.iter().find(|(key, _)| *key == requirement.key);
        let value = own.map(|(_, value)| value);
        if let Some(value) = value.or_else(|| offering.shared_labels.get(&requirement.key)) {
            let next = numbers.len() as u32;
            let number = *numbers.entry(value.clone()).or_insert(next);
            values.push((index as u32, number));
        }
    }
    solver::problem::Flexibility { min, values }
}

/// Tiers by weight: the heaviest pool first; equal weights share a tier.
pub(super) fn tiers(pools: &[NodePool]) -> Vec<u16> {
    let mut weights: Vec<u32> = pools.iter().map(|pool| pool.weight).collect();
    weights.sort_unstable_by(|a, b| b.cmp(a));
    weights.dedup();
    let tier = |pool: &NodePool| weights.iter().position(|&weight| weight == pool.weight);
    pools.iter().map(|pool| tier(pool).unwrap_or(0) as u16).collect()
}

/// Whether a key is one the provider knows, so that a size without it lacks the label for good.
pub(super) fn is_provider_key(key: &str) -> bool {
    well_known::is_well_known(key)
        || key.starts_with("karpenter.azure.com/")
        || key.starts_with("kubernetes.azure.com/")
}
