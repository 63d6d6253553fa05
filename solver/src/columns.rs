//! Column generation: a certified bound, and plans close to it.
//!
//! The master buys patterns to cover every item's pods. Its linear relaxation is solved with a few
//! columns at first; pricing ([`crate::pattern`]) finds patterns worth more than they cost at the
//! master's dual prices, until there are none. The dual prices bound what any plan costs (Farley,
//! Operations Research 38, 1990), also when pricing was cut short.
//!
//! Whole plans come from dives: a column is fixed, the rest is priced again for what remains, and
//! so on. Two rules make dives good: columns are *proper* (none holds more of an item than
//! remains), and the numbers of dear nodes are decided before their patterns.

mod branch;
mod dive;
mod expand;
mod generate;
mod master;
mod plan;
mod pool;
mod prove;

use crate::{
    Problem, Solution,
    certificate::Certificate,
    columns::{
        dive::{Style, dive},
        expand::expand,
        generate::{Limits, root},
        plan::{Plan, cheapest},
        pool::Column,
    },
    effort::Budget,
    pattern::Pattern,
    presolve::{Core, Source},
    problem::Money,
    strategy::{Options, Progress, progress},
};

/// Betters a solution's bound, and its plan where a better one is found. The bound that it ends
/// with is one that the certificate proves, or the one it started with.
pub(crate) fn improve(
    problem: &Problem,
    options: &Options,
    solution: &mut Solution,
    budget: &mut Budget,
    tell: &mut (dyn FnMut(Progress) + Send),
) -> Option<Certificate> {
    let weak = solution.bound;
    let mut pods: Vec<u32> = problem.groups.iter().map(|group| group.count).collect();
    for missing in &solution.unplaced {
        pods[missing.group as usize] -= missing.count;
    }
    let core = Core::new(problem, &pods);
    if core.items.is_empty() {
        return None;
    }
    let limits = Limits { tolerance: 2e-3, keep: 1, rounds: 400, nodes: 64 };
    let root = root(&core, seeds(&core, solution), &limits, budget);
    if std::env::var_os("DBG").is_some() { eprintln!("root z {:.4} lb {:.4} kinds {} items {} pool {} {:?}", root.value/1e6, root.bound/1e6, core.kinds.len(), core.items.len(), root.pool.len(), budget.done); }
    solution.bound = solution.bound.max(round_up(root.bound)).min(solution.cost);
    tell(progress(solution));
    for seed in 0..8u64 {
        let style = Style {
            counts: seed % 2 == 0,
            large: if seed % 4 < 2 { 0.3 } else { 0.6 },
            kinds: if seed % 8 < 4 { 0.97 } else { 0.9 },
            noise: if seed >= 4 { 0.3 } else { 0.0 },
            seed: seed + options.seed,
        };
        let before = budget.done;
        let found = dive(&root, style, solution.cost, budget);
        if std::env::var_os("DBG").is_some() { eprintln!("dive {seed} {:?} pivots {} prices {}", found.as_ref().map(|p| p.cost), budget.done.pivots-before.pivots, budget.done.prices-before.prices); }
        if let Some(plan) = found {
            let better = expand(problem, &core, &plan);
            *solution = Solution { bound: solution.bound, unplaced: solution.unplaced.clone(), ..better };
            tell(progress(solution));
        }
    }
    let before = budget.done;
    let (bound, record) = branch::branch(&root, solution.cost, 30, budget);
    if std::env::var_os("DBG").is_some() { eprintln!("branch {:.4} pivots {} prices {} nodes {}", bound/1e6, budget.done.pivots-before.pivots, budget.done.prices-before.prices, budget.done.nodes); }
    solution.bound = weak;
    let certificate = prove::settle(problem, &root, &record, solution, budget);
    tell(progress(solution));
    certificate
}

/// A float bound as money: costs are whole, so a fraction is rounded up.
fn round_up(bound: f64) -> Money {
    (bound * (1.0 - 1e-9) - 1e-6).ceil().max(0.0) as Money
}

/// The patterns of a solution, as columns.
fn seeds(core: &Core, solution: &Solution) -> Vec<Column> {
    let mut item_of = rustc_hash::FxHashMap::default();
    for (at, item) in core.items.iter().enumerate() {
        for &(group, _) in &item.groups {
            item_of.insert(group, at as u32);
        }
    }
    let mut kind_of = rustc_hash::FxHashMap::default();
    for (at, kind) in core.kinds.iter().enumerate() {
        if let Source::Offerings(offerings) = &kind.source {
            kind_of.extend(offerings.iter().map(|&offering| (offering, at as u32)));
        }
    }
    let column = |launch: &crate::solution::Launch| {
        let mut pattern: Pattern = Vec::new();
        for &(group, pods) in &launch.pods {
            let item = *item_of.get(&group)?;
            match pattern.iter_mut().find(|(other, _)| *other == item) {
                Some((_, sum)) => *sum += pods,
                None => pattern.push((item, pods)),
            }
        }
        pattern.sort_unstable();
        let kind = *kind_of.get(&launch.offering)?;
        let mut column = Column { kind, pattern };
        column.kind = cheapest(core, &column);
        Some(column)
    };
    solution.launches.iter().filter_map(column).collect()
}
