//! Large neighbourhood search: a few nodes of a plan are emptied or given back, and their pods are
//! packed anew with all else in place (Shaw, CP 1998; Schrimpf and others, Journal of Computational
//! Physics 159, 2000).
//!
//! A dive decides node by node and cannot go back, and who stands in which zone is the greedy
//! engine's word. In a plan of a few hundred nodes it is a handful of them that are not as they
//! should be, and the greedy engine is good at a handful of nodes, the exact one perfect at a few
//! pods. To both, what stays is existing nodes with pods bound to them, so every constraint is
//! heeded. A plan that costs a little more than the best is gone on from as well (record-to-record
//! travel; Dueck, Journal of Computational Physics 104, 1993).

mod layout;
mod market;

use rayon::prelude::*;

use crate::{
    Problem, Solution, check,
    effort::Budget,
    exact,
    greedy::{self, Prepared, rank},
    problem::Money,
    random,
};

use layout::{Layout, Part};
use market::Market;

/// Plans of more hosts are left alone: each look takes longer, and brings less of the whole.
const MOST_HOSTS: u64 = 500;
/// Hosts that are looked at together, at least and at most, and the most pods on them.
const HOSTS: (u64, u64) = (2, 8);
const PODS: [u32; 3] = [30, 60, 120];
/// With no more pods than this the exact engine is asked too, with so many units of its own, of
/// which there are so many in one of [`Budget`]'s.
const FEW_PODS: u64 = 10;
const WORK: u64 = 200_000;
const UNITS: u64 = 100;
/// What is gone on from costs one part in so many more than the best at most.
const DEARER: Money = 300;
/// Looks side by side, of which the best counts; looks between two questions whether they still
/// bring anything, and how often in a row the answer may be no.
const ABREAST: u64 = 4;
const ROUND: u64 = 64;
const PATIENCE: u32 = 2;

/// Looks for a better plan near one, which must be right, for as long as it brings something.
/// `None` when there is none, or when other things than what a plan costs and places decide.
pub(crate) fn better(
    problem: &Problem,
    plan: &Solution,
    random: &mut u64,
    budget: &mut Budget,
) -> Option<Solution> {
    let hosts = problem.nodes.len() as u64 + plan.launched();
    // Which pools come before others is nothing that a rank knows.
    if hosts < HOSTS.0 || hosts > MOST_HOSTS || problem.has_tiers() {
        return None;
    }
    let market = Market::new(problem, plan);
    let mut near = Near {
        layout: Layout::new(&market, plan)?,
        market,
        best: plan.clone(),
        total: plan.total(),
    };
    let mut idle = 0;
    while idle < PATIENCE && !budget.is_spent() {
        let before = rank(problem, &near.best);
        for _ in 0..ROUND / ABREAST {
            near.look(random, budget);
            if budget.is_spent() {
                break;
            }
        }
        idle = if rank(problem, &near.best) < before { 0 } else { idle + 1 };
    }
    (rank(problem, &near.best) < rank(problem, plan)).then_some(near.best)
}

/// The best plan so far, and the one that is looked at, host by host.
struct Near<'a> {
    market: Market<'a>,
    best: Solution,
    layout: Layout,
    /// What the latter costs, with what unmet preferences do.
    total: Money,
}

impl Near<'_> {
    /// Looks at some neighbourhoods and goes on from the best plan found, if it is not too dear.
    fn look(&mut self, random: &mut u64, budget: &mut Budget) {
        let problem = self.market.problem;
        let picks: Vec<Vec<usize>> = (0..ABREAST).map(|_| self.pick(random)).collect();
        let found: Vec<(Option<Solution>, u64)> =
            picks.par_iter().map(|hosts| self.anew(hosts, budget)).collect();
        budget.spend(found.iter().map(|(_, spent)| spent).sum());
        let found = found.into_iter().filter_map(|(found, _)| found);
        let Some(next) = found.min_by_key(|found| rank(problem, found)) else { return };
        let Some(layout) = Layout::new(&self.market, &next) else { return };
        self.layout = layout;
        self.total = next.total();
        if rank(problem, &next) < rank(problem, &self.best) {
            self.best = next;
        }
    }

    /// Some hosts that have to do with each other: of one place, with pods of one group, or any.
    fn pick(&self, seed: &mut u64) -> Vec<usize> {
        let mut below = |count: u64| random::next(seed) % count;
        let all = self.layout.hosts() as u64;
        let first = below(all) as usize;
        let most = HOSTS.0 + below(HOSTS.1 - HOSTS.0 + 1);
        let room = PODS[below(PODS.len() as u64) as usize];
        let kinship = below(3);
        let mut hosts = vec![first];
        let mut pods = self.layout.pods(first);
        for _ in 0..all {
            if hosts.len() as u64 == most {
                break;
            }
            let other = below(all) as usize;
            let is_kin = match kinship {
                0 => self.layout.are_together(&self.market, first, other),
                1 => self.layout.share_pods(first, other),
                _ => true,
            };
            if is_kin && !hosts.contains(&other) && pods + self.layout.pods(other) <= room {
                pods += self.layout.pods(other);
                hosts.push(other);
            }
        }
        hosts.sort_unstable();
        hosts
    }

    /// The plan with the pods of some hosts packed anew, when that is another one, right and not too
    /// dear, and the units of work that it took.
    fn anew(&self, hosts: &[usize], budget: &Budget) -> (Option<Solution>, u64) {
        let part = self.layout.without(&self.market, hosts);
        let mut spent = 2 * (self.market.few.offerings.len() + self.layout.hosts()) as u64;
        let best = self.best.total();
        let slack = best.saturating_add(best / DEARER).saturating_sub(self.total);
        let Some(plan) = pack(&part, slack, budget, &mut spent) else { return (None, spent) };
        let whole = part.whole(&self.market, &plan);
        let is_right = check(self.market.problem, &whole).is_empty();
        (is_right.then_some(whole), spent)
    }
}

/// Another plan for a part, that costs no more than what was there and some slack; `None` when none
/// was found.
fn pack(part: &Part, slack: Money, budget: &Budget, spent: &mut u64) -> Option<Solution> {
    let problem = &part.problem;
    let mut best = greedy::solve(&Prepared::new(problem));
    if !best.unplaced.is_empty() || best.total() > part.known.total().saturating_add(slack) {
        best = part.known.clone();
    }
    if problem.pods() <= FEW_PODS {
        let mut own = exact::Budget::new(WORK, budget.flag());
        best = exact::better(problem, &best, &mut own).unwrap_or(best);
        *spent += (WORK - own.left()) / UNITS;
    }
    let is_new = best.launches != part.known.launches || best.placements != part.known.placements;
    (is_new && best.unplaced.is_empty()).then_some(best)
}

#[cfg(test)]
mod tests;
