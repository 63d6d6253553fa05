//! Plans within moments: the greedy engine on chosen values.

mod estimate;

use std::collections::BTreeSet;

use crate::{
    Solution,
    effort::Budget,
    greedy::{self, Prepared},
};

use super::{News, Rank, Whole, broken, part::Part, rank, resources, rules::Choice};
use estimate::Estimate;

/// Units of work that may go into quick plans, about a tenth of a second, and how many are made
/// whatever that takes.
const WORK: u64 = 100_000;
const LEAST: u32 = 12;

/// One part in so many of the work may go into sets by estimate; the rest is for swaps.
const SETS: u64 = 2;

/// The best plan that obeys the varieties, and the choices that gave the best plans.
pub(super) struct Quick {
    best: Solution,
    /// Best first.
    choices: Vec<(Rank, Choice)>,
}

impl Quick {
    /// A plan that is right, by itself.
    pub(super) fn known(best: Solution) -> Self {
        Self { best, choices: Vec::new() }
    }

    pub(super) fn best(&self) -> &Solution {
        &self.best
    }

    pub(super) fn into_best(self) -> Solution {
        self.best
    }

    pub(super) fn into_parts(self) -> (Solution, Vec<(Rank, Choice)>) {
        (self.best, self.choices)
    }

    /// Makes plans with the greedy engine. How many does not depend on the budget, so that no other
    /// engine starts from less than this.
    pub(super) fn plans(whole: &Whole<'_>, budget: &mut Budget, news: &mut News<'_, '_>) -> Self {
        let mut maker = Maker {
            whole,
            budget,
            news,
            left: WORK,
            made: 0,
            best: None,
            choices: Vec::new(),
            tried: BTreeSet::new(),
        };
        maker.narrow(Choice::new(whole.rules));
        if !maker.is_relaxed() {
            maker.sets();
            maker.swaps();
        }
        let best = maker.best.take().map(|(_, best)| best).unwrap_or_default();
        let mut choices = maker.choices;
        choices.sort();
        Self { best, choices }
    }
}

struct Maker<'m, 'n, 'f> {
    whole: &'m Whole<'m>,
    budget: &'m mut Budget,
    news: &'m mut News<'n, 'f>,
    left: u64,
    made: u32,
    best: Option<(Rank, Solution)>,
    choices: Vec<(Rank, Choice)>,
    tried: BTreeSet<Choice>,
}

impl Maker<'_, '_, '_> {
    /// Whether the very first plan, with every value open, was the one.
    fn is_relaxed(&self) -> bool {
        self.made == 1
    }

    fn is_over(&self, reserve: u64) -> bool {
        let spent = self.left <= reserve && self.made >= LEAST;
        self.best.is_some() && (spent || self.budget.is_stopped())
    }

    /// The greedy plan of a choice.
    fn make(&mut self, choice: &Choice) -> Solution {
        let part = Part::new(self.whole.problem, self.whole.rules, choice);
        let units = 50 + part.problem.pods() / 500 + part.size() / 20;
        self.left = self.left.saturating_sub(units);
        self.made += 1;
        self.budget.spend(units);
        part.lift(greedy::solve(&Prepared::new(&part.problem)))
    }

    /// Plans with a choice, and takes values away, those that the plan does not use and then those it
    /// spends least on, half of them at a time, until the plan obeys.
    fn narrow(&mut self, mut choice: Choice) {
        let (problem, rules) = (self.whole.problem, self.whole.rules);
        while self.tried.insert(choice.clone()) {
            let solution = self.make(&choice);
            let Some((rule, spent)) = broken(problem, rules, &solution) else {
                self.offer(choice, solution);
                return;
            };
            choice = narrowed(self.whole, &choice, rule, &spent);
        }
    }

    /// Looks at a plan that obeys; whether it is better than all before.
    fn offer(&mut self, choice: Choice, mut solution: Solution) -> bool {
        let rank = rank(self.whole.problem, &solution);
        self.choices.push((rank.clone(), choice));
        if self.best.as_ref().is_some_and(|(best, _)| *best <= rank) {
            return false;
        }
        solution.bound = resources(self.whole.relaxed, &solution);
        self.news.plan(&solution);
        self.best = Some((rank, solution));
        true
    }

    /// For the rule with the least room: sets of values that suit the pods by an estimate, each grown
    /// from another value.
    fn sets(&mut self) {
        let rules = self.whole.rules;
        let Some(rule) = (0..rules.len()).min_by_key(|&rule| rules[rule].room) else { return };
        let estimate = Estimate::new(self.whole.problem, &rules[rule]);
        for first in estimate.order() {
            if self.is_over(WORK - WORK / SETS) {
                return;
            }
            let values = estimate.grow(first, rules[rule].room);
            self.narrow(Choice::new(rules).only(rules, rule, &values));
        }
    }

    /// Swaps one value for another, or takes one more in, until nothing is bettered.
    fn swaps(&mut self) {
        let mut bettered = true;
        while bettered {
            bettered = false;
            for rule in 0..self.whole.rules.len() {
                bettered |= self.swap(rule);
            }
        }
    }

    fn swap(&mut self, rule: usize) -> bool {
        let rules = self.whole.rules;
        let Some((_, best)) = &self.best else { return false };
        let mut values: Vec<Vec<u32>> = Vec::new();
        for rule in rules {
            let spent = rule.spent(self.whole.problem, best);
            values.push(spent.into_iter().map(|(_, value)| value).collect());
        }
        let base = |values: &[Vec<u32>]| {
            let choice = Choice::new(rules);
            (0..rules.len()).fold(choice, |choice, at| choice.only(rules, at, &values[at]))
        };
        let others = (0..rules[rule].values as u32).filter(|value| !values[rule].contains(value));
        let others: Vec<u32> = others.collect();
        // The value that least is spent on goes first; where there is room none has to go.
        let has_room = values[rule].len() < rules[rule].room;
        let goes: Vec<Option<usize>> = match has_room {
            true => vec![None],
            false => (0..values[rule].len()).rev().map(Some).collect(),
        };
        for out in goes {
            for &other in &others {
                if self.is_over(0) {
                    return false;
                }
                let mut tried = values.clone();
                match out {
                    Some(at) => tried[rule][at] = other,
                    None => tried[rule].push(other),
                }
                tried[rule].sort_unstable();
                let choice = base(&tried);
                if !self.is_useful(&choice, rule, other) || !self.tried.insert(choice.clone()) {
                    continue;
                }
                let solution = self.make(&choice);
                if self.offer(choice, solution) {
                    return true;
                }
            }
        }
        false
    }

    /// Whether the other rules let an offering of the value be launched.
    fn is_useful(&self, choice: &Choice, rule: usize, value: u32) -> bool {
        let rules = self.whole.rules;
        let mut offerings = 0..self.whole.problem.offerings.len() as u32;
        offerings.any(|at| rules[rule].value(at) == Some(value) && choice.allows(rules, at))
    }
}

/// A choice with fewer values of a broken rule: the half that most is spent on, or as many as there
/// is room for when that is more. What is kept stays.
pub(super) fn narrowed(
    whole: &Whole<'_>,
    choice: &Choice,
    rule: usize,
    spent: &[(i64, u32)],
) -> Choice {
    let room = whole.rules[rule].room;
    let count = spent.len().div_ceil(2).max(room);
    let mut values: Vec<u32> = choice.kept(rule).collect();
    let open = spent.iter().map(|(_, value)| *value).filter(|&value| choice.is_open(rule, value));
    values.extend(open.take(count.saturating_sub(values.len())));
    choice.only(whole.rules, rule, &values)
}
