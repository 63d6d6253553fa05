//! Launches look like nodes of their pool, and pools keep their limits.

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
    let claims = Claims::of(snapshot);
    let nodes = claims.nodes(snapshot);
    let (mut count, mut capacity) = (0, Resources::default());
    for node in &snapshot.nodes {
        let labels = node.metadata.labels.as_ref();
        let of_pool = labels.and_then(|labels| labels.get(POOL)).is_some_and(|name| name == pool);
        if of_pool && !claims.leaving(node) && !claims.may_stand_for(node) {
            count += 1;
            let status = node.status.as_ref().and_then(|status| status.capacity.as_ref());
            capacity.add(&status.map(|map| amounts(map, Round::Down)).unwrap_or_default());
        }
    }
    for claim in &snapshot.node_claims {
        let of_pool = claim.labels.get(POOL).is_some_and(|name| name == pool);
        if of_pool && !claim.deleting && !nodes.contains_key(&*claim.name) {
            count += 1;
            capacity.add(&claim.capacity);
        }
    }
    (count, capacity)
}
