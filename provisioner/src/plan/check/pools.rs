//! Launches look like nodes of their pool, and pools keep their limits.

use std::collections::{BTreeMap, BTreeSet};

use catalog::{Requirement, Resources};
use k8s_openapi::api::core::v1::Taint;

use super::{
    Filter, Violation,
    cluster::Claims,
    quantity::{Round, amounts},
};
use crate::{
    api::node_pool::NodePool,
    plan::{Launch, Plan},
    snapshot::Snapshot,
};

const POOL: &str = "karpenter.sh/nodepool";
/// Labels that name a family.
const FAMILY: [&str; 2] = ["karpenter.azure.com/sku-family", "karpenter.kwok.sh/instance-family"];

/// Every launch against its pool, every pool with launches against its limits.
pub(super) fn check(snapshot: &Snapshot, pools: &[NodePool], plan: &Plan) -> Vec<Violation> {
    let mut found = Vec::new();
    for launch in &plan.launches {
        let report = |detail| Violation {
            pod: String::new(),
            node: launch.name.clone(),
            filter: Filter::NodePool,
            detail,
        };
        match pools.iter().find(|pool| *pool.name == *launch.node_pool) {
            None => found.push(report(format!("there is no node pool {}", launch.node_pool))),
            Some(pool) => found.extend(faults(pool, launch).into_iter().map(report)),
        }
    }
    for pool in pools {
        found.extend(limits(snapshot, pool, plan).into_iter().map(|detail| Violation {
            pod: String::new(),
            node: pool.name.clone(),
            filter: Filter::NodePoolLimits,
            detail,
        }));
        found.extend(varieties(snapshot, pool, plan).into_iter().map(|detail| Violation {
            pod: String::new(),
            node: pool.name.clone(),
            filter: Filter::NodePoolVariety,
            detail,
        }));
    }
    found
}

/// What is wrong with a launch of `pool`.
fn faults(pool: &NodePool, launch: &Launch) -> Vec<String> {
    let mut faults = Vec::new();
    let label = |key: &str| launch.labels.get(key).map(|value| &**value);
    let stated = [
        (POOL, &*launch.node_pool),
        ("node.kubernetes.io/instance-type", &*launch.instance_type),
        ("topology.kubernetes.io/zone", &*launch.zone),
        ("karpenter.sh/capacity-type", launch.capacity_type),
    ];
    let own = pool.labels.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    for (key, value) in stated.into_iter().chain(own) {
        if label(key) != Some(value) {
            faults.push(format!("label {key} is {:?} and should be {value}", label(key)));
        }
    }
    for (key, requirement) in &pool.requirements.0 {
        if !allows(requirement, label(key)) {
            faults.push(format!("label {key} is {:?}, against the pool's rule", label(key)));
        }
    }
    if sorted(&pool.taints) != sorted(&launch.taints) {
        faults.push("its taints are not those of the pool".to_owned());
    }
    if launch.price < 0 {
        faults.push("its price is negative".to_owned());
    }
    faults
}

fn sorted(taints: &[Taint]) -> Vec<(&str, &str, &str)> {
    let mut sorted: Vec<_> = (taints.iter())
        .map(|taint| {
            (taint.key.as_str(), taint.value.as_deref().unwrap_or_default(), taint.effect.as_str())
        })
        .collect();
    sorted.sort_unstable();
    sorted.dedup();
    sorted
}

/// Whether a label may have this value, or be absent. A rule without a list of values leaves the
/// label to the provider, so that its absence is no fault.
fn allows(requirement: &Requirement, value: Option<&str>) -> bool {
    let Some(value) = value else {
        return requirement.complement || requirement.values.is_empty();
    };
    let bounded = requirement.gte.is_some() || requirement.lte.is_some();
    let in_bounds = value.parse::<i64>().is_ok_and(|number| {
        requirement.gte.is_none_or(|least| number >= least)
            && requirement.lte.is_none_or(|most| number <= most)
    });
    requirement.values.contains(value) != requirement.complement && (!bounded || in_bounds)
}

/// Which limits are exceeded by the pool's live nodes, claims and launches together.
///
/// A launch counts with its allocatable, which is a little less than its capacity: the plan does
/// not carry the latter.
fn limits(snapshot: &Snapshot, pool: &NodePool, plan: &Plan) -> Vec<String> {
    let launches: Vec<&Launch> =
        plan.launches.iter().filter(|launch| *launch.node_pool == *pool.name).collect();
    if launches.is_empty() {
        return Vec::new();
    }
    let (mut nodes, mut used) = live(snapshot, &pool.name);
    for launch in launches {
        nodes += 1;
        used.add(&launch.allocatable);
    }
    let mut exceeded = Vec::new();
    if let Some(most) = pool.node_limit.filter(|most| nodes > *most) {
        exceeded.push(format!("{nodes} nodes, {most} allowed"));
    }
    for (name, most) in &pool.limits.0 {
        if used.get(name) > *most {
            exceeded.push(format!("{} of {name}, {most} allowed", used.get(name)));
        }
    }
    exceeded
}

/// Number and capacity of the pool's nodes and claims that stay.
fn live(snapshot: &Snapshot, pool: &str) -> (i64, Resources) {
    let (mut count, mut capacity) = (0, Resources::default());
    each_live(snapshot, pool, |_, of_one| {
        count += 1;
        capacity.add(&of_one);
    });
    (count, capacity)
}

/// Labels and capacity of each of the pool's nodes and claims that stay.
fn each_live(
    snapshot: &Snapshot,
    pool: &str,
    mut see: impl FnMut(&BTreeMap<String, String>, Resources),
) {
    let claims = Claims::of(snapshot);
    let nodes = claims.nodes(snapshot);
    for node in &snapshot.nodes {
        let Some(labels) = node.metadata.labels.as_ref() else { continue };
        let of_pool = labels.get(POOL).is_some_and(|name| name == pool);
        if of_pool && !claims.leaving(node) && !claims.may_stand_for(node) {
            let status = node.status.as_ref().and_then(|status| status.capacity.as_ref());
            see(labels, status.map(|map| amounts(map, Round::Down)).unwrap_or_default());
        }
    }
    for claim in &snapshot.node_claims {
        let of_pool = claim.labels.get(POOL).is_some_and(|name| name == pool);
        if of_pool && !claim.deleting && !nodes.contains_key(&*claim.name) {
            see(&claim.labels, claim.capacity.clone());
        }
    }
}

/// Whether launches, or what they may fall back on, bring the pool a size or a family too many.
fn varieties(snapshot: &Snapshot, pool: &NodePool, plan: &Plan) -> Vec<String> {
    let launches = plan.launches.iter().filter(|launch| *launch.node_pool == *pool.name);
    let (mut sizes, mut families) = (BTreeSet::new(), BTreeSet::new());
    for launch in launches {
        sizes.insert(launch.instance_type.to_string());
        sizes.extend(launch.alternatives.iter().map(|other| other.instance_type.to_string()));
        families
            .extend(FAMILY.iter().find_map(|key| launch.labels.get(*key)).map(|f| f.to_string()));
    }
    let (mut old_sizes, mut old_families) = (BTreeSet::new(), BTreeSet::new());
    each_live(snapshot, &pool.name, |labels, _| {
        old_sizes.extend(labels.get("node.kubernetes.io/instance-type").cloned());
        old_families.extend(FAMILY.iter().find_map(|key| labels.get(*key)).cloned());
    });
    let rules = [
        (pool.max_instance_types, "sizes", old_sizes, sizes),
        (pool.max_families, "families", old_families, families),
    ];
    let broken = rules.into_iter().filter_map(|(most, what, old, new)| {
        let (most, all) = (most?, old.union(&new).count());
        let is_broken = !new.is_subset(&old) && all > most as usize;
        is_broken.then(|| format!("nodes of {all} {what}, {most} allowed"))
    });
    broken.collect()
}
