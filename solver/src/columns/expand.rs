//! From a plan of the core back to groups, offerings and nodes.

use crate::{
    Problem, Solution,
    columns::plan::Plan,
    cost,
    pattern::Pattern,
    presolve::{Core, Source},
    solution::{Launch, Placement},
};

/// Puts real groups in the place of items and real offerings and nodes in that of kinds. The
/// offerings of a kind take turns, so that zones fill evenly.
///
/// Only what the core knows is heeded: of the constraints that span nodes, those that hold because
/// pods stay in their places.
pub(crate) fn expand(problem: &Problem, core: &Core, plan: &Plan) -> Solution {
    let mut supply: Vec<Vec<(u32, u32)>> =
        core.items.iter().map(|item| item.groups.iter().rev().copied().collect()).collect();
    let mut turn = vec![0usize; core.kinds.len()];
    let mut solution = Solution::default();
    for (column, copies) in &plan.nodes {
        let mut left = *copies;
        while left > 0 {
            let (pods, times) = draw(&mut supply, &column.pattern, left);
            left -= times;
            let turn = &mut turn[column.kind as usize];
            match &core.kinds[column.kind as usize].source {
                Source::Offerings(offerings) => {
                    launch(&mut solution, offerings, turn, &pods, times);
                }
                Source::Nodes(nodes) => {
                    // A plan never uses more nodes than stand there.
                    for &node in nodes.iter().skip(*turn).take(times as usize) {
                        solution.placements.push(Placement { node, pods: pods.clone() });
                    }
                    *turn += times as usize;
                }
            }
        }
    }
    solution.merge();
    cost::assess(problem, &mut solution);
    solution
}

/// Draws the pods of up to `copies` equal nodes: what each holds, and how many nodes.
fn draw(supply: &mut [Vec<(u32, u32)>], pattern: &Pattern, copies: u32) -> (Vec<(u32, u32)>, u32) {
    let whole = pattern
        .iter()
        .map(|&(item, pods)| supply[item as usize].last().map_or(0, |&(_, left)| left / pods));
    let times = whole.min().unwrap_or(0).min(copies);
    let mut drawn = Vec::with_capacity(pattern.len());
    for &(item, pods) in pattern {
        let groups = &mut supply[item as usize];
        let mut want = pods;
        // One group serves all copies, or several serve one.
        while want > 0 {
            let Some((group, left)) = groups.last_mut() else { break };
            let taken = want.min(*left);
            drawn.push((*group, taken));
            *left -= taken * times.max(1);
            want -= taken;
            if *left == 0 {
                groups.pop();
            }
        }
    }
    drawn.sort_unstable();
    (drawn, times.max(1))
}

fn launch(
    solution: &mut Solution,
    offerings: &[u32],
    turn: &mut usize,
    pods: &[(u32, u32)],
    times: u32,
) {
    let count = offerings.len();
    for step in 0..count.min(times as usize) {
        let offering = offerings[(*turn + step) % count];
        let copies = times / count as u32 + u32::from((step as u32) < times % count as u32);
        solution.launches.push(Launch { offering, copies, pods: pods.to_vec() });
    }
    *turn = (*turn + times as usize) % count;
}
