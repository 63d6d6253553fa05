//! The whole search: bound, dives, better bound, in turns, until the gap is small enough.

use std::sync::Arc;

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use crate::{
    Problem, Solution, bound,
    certificate::Certificate,
    check,
    columns::{
        branch::Tree,
        dive::{Style, dive},
        expand::expand,
        generate::{Limits, Root, root},
        plan::{Plan, home},
        pool::Column,
        prove::{self, Point, Record},
        stock::{self, Blurred},
        transfer::transfer,
    },
    effort::Budget,
    greedy::{self, From, Prepared, Wish, rank},
    pattern::{Pattern, Pricer},
    presolve::{Core, Source, View, places::Parts},
    problem::Money,
    solution::Launch,
    strategy::{Options, Progress, progress},
};

/// How close value and bound of a root must come: for a tight bound, and for what dives need.
const BOUND: f64 = 1e-3;
const PLAN: f64 = 3e-3;
/// Rounds of dives at most.
const ROUNDS: u32 = 16;
/// Dives of the first round, which is to be over soon, and of each later one.
const DIVES: (u64, u64) = (2, 4);
/// Branchings of the bound after each round of dives.
const BRANCHES: u32 = 8;

/// Betters a solution's bound, and its plan where a better one is found. While the search goes on
/// bounds are floats; the one that it ends with is proven by the certificate, or by resources, or
/// it is the one that the search was given.
pub(crate) fn improve(
    prepared: &Prepared<'_>,
    options: &Options,
    solution: &mut Solution,
    budget: &mut Budget,
    tell: &mut (dyn FnMut(Progress) + Send),
) -> Option<Certificate> {
    let problem = prepared.problem;
    let pods = bound::placed(problem, solution);
    let parts = Parts::anywhere(&pods);
    let core = Core::new(problem, &parts, View::Bound);
    if core.items.is_empty() {
        return None;
    }
    let blurred = Blurred::new(&core);
    let coarse = blurred.as_ref().map_or(&core, |blurred| &blurred.core);
    let tolerance = (f64::from(options.gap_ppm) / 4e6).clamp(BOUND, PLAN);
    let bounding = first_root(coarse, seeds(problem, &parts, coarse, solution), tolerance, budget);
    let pricers = pricers(&core, &bounding);
    let given = (solution.bound, solution.unplaced.clone());
    let blur = match blurred {
        Some(_) => {
            stock::worth(coarse, &bounding.pricers, &bounding.duals, budget)
                - stock::worth(&core, &pricers, &bounding.duals, budget)
        }
        None => 0.0,
    };
    let mut search = Search { prepared, options, best: solution, blur, tell };
    search.raise(bounding.bound);
    let record = if blurred.is_some() || Core::views_differ(problem) {
        let parts = Parts::along(problem, search.best);
        search.plan_apart(&bounding, &parts, budget)
    } else {
        search.alternate(&bounding, &Planning::whole(&bounding), budget)
    };
    // What was known at the start holds for plans that place the same pods.
    let known = if solution.unplaced == given.1 { given.0 } else { 0 };
    solution.bound = known.max(bound::resource_bound(problem, solution)).min(solution.cost);
    let record = record.with_nodes(stock::existing(coarse), stock::existing(&core));
    let certificate = prove::settle(problem, &core, &pricers, &record, solution, budget);
    tell(progress(solution));
    certificate
}

/// The pricers of a core, of which the root has those of the offerings already.
fn pricers(core: &Core, root: &Root<'_>) -> Vec<Pricer> {
    let nodes = &core.kinds[..stock::existing(core)];
    let mut pricers: Vec<Pricer> = nodes.par_iter().map(|kind| Pricer::new(core, kind)).collect();
    pricers.extend_from_slice(&root.pricers[stock::existing(root.core)..]);
    pricers
}

/// What dives start from, and what is decided before them.
struct Planning<'a> {
    /// The whole of what is to be placed.
    core: &'a Core,
    /// What the dives are about: all, or what is left when the existing nodes are full.
    root: &'a Root<'a>,
    /// Existing nodes that are filled already.
    filled: Vec<(Column, u32)>,
}

impl<'a> Planning<'a> {
    fn whole(root: &'a Root<'a>) -> Self {
        Self { core: root.core, root, filled: Vec::new() }
    }

    /// A dive's plan with what was decided before it.
    fn complete(&self, plan: &Plan) -> Plan {
        let before = (self.core.kinds.len() - self.root.core.kinds.len()) as u32;
        let mut nodes = self.filled.clone();
        nodes.extend(plan.nodes.iter().map(|(column, copies)| {
            (Column { kind: column.kind + before, pattern: column.pattern.clone() }, *copies)
        }));
        Plan { nodes, cost: plan.cost.saturating_add(self.paid()) }
    }

    /// What the filled nodes cost: preferences that are not met there.
    fn paid(&self) -> Money {
        let cost = |(column, _): &(Column, u32)| self.core.cost(column.kind, &column.pattern);
        self.filled.iter().map(cost).fold(0, Money::saturating_add)
    }
}

/// The root takes a third of the budget at most, so that there are plans whatever becomes of it.
/// With many items its last stretch is long, and dives do not need it.
fn first_root<'a>(
    core: &'a Core,
    seeds: Vec<Column>,
    tolerance: f64,
    budget: &mut Budget,
) -> Root<'a> {
    let many = core.items.len() as f64 / 80.0;
    let limits = Limits {
        tolerance: tolerance * many.clamp(1.0, 4.0),
        keep: if many > 1.0 { 3 } else { 1 },
        rounds: 400,
        nodes: 64,
    };
    let mut own = budget.fork(3);
    let given = own.left();
    let root = root(core, seeds, &limits, &mut own);
    budget.join(&own, given);
    root
}

struct Search<'a> {
    prepared: &'a Prepared<'a>,
    options: &'a Options,
    best: &'a mut Solution,
    /// What is to be added to bounds because existing nodes were taken together.
    blur: f64,
    tell: &'a mut (dyn FnMut(Progress) + Send),
}

impl Search<'_> {
    /// Whether the gap is as small as was asked for, with what unmet preferences cost: no plan does
    /// with less than the bound on launches alone.
    fn is_done(&self) -> bool {
        let total = i128::from(self.best.cost) + i128::from(self.best.penalty);
        let gap = total - i128::from(self.best.bound);
        gap * 1_000_000 <= i128::from(self.options.gap_ppm) * total
    }

    /// Takes a better bound; costs are whole, so a fraction is rounded up.
    fn raise(&mut self, bound: f64) {
        let bound = ((bound + self.blur) * (1.0 - 1e-9) - 1e-6).ceil().max(0.0) as Money;
        if bound > self.best.bound {
            self.best.bound = bound.min(self.best.cost);
            (self.tell)(progress(self.best));
        }
    }

    /// Looks for plans in a core of their own, in which pods stay in their places.
    fn plan_apart(&mut self, bounding: &Root<'_>, parts: &Parts, budget: &mut Budget) -> Record {
        let problem = self.prepared.problem;
        let core = Core::new(problem, parts, View::Plan);
        let Some(blurred) = Blurred::new(&core) else {
            let mut seeds = seeds(problem, parts, &core, self.best);
            seeds.extend(transfer(bounding, &core));
            let root = first_root(&core, seeds, PLAN, budget);
            return self.alternate(bounding, &Planning::whole(&root), budget);
        };
        let mut seeds = seeds(problem, parts, &blurred.core, self.best);
        seeds.extend(transfer(bounding, &blurred.core));
        let root = first_root(&blurred.core, seeds, PLAN, budget);
        let (filled, left) = stock::fill(&core, &blurred, &root, budget);
        let rest = stock::without_nodes(&core, &left);
        let nodes = stock::existing(&blurred.core) as u32;
        let known = (0..root.pool.len() as u32).map(|at| root.pool.get(at));
        let known = known.filter(|column| column.kind >= nodes);
        let known = known
            .map(|column| Column { kind: column.kind - nodes, pattern: column.pattern.clone() });
        let root = first_root(&rest, known.collect(), PLAN, budget);
        self.alternate(bounding, &Planning { core: &core, root: &root, filled }, budget)
    }

    /// Dives and branchings in turns; the branchings at the end.
    fn alternate(
        &mut self,
        bounding: &Root<'_>,
        planning: &Planning<'_>,
        budget: &mut Budget,
    ) -> Record {
        let mut tree: Option<Tree<'_>> = None;
        for round in 0..ROUNDS {
            if self.is_done() || budget.is_spent() {
                break;
            }
            self.dive(planning, round, budget);
            if self.is_done() || budget.is_spent() {
                break;
            }
            let tree = tree.get_or_insert_with(|| Tree::new(bounding, budget));
            tree.advance(self.best.cost, BRANCHES, budget);
            self.raise(tree.bound());
        }
        match tree {
            Some(tree) => tree.record().clone(),
            None => Record::new(Arc::new(Point::of_root(bounding))),
        }
    }

    /// One round of dives side by side; the best plan is kept.
    fn dive(&mut self, planning: &Planning<'_>, round: u32, budget: &mut Budget) {
        let (first, count) = match round {
            0 => (0, DIVES.0),
            _ => (DIVES.0 + u64::from(round - 1) * DIVES.1, DIVES.1),
        };
        let cutoff =
            self.best.cost.saturating_add(self.best.penalty).saturating_sub(planning.paid());
        let styles: Vec<Style> =
            (first..first + count).map(|at| style(at, self.options.seed)).collect();
        let given = budget.fork(count).left();
        let found: Vec<(Option<Plan>, Budget)> = styles
            .into_par_iter()
            .map(|style| {
                let mut own = budget.fork(count);
                (dive(planning.root, style, cutoff, &mut own), own)
            })
            .collect();
        let mut plans = Vec::new();
        for (plan, own) in found {
            budget.join(&own, given);
            plans.extend(plan);
        }
        plans.sort_by_key(|plan| plan.cost);
        for plan in plans {
            if self.offer(planning.core, &planning.complete(&plan)) {
                return;
            }
        }
    }

    /// Turns a plan of the core into a solution of the problem and keeps it when it is better.
    fn offer(&mut self, core: &Core, plan: &Plan) -> bool {
        let problem = self.prepared.problem;
        let mut solution = expand(problem, core, plan);
        solution.unplaced.clone_from(&self.best.unplaced);
        if !check(problem, &solution).is_empty() {
            solution = greedy::along(self.prepared, &wishes(core, plan));
        }
        if rank(problem, &solution) >= rank(problem, self.best) {
            return false;
        }
        let places_all = solution.unplaced.iter().all(|missing| {
            let old = self.best.unplaced.iter().find(|old| old.group == missing.group);
            old.is_some_and(|old| old.count >= missing.count)
        });
        // A bound for fewer pods holds for more; for others it says nothing.
        solution.bound = if places_all { self.best.bound } else { 0 };
        let weak = bound::resource_bound(problem, &solution);
        solution.bound = solution.bound.max(weak).min(solution.cost);
        *self.best = solution;
        (self.tell)(progress(self.best));
        true
    }
}

/// The styles of all dives, in order: plain ones first, then ever more left to chance.
fn style(at: u64, seed: u64) -> Style {
    let of = |list: &[f64], every: u64| list[(at / every) as usize % list.len()];
    Style {
        counts: at.is_multiple_of(2),
        large: of(&[0.3, 0.6, 0.15], 2),
        kinds: of(&[0.97, 0.9, 0.94], 4),
        noise: if at < 4 { 0.0 } else { of(&[0.3, 0.1, 0.6], 6) },
        seed: at.wrapping_add(seed.wrapping_mul(0x9e37_79b9)),
    }
}

/// A plan as wishes, dear nodes first.
fn wishes(core: &Core, plan: &Plan) -> Vec<Wish> {
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
    plan.nodes.iter().rev().map(wish).collect()
}

/// The patterns of a solution, as columns.
fn seeds(problem: &Problem, parts: &Parts, core: &Core, solution: &Solution) -> Vec<Column> {
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
        home(core, &pattern).map(|kind| Column { kind, pattern })
    };
    solution.launches.iter().filter_map(column).collect()
}
