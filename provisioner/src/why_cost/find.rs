//! The constraints of an input.

use std::{collections::BTreeMap, sync::Arc};

use k8s_openapi::api::core::v1::{NodeSelector, PodAffinityTerm, PodSpec};
use rustc_hash::FxHashSet;

use super::constraint::{Constraint, InPods, Part};
use crate::{
    api::names::{MAX_FAMILIES, MAX_INSTANCE_TYPES},
    formulate::{Formulation, formulate},
    pipeline::{Outcome, Settings},
    plan::{Plan, PodIndex},
    report::owner,
    snapshot::{PodTemplate, Snapshot},
    source::Catalog,
};

/// Makes a Linux pool of a Windows pool, or the other way round, which is no matter of price.
const OS: &str = "kubernetes.io/os";

/// Constraints, those on most pods first.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The first of them.
    pub constraints: Vec<Constraint>,
    /// How many more there are.
    pub left_out: usize,
}

/// What could be taken away from an input whose plan is known, `most` at most: hard constraints of
/// the planned pods, limits of pools, and requirements that keep pools from buying something.
pub fn find(
    snapshot: &Snapshot,
    catalog: &Catalog,
    settings: &Settings,
    outcome: &Outcome,
    most: usize,
) -> Found {
    let mut all = of_pods(snapshot, &outcome.plan);
    all.extend(of_pools(snapshot, &outcome.formulation));
    all.sort_by_cached_key(|one| (std::cmp::Reverse(one.pods), one.to_string()));
    let mut found = Found::default();
    for constraint in all {
        if found.constraints.len() == most {
            found.left_out += 1;
        } else if narrows(&constraint, snapshot, catalog, settings, outcome) {
            found.constraints.push(constraint);
        }
    }
    found
}

/// Whether a pool's requirement keeps it from buying something. Those that only name a label of the
/// nodes do not.
fn narrows(
    constraint: &Constraint,
    snapshot: &Snapshot,
    catalog: &Catalog,
    settings: &Settings,
    outcome: &Outcome,
) -> bool {
    if !matches!(constraint.part, Part::Requirement(..)) {
        return true;
    }
    let wider = formulate(&constraint.without(snapshot), catalog, &settings.formulate_options());
    wider.problem.offerings.len() > outcome.formulation.problem.offerings.len()
}

fn of_pods(snapshot: &Snapshot, plan: &Plan) -> Vec<Constraint> {
    let mut found = vec![];
    for (workload, (pods, templates)) in workloads(snapshot, plan) {
        let mut parts: Vec<(String, InPods)> = vec![];
        for template in templates {
            for stated in stated(&template.spec) {
                if !parts.contains(&stated) {
                    parts.push(stated);
                }
            }
        }
        found.extend(parts.into_iter().map(|(words, part)| Constraint {
            workload: Some(workload.clone()),
            pods,
            words,
            part: Part::Pods(part),
        }));
    }
    found
}

/// The planned pods of each workload: how many, and their templates.
fn workloads<'s>(
    snapshot: &'s Snapshot,
    plan: &Plan,
) -> BTreeMap<String, (usize, Vec<&'s PodTemplate>)> {
    let mut workloads: BTreeMap<String, (usize, Vec<&PodTemplate>)> = BTreeMap::new();
    let mut seen = FxHashSet::default();
    for pod in planned(plan).filter_map(|pod| snapshot.pods.get(pod as usize)) {
        let owner = owner(pod);
        let first = seen.insert((owner.clone(), Arc::as_ptr(&pod.template)));
        let (pods, templates) = workloads.entry(owner).or_default();
        *pods += 1;
        if first {
            templates.push(&pod.template);
        }
    }
    workloads
}

fn planned(plan: &Plan) -> impl Iterator<Item = PodIndex> {
    let launched = plan.launches.iter().flat_map(|launch| &launch.pods);
    let existing = plan.existing.iter().flat_map(|node| &node.pods);
    launched.chain(existing).copied().chain(plan.unplaced.iter().map(|one| one.pod))
}

/// The hard constraints of a spec, with names.
fn stated(spec: &PodSpec) -> Vec<(String, InPods)> {
    let mut found: Vec<(String, InPods)> = vec![];
    for (key, value) in spec.node_selector.iter().flatten() {
        found.push((format!("node selector {key}={value}"), InPods::Selector(key.clone())));
    }
    for spread in spec.topology_spread_constraints.iter().flatten() {
        if spread.when_unsatisfiable == "DoNotSchedule" {
            let words = format!("topology spread over {}", spread.topology_key);
            found.push((words, InPods::Spread(spread.clone())));
        }
    }
    let Some(affinity) = &spec.affinity else { return found };
    let of_nodes = affinity.node_affinity.as_ref();
    let of_nodes =
        of_nodes.and_then(|one| one.required_during_scheduling_ignored_during_execution.as_ref());
    if let Some(required) = of_nodes {
        let words = format!("node affinity {}", in_words(required));
        found.push((words, InPods::NodeAffinity(required.clone())));
    }
    let near = affinity.pod_affinity.as_ref();
    let near =
        near.and_then(|one| one.required_during_scheduling_ignored_during_execution.as_ref());
    for term in near.into_iter().flatten() {
        found.push((over("pod affinity", term), InPods::Affinity(term.clone())));
    }
    let apart = affinity.pod_anti_affinity.as_ref();
    let apart =
        apart.and_then(|one| one.required_during_scheduling_ignored_during_execution.as_ref());
    for term in apart.into_iter().flatten() {
        found.push((over("pod anti-affinity", term), InPods::AntiAffinity(term.clone())));
    }
    found
}

fn over(what: &str, term: &PodAffinityTerm) -> String {
    format!("{what} over {}", term.topology_key)
}

/// `zone In a, b and sku-cpu Gt 8, or …`.
fn in_words(selector: &NodeSelector) -> String {
    let terms = selector.node_selector_terms.iter().map(|term| {
        let labels = term.match_expressions.iter().flatten();
        let all = labels.chain(term.match_fields.iter().flatten()).map(|one| {
            let values = one.values.iter().flatten().map(String::as_str).collect::<Vec<_>>();
            format!("{} {} {}", one.key, one.operator, values.join(", ")).trim_end().to_owned()
        });
        all.collect::<Vec<_>>().join(" and ")
    });
    terms.collect::<Vec<_>>().join(", or ")
}

fn of_pools(snapshot: &Snapshot, formulation: &Formulation) -> Vec<Constraint> {
    let mut found = vec![];
    for (number, pool) in snapshot.node_pools.iter().enumerate() {
        if pool.replicas.is_some() {
            continue;
        }
        let pods = accepting(formulation, number);
        let mut add = |words: String, part: Part| {
            let words = format!("{words} of NodePool {}", pool.name);
            found.push(Constraint { workload: None, pods, words, part });
        };
        for resource in pool.limits.0.keys() {
            add(format!("limit on {resource}"), Part::Limit(number, Some(resource.clone())));
        }
        if pool.node_limit.is_some() {
            add("limit on nodes".to_owned(), Part::Limit(number, None));
        }
        if let Some(most) = pool.max_instance_types {
            add(format!("{MAX_INSTANCE_TYPES}={most}"), Part::InstanceTypes(number));
        }
        if let Some(most) = pool.max_families {
            add(format!("{MAX_FAMILIES}={most}"), Part::Families(number));
        }
        for (key, requirement) in pool.requirements.0.iter().filter(|(key, _)| &***key != OS) {
            add(format!("requirement {requirement}"), Part::Requirement(number, key.clone()));
        }
    }
    found
}

/// How many pods could be on a node of the pool.
fn accepting(formulation: &Formulation, pool: usize) -> usize {
    let problem = &formulation.problem;
    let of_pool = |offering: usize| formulation.index.offerings[offering].pool == pool;
    let accepts: Vec<bool> =
        problem.classes.iter().map(|class| class.offerings.iter().any(of_pool)).collect();
    let groups = problem.groups.iter().zip(&formulation.index.groups);
    groups.filter(|(group, _)| accepts[group.class as usize]).map(|(_, pods)| pods.len()).sum()
}
