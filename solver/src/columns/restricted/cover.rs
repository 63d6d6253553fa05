//! The restricted master as HiGHS is given it.

use crate::{
    columns::{
        dive::proper::remainder,
        plan::Plan,
        pool::{Column, Pool},
    },
    effort::Budget,
    master::highs::{self, Cover},
    presolve::{Core, Source},
};

/// With more rows each iteration takes too long.
const MOST_ROWS: usize = 1_000;
/// Units of work in an iteration, with all that comes with it: so many, and one per row.
const ITERATION: u64 = 130;

/// The cheapest plan over `known` columns and those of `start`, on any of their kinds' twins, if it
/// is cheaper than `start`; `enough` is how far it may stay above the best of them, as a share and in
/// money.
pub(super) fn cheapest<'a>(
    core: &Core,
    known: impl Iterator<Item = &'a Column>,
    start: &'a [(Column, u32)],
    enough: (f64, f64),
    budget: &mut Budget,
) -> Option<Plan> {
    if core.items.len() > MOST_ROWS || budget.is_spent() {
        return None;
    }
    let mut columns = everywhere(core, known, start);
    let counts = counts(&mut columns, start);
    let (entries, rows) = (entries(core, &columns), rows(core));
    let demand = core.demand();
    let covers = |column: &Column| {
        let times = |&(item, pods): &(u32, u32)| demand[item as usize].div_ceil(pods);
        column.pattern.iter().map(times).max().unwrap_or(0)
    };
    let priced: Vec<highs::Column<'_>> = (0..columns.len() as u32)
        .zip(&entries)
        .map(|(at, entries)| {
            let column = columns.get(at);
            highs::Column { price: column.cost(core), most: covers(column), entries }
        })
        .collect();
    let each = ITERATION + core.items.len() as u64;
    let limits =
        highs::Budget { gap: enough, iterations: budget.left() / each, stop: budget.flag() };
    let plan = highs::solve(&Cover { columns: &priced, rows: &rows }, Some(&counts), &limits)?;
    budget.spend(plan.iterations.saturating_mul(each));
    if plan.counts == counts {
        return None;
    }
    let nodes = (0u32..).zip(plan.counts).filter(|(_, copies)| *copies > 0);
    Plan::new(core, nodes.map(|(at, copies)| (columns.get(at).clone(), copies)).collect())
}

/// The columns on every twin of their kinds that takes the whole of them.
fn everywhere<'a>(
    core: &Core,
    known: impl Iterator<Item = &'a Column>,
    start: &'a [(Column, u32)],
) -> Pool {
    let demand = core.demand();
    let mut all = Pool::default();
    for column in start.iter().map(|(column, _)| column).chain(known) {
        all.add(column.clone());
        for &twin in core.twins.of_kind(column.kind) {
            let pattern = remainder(core, twin, &column.pattern, &demand);
            if !pattern.is_empty() {
                all.add(Column { kind: twin, pattern });
            }
        }
    }
    all
}

/// Per column what it adds to each row.
fn entries(core: &Core, columns: &Pool) -> Vec<Vec<(u32, f64)>> {
    let limits = core.items.len() as u32;
    let stock = limits + core.limits.len() as u32;
    let entries = |at: u32| {
        let column = columns.get(at);
        let kind = &core.kinds[column.kind as usize];
        let mut entries: Vec<(u32, f64)> =
            column.pattern.iter().map(|&(item, pods)| (item, f64::from(pods))).collect();
        let used = kind.limits.iter().filter(|(_, amount)| *amount != 0);
        entries.extend(used.map(|&(limit, amount)| (limits + limit, amount as f64)));
        if matches!(kind.source, Source::Nodes(_)) {
            entries.push((stock + column.kind, 1.0));
        }
        entries
    };
    (0..columns.len() as u32).map(entries).collect()
}

/// Pods to place per item, what is left of each limit, and how many existing nodes there are of each
/// kind; these come first among the kinds.
fn rows(core: &Core) -> Vec<(f64, f64)> {
    let pods = core.items.iter().map(|item| (f64::from(item.demand), f64::INFINITY));
    let limits = core.limits.iter().map(|&left| (f64::NEG_INFINITY, left.max(0) as f64));
    let stock = core.kinds.iter().filter(|kind| matches!(kind.source, Source::Nodes(_)));
    let stock = stock.map(|kind| (f64::NEG_INFINITY, f64::from(kind.most)));
    pods.chain(limits).chain(stock).collect()
}

/// How often a plan of some of the columns uses each.
fn counts(columns: &mut Pool, plan: &[(Column, u32)]) -> Vec<u32> {
    let mut counts = vec![0; columns.len()];
    for (column, copies) in plan {
        let (at, _) = columns.add(column.clone());
        counts[at as usize] += copies;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        BitSet, Problem,
        presolve::{View, places::Parts},
        problem::{Class, Group, Limit, Node, Offering},
    };

    /// Two pods each of 6 and 4; nodes of 10 for 5, and an existing one of 6.
    fn problem() -> Problem {
        let group = |request| Group { request: vec![request], count: 2, priority: 0, class: 0 };
        Problem {
            dims: 1,
            groups: vec![group(6), group(4)],
            classes: vec![Class { offerings: BitSet::full(1), nodes: BitSet::full(1) }],
            offerings: vec![Offering {
                capacity: vec![10],
                price: 5,
                tier: 0,
                domains: vec![],
                limits: vec![(0, 1)],
            }],
            nodes: vec![Node { free: vec![6], domains: vec![] }],
            limits: vec![Limit { remaining: 9 }],
            ..Problem::default()
        }
    }

    fn best(problem: &Problem, known: &[(u32, &[(u32, u32)])], effort: u64) -> Option<Plan> {
        let core = Core::new(problem, &Parts::anywhere(&[2, 2]), View::Plan);
        let column =
            |&(kind, pattern): &(u32, &[(u32, u32)])| Column { kind, pattern: pattern.to_vec() };
        let known: Vec<Column> = known.iter().map(column).collect();
        let start = [(0, 1), (1, 1)].map(|pod| (Column { kind: 1, pattern: vec![pod] }, 2));
        let mut budget = Budget::new(effort, None);
        cheapest(&core, known.iter(), &start, (0.0, 0.0), &mut budget)
    }

    #[test]
    fn the_cheapest_of_all_plans_over_the_columns_is_found() {
        let pairs: (u32, &[_]) = (1, &[(0, 1), (1, 1)]);
        let small: (u32, &[_]) = (1, &[(1, 2)]);
        let exists: (u32, &[_]) = (0, &[(0, 1)]);
        let cost = |known: &[_]| best(&problem(), known, 1_000_000).map(|plan| plan.cost);
        assert_eq!(cost(&[]), None);
        assert_eq!(cost(&[small]), Some(15));
        assert_eq!(cost(&[small, pairs]), Some(10));
        // One of the pods of 6 stands on the node that is there, and only one.
        assert_eq!(cost(&[small, exists]), Some(10));
        assert_eq!(cost(&[exists]), Some(15));
    }

    #[test]
    fn limits_hold_and_work_is_needed() {
        let pairs: (u32, &[_]) = (1, &[(0, 1), (1, 1)]);
        let mut problem = problem();
        problem.limits[0].remaining = 2;
        assert_eq!(best(&problem, &[pairs], 1_000_000).map(|plan| plan.cost), Some(10));
        problem.limits[0].remaining = 1;
        assert!(best(&problem, &[pairs], 1_000_000).is_none());
        assert!(best(&problem, &[pairs], 0).is_none());
    }
}
