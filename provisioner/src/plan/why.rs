//! Why a group of pods has no place, in words: how many offerings and nodes each reason removed,
//! and the smallest change found that would give it one.

use catalog::resources::{CPU, EPHEMERAL_STORAGE, MEMORY};
use solver::{
    Solution,
    explain::{Explanation, Relaxation, explain},
    problem::{NODE_KEY, Problem},
    solution::Reason,
};

use crate::formulate::{Formulation, Index};

/// The whole explanation of one group, as sentences without full stops.
pub fn sentences(formulation: &Formulation, solution: &Solution, group: u32) -> Vec<String> {
    let explanation = explain(&formulation.problem, solution, group);
    let mut sentences = Vec::new();
    let offerings = formulation.problem.offerings.len();
    sentences.extend(removed(&explanation.offerings, offerings, "offering"));
    let nodes = formulation.problem.nodes.len();
    sentences.extend(removed(&explanation.nodes, nodes, "existing node"));
    sentences.extend(short(&explanation, &formulation.index));
    sentences.extend(
        explanation
            .nearest
            .map(|nearest| relaxation(&formulation.problem, &formulation.index, nearest)),
    );
    sentences
}

fn removed(counts: &[(Reason, usize)], of: usize, noun: &str) -> Option<String> {
    if counts.is_empty() {
        return (of == 0).then(|| format!("there is no {noun}"));
    }
    let parts: Vec<String> =
        counts.iter().map(|(why, n)| format!("{n} {}", because(*why))).collect();
    let plural = if of == 1 { "" } else { "s" };
    Some(format!("of {of} {noun}{plural}: {}", parts.join(", ")))
}

fn because(reason: Reason) -> &'static str {
    match reason {
        Reason::Incompatible => "not accepted (selectors, affinity, taints, volumes)",
        Reason::TooLarge => "too small",
        Reason::Limit => "beyond a limit of the node pool",
        Reason::Variety => "of one size or family too many for the node pool",
        Reason::Flexibility => "with too few alternatives for minValues",
        Reason::Spread => "against a topology spread",
        Reason::Affinity => "without the pods its affinity asks for",
        Reason::Exclusion => "against an anti-affinity",
        Reason::Conflict => "with its host port taken",
        Reason::Combination => "against several constraints together",
    }
}

fn short(explanation: &Explanation, index: &Index) -> Option<String> {
    let &(dim, count) = explanation.short.iter().max_by_key(|(_, count)| *count)?;
    Some(format!("{} is what {count} of those that accept it lack most", index.dims[dim]))
}

/// An amount of a resource for people: cores, GiB, or pieces.
fn amount(resource: &str, value: i64) -> String {
    match resource {
        CPU => format!("{} cores", value as f64 / 1000.0),
        MEMORY | EPHEMERAL_STORAGE => format!("{:.2} GiB", value as f64 / f64::from(1 << 30)),
        _ => value.to_string(),
    }
}

fn relaxation(problem: &Problem, index: &Index, nearest: Relaxation) -> String {
    let offering = |at: u32| {
        let offering = &index.offerings[at as usize];
        let sold = &offering.instance_type.offerings[offering.offering];
        format!("{} in {}", offering.instance_type.name, sold.zone)
    };
    let key = |key: u8| match key {
        NODE_KEY => "kubernetes.io/hostname",
        key => index.keys.get(usize::from(key)).map_or("a topology key", |name| &**name),
    };
    match nearest {
        Relaxation::Launch { offering: at } => {
            format!("{} would take it as things stand", offering(at))
        }
        Relaxation::RaiseLimit { limit, by } => {
            format!("it would have a place if {} were higher by {by}", index.limits[limit as usize])
        }
        Relaxation::RaiseVariety { variety } => {
            let what = &index.varieties[variety as usize];
            format!("it would have a place if {what} were higher by 1")
        }
        Relaxation::LowerFlexibility { .. } => {
            "it would have a place with lower minValues".to_owned()
        }
        Relaxation::DropSpread { spread } => format!(
            "it would have a place if its spread over {} were ScheduleAnyway",
            key(problem.spreads[spread as usize].key)
        ),
        Relaxation::DropAffinity { affinity } => {
            let keys = &problem.affinities[affinity as usize].keys;
            let keys: Vec<&str> = keys.iter().map(|&one| key(one)).collect();
            format!("it would have a place if its affinity over {} were preferred", keys.join(", "))
        }
        Relaxation::DropExclusion { exclusion } => format!(
            "it would have a place if the anti-affinity over {} were preferred",
            key(problem.exclusions[exclusion as usize].key)
        ),
        Relaxation::LowerRequest { dim, by, offering: at } => {
            let name = &index.dims[dim];
            format!("nearest is {}, where {} {name} are missing", offering(at), amount(name, by))
        }
        Relaxation::Accept { offering: at } => {
            format!("nearest is {}, which would hold it if it were accepted there", offering(at))
        }
    }
}
