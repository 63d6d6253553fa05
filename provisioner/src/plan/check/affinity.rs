//! InterPodAffinity: required terms of the pod, and the anti-affinity of every other pod.

use super::{Filter, Violation, cluster::Cluster, pod::Term};

/// The pod against all others, the pod itself taken out.
pub(super) fn check(cluster: &Cluster<'_>, index: usize) -> Result<(), String> {
    repelled_by_others(cluster, index)?;
    repels_others(cluster, index)?;
    if attracted(cluster, index, &|_| true) {
        return Ok(());
    }
    Err("no pod that its affinity asks for is in the node's domain".to_owned())
}

/// Whether `term`, stated by `owner`, means `other`.
fn means(cluster: &Cluster<'_>, term: &Term, other: usize) -> bool {
    let resident = &cluster.residents[other];
    let labels = &resident.facts.template.labels;
    term.matches(labels, &resident.pod.namespace, cluster.namespace_of(other))
}

/// Whether two residents' nodes have the same value of a label that both have.
fn together(cluster: &Cluster<'_>, key: &str, one: usize, other: usize) -> bool {
    let value = |resident| cluster.node_of(resident).labels.get(key);
    value(one).is_some() && value(one) == value(other)
}

fn repelled_by_others(cluster: &Cluster<'_>, index: usize) -> Result<(), String> {
    for &other in cluster.repellent.iter().filter(|other| **other != index) {
        for term in &cluster.residents[other].facts.anti_affinity {
            if together(cluster, &term.key, index, other) && means(cluster, term, index) {
                let id = cluster.residents[other].id();
                return Err(format!("anti-affinity of {id} by {}", term.key));
            }
        }
    }
    Ok(())
}

fn repels_others(cluster: &Cluster<'_>, index: usize) -> Result<(), String> {
    for term in &cluster.residents[index].facts.anti_affinity {
        for other in (0..cluster.residents.len()).filter(|other| *other != index) {
            if together(cluster, &term.key, index, other) && means(cluster, term, other) {
                let id = cluster.residents[other].id();
                return Err(format!("its anti-affinity by {} to {id}", term.key));
            }
        }
    }
    Ok(())
}

/// Whether the affinity terms hold, leaning only on pods that `there` lets in. A pod counts when
/// it matches all terms; when no such pod is in any domain, one that matches itself may be first.
fn attracted(cluster: &Cluster<'_>, index: usize, there: &dyn Fn(usize) -> bool) -> bool {
    let terms = &cluster.residents[index].facts.affinity;
    if terms.is_empty() {
        return true;
    }
    let labels = &cluster.node_of(index).labels;
    if terms.iter().any(|term| !labels.contains_key(&term.key)) {
        return false;
    }
    let wanted = |other: usize| terms.iter().all(|term| means(cluster, term, other));
    let others: Vec<usize> = (0..cluster.residents.len())
        .filter(|other| *other != index && there(*other) && wanted(*other))
        .collect();
    let near = |term: &Term| others.iter().any(|other| together(cluster, &term.key, index, *other));
    if terms.iter().all(near) {
        return true;
    }
    let in_a_domain = |other: &usize| {
        terms.iter().any(|term| cluster.node_of(*other).labels.contains_key(&term.key))
    };
    !others.iter().any(in_a_domain) && wanted(index)
}

/// Whether some order of scheduling meets every affinity: pods that can lean on those already
/// there go first, and only when none can does one become the first of its kind.
pub(super) fn order(cluster: &Cluster<'_>) -> Vec<Violation> {
    let residents = &cluster.residents;
    let mut there: Vec<bool> = residents.iter().map(|r| !r.planned).collect();
    let mut waiting: Vec<usize> = cluster.planned().collect();
    loop {
        let before = waiting.len();
        // A pod that could only be the first of its kind waits while others can still move.
        for bootstrap in [false, true] {
            let mut first = None;
            waiting.retain(|&index| {
                let leans = attracted(cluster, index, &|other| there[other]);
                let alone = leans && is_first(cluster, index, &there);
                if !leans || (alone && (!bootstrap || first.is_some())) {
                    return true;
                }
                if alone {
                    first = Some(index);
                }
                there[index] = true;
                false
            });
            if waiting.len() < before {
                break;
            }
        }
        if waiting.len() == before {
            break;
        }
    }
    waiting
        .into_iter()
        .map(|index| Violation {
            pod: residents[index].id(),
            node: cluster.node_of(index).name.clone(),
            filter: Filter::AffinityOrder,
            detail: "no order of scheduling meets its affinity".to_owned(),
        })
        .collect()
}

/// Whether the pod has affinity terms and nobody there matches them all.
fn is_first(cluster: &Cluster<'_>, index: usize, there: &[bool]) -> bool {
    let terms = &cluster.residents[index].facts.affinity;
    let wanted = |other: usize| terms.iter().all(|term| means(cluster, term, other));
    !terms.is_empty()
        && !(0..there.len()).any(|other| other != index && there[other] && wanted(other))
}
