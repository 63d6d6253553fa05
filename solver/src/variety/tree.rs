//! Branch and bound over the values that may be used.

use std::{cmp::Reverse, collections::BTreeMap};

use crate::{
    Solution, bound,
    effort::Budget,
    problem::Money,
    solution::Status,
    strategy::{Found, engines},
};

use super::{
    News, Quick, Rank, Whole, broken, is_close, no_tiers, part::Part, quick::narrowed, rank,
    rules::Choice,
};

/// One part in so many of the work goes into the first solution of a part; twice as much into each
/// further one of the same.
const SOLUTION: u64 = 32;
/// So many choices of the quick plans are planned again by the other engines, each with one part in
/// so many of the work.
const REFINED: (usize, u64) = (3, 16);

/// Pods without a place: (group, how many), ascending.
type Missing = Vec<(u32, u32)>;

/// A choice that may be decided further, and what is known of the plans within it.
struct Branch {
    choice: Choice,
    /// No plan ranks better.
    least: Rank,
    /// No plan that leaves these pods without a place costs less.
    bound: (Missing, Money),
    /// The plan of the part, when it is solved.
    plan: Option<Solution>,
    /// How often it was solved without an end.
    tries: u32,
}

/// Where a branch stands: what it promises, then how far it is decided, then its age.
type Key = (Rank, Reverse<usize>, u64);

pub(super) struct Tree<'a> {
    whole: Whole<'a>,
    /// Whether branches are to be left by rank, nodes included, and not by price alone.
    ranked: bool,
    best: (Rank, Solution),
    /// Choices of the quick plans, best first.
    choices: Vec<(Rank, Choice)>,
    open: BTreeMap<Key, Branch>,
    /// Branches that nothing more is to be had from.
    closed: Vec<Branch>,
    /// What the relaxation says of plans that leave these pods without a place.
    floor: (Missing, Money),
    /// Whether all that is closed was proven.
    proven: bool,
    age: u64,
    /// The whole work at the start.
    work: u64,
}

impl<'a> Tree<'a> {
    /// A tree whose root is the relaxation. `ranked` asks for a proof that nothing ranks better, not
    /// only that nothing is cheaper.
    pub(super) fn new(whole: Whole<'a>, relaxation: Found, quick: Quick, ranked: bool) -> Self {
        let (best, choices) = quick.into_parts();
        let choice = Choice::new(whole.rules);
        let mut tree = Self {
            whole,
            ranked,
            best: (rank(whole.problem, &best), best),
            choices,
            open: BTreeMap::new(),
            closed: Vec::new(),
            floor: (missing(&relaxation.solution), relaxation.solution.bound),
            proven: true,
            age: 0,
            work: 0,
        };
        let mut root = tree.appraised(&choice, None, &mut 0);
        tree.learn(&mut root, relaxation.solution, relaxation.proven);
        tree.insert(root);
        tree
    }

    /// The best plan with the bound that the tree proves for it.
    pub(super) fn into_best(self) -> Solution {
        let branches = self.open.values().chain(&self.closed);
        let bounds = branches.map(|branch| self.bound_of(branch));
        let (_, mut best) = self.best.clone();
        let least = bounds.min().unwrap_or(best.cost);
        let least = if self.floor.0 == missing(&best) { least.max(self.floor.1) } else { least };
        best.bound = best.bound.max(least).min(best.cost);
        best
    }

    /// What plans of a branch cost at least that leave the same pods without a place as the best.
    fn bound_of(&self, branch: &Branch) -> Money {
        let (rank, best) = &self.best;
        if branch.least.0 > rank.0 {
            // No plan of the branch places these pods.
            return Money::MAX;
        }
        if branch.bound.0 == missing(best) {
            return branch.bound.1;
        }
        let part = Part::new(self.whole.problem, self.whole.rules, &branch.choice);
        bound::resource_bound(&part.problem, best)
    }

    fn insert(&mut self, branch: Branch) {
        self.age += 1;
        let key = (branch.least.clone(), Reverse(branch.choice.depth()), self.age);
        self.open.insert(key, branch);
    }

    /// A branch that is not solved yet, by what its pods ask; `units` counts the work.
    fn appraised(&self, choice: &Choice, parent: Option<&Branch>, units: &mut u64) -> Branch {
        let problem = self.whole.problem;
        let part = Part::new(problem, self.whole.rules, choice);
        *units += 20 + part.size() / 10;
        let homeless = part.homeless().into_iter();
        let homeless: Missing =
            homeless.map(|group| (group, problem.groups[group as usize].count)).collect();
        let placed = leaving(&homeless);
        let mut money = bound::resource_bound(&part.problem, &placed);
        let mut least = self.least(&homeless, money);
        if let Some(parent) = parent {
            if parent.bound.0 == homeless {
                money = money.max(parent.bound.1);
                least = self.least(&homeless, money);
            }
            least = least.max(parent.least.clone());
        }
        Branch { choice: choice.clone(), least, bound: (homeless, money), plan: None, tries: 0 }
    }

    /// The best rank there can be when these pods at least have no place, and placing all others
    /// costs so much.
    fn least(&self, homeless: &Missing, money: Money) -> Rank {
        let problem = self.whole.problem;
        let unplaced = rank(problem, &leaving(homeless)).0;
        let tiers = no_tiers(problem).into_iter().map(|(_, nothing)| nothing).collect();
        let nodes = if self.ranked { 0 } else { u64::MAX };
        (unplaced, tiers, money, nodes)
    }

    /// Takes in what the engines say of a branch.
    fn learn(&self, branch: &mut Branch, plan: Solution, proven: bool) {
        let missing = missing(&plan);
        if proven {
            branch.least = rank(self.whole.problem, &plan).max(branch.least.clone());
        } else if missing == branch.bound.0 {
            branch.least = self.least(&missing, plan.bound).max(branch.least.clone());
        }
        let known = if missing == branch.bound.0 { branch.bound.1 } else { 0 };
        if proven || missing == branch.bound.0 {
            branch.bound = (missing, plan.bound.max(known));
        }
        branch.plan = Some(plan);
    }

    /// Plans again with the choices that gave the best quick plans, and narrows the relaxation down
    /// with the other engines: good plans before anything is proven.
    pub(super) fn refine(&mut self, budget: &mut Budget, news: &mut News<'_, '_>) {
        let root = self.open.values().next().and_then(|root| root.plan.clone());
        let choices: Vec<Choice> =
            self.choices.iter().take(REFINED.0).map(|(_, choice)| choice.clone()).collect();
        for choice in choices {
            if budget.is_spent() {
                return;
            }
            let found = budget.lend(REFINED.1, |own| self.solve(&choice, own)).0;
            self.offer(found.solution, news);
        }
        let mut choice = Choice::new(self.whole.rules);
        let mut plan = root;
        while let Some(solution) = plan.take().filter(|_| !budget.is_spent()) {
            let Some((rule, spent)) = broken(self.whole.problem, self.whole.rules, &solution)
            else {
                self.offer(solution, news);
                return;
            };
            choice = narrowed(&self.whole, &choice, rule, &spent);
            plan = Some(budget.lend(REFINED.1, |own| self.solve(&choice, own)).0.solution);
        }
    }

    /// Solves the part of a choice; the plan is in the terms of the whole. Also how much of the work
    /// that was given is left.
    fn solve(&self, choice: &Choice, budget: &mut Budget) -> (Found, bool) {
        let part = Part::new(self.whole.problem, self.whole.rules, choice);
        let best = &self.best.1;
        let launches = &best.launches;
        let within = launches.iter().all(|launch| choice.allows(self.whole.rules, launch.offering));
        let known = within.then(|| part.lower(best.clone())).flatten();
        let mut found = engines(&part.problem, self.whole.options, known, budget, &mut |_| {});
        budget.spend(20 + found.exact);
        found.solution = part.lift(found.solution);
        let ended = found.solution.status != Status::Stopped;
        (found, ended)
    }

    /// Takes a plan that obeys when it is better than the best.
    fn offer(&mut self, mut solution: Solution, news: &mut News<'_, '_>) {
        let rank = rank(self.whole.problem, &solution);
        if rank >= self.best.0 || broken(self.whole.problem, self.whole.rules, &solution).is_some()
        {
            return;
        }
        // The bound of a part does not hold for the whole.
        solution.bound = super::resources(self.whole.relaxed, &solution);
        solution.status = Status::Feasible;
        news.plan(&solution);
        self.best = (rank, solution);
    }

    /// Solves and divides branches, the most promising first, until none promises anything better, or
    /// the gap is small enough, or the work is done. Whether it is proven that nothing ranks better.
    pub(super) fn run(&mut self, budget: &mut Budget, news: &mut News<'_, '_>) -> bool {
        self.work = budget.left();
        while let Some((key, mut branch)) = self.open.pop_first() {
            if branch.least >= self.best.0 {
                self.open.insert(key, branch);
                return self.proven;
            }
            if budget.is_spent() || self.is_done(&branch) {
                self.open.insert(key, branch);
                return false;
            }
            budget.done.nodes += 1;
            if branch.plan.is_none() && !self.visit(&mut branch, budget, news) {
                // It is better to look at the others first.
                self.insert(branch);
                continue;
            }
            self.divide(branch, budget, news);
        }
        self.proven
    }

    /// Whether the best plan is close enough to what is known, with the branch at hand the least.
    fn is_done(&self, branch: &Branch) -> bool {
        let best = &self.best.1;
        if self.whole.options.gap_ppm == 0 || best.penalty > 0 {
            return false;
        }
        let branches = self.open.values().chain(&self.closed).chain([branch]);
        let missing = missing(best);
        let bounds = branches
            .filter(|branch| branch.least.0 <= self.best.0.0)
            .map(|branch| if branch.bound.0 == missing { branch.bound.1 } else { 0 });
        let least = bounds.min().unwrap_or(0).min(best.cost);
        is_close(best, least, self.whole.options)
    }

    /// Solves a branch. Whether it is still the one to go on with.
    fn visit(&mut self, branch: &mut Branch, budget: &mut Budget, news: &mut News<'_, '_>) -> bool {
        let slice = (self.work / SOLUTION).max(1).saturating_mul(1 << branch.tries.min(16));
        let parts = (budget.left() / slice).max(1);
        let (found, ended) = budget.lend(parts, |own| self.solve(&branch.choice, own));
        branch.tries += u32::from(!ended);
        let before = branch.least.clone();
        self.learn(branch, found.solution.clone(), found.proven);
        self.offer(found.solution, news);
        branch.least == before || self.open.is_empty()
    }

    /// Divides a solved branch whose plan breaks a rule; ends one whose plan obeys, or solves it
    /// again when that did not come to an end.
    fn divide(&mut self, mut branch: Branch, budget: &mut Budget, news: &mut News<'_, '_>) {
        let Some(plan) = branch.plan.take() else { return };
        let rules = self.whole.rules;
        let Some((rule, spent)) = broken(self.whole.problem, rules, &plan) else {
            self.offer(plan.clone(), news);
            self.end(branch, &plan);
            return;
        };
        let mut units = 0;
        if branch.choice.left(rules, rule) == 1 {
            for value in branch.choice.open(rule).collect::<Vec<_>>() {
                let choice = branch.choice.keeping(rules, rule, value);
                let child = self.appraised(&choice, Some(&branch), &mut units);
                self.insert(child);
            }
            budget.spend(units);
            return;
        }
        let open = spent.iter().map(|(_, value)| *value);
        let Some(value) = open.into_iter().find(|&value| branch.choice.is_open(rule, value)) else {
            // Not with plans of the part: what is out is not for sale there.
            self.end(branch, &plan);
            return;
        };
        let without = branch.choice.without(rule, value);
        let child = self.appraised(&without, Some(&branch), &mut units);
        budget.spend(units);
        self.insert(child);
        // With the value the part is the same, and so is all that is known of it.
        branch.choice = branch.choice.keeping(rules, rule, value);
        branch.plan = Some(plan);
        self.insert(branch);
    }

    /// Puts a branch away whose plan obeys, or back when its solution was cut short.
    fn end(&mut self, branch: Branch, plan: &Solution) {
        let proven = branch.least >= rank(self.whole.problem, plan);
        if !proven && plan.status == Status::Stopped {
            self.insert(branch);
            return;
        }
        self.proven &= proven;
        self.closed.push(branch);
    }
}

/// A solution that leaves these pods without a place, and says nothing else.
fn leaving(missing: &Missing) -> Solution {
    let unplaced = missing.iter().map(|&(group, count)| crate::solution::Unplaced {
        group,
        count,
        reason: crate::solution::Reason::Variety,
    });
    Solution { unplaced: unplaced.collect(), ..Solution::default() }
}

fn missing(solution: &Solution) -> Missing {
    solution.unplaced.iter().map(|missing| (missing.group, missing.count)).collect()
}
