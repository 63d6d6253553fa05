//! Whole plans: patterns with numbers of copies.

use crate::{
    columns::pool::Column,
    pattern::Pattern,
    presolve::{Core, Kind, Source},
    problem::Money,
};

/// Nodes and what they hold.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    /// Columns with their copies.
    pub nodes: Vec<(Column, u32)>,
    /// Price of all, unmet preferences included.
    pub cost: Money,
    /// Whether every pod of the core has its place.
    pub whole: bool,
}

impl Plan {
    /// Makes a plan of columns that cover every item at least: pods too many are taken off, from
    /// cheap nodes first, and every node becomes the cheapest kind that holds what is left on it.
    /// `None` when something is not covered.
    pub(crate) fn new(core: &Core, nodes: Vec<(Column, u32)>) -> Option<Self> {
        Some(Self::of_some(core, nodes)).filter(|plan| plan.whole)
    }

    /// The same for columns that may leave pods without a place.
    pub(crate) fn of_some(core: &Core, mut nodes: Vec<(Column, u32)>) -> Self {
        let mut surplus: Vec<i64> = core.items.iter().map(|item| -i64::from(item.demand)).collect();
        for (column, copies) in &nodes {
            for &(item, pods) in &column.pattern {
                surplus[item as usize] += i64::from(pods) * i64::from(*copies);
            }
        }
        let whole = surplus.iter().all(|&surplus| surplus >= 0);
        let price = |column: &Column| core.kinds[column.kind as usize].price;
        nodes.sort_by(|a, b| {
            (price(&a.0), a.0.kind, &a.0.pattern).cmp(&(price(&b.0), b.0.kind, &b.0.pattern))
        });
        let mut stripped = Vec::with_capacity(nodes.len());
        for (column, copies) in nodes {
            strip(column, copies, &mut surplus, &mut stripped);
        }
        for (column, _) in &mut stripped {
            column.kind = cheapest(core, column);
        }
        let cost = stripped.iter().fold(0, |sum: Money, (column, copies)| {
            let each = core.cost(column.kind, &column.pattern);
            sum.saturating_add(each.saturating_mul((*copies).into()))
        });
        Self { nodes: stripped, cost, whole }
    }
}

/// Takes pods that are too many off copies of a column.
fn strip(
    mut column: Column,
    mut copies: u32,
    surplus: &mut [i64],
    stripped: &mut Vec<(Column, u32)>,
) {
    while copies > 0 {
        let over = |(item, _): &(u32, u32)| surplus[*item as usize] > 0;
        if !column.pattern.iter().any(over) {
            if !column.pattern.is_empty() {
                stripped.push((column, copies));
            }
            return;
        }
        let mut lighter = column.clone();
        for (item, pods) in &mut lighter.pattern {
            let off = surplus[*item as usize].clamp(0, i64::from(*pods));
            surplus[*item as usize] -= off;
            *pods -= off as u32;
        }
        lighter.pattern.retain(|(_, pods)| *pods > 0);
        copies -= 1;
        if copies == 0 {
            column = lighter;
            if !column.pattern.is_empty() {
                stripped.push((column, 1));
            }
            return;
        }
        if !lighter.pattern.is_empty() {
            stripped.push((lighter, 1));
        }
    }
}

/// What a pattern asks of a node.
pub(crate) fn load(core: &Core, pattern: &Pattern) -> Vec<i64> {
    let mut load = vec![0; core.dims];
    for &(item, pods) in pattern {
        for (sum, ask) in load.iter_mut().zip(&core.items[item as usize].request) {
            *sum += ask * i64::from(pods);
        }
    }
    load
}

/// The cheapest kind for sale that holds a pattern.
pub(crate) fn home(core: &Core, pattern: &Pattern) -> Option<u32> {
    best_home(core, pattern, |_| true, None)
}

/// The cheapest kind for sale that can take a column's place without using more of any limit.
pub(crate) fn cheapest(core: &Core, column: &Column) -> u32 {
    let now = &core.kinds[column.kind as usize];
    if matches!(now.source, Source::Nodes(_)) {
        return column.kind;
    }
    let frugal = |kind: &Kind| {
        let mut limits = kind.limits.iter();
        limits.all(|(limit, amount)| now.limits.iter().any(|(l, a)| l == limit && a >= amount))
    };
    let cost = core.cost(column.kind, &column.pattern);
    best_home(core, &column.pattern, frugal, Some((cost, column.kind))).unwrap_or(column.kind)
}

/// The cheapest kind for sale that holds a pattern, cheaper than `best` when that is given.
fn best_home(
    core: &Core,
    pattern: &Pattern,
    may: impl Fn(&Kind) -> bool,
    mut best: Option<(Money, u32)>,
) -> Option<u32> {
    let load = load(core, pattern);
    for (at, kind) in core.kinds.iter().enumerate() {
        if matches!(kind.source, Source::Nodes(_)) {
            continue;
        }
        if best.is_some_and(|(cost, _)| cost <= kind.price) {
            // Kinds for sale stand in the order of their prices.
            break;
        }
        let holds = load.iter().zip(&kind.capacity).all(|(need, have)| need <= have)
            && pattern.iter().all(|(item, _)| kind.items.contains(*item as usize))
            && may(kind);
        let cost = || core.cost(at as u32, pattern);
        if holds && best.is_none_or(|(least, _)| cost() < least) {
            best = Some((cost(), at as u32));
        }
    }
    best.map(|(_, kind)| kind)
}
