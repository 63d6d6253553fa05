//! Between solutions of a problem and columns of a core.

use std::cmp::Reverse;

use rustc_hash::FxHashMap;

use crate::{
    Problem, Solution,
    columns::{
        plan::{Plan, home},
        pool::Column,
    },
    greedy::{From, Wish},
    pattern::Pattern,
    presolve::{Core, Source, places::Parts},
    problem::Money,
    solution::Launch,
};

/// A plan as wishes, dear nodes first; none for pods that it leaves out.
pub(crate) fn wishes(core: &Core, plan: &Plan) -> Vec<Wish> {
    let wish = |(column, copies): &(Column, u32)| Wish {
        from: match &core.kinds[column.kind as usize].source {
            Source::Offerings(offerings) => From::Offerings(offerings.clone()),
            Source::Nodes(nodes) => From::Nodes(nodes.clone()),
        },
        copies: *copies,
        pods: column
            .pattern
            .iter()
            .map(|&(item, pods)| {
                let groups = core.items[item as usize].groups.iter();
                (groups.map(|(group, _)| *group).collect(), pods)
            })
            .collect(),
    };
    let is_in = |(column, _): &&(Column, u32)| !core.kinds[column.kind as usize].is_way_out();
    plan.nodes.iter().filter(is_in).rev().map(wish).collect()
}

/// A solution's nodes as wishes, each where it stands, dear ones first.
pub(crate) fn as_wishes(problem: &Problem, solution: &Solution) -> Vec<Wish> {
    let alone =
        |pods: &[(u32, u32)]| pods.iter().map(|&(group, pods)| (vec![group], pods)).collect();
    let mut launches: Vec<&Launch> = solution.launches.iter().collect();
    launches.sort_by_key(|launch| Reverse(problem.offerings[launch.offering as usize].price));
    let bought = launches.into_iter().map(|launch| Wish {
        from: From::Offerings(vec![launch.offering]),
        copies: launch.copies,
        pods: alone(&launch.pods),
    });
    let filled = solution.placements.iter().map(|placement| Wish {
        from: From::Nodes(vec![placement.node]),
        copies: 1,
        pods: alone(&placement.pods),
    });
    bought.chain(filled).collect()
}

/// How many nodes a bound stands for where all cost the same.
pub(crate) fn least_nodes(core: &Core, bound: Money) -> u64 {
    let price = core.kinds.iter().map(|kind| kind.price).max().unwrap_or(0).max(1);
    (bound.max(0) as u64).div_ceil(price.unsigned_abs())
}

/// The patterns of a solution, as columns.
pub(crate) fn seeds(
    problem: &Problem,
    parts: &Parts,
    core: &Core,
    solution: &Solution,
) -> Vec<Column> {
    patterns(problem, parts, core, solution).into_iter().map(|(column, _)| column).collect()
}

/// The patterns of a solution's launches with their copies, where its pods stand in places as in
/// `parts`.
pub(crate) fn patterns(
    problem: &Problem,
    parts: &Parts,
    core: &Core,
    solution: &Solution,
) -> Vec<(Column, u32)> {
    let mut items_of: FxHashMap<u32, Vec<u32>> = FxHashMap::default();
    for (at, item) in core.items.iter().enumerate() {
        for &(group, _) in &item.groups {
            items_of.entry(group).or_default().push(at as u32);
        }
    }
    let column = |launch: &Launch| {
        let mut pattern: Pattern = Vec::new();
        for &(group, pods) in &launch.pods {
            let domains = &problem.offerings[launch.offering as usize].domains;
            let mut items = items_of.get(&group)?.iter().copied();
            let item = items.find(|&at| parts.is_in(core.items[at as usize].place, domains))?;
            match pattern.iter_mut().find(|(other, _)| *other == item) {
                Some((_, sum)) => *sum += pods,
                None => pattern.push((item, pods)),
            }
        }
        pattern.sort_unstable();
        home(core, &pattern).map(|kind| (Column { kind, pattern }, launch.copies))
    };
    solution.launches.iter().filter_map(column).collect()
}
