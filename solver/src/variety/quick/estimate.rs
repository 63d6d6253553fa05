//! What the pods would cost on nodes of one value, roughly.

use rustc_hash::FxHashMap;

use crate::{Problem, problem::fits, variety::rules::Rule};

/// The least that pods cost per value: each takes its largest share of a node.
pub(super) struct Estimate {
    demands: Vec<Demand>,
    values: usize,
    priorities: usize,
}

/// Pods that ask the same of the same offerings.
struct Demand {
    count: u64,
    /// Where its priority stands, the highest first.
    priority: usize,
    /// Without any of the values; infinite where there is no place.
    free: f64,
    /// With each value.
    with: Vec<f64>,
}

/// Pods without a place by priority, and what the others cost: less is better.
type Score = (Vec<u64>, f64);

fn is_less(a: &Score, b: &Score) -> bool {
    a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)).is_lt()
}

impl Estimate {
    pub(super) fn new(problem: &Problem, rule: &Rule) -> Self {
        let mut priorities: Vec<i32> = problem.groups.iter().map(|group| group.priority).collect();
        priorities.sort_unstable_by(|a, b| b.cmp(a));
        priorities.dedup();
        let mut known: FxHashMap<(u32, i32, &[i64]), usize> = FxHashMap::default();
        let mut demands: Vec<Demand> = Vec::new();
        for group in problem.groups.iter().filter(|group| group.count > 0) {
            let key = (group.class, group.priority, group.request.as_slice());
            let at = *known.entry(key).or_insert_with(|| {
                let priority = priorities.iter().position(|&other| other == group.priority);
                let priority = priority.unwrap_or_default();
                demands.push(Demand::new(problem, rule, group.class, &group.request, priority));
                demands.len() - 1
            });
            demands[at].count += u64::from(group.count);
        }
        Self { demands, values: rule.values, priorities: priorities.len() }
    }

    /// The values, the best alone first.
    pub(super) fn order(&self) -> Vec<u32> {
        let mut scores: Vec<(Score, u32)> = (0..self.values as u32)
            .map(|value| (self.score(&self.least(&[value])), value))
            .collect();
        scores.sort_by(|(a, one), (b, other)| {
            a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)).then(one.cmp(other))
        });
        scores.into_iter().map(|(_, value)| value).collect()
    }

    /// So many values: one, and whichever is best with those so far, one after the other.
    pub(super) fn grow(&self, first: u32, room: usize) -> Vec<u32> {
        let mut chosen = vec![first];
        while chosen.len() < room {
            let base = self.least(&chosen);
            let mut best: Option<(Score, u32)> = None;
            for value in (0..self.values as u32).filter(|value| !chosen.contains(value)) {
                let with = self.demands.iter().zip(&base);
                let with = with.map(|(demand, least)| least.min(demand.with[value as usize]));
                let score = self.score(&with.collect::<Vec<_>>());
                if best.as_ref().is_none_or(|(known, _)| is_less(&score, known)) {
                    best = Some((score, value));
                }
            }
            let Some((_, value)) = best else { break };
            chosen.push(value);
        }
        chosen
    }

    /// The least that a pod of each demand costs with these values.
    fn least(&self, values: &[u32]) -> Vec<f64> {
        let least = |demand: &Demand| {
            values.iter().map(|&value| demand.with[value as usize]).fold(demand.free, f64::min)
        };
        self.demands.iter().map(least).collect()
    }

    fn score(&self, least: &[f64]) -> Score {
        let mut unplaced = vec![0; self.priorities];
        let mut cost = 0.0;
        for (demand, &each) in self.demands.iter().zip(least) {
            match each.is_finite() {
                true => cost += each * demand.count as f64,
                false => unplaced[demand.priority] += demand.count,
            }
        }
        (unplaced, cost)
    }
}

impl Demand {
    fn new(problem: &Problem, rule: &Rule, class: u32, request: &[i64], priority: usize) -> Self {
        let mut demand = Self {
            count: 0,
            priority,
            free: f64::INFINITY,
            with: vec![f64::INFINITY; rule.values],
        };
        for at in problem.classes[class as usize].offerings.iter() {
            let offering = &problem.offerings[at];
            if !fits(request, &offering.capacity) {
                continue;
            }
            let pairs = request.iter().zip(&offering.capacity);
            let shares = pairs.map(|(&ask, &have)| ask as f64 / have.max(1) as f64);
            let each = offering.price as f64 * shares.fold(0.0, f64::max);
            let least = match rule.value(at as u32) {
                Some(value) => &mut demand.with[value as usize],
                None => &mut demand.free,
            };
            *least = least.min(each);
        }
        demand
    }
}
