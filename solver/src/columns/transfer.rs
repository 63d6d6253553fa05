//! Columns of one core for another core of the same problem.

use rustc_hash::FxHashMap;

use crate::{
    columns::{generate::Root, pool::Column},
    pattern::Pattern,
    presolve::{Core, Kind, Source},
};

/// Columns whose reduced cost is beyond this share of their price stay behind.
const DEAR: f64 = 0.02;

/// The good columns of a root, on every kind of `core` that differs from theirs only in where it
/// stands; of twins, one will do. Pods become pods of the same groups that may be there.
pub(crate) fn transfer(root: &Root<'_>, core: &Core) -> Vec<Column> {
    let items = counterparts(root.core, core);
    let mut kinds: FxHashMap<_, Vec<u32>> = FxHashMap::default();
    for (at, kind) in (0u32..).zip(&core.kinds) {
        if matches!(kind.source, Source::Offerings(_)) && core.twins.first[at as usize] == at {
            kinds.entry(likeness(kind)).or_default().push(at);
        }
    }
    let profits = root.duals.profits(root.core);
    let mut columns = Vec::new();
    for at in 0..root.pool.len() as u32 {
        let column = root.pool.get(at);
        let kind = &root.core.kinds[column.kind as usize];
        let cost = root.duals.cost(root.core, column.kind as usize);
        let worth = column.gain(root.core, &profits) + column.cost(root.core);
        if worth < cost * (1.0 - DEAR) || matches!(kind.source, Source::Nodes(_)) {
            continue;
        }
        for &first in kinds.get(&likeness(kind)).map_or(&[][..], Vec::as_slice) {
            let twins = core.twins.of_kind(first);
            // Each begins the row in its turn, so that no place gets all that several could take.
            let (before, after) = twins.split_at(at as usize % twins.len());
            let carried = after.iter().chain(before).map(|&kind| {
                let pattern = carry(core, kind, &column.pattern, &items);
                Column { kind, pattern }
            });
            let pods = |column: &Column| column.pattern.iter().map(|(_, pods)| pods).sum::<u32>();
            // The first of those that hold most.
            let best = carried.rev().max_by_key(pods);
            columns.extend(best.filter(|column| !column.pattern.is_empty()));
        }
    }
    columns
}

/// What a root's best prices say of another core's items: of each what its groups' pods are worth,
/// the most where they are told apart there.
pub(crate) fn prices(root: &Root<'_>, core: &Core) -> Vec<f64> {
    let price = |others: &Vec<u32>| {
        others.iter().map(|&other| root.duals.items[other as usize]).fold(0.0, f64::max)
    };
    counterparts(core, root.core).iter().map(price).collect()
}

/// What a kind is, wherever it stands.
fn likeness(kind: &Kind) -> (&[i64], i64, &[(u32, i64)]) {
    (&kind.capacity, kind.price, &kind.limits)
}

/// Per item, the other core's items with the same groups.
fn counterparts(from: &Core, to: &Core) -> Vec<Vec<u32>> {
    let mut of_group: FxHashMap<u32, Vec<u32>> = FxHashMap::default();
    for (at, item) in (0u32..).zip(&to.items) {
        for &(group, _) in &item.groups {
            of_group.entry(group).or_default().push(at);
        }
    }
    let of = |groups: &[(u32, u32)]| {
        let items = groups.iter().filter_map(|(group, _)| of_group.get(group));
        let mut items: Vec<u32> = items.flatten().copied().collect();
        items.sort_unstable();
        items.dedup();
        items
    };
    from.items.iter().map(|item| of(&item.groups)).collect()
}

/// A pattern in terms of the other core: for each item the one with most pods that may stand there,
/// which may be the same for several.
fn carry(core: &Core, kind: u32, pattern: &Pattern, items: &[Vec<u32>]) -> Pattern {
    let accepted = &core.kinds[kind as usize].items;
    let mut carried = Pattern::new();
    for &(item, pods) in pattern {
        let may = items[item as usize].iter().filter(|&&other| accepted.contains(other as usize));
        let demand = |other: u32| core.items[other as usize].demand;
        if let Some(&other) = may.max_by_key(|&&other| demand(other)) {
            match carried.iter_mut().find(|(known, _)| *known == other) {
                Some((_, known)) => *known = known.saturating_add(pods).min(demand(other)),
                None => carried.push((other, pods.min(demand(other)))),
            }
        }
    }
    carried.retain(|(_, pods)| *pods > 0);
    carried.sort_unstable();
    carried
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        columns::generate::root,
        effort::Budget,
        presolve::{View, ceilings::tests::problem, places::Parts},
    };

    /// The bound tells pods apart by their ceilings that are one item for plans.
    #[test]
    fn items_that_become_one_are_named_once() {
        let mut problem = problem([1_000, 500, 1_010]);
        // No more fits a node than may stand in its zone anyway.
        problem.offerings.iter_mut().for_each(|offering| offering.capacity = vec![4]);
        problem.exclusions.clear();
        let parts = Parts::anywhere(&[12, 2]);
        let bound = Core::new(&problem, &parts, View::Bound);
        let plan = Core::new(&problem, &parts, View::Plan);
        assert_eq!((bound.items.len(), plan.items.len()), (2, 1));
        let seeds = vec![Column { kind: 0, pattern: vec![(0, 2), (1, 2)] }];
        let mut root = root(&bound, seeds, &mut Budget::new(1_000, None));
        root.duals.items = vec![1_000.0; 2];
        let columns = transfer(&root, &plan);
        let all = Column { kind: 0, pattern: vec![(0, 4)] };
        assert!(columns.contains(&all), "{columns:?}");
        let patterns = columns.iter().map(|column| &column.pattern);
        assert!(patterns.clone().all(|pattern| pattern.len() == 1), "{columns:?}");
    }
}
