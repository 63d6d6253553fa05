//! Launches of so many sizes only, or of so many families: varieties.
//!
//! No engine knows of varieties. This layer decides which values may be used, and the engines solve
//! the *part* of the problem that is left without the offerings of other values. Values that there
//! is no room for are left out first. Then come
//!
//! 1. *The relaxation*, in which every value may be used. When its plan obeys the varieties it is
//!    the answer. Its bound, and the certificate for it, hold in any case.
//! 2. *Quick plans* by the greedy engine ([`quick`]): values are narrowed down to those that a plan
//!    spends most on, sets that suit the pods by an estimate are tried, and values are swapped.
//! 3. *A tree* over which values are kept and which are left out ([`tree`]), the most promising
//!    branch first. Every part is a relaxation of what is below it. The least bound over all
//!    branches holds for the whole.

mod part;
mod quick;
mod reasons;
mod rules;
mod tree;

use crate::{
    Problem, Solution, bound,
    certificate::{Certificate, verify},
    effort::Budget,
    exact::{has_trade_offs, price_only},
    problem::Money,
    solution::Status,
    strategy::{Engine, Found, Options, Progress, engines, is_for_exact, is_within, status},
};

use part::Part;
use quick::Quick;
use rules::{Rule, broken, rules};
use tree::Tree;

/// One part in so many of the work goes into the relaxation, as long as its plan breaks a variety.
const RELAXATION: u64 = 4;

/// Solves a problem with varieties. The certificate is that of the relaxation; there is none when
/// values had to be left out from the start, for it would be about a smaller problem.
pub(crate) fn solve(
    problem: &Problem,
    options: &Options,
    budget: &mut Budget,
    tell: &mut (dyn FnMut(Progress) + Send),
) -> (Solution, Option<Certificate>) {
    let relaxed = Problem { varieties: Vec::new(), ..problem.clone() };
    let rules = rules(problem);
    if rules.is_empty() {
        let found = engines(&relaxed, options, None, budget, tell);
        return (found.solution, found.certificate);
    }
    if rules.iter().any(|rule| rule.room == 0) {
        // What can never be launched is no part of a relaxation worth its time.
        let part = Part::with_choices(problem, &rules);
        let (solution, _) = solve(&part.problem, options, budget, tell);
        let mut solution = part.lift(solution);
        reasons::correct(problem, &mut solution);
        return (solution, None);
    }
    // There are many problems to solve, so none of them may take all the work there is.
    let each = Options { patient: false, ..options.clone() };
    let whole = Whole { problem, relaxed: &relaxed, rules: &rules, options: &each };
    let mut news = News { tell, told: None };
    let (mut solution, certificate) = whole.solve(budget, &mut news);
    news.plan(&solution);
    reasons::correct(problem, &mut solution);
    solution.effort = budget.done;
    (solution, certificate)
}

/// A problem with varieties that can be broken, and how it is to be solved.
#[derive(Clone, Copy)]
struct Whole<'a> {
    problem: &'a Problem,
    /// Without the varieties.
    relaxed: &'a Problem,
    rules: &'a [Rule],
    options: &'a Options,
}

impl Whole<'_> {
    fn solve(
        &self,
        budget: &mut Budget,
        news: &mut News<'_, '_>,
    ) -> (Solution, Option<Certificate>) {
        let quick = Quick::plans(self, budget, news);
        if self.options.engine == Engine::Greedy {
            let mut solution = quick.into_best();
            solution.status = status(&solution, self.options, false);
            return (solution, None);
        }
        let mut found = budget.lend(RELAXATION, |own| self.relax(&quick, own, news));
        if self.obeys(&found.solution) && found.solution.status == Status::Stopped {
            let more = self.relax(&quick, budget, news);
            if self.obeys(&more.solution) {
                found = more;
            }
        }
        let certificate = found.certificate.take();
        if self.obeys(&found.solution) {
            let mut solution = found.solution;
            if found.proven {
                self.raise(&mut solution, budget);
            }
            return (solution, certificate);
        }
        let mut solution = self.search(found, quick, budget, news);
        let certificate = certificate
            .and_then(|known| Some((verify(self.problem, &solution, &known).ok()?, known)));
        if let Some((proven, _)) = &certificate {
            solution.bound = solution.bound.max(*proven).min(solution.cost);
        }
        if solution.status != Status::Optimal {
            solution.status = status(&solution, self.options, budget.is_spent());
        }
        (solution, certificate.map(|(_, known)| known))
    }

    fn obeys(&self, solution: &Solution) -> bool {
        broken(self.problem, self.rules, solution).is_none()
    }

    /// Solves the problem without varieties, and tells of its bounds.
    fn relax(&self, quick: &Quick, budget: &mut Budget, news: &mut News<'_, '_>) -> Found {
        let best = quick.best();
        let mut tell = |progress: Progress| news.bound(best, progress);
        let found = engines(self.relaxed, self.options, Some(best.clone()), budget, &mut tell);
        budget.spend(found.exact);
        found
    }

    /// Branches until the best plan is proven, close enough to the bound, or the work is done.
    fn search(
        &self,
        relaxation: Found,
        quick: Quick,
        budget: &mut Budget,
        news: &mut News<'_, '_>,
    ) -> Solution {
        let ranked = is_for_exact(self.problem, self.options);
        let mut tree = Tree::new(*self, relaxation, quick, ranked);
        if !ranked {
            tree.refine(budget, news);
        }
        let proven = tree.run(budget, news) && ranked;
        let mut solution = tree.into_best();
        if !proven {
            return solution;
        }
        solution.status = Status::Optimal;
        self.raise(&mut solution, budget);
        solution
    }

    /// Raises the bound of a plan that nothing ranks better than.
    fn raise(&self, solution: &mut Solution, budget: &mut Budget) {
        if !has_trade_offs(self.problem) {
            // A cheaper plan for the same pods would rank better.
            solution.bound = solution.cost;
        } else if solution.bound < solution.cost {
            let least = self.least_cost(solution, budget);
            solution.bound = solution.bound.max(least).min(solution.cost);
        }
    }

    /// What the launches of any plan that places the same pods cost at least: a second search,
    /// without preferences and tiers.
    fn least_cost(&self, solution: &Solution, budget: &mut Budget) -> Money {
        let problem = price_only(self.problem, solution);
        let relaxed = Problem { varieties: Vec::new(), ..problem.clone() };
        let rules = rules(&problem);
        let options = Options { gap_ppm: 0, ..self.options.clone() };
        let whole =
            Whole { problem: &problem, relaxed: &relaxed, rules: &rules, options: &options };
        let plain = Solution { unplaced: Vec::new(), penalty: 0, ..solution.clone() };
        let quick = Quick::known(plain);
        let mut silent = |_| {};
        let mut news = News { tell: &mut silent, told: None };
        let found = whole.relax(&quick, budget, &mut news);
        let mut tree = Tree::new(whole, found, quick, true);
        tree.run(budget, &mut news);
        tree.into_best().bound
    }
}

/// Tells of steps forward, each at least as good as the one before.
struct News<'t, 'f> {
    tell: &'t mut (dyn FnMut(Progress) + Send + 'f),
    told: Option<Progress>,
}

impl News<'_, '_> {
    /// A better plan. What was known of the bound goes on as long as no more pods are placed.
    fn plan(&mut self, solution: &Solution) {
        let mut progress = crate::strategy::progress(solution);
        let known = self.told.filter(|told| told.unplaced == progress.unplaced);
        let known = known.map_or(0, |told| told.bound);
        progress.bound = progress.bound.max(known).min(progress.cost);
        self.send(progress);
    }

    /// A bound for plans that place all pods.
    fn bound(&mut self, best: &Solution, progress: Progress) {
        let Some(told) = self.told else { return };
        if best.unplaced.is_empty() && progress.unplaced == 0 && progress.bound > told.bound {
            self.send(Progress { bound: progress.bound.min(told.cost), ..told });
        }
    }

    fn send(&mut self, progress: Progress) {
        if self.told != Some(progress) {
            self.told = Some(progress);
            (self.tell)(progress);
        }
    }
}

/// Less is better, part by part: pods without a place by priority, the highest first; what is spent
/// on each tier but the first, the last tier first; price and penalty; nodes. With one tier it is
/// the order of the greedy engine, and always that of the exact one.
type Rank = (Vec<u64>, Vec<Money>, Money, u64);

fn rank(problem: &Problem, solution: &Solution) -> Rank {
    let (unplaced, money, nodes) = crate::greedy::rank(problem, solution);
    let mut spent = no_tiers(problem);
    for launch in &solution.launches {
        let offering = &problem.offerings[launch.offering as usize];
        if let Some(at) = spent.iter().position(|(tier, _)| *tier == offering.tier) {
            let price = offering.price.saturating_mul(i64::from(launch.copies));
            spent[at].1 = spent[at].1.saturating_add(price);
        }
    }
    (unplaced, spent.into_iter().map(|(_, sum)| sum).collect(), money, nodes)
}

/// The tiers but the first, the last one first, with nothing spent on them.
fn no_tiers(problem: &Problem) -> Vec<(u16, Money)> {
    let mut tiers: Vec<u16> = problem.offerings.iter().map(|offering| offering.tier).collect();
    tiers.sort_unstable_by_key(|&tier| std::cmp::Reverse(tier));
    tiers.dedup();
    tiers.pop();
    tiers.into_iter().map(|tier| (tier, 0)).collect()
}

/// The bound by resources that holds for plans with the same pods.
fn resources(relaxed: &Problem, solution: &Solution) -> Money {
    bound::resource_bound(relaxed, solution).clamp(0, solution.cost)
}

/// Whether the cost is as close to the bound as was asked for.
fn is_close(solution: &Solution, bound: Money, options: &Options) -> bool {
    options.gap_ppm > 0 && is_within(solution.cost, bound, options.gap_ppm)
}
