//! The score plugins with kube-scheduler's default weights.

use super::{
    amounts::{CPU, MEMORY},
    cache::Cache,
    template::{SoftSpread, Template, TemplateId},
    topology::HOSTNAME,
};

/// The best score of one plugin.
const MAX: i64 = 100;

/// Weights of the plugins.
const TAINTS: i64 = 3;
const NODE_AFFINITY: i64 = 2;
const SPREAD: i64 = 2;
const POD_AFFINITY: i64 = 2;

/// The weighted score of each of `slots`, which all passed the filters.
pub(super) fn scores(cache: &Cache, id: TemplateId, slots: &[usize]) -> Vec<i64> {
    let template = &*cache.templates[id];
    let verdict = |slot: &usize| cache.verdicts[id][*slot];
    let avoided: Vec<i64> =
        slots.iter().map(|slot| verdict(slot).map_or(0, |verdict| verdict.avoided)).collect();
    let preferred: Vec<i64> =
        slots.iter().map(|slot| verdict(slot).map_or(0, |verdict| verdict.preferred)).collect();
    let mut totals: Vec<i64> = (slots.iter())
        .map(|slot| {
            least_allocated(cache, template, *slot) + balanced_allocation(cache, template, *slot)
        })
        .collect();
    let parts = [
        (TAINTS, few_first(&avoided)),
        (NODE_AFFINITY, many_first(&preferred)),
        (SPREAD, spread(cache, template, slots)),
        (POD_AFFINITY, pod_affinity(cache, template, slots)),
    ];
    for (weight, scores) in parts {
        for (total, score) in totals.iter_mut().zip(scores) {
            *total += weight * score;
        }
    }
    totals
}

/// The mean share of CPU and memory that stays free, in percent.
fn least_allocated(cache: &Cache, template: &Template, slot: usize) -> i64 {
    let there = &cache.slots[slot];
    let Some(node) = &there.facts else { return 0 };
    let free = [CPU, MEMORY].into_iter().filter_map(|position| {
        let all = node.allocatable.get(position);
        let used = there.scored[position].saturating_add(template.scored[position]);
        (all > 0).then(|| if used > all { 0 } else { (all - used).saturating_mul(MAX) / all })
    });
    let free: Vec<i64> = free.collect();
    i64::try_from(free.len()).map_or(0, |n| free.iter().sum::<i64>().checked_div(n).unwrap_or(0))
}

/// How evenly CPU and memory are used. Pods that ask for neither are not scored, lest they all go
/// to one node.
fn balanced_allocation(cache: &Cache, template: &Template, slot: usize) -> i64 {
    let there = &cache.slots[slot];
    let Some(node) = &there.facts else { return 0 };
    if [CPU, MEMORY].iter().all(|position| template.request.get(*position) == 0) {
        return 0;
    }
    let shares: Vec<f64> = [CPU, MEMORY]
        .into_iter()
        .filter_map(|position| {
            let all = node.allocatable.get(position);
            let used = there.used.get(position).saturating_add(template.request.get(position));
            #[expect(clippy::cast_precision_loss, reason = "the scheduler uses floats here too")]
            (all > 0).then(|| (used as f64 / all as f64).min(1.0))
        })
        .collect();
    let deviation = match shares[..] {
        [cpu, memory] => (cpu - memory).abs() / 2.0,
        _ => 0.0,
    };
    #[expect(clippy::cast_possible_truncation, reason = "from 0 to 100, cut off as there")]
    let score = ((1.0 - deviation) * 100.0) as i64;
    score
}

/// The most gets 100, the others in proportion.
fn many_first(raw: &[i64]) -> Vec<i64> {
    let most = raw.iter().copied().max().unwrap_or(0);
    raw.iter().map(|score| if most == 0 { 0 } else { MAX * score / most }).collect()
}

/// The most gets 0, nothing gets 100.
fn few_first(raw: &[i64]) -> Vec<i64> {
    many_first(raw).into_iter().map(|score| MAX - score).collect()
}

/// ScheduleAnyway: fewer matching pods in the domains are better. Keys with many domains weigh
/// more, for each of their domains has fewer pods.
fn spread(cache: &Cache, template: &Template, slots: &[usize]) -> Vec<i64> {
    let soft = &template.topology.soft;
    if soft.is_empty() {
        return vec![0; slots.len()];
    }
    let has = |slot: usize, key: &str| {
        let node = cache.slots[slot].facts.as_ref();
        node.is_some_and(|node| node.labels.contains_key(key))
    };
    let ignored: Vec<bool> = (slots.iter())
        .map(|slot| {
            template.topology.soft_needs_keys && !soft.iter().all(|rule| has(*slot, &rule.key))
        })
        .collect();
    let counted: Vec<usize> =
        slots.iter().zip(&ignored).filter(|(_, out)| !**out).map(|(slot, _)| *slot).collect();
    let weights: Vec<f64> = soft.iter().map(|rule| domain_weight(cache, rule, &counted)).collect();
    let raw = |slot: usize| -> i64 {
        let rules = soft.iter().zip(&weights).filter(|(rule, _)| has(slot, &rule.key));
        let sum: f64 = rules.map(|(rule, weight)| crowding(cache, rule, *weight, slot)).sum();
        #[expect(clippy::cast_possible_truncation, reason = "counts of pods times small weights")]
        let rounded = sum.round() as i64;
        rounded
    };
    let raw: Vec<i64> = slots.iter().map(|slot| raw(*slot)).collect();
    let valid = || raw.iter().zip(&ignored).filter(|(_, out)| !**out).map(|(score, _)| *score);
    let (least, most) = (valid().min().unwrap_or(0), valid().max().unwrap_or(0));
    (raw.iter().zip(&ignored))
        .map(|(score, out)| match (*out, most) {
            (true, _) => 0,
            (false, 0) => MAX,
            (false, most) => MAX * (most + least - score) / most,
        })
        .collect()
}

#[expect(clippy::cast_precision_loss, reason = "numbers of nodes and pods")]
fn domain_weight(cache: &Cache, rule: &SoftSpread, slots: &[usize]) -> f64 {
    let size = if rule.key == HOSTNAME {
        slots.len()
    } else {
        let tally = &cache.tallies[rule.tally];
        let mut domains: Vec<Option<usize>> =
            slots.iter().map(|slot| tally.domain(*slot)).collect();
        domains.sort_unstable();
        domains.dedup();
        domains.len()
    };
    (size as f64 + 2.0).ln()
}

#[expect(clippy::cast_precision_loss, reason = "numbers of nodes and pods")]
fn crowding(cache: &Cache, rule: &SoftSpread, weight: f64, slot: usize) -> f64 {
    let tally = &cache.tallies[rule.tally];
    let pods = if rule.key == HOSTNAME { tally.on_node(slot) } else { tally.near(slot) };
    pods as f64 * weight + (rule.max_skew - 1) as f64
}

/// Preferred affinity of the pod and of the pods that are there.
fn pod_affinity(cache: &Cache, template: &Template, slots: &[usize]) -> Vec<i64> {
    let preferences = &template.topology.preferences;
    if preferences.is_empty() {
        return vec![0; slots.len()];
    }
    let raw = |slot: &usize| -> i64 {
        preferences.iter().map(|(tally, weight)| cache.tallies[*tally].near(*slot) * weight).sum()
    };
    let raw: Vec<i64> = slots.iter().map(raw).collect();
    let (least, most) =
        (raw.iter().copied().min().unwrap_or(0), raw.iter().copied().max().unwrap_or(0));
    raw.iter()
        .map(|score| if most == least { 0 } else { MAX * (score - least) / (most - least) })
        .collect()
}
