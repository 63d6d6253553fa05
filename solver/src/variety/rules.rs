//! The varieties of a problem with their values numbered, and which of these may be used.

use std::collections::BTreeMap;

use crate::{
    BitSet, Problem, Solution,
    problem::{Money, Variety, fits},
};

/// The offering has no value that a rule could leave out.
const FREE: u32 = u32::MAX;

/// A variety that can be broken.
pub(super) struct Rule {
    /// How many values may be brought in.
    pub(super) room: usize,
    /// How many different values could be.
    pub(super) values: usize,
    /// The number of each offering's value, or [`FREE`].
    of: Vec<u32>,
}

impl Rule {
    /// `None` when no plan can break the variety.
    fn new(problem: &Problem, variety: &Variety, useful: &BitSet) -> Option<Self> {
        let offerings = (0..problem.offerings.len() as u32)
            .map(|at| variety.new_value(at).filter(|_| useful.contains(at as usize)));
        let found: Vec<Option<u32>> = offerings.collect();
        let mut values: Vec<u32> = found.iter().flatten().copied().collect();
        values.sort_unstable();
        values.dedup();
        let number = |value: &u32| values.binary_search(value).ok().map(|at| at as u32);
        let of = found.iter().map(|value| value.as_ref().and_then(number).unwrap_or(FREE));
        let rule = Self { room: variety.room(), values: values.len(), of: of.collect() };
        (rule.values > rule.room).then_some(rule)
    }

    /// The number of an offering's value; `None` when the offering may always be used.
    pub(super) fn value(&self, offering: u32) -> Option<u32> {
        Some(self.of[offering as usize]).filter(|&value| value != FREE)
    }

    /// What the launches spend on each value, most first.
    pub(super) fn spent(&self, problem: &Problem, solution: &Solution) -> Vec<(Money, u32)> {
        let mut spent: BTreeMap<u32, Money> = BTreeMap::new();
        for launch in &solution.launches {
            let Some(value) = self.value(launch.offering) else { continue };
            let price = problem.offerings[launch.offering as usize].price;
            let sum = spent.entry(value).or_default();
            *sum = sum.saturating_add(price.saturating_mul(i64::from(launch.copies)));
        }
        let mut spent: Vec<(Money, u32)> = spent.into_iter().map(|(v, sum)| (sum, v)).collect();
        spent.sort_by_key(|&(sum, value)| (std::cmp::Reverse(sum), value));
        spent
    }
}

/// The varieties that can be broken.
pub(super) fn rules(problem: &Problem) -> Vec<Rule> {
    let mut useful = BitSet::empty(problem.offerings.len());
    for group in problem.groups.iter().filter(|group| group.count > 0) {
        let accepting = problem.classes[group.class as usize].offerings.iter();
        for offering in
            accepting.filter(|&at| fits(&group.request, &problem.offerings[at].capacity))
        {
            useful.insert(offering);
        }
    }
    let varieties = problem.varieties.iter();
    varieties.filter_map(|variety| Rule::new(problem, variety, &useful)).collect()
}

/// The broken rule with the least room, and what is spent on its values, most first.
pub(super) fn broken(
    problem: &Problem,
    rules: &[Rule],
    solution: &Solution,
) -> Option<(usize, Vec<(Money, u32)>)> {
    let spent = rules.iter().enumerate().map(|(at, rule)| (at, rule.spent(problem, solution)));
    let broken = spent.filter(|(at, spent)| spent.len() > rules[*at].room);
    broken.min_by_key(|(at, _)| rules[*at].room)
}

/// What is decided about a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Mark {
    Open,
    Kept,
    Out,
}

/// Which values may be used, per rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Choice {
    marks: Vec<Vec<Mark>>,
}

impl Choice {
    /// Nothing is decided but what follows from the rules.
    pub(super) fn new(rules: &[Rule]) -> Self {
        let marks = rules.iter().map(|rule| vec![Mark::Open; rule.values]).collect();
        let mut choice = Self { marks };
        (0..rules.len()).for_each(|rule| choice.settle(rules, rule));
        choice
    }

    /// Leaves the open values out when as many are kept as there is room for.
    fn settle(&mut self, rules: &[Rule], rule: usize) {
        if self.left(rules, rule) == 0 {
            let open = self.marks[rule].iter_mut().filter(|mark| **mark == Mark::Open);
            open.for_each(|mark| *mark = Mark::Out);
        }
    }

    /// How many more values may be kept.
    pub(super) fn left(&self, rules: &[Rule], rule: usize) -> usize {
        rules[rule].room.saturating_sub(self.kept(rule).count())
    }

    pub(super) fn kept(&self, rule: usize) -> impl Iterator<Item = u32> + '_ {
        self.marked(rule, Mark::Kept)
    }

    pub(super) fn open(&self, rule: usize) -> impl Iterator<Item = u32> + '_ {
        self.marked(rule, Mark::Open)
    }

    fn marked(&self, rule: usize, mark: Mark) -> impl Iterator<Item = u32> + '_ {
        (0u32..).zip(&self.marks[rule]).filter(move |(_, of)| **of == mark).map(|(value, _)| value)
    }

    pub(super) fn is_open(&self, rule: usize, value: u32) -> bool {
        self.marks[rule][value as usize] == Mark::Open
    }

    /// With a value that may be used for certain.
    pub(super) fn keeping(&self, rules: &[Rule], rule: usize, value: u32) -> Self {
        let mut choice = self.clone();
        choice.marks[rule][value as usize] = Mark::Kept;
        choice.settle(rules, rule);
        choice
    }

    /// Without a value.
    pub(super) fn without(&self, rule: usize, value: u32) -> Self {
        let mut choice = self.clone();
        choice.marks[rule][value as usize] = Mark::Out;
        choice
    }

    /// With these values of a rule and no others; they are kept when there is room for no more.
    pub(super) fn only(&self, rules: &[Rule], rule: usize, values: &[u32]) -> Self {
        let mark = if values.len() <= rules[rule].room { Mark::Kept } else { Mark::Open };
        let mut choice = self.clone();
        choice.marks[rule].fill(Mark::Out);
        values.iter().for_each(|&value| choice.marks[rule][value as usize] = mark);
        choice
    }

    /// Whether an offering may be launched.
    pub(super) fn allows(&self, rules: &[Rule], offering: u32) -> bool {
        rules.iter().zip(&self.marks).all(|(rule, marks)| {
            rule.value(offering).is_none_or(|value| marks[value as usize] != Mark::Out)
        })
    }

    /// What is decided, for an order: values kept.
    pub(super) fn depth(&self) -> usize {
        self.marks.iter().flatten().filter(|mark| **mark == Mark::Kept).count()
    }
}
