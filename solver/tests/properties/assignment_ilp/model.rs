use std::cmp::Reverse;
use std::collections::BTreeMap;

use good_lp::solvers::highs::{HighsPresolveType, HighsSolution};
use good_lp::{
    Constraint, Expression, ProblemVariables, ResolutionError, Solution, SolverModel, Variable,
    constraint, highs, variable,
};
use solver::Problem;
use solver::problem::{Money, NO_DOMAIN, NODE_KEY};

use crate::oracle::{Assignment, Seat};

/// What stands at a place.
#[derive(Clone, Copy)]
pub enum At {
    Node(usize),
    Offering(usize),
}

/// A node that exists, or one that may be launched.
pub struct Place<'a> {
    pub at: At,
    pub room: &'a [i64],
    pub domains: &'a [u32],
    /// 1 when there is a node.
    pub open: Expression,
}

/// The pods of one group at one place.
#[derive(Clone, Copy)]
pub struct Pods {
    /// How many: 0 to the group's count.
    pub count: Variable,
    /// 1 when there is one, else 0.
    pub any: Variable,
    /// When the first of them comes, for affinities; 0 to the number of all pods.
    pub rank: Variable,
}

pub struct Model<'a> {
    pub problem: &'a Problem,
    /// Existing nodes, in order, then possible launches.
    pub places: Vec<Place<'a>>,
    /// By place and group; `None` where the class says no.
    pub pods: Vec<Vec<Option<Pods>>>,
    /// More than any difference between numbers of pods, or between ranks.
    pub big: f64,
    pub variables: ProblemVariables,
    rules: Vec<Constraint>,
    /// What preferences that are not met cost.
    pub penalty: Expression,
}

impl<'a> Model<'a> {
    pub fn new(problem: &'a Problem) -> Self {
        let bound: u32 = problem.sets.iter().flat_map(|set| &set.bound).map(|(_, n)| n).sum();
        let mut model = Self {
            problem,
            places: Vec::new(),
            pods: Vec::new(),
            big: problem.pods() as f64 + f64::from(bound) + 2.0,
            variables: ProblemVariables::new(),
            rules: Vec::new(),
            penalty: Expression::default(),
        };
        // HiGHS has no answer to a model without variables.
        model.number(0.0);
        model.places();
        model.seats();
        model.limits();
        problem.spreads.iter().for_each(|spread| model.spread(spread));
        problem.affinities.iter().for_each(|affinity| model.affinity(affinity));
        problem.exclusions.iter().for_each(|exclusion| model.exclusion(exclusion));
        problem.flexibilities.iter().for_each(|rule| model.flexibility(rule));
        problem.varieties.iter().for_each(|variety| model.variety(variety));
        model.preferences();
        model
    }

    pub fn rule(&mut self, rule: Constraint) {
        self.rules.push(rule);
    }

    pub fn binary(&mut self) -> Variable {
        self.variables.add(variable().binary())
    }

    pub fn number(&mut self, most: f64) -> Variable {
        self.variables.add(variable().clamp(0.0, most))
    }

    /// Where `when` is 1, `left` is at most 0; else at most [`Self::big`].
    pub fn when(&mut self, when: impl Into<Expression>, left: impl Into<Expression>) {
        let slack = self.big * (1.0 - when.into());
        self.rule(constraint!(left.into() <= slack));
    }

    /// Each of these pods costs `cost` where `unmet` is 1.
    pub fn charge(&mut self, cost: Money, group: u32, pods: Pods, unmet: Variable) {
        let most = f64::from(self.problem.groups[group as usize].count);
        let charged = self.number(most);
        self.rule(constraint!(charged >= pods.count - most * (1.0 - unmet)));
        self.penalty += cost as f64 * charged;
    }

    /// The node key has each place for a domain of its own.
    pub fn domain(&self, place: usize, key: u8) -> Option<usize> {
        match key {
            NODE_KEY => Some(place),
            key => Some(self.places[place].domains[usize::from(key)])
                .filter(|&domain| domain != NO_DOMAIN)
                .map(|domain| domain as usize),
        }
    }

    /// Every place with pods of these groups: (place, group, pods).
    pub fn pods_of(&self, groups: &[u32]) -> Vec<(usize, u32, Pods)> {
        let mut all = Vec::new();
        for (place, pods) in self.pods.iter().enumerate() {
            let here = groups.iter().filter_map(|&g| Some((place, g, pods[g as usize]?)));
            all.extend(here);
        }
        all
    }

    pub fn members(&self, set: u32) -> Vec<u32> {
        self.problem.sets[set as usize].groups.iter().map(|group| group as u32).collect()
    }

    pub fn is_member(&self, set: u32, group: u32) -> bool {
        self.problem.sets[set as usize].groups.contains(group as usize)
    }

    /// Pods of the set per domain, at places that count.
    pub fn tally(
        &mut self,
        (set, key): (u32, u8),
        with_bound: bool,
        counts: &dyn Fn(At) -> bool,
    ) -> BTreeMap<usize, Variable> {
        let mut sums: BTreeMap<usize, Expression> = BTreeMap::new();
        for place in 0..self.places.len() {
            let Some(domain) = self.domain(place, key) else { continue };
            let sum = sums.entry(domain).or_default();
            if counts(self.places[place].at) {
                let members = self.problem.sets[set as usize].groups.iter();
                *sum +=
                    members.filter_map(|g| Some(self.pods[place][g]?.count)).sum::<Expression>();
                let bound = self.problem.sets[set as usize].bound.iter();
                let here = bound.filter(|(node, _)| with_bound && *node as usize == place);
                *sum += here.map(|(_, pods)| f64::from(*pods)).sum::<f64>();
            }
        }
        let mut tally = BTreeMap::new();
        for (domain, sum) in sums {
            let count = self.number(self.big);
            self.rule(constraint!(count == sum));
            tally.insert(domain, count);
        }
        tally
    }

    pub fn launches(&self) -> impl Iterator<Item = (usize, &Expression)> {
        self.places.iter().filter_map(|place| match place.at {
            At::Node(_) => None,
            At::Offering(offering) => Some((offering, &place.open)),
        })
    }

    /// The best assignment and its price and penalty together. Priorities are settled one after the
    /// other, so that no weight has to be large enough; money comes last.
    pub fn best(mut self) -> Result<(Assignment, Money), ResolutionError> {
        let mut placed: BTreeMap<Reverse<i32>, Expression> = BTreeMap::new();
        for (at, group) in self.problem.groups.iter().enumerate() {
            let pods =
                self.pods.iter().filter_map(|pods| Some(pods[at]?.count)).collect::<Vec<_>>();
            let placed = placed.entry(Reverse(group.priority)).or_default();
            *placed += pods.iter().sum::<Expression>();
            self.rule(constraint!(pods.iter().sum::<Expression>() <= f64::from(group.count)));
        }
        for pods in placed.into_values() {
            let most = self.solve(&-pods.clone())?.eval(&pods).round();
            self.rule(constraint!(pods >= most));
        }
        let mut money = self.penalty.clone();
        for (offering, open) in self.launches() {
            money += self.problem.offerings[offering].price as f64 * open.clone();
        }
        let solution = self.solve(&money)?;
        Ok((self.assignment(&solution), (solution.eval(&money) + 1e-4).floor() as Money))
    }

    /// The least of a sum whose values are whole numbers, up to less than 1. Without presolve, for
    /// that of HiGHS 1.15 calls some of these programmes infeasible when they are not.
    fn solve(&self, objective: &Expression) -> Result<HighsSolution, ResolutionError> {
        let mut programme = self.variables.clone().minimise(objective.clone()).using(highs);
        for rule in &self.rules {
            programme.add_constraint(rule.clone());
        }
        let programme = programme.set_threads(1).set_presolve(HighsPresolveType::Off);
        programme.set_option("mip_rel_gap", 0.0).set_option("mip_abs_gap", 0.9).solve()
    }

    fn assignment(&self, solution: &HighsSolution) -> Assignment {
        let mut assignment = Assignment::default();
        let mut left: Vec<u32> = self.problem.groups.iter().map(|group| group.count).collect();
        for (place, pods) in self.places.iter().zip(&self.pods) {
            if solution.eval(&place.open) < 0.5 {
                continue;
            }
            let seat = match place.at {
                At::Node(node) => Seat::Node(node),
                At::Offering(offering) => {
                    assignment.launches.push(offering);
                    Seat::Launch(assignment.launches.len() - 1)
                }
            };
            for (group, pods) in pods.iter().enumerate() {
                let count = pods.map_or(0, |pods| solution.value(pods.count).round() as u32);
                assignment.pods.extend((0..count).map(|_| (group, seat)));
                left[group] -= count;
            }
        }
        let nowhere = left.iter().enumerate();
        let nowhere = nowhere.flat_map(|(g, &left)| (0..left).map(move |_| (g, Seat::Nowhere)));
        assignment.pods.extend(nowhere);
        assignment
    }
}
