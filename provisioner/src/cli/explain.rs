//! Answers to `--explain`.

use super::exit::Failure;
use crate::{
    pipeline::Outcome,
    plan::{ExistingNode, Launch, PodIndex},
    report::{Explained, hourly, pod_name, reason_name, skip_name, workload},
    snapshot::{Pod, Snapshot},
};

/// The answers in the order of the questions; pods with the same answer share it.
pub(super) fn answers(
    snapshot: &Snapshot,
    outcome: &Outcome,
    questions: &[String],
) -> Result<Vec<Explained>, Failure> {
    let mut answers = Vec::new();
    for question in questions {
        let found = matching(snapshot, question);
        if found.is_empty() {
            return Err(Failure::usage(format!(
                "--explain {question}: no pod or workload of that name in the input (-o wide \
                 shows the names)"
            )));
        }
        let one_by_one = found.into_iter().map(|pod| answer(snapshot, outcome, pod));
        answers.extend(merged(one_by_one.collect()));
    }
    Ok(answers)
}

/// The pods of that name, else those of the workload of that name; in any namespace when the
/// question has none.
fn matching(snapshot: &Snapshot, question: &str) -> Vec<PodIndex> {
    let (namespace, name) = match question.split_once('/') {
        Some((namespace, name)) => (Some(namespace), name),
        None => (None, question),
    };
    let select = |wanted: &dyn Fn(&Pod) -> bool| -> Vec<PodIndex> {
        (0..)
            .zip(&snapshot.pods)
            .filter(|(_, pod)| namespace.is_none_or(|namespace| *pod.namespace == *namespace))
            .filter(|(_, pod)| wanted(pod))
            .map(|(index, _)| index)
            .collect()
    };
    let pods = select(&|pod| *pod.name == *name);
    if !pods.is_empty() {
        return pods;
    }
    select(&|pod| workload(pod).split_once('/').is_some_and(|(_, workload)| workload == name))
}

/// Neighbours with the same answer become one.
fn merged(answers: Vec<Explained>) -> Vec<Explained> {
    let mut merged: Vec<Explained> = Vec::new();
    for answer in answers {
        match merged.last_mut() {
            Some(last) if last.lines == answer.lines => {
                last.pod.push_str(&format!(", {}", answer.pod));
            }
            _ => merged.push(answer),
        }
    }
    merged
}

fn answer(snapshot: &Snapshot, outcome: &Outcome, pod: PodIndex) -> Explained {
    let plan = &outcome.plan;
    let name = pod_name(snapshot, pod);
    let launch = plan.launches.iter().find(|launch| launch.pods.contains(&pod));
    let existing = plan.existing.iter().find(|node| node.pods.contains(&pod));
    let unplaced = plan.unplaced.iter().find(|entry| entry.pod == pod);
    let object = format!("Pod {name}");
    let skipped = plan.skipped.iter().find(|entry| entry.object == object);
    let lines = if let Some(launch) = launch {
        on_launch(launch)
    } else if let Some(node) = existing {
        on_existing(node)
    } else if let Some(entry) = unplaced {
        vec![format!("no place ({}): {}", reason_name(entry.reason), entry.detail)]
    } else if let Some(entry) = skipped {
        vec![format!("not planned ({}): {}", skip_name(entry.reason), entry.detail)]
    } else {
        bound(snapshot, pod)
    };
    Explained { pod: name, lines }
}

fn on_launch(launch: &Launch) -> Vec<String> {
    let others = launch.pods.len().saturating_sub(1);
    let mut lines = vec![
        format!(
            "goes to the new node {} ({} in {}, {}, {}/h) with {others} other pods",
            launch.name,
            launch.instance_type,
            launch.zone,
            launch.capacity_type,
            hourly(launch.price)
        ),
        format!("of the node pool {}", launch.node_pool),
    ];
    match launch.alternatives.as_slice() {
        [] => lines.push("no other offering of the pool holds the same pods".to_owned()),
        all => {
            lines.push(format!("{} other offerings hold the same pods, cheapest:", all.len()));
            lines.extend(all.iter().take(3).map(|other| {
                format!(
                    "  {} in {}, {}, {}/h",
                    other.instance_type,
                    other.zone,
                    other.capacity_type,
                    hourly(other.price)
                )
            }));
        }
    }
    lines
}

fn on_existing(node: &ExistingNode) -> Vec<String> {
    let state = if node.in_flight { "node on its way" } else { "existing node" };
    vec![format!("goes to the {state} {}, which has room: costs nothing more", node.node)]
}

fn bound(snapshot: &Snapshot, pod: PodIndex) -> Vec<String> {
    match snapshot.pods.get(pod as usize).and_then(|pod| pod.node_name.as_ref()) {
        Some(node) => vec![format!("runs on {node} already")],
        None => vec!["plays no part in the plan".to_owned()],
    }
}
