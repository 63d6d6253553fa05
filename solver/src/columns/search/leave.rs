//! Who is left out when there is not room for all: as few pods as may be, first of the highest priority.
//!
//! The greedy engine takes what is worth most for its price, and where a limit ends that the pods left
//! over need not be the fewest. Here every pod has a way out that costs more than a node of its own,
//! so the master always has a plan, and what the relaxation leaves out tells what is worth its room.
//! The search for the cheapest plan comes after it, for the pods that have a place.

use crate::{
    Problem, Solution, bound,
    columns::{
        domains,
        duals::Duals,
        expand::expand,
        generate::{Root, root},
        limits::{fine, rough},
        plan::Plan,
        search::{ROOT, Round, apart, generate},
        translate::{as_wishes, seeds, wishes},
    },
    effort::Budget,
    greedy::{self, Prepared, Wish, rank},
    presolve::{Core, Item, places::Parts},
    problem::{Money, Offering, fits},
    strategy::{Options, Progress, progress},
};

/// One part in so many of the budget may go into each priority, and no more units than so many: what is
/// left over is for the cheapest plan.
const SHARE: (u64, u64) = (3, 2_500_000);
/// Dives go on while the relaxation leaves out fewer pods by this share.
const FEWER: f64 = 1e-3;
/// Rounds of dives in a row that may bring nothing.
const STALLED: u32 = 2;

/// Dual prices at which as few pods as may be are left out: a good start for the search that comes next.
pub(super) struct Lead {
    /// Per group.
    pods: Vec<f64>,
    /// Per limit.
    limits: Vec<f64>,
}

impl Lead {
    fn new(problem: &Problem, root: &Root<'_>) -> Self {
        let mut pods = vec![0.0; problem.groups.len()];
        for (item, price) in root.core.items.iter().zip(&root.duals.items) {
            item.groups.iter().for_each(|&(group, _)| pods[group as usize] = *price);
        }
        Self { pods, limits: root.duals.limits.clone() }
    }

    /// The same for a core whose pods may be anywhere.
    pub(super) fn duals(&self, core: &Core) -> Duals {
        let price = |item: &Item| {
            item.groups.iter().map(|&(group, _)| self.pods[group as usize]).fold(0.0, f64::max)
        };
        let items = core.items.iter().map(price).collect();
        Duals { items, limits: self.limits.clone(), ..Duals::nothing(core) }
    }
}

/// Betters a plan that leaves pods out by one that leaves out fewer, or else others of a lower priority.
pub(super) fn place_more(
    prepared: &Prepared<'_>,
    options: &Options,
    best: &mut Solution,
    budget: &mut Budget,
    tell: &mut (dyn FnMut(Progress) + Send),
) -> Option<Lead> {
    let problem = prepared.problem;
    let mut lead = None;
    let mut below = i32::MAX;
    while let Some(priority) = priority_short(problem, best, below)
        && !budget.is_spent()
    {
        let parts = parts(problem, best, priority);
        let core = Core::with_way_out(problem, &parts, priority);
        let mut short = Short { prepared, options, core: &core, best, tell };
        let units = (budget.left() / SHARE.0).min(SHARE.1);
        lead = Some(budget.lend_units(units, |own| short.search(&parts, own)));
        if priority == i32::MIN {
            break;
        }
        below = priority - 1;
    }
    lead
}

/// The highest priority up to `most` of which pods are left out that some node may hold.
fn priority_short(problem: &Problem, solution: &Solution, most: i32) -> Option<i32> {
    let priority = |group: u32| problem.groups[group as usize].priority;
    let left = solution.unplaced.iter().map(|missing| missing.group);
    let left = left.filter(|&group| priority(group) <= most && is_placeable(problem, group));
    left.map(priority).max()
}

/// Whether some node, or one that limits let be launched, accepts and holds a pod of a group by itself.
fn is_placeable(problem: &Problem, group: u32) -> bool {
    let (class, request) = (problem.class_of(group), &problem.groups[group as usize].request);
    let is_open = |offering: &Offering| {
        let mut limits = offering.limits.iter();
        limits.all(|&(limit, amount)| amount <= problem.limits[limit as usize].remaining.max(0))
    };
    let mut offerings = class.offerings.iter().map(|at| &problem.offerings[at]);
    class.nodes.iter().any(|node| fits(request, &problem.nodes[node].free))
        || offerings.any(|offering| is_open(offering) && fits(request, &offering.capacity))
}

/// The pods of higher priorities that have a place, and all of this one that may have one. Groups of a
/// higher priority come first.
fn parts(problem: &Problem, solution: &Solution, priority: i32) -> Parts {
    let mut pods = bound::placed(problem, solution);
    for (at, group) in problem.groups.iter().enumerate() {
        match group.priority.cmp(&priority) {
            std::cmp::Ordering::Less => pods[at] = 0,
            std::cmp::Ordering::Equal if is_placeable(problem, at as u32) => pods[at] = group.count,
            _ => {}
        }
    }
    let mut parts = Parts::anywhere(&pods);
    parts.parts.sort_by_key(|part| std::cmp::Reverse(problem.groups[part.group as usize].priority));
    parts
}

/// A search for plans that leave out fewer pods of a priority.
struct Short<'a, 'p> {
    prepared: &'a Prepared<'p>,
    options: &'a Options,
    core: &'a Core,
    best: &'a mut Solution,
    tell: &'a mut (dyn FnMut(Progress) + Send),
}

impl Short<'_, '_> {
    fn search(&mut self, parts: &Parts, budget: &mut Budget) -> Lead {
        let core = self.core;
        let seeds = seeds(self.prepared.problem, parts, core, self.best);
        let mut root = root(core, seeds, budget);
        let limits = rough(core);
        root.start_fluid(&limits, budget);
        generate(&mut root, &limits, ROOT, budget);
        let mut idle = 0;
        let mut round = 0;
        while idle < STALLED && !budget.is_spent() && self.is_promising(&root) {
            idle = if self.dive(&root, round, budget) { 0 } else { idle + 1 };
            if round == 0 {
                let limits = fine(core, self.value(self.best), self.options.gap_ppm);
                generate(&mut root, &limits, ROOT, budget);
            }
            round += 1;
        }
        Lead::new(self.prepared.problem, &root)
    }

    /// Whether the relaxation leaves out fewer pods, by one and by a share that is worth the time.
    fn is_promising(&self, root: &Root<'_>) -> bool {
        let is_out = |at: u32| self.core.kinds[root.pool.get(at).kind as usize].is_way_out();
        let out = root.used().into_iter().filter(|(at, _)| is_out(*at));
        let out: f64 = out.map(|(_, amount)| amount).sum();
        let left = self.left(self.best) as f64;
        out < left - (left * FEWER).max(0.99)
    }

    /// Pods of the priority and higher ones that a solution leaves out, of those in the core.
    fn left(&self, solution: &Solution) -> u64 {
        let placed = bound::placed(self.prepared.problem, solution);
        let items = self.core.items.iter().flat_map(|item| &item.groups);
        items.map(|&(group, pods)| u64::from(pods.saturating_sub(placed[group as usize]))).sum()
    }

    /// What a solution costs when leaving out a pod has its price.
    fn value(&self, solution: &Solution) -> Money {
        let out = self.core.kinds.iter().filter(|kind| kind.is_way_out());
        let price = out.map(|kind| kind.price).min().unwrap_or(0);
        let left = Money::try_from(self.left(solution)).unwrap_or(Money::MAX);
        solution.total().saturating_add(price.saturating_mul(left))
    }

    /// One round of dives side by side; whether one brought a better plan.
    fn dive(&mut self, root: &Root<'_>, round: u32, budget: &mut Budget) -> bool {
        let may_slide = !apart::has_strangers(self.prepared.problem);
        let round = Round { number: round, seed: self.options.seed, may_slide };
        // Whatever a plan costs, what the greedy engine makes of it may leave out fewer.
        let found = round.dive(root, Money::MAX / 4, budget);
        let mut is_better = false;
        for (plan, _) in found {
            is_better |= plan.is_some_and(|plan| self.offer(&plan, budget));
        }
        is_better
    }

    /// Keeps what the greedy engine makes of a plan when it is better.
    fn offer(&mut self, plan: &Plan, budget: &mut Budget) -> bool {
        let problem = self.prepared.problem;
        let mut wishes = vec![wishes(self.core, plan)];
        wishes.extend(self.arranged(plan, budget));
        let solutions = wishes.iter().map(|wishes| greedy::along(self.prepared, wishes));
        let best = solutions.min_by_key(|solution| rank(problem, solution));
        let better = best.filter(|best| rank(problem, best) < rank(problem, self.best));
        let Some(mut solution) = better else { return false };
        solution.bound = bound::resource_bound(problem, &solution).clamp(0, solution.cost);
        *self.best = solution;
        (self.tell)(progress(self.best));
        true
    }

    /// The nodes of a plan where constraints between domains mind least; `None` without such.
    fn arranged(&self, plan: &Plan, budget: &mut Budget) -> Option<Vec<Wish>> {
        let problem = self.prepared.problem;
        let kinds = &self.core.kinds;
        let mut nodes = plan.nodes.clone();
        nodes.retain(|(column, _)| !kinds[column.kind as usize].is_way_out());
        let plan = expand(problem, self.core, &Plan { nodes, ..Plan::default() });
        let arranged = domains::arrange(problem, &plan, self.options.seed, budget)?;
        Some(as_wishes(problem, &arranged.plan))
    }
}

#[cfg(test)]
mod tests {
    use crate::{Engine, Options, Problem, Solution, check, solve, text::read_problem};

    /// Pods of these (priority, count, request), and room for so many nodes of six.
    fn short(groups: &[(i32, u32, i64)], nodes: i64) -> Problem {
        let group = |(priority, count, request): &(i32, u32, i64)| {
            format!("group count={count} priority={priority} class=0 request={request}\n")
        };
        let groups: String = groups.iter().map(group).collect();
        let text = format!(
            "tenon-problem 1\ndims 1\nkeys\nclass offerings=0 nodes=\n{groups}\
             offering price=10 tier=0 capacity=6 limits=0:1\nlimit remaining={nodes}\n"
        );
        read_problem(&text).unwrap()
    }

    fn solved(problem: &Problem, engine: Engine) -> Solution {
        let options = Options { engine, effort: 200_000, ..Options::default() };
        let solution = solve(problem, &options);
        assert_eq!(check(problem, &solution), []);
        solution
    }

    /// Pods left out, per group.
    fn left(problem: &Problem, engine: Engine) -> Vec<u32> {
        let mut left = vec![0; problem.groups.len()];
        for missing in solved(problem, engine).unplaced {
            left[missing.group as usize] = missing.count;
        }
        left
    }

    #[test]
    fn as_few_as_may_be_are_left_out() {
        // Ten of twelve nodes hold the small pods, so that two are for large ones.
        let problem = short(&[(0, 20, 6), (0, 60, 1)], 12);
        assert_eq!(left(&problem, Engine::Columns), [18, 0]);
        assert!(left(&problem, Engine::Greedy).iter().sum::<u32>() > 18);
    }

    #[test]
    fn higher_priorities_come_first_and_lower_ones_take_what_is_left() {
        let problem = short(&[(0, 60, 1), (7, 3, 6)], 12);
        assert_eq!(left(&problem, Engine::Columns), [6, 0]);
        // Six nodes of 4 + 2 and two of 2 + 2 + 2 leave no room for anybody else.
        let problem = short(&[(7, 10, 4), (0, 30, 1), (7, 12, 2)], 8);
        assert_eq!(left(&problem, Engine::Columns), [4, 30, 0]);
        // With a node more the lower priority has what is left of it.
        let problem = short(&[(7, 6, 4), (0, 30, 1), (7, 12, 2)], 9);
        assert_eq!(left(&problem, Engine::Columns), [0, 24, 0]);
    }

    #[test]
    fn a_place_that_nobody_prefers_is_better_than_none() {
        let nodes = "node free=6 domains=\n".repeat(24);
        let groups =
            [4, 2, 3].map(|ask| format!("group count=20 priority=0 class=0 request={ask}\n"));
        let text = format!(
            "tenon-problem 1\ndims 1\nkeys\nclass offerings= nodes=0-23\nclass offerings= nodes=\n\
             {}{nodes}preference groups=0-2 class=1 cost=1000\n",
            groups.concat()
        );
        // Those of two and three take 100 of 144, and eleven of four the rest.
        assert_eq!(left(&read_problem(&text).unwrap(), Engine::Columns), [9, 0, 0]);
    }

    #[test]
    fn whom_no_node_holds_is_not_waited_for() {
        let problem = short(&[(0, 5, 7), (0, 60, 1), (0, 20, 6)], 12);
        assert_eq!(left(&problem, Engine::Columns), [5, 0, 18]);
        assert_eq!(left(&short(&[(0, 50, 7)], 12), Engine::Columns), [50]);
    }
}
