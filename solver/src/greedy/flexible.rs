//! Alternatives that a launch must keep (minValues).

use crate::Problem;

/// Whether enough distinct alternatives hold these pods for every rule that covers the offering.
pub(super) fn flexible(problem: &Problem, offering: u32, pods: &[(u32, u32)]) -> bool {
    let mut load: Option<Vec<i64>> = None;
    for rule in &problem.flexibilities {
        if rule.values.binary_search_by_key(&offering, |&(o, _)| o).is_err() {
            continue;
        }
        let load = load.get_or_insert_with(|| {
            let mut load = vec![0; problem.dims];
            for &(group, count) in pods {
                for (sum, ask) in load.iter_mut().zip(&problem.groups[group as usize].request) {
                    *sum += ask * i64::from(count);
                }
            }
            load
        });
        let holds = |o: usize| {
            load.iter().zip(&problem.offerings[o].capacity).all(|(need, have)| need <= have)
                && pods.iter().all(|(g, _)| problem.class_of(*g).offerings.contains(o))
        };
        // Only as many values as the rule asks for are looked for.
        let mut seen: Vec<u32> = Vec::with_capacity(rule.min as usize);
        for &(other, value) in &rule.values {
            if seen.len() == rule.min as usize {
                break;
            }
            if !seen.contains(&value) && holds(other as usize) {
                seen.push(value);
            }
        }
        if seen.len() < rule.min as usize {
            return false;
        }
    }
    true
}
