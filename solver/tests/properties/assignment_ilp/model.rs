use std::cmp::Reverse;
use std::collections::BTreeMap;

use good_lp::solvers::highs::HighsSolution;
use good_lp::{
    Constraint, Expression, ProblemVariables, Solution, SolverModel, Variable, constraint, highs,
    variable,
};
use solver::Problem;
use solver::problem::{Exclusion, Flexibility, Money, NO_DOMAIN, NODE_KEY, Spread};

use crate::oracle::{Assignment, Seat};

/// What stands at a place.
#[derive(Clone, Copy)]
pub enum At {
    Node(usize),
    Offering(usize),
}

/// A node that exists, or one that may be launched.
struct Place<'a> {
    at: At,
    room: &'a [i64],
    domains: &'a [u32],
    /// 1 when there is a node.
    open: Expression,
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
    places: Vec<Place<'a>>,
    /// By place and group; `None` where the class says no.
    pub pods: Vec<Vec<Option<Pods>>>,
    /// More than any difference between numbers of pods, or between ranks.
    pub big: f64,
    variables: ProblemVariables,
    rules: Vec<Constraint>,
    /// What preferences that are not met cost.
    penalty: Expression,
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
        model.sums();
        problem.spreads.iter().for_each(|spread| model.spread(spread));
        problem.affinities.iter().for_each(|affinity| model.affinity(affinity));
        problem.exclusions.iter().for_each(|exclusion| model.exclusion(exclusion));
        problem.flexibilities.iter().for_each(|rule| model.flexibility(rule));
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

    /// Existing nodes, and for each offering as many launches as there are pods to fill them.
    fn places(&mut self) {
        for (node, existing) in self.problem.nodes.iter().enumerate() {
            let (room, domains, open) = (&existing.free, &existing.domains, 1.0.into());
            self.places.push(Place { at: At::Node(node), room, domains, open });
        }
        for (index, offering) in self.problem.offerings.iter().enumerate() {
            let classes = &self.problem.classes;
            let accepted = (self.problem.groups.iter())
                .filter(|group| classes[group.class as usize].offerings.contains(index));
            for _ in 0..accepted.map(|group| group.count).sum() {
                let (room, domains) = (&offering.capacity, &offering.domains);
                let open = self.binary().into();
                self.places.push(Place { at: At::Offering(index), room, domains, open });
            }
        }
    }

    /// Classes, room and host ports; no launch is empty, and equal ones come fullest first.
    fn seats(&mut self) {
        for place in 0..self.places.len() {
            let (At::Node(index) | At::Offering(index)) = self.places[place].at;
            let is_node = matches!(self.places[place].at, At::Node(_));
            let mut pods = Vec::new();
            for (at, group) in self.problem.groups.iter().enumerate() {
                let class = self.problem.class_of(at as u32);
                let accepts = if is_node { &class.nodes } else { &class.offerings };
                let accepted = accepts.contains(index) && group.count > 0;
                pods.push(accepted.then(|| self.pods_here(place, group.count)));
            }
            self.pods.push(pods);
            self.room(place);
            self.conflicts(place);
        }
        for place in self.problem.nodes.len()..self.places.len() {
            let here = self.pods_at(place);
            let open = self.places[place].open.clone();
            self.rule(constraint!(open <= here.clone()));
            if let Some(next) = self.places.get(place + 1)
                && let (At::Offering(a), At::Offering(b)) = (self.places[place].at, next.at)
                && a == b
            {
                let next = self.pods_at(place + 1);
                self.rule(constraint!(here >= next));
            }
        }
    }

    fn pods_at(&self, place: usize) -> Expression {
        self.pods[place].iter().flatten().map(|pods| pods.count).sum()
    }

    fn pods_here(&mut self, place: usize, most: u32) -> Pods {
        let most = f64::from(most);
        let count = self.variables.add(variable().integer().clamp(0.0, most));
        let any = self.binary();
        let rank = self.number(self.problem.pods() as f64);
        self.rule(constraint!(count <= most * any));
        self.rule(constraint!(any <= count));
        let open = self.places[place].open.clone();
        self.rule(constraint!(any <= open));
        Pods { count, any, rank }
    }

    /// What the pods of a place ask of a dimension.
    fn asked(&self, place: usize, dim: usize) -> Expression {
        let groups = self.problem.groups.iter().zip(&self.pods[place]);
        groups.filter_map(|(group, pods)| Some(group.request[dim] as f64 * (*pods)?.count)).sum()
    }

    fn room(&mut self, place: usize) {
        for dim in 0..self.problem.dims {
            let asked = self.asked(place, dim);
            let room = self.places[place].room[dim].max(0) as f64;
            let open = self.places[place].open.clone();
            self.rule(constraint!(asked <= room * open));
        }
    }

    fn conflicts(&mut self, place: usize) {
        for &(a, b) in &self.problem.conflicts {
            let pods = (self.pods[place][a as usize], self.pods[place][b as usize]);
            let (Some(low), Some(high)) = pods else { continue };
            match a == b {
                true => self.rule(constraint!(low.count <= 1.0)),
                false => self.rule(constraint!(low.any + high.any <= 1.0)),
            }
        }
    }

    fn launches(&self) -> impl Iterator<Item = (usize, &Expression)> {
        self.places.iter().filter_map(|place| match place.at {
            At::Node(_) => None,
            At::Offering(offering) => Some((offering, &place.open)),
        })
    }

    /// Limits.
    fn sums(&mut self) {
        for (limit, rule) in self.problem.limits.iter().enumerate() {
            let mut used = Expression::default();
            for (offering, open) in self.launches() {
                let amounts = self.problem.offerings[offering].limits.iter();
                for (_, amount) in amounts.filter(|(of, _)| *of as usize == limit) {
                    used += *amount as f64 * open.clone();
                }
            }
            self.rule(constraint!(used <= rule.remaining.max(0) as f64));
        }
    }

    fn spread(&mut self, spread: &Spread) {
        let counts = |at| counts(spread, at);
        let tally = self.tally((spread.set, spread.key), true, &counts);
        let least = self.least(spread, &tally);
        let skew = f64::from(spread.max_skew);
        for (place, group, pods) in self.pods_of(&spread.groups) {
            let here = self.domain(place, spread.key).map(|domain| tally[&domain]);
            match (here, spread.cost) {
                // The filter refuses nodes without the key; the preference does not see them.
                (None, None) => self.rule(constraint!(pods.count == 0.0)),
                (None, Some(_)) => {}
                (Some(here), None) => self.when(pods.any, here - least - skew),
                (Some(here), Some(cost)) => {
                    let beyond = self.binary();
                    self.when(1.0 - beyond, here - least - skew);
                    self.charge(cost, group, pods, beyond);
                }
            }
        }
    }

    /// At most the number of pods in the emptiest domain; 0 when there are too few domains.
    fn least(&mut self, spread: &Spread, tally: &BTreeMap<usize, Variable>) -> Variable {
        let (least, enough) = (self.number(self.big), self.binary());
        let mut seen = Expression::default();
        for (domain, opens) in self.domains(spread) {
            let exists = self.binary();
            match opens {
                None => self.rule(constraint!(exists == 1.0)),
                Some(opens) => {
                    for open in &opens {
                        self.rule(constraint!(exists >= open.clone()));
                    }
                    self.rule(constraint!(exists <= opens.into_iter().sum::<Expression>()));
                }
            }
            seen += exists;
            // A domain that no pod can come to holds none.
            let here = tally.get(&domain).map_or(Expression::default(), |&count| count.into());
            self.when(exists, least - here);
        }
        self.rule(constraint!(least <= self.big * enough));
        self.rule(constraint!(f64::from(spread.min_domains) * enough <= seen));
        least
    }

    /// The domains that may count, with the launches that make them, if they need one.
    fn domains(&self, spread: &Spread) -> BTreeMap<usize, Option<Vec<Expression>>> {
        let always = spread.domains.iter().map(|&domain| (domain as usize, None));
        let mut domains: BTreeMap<usize, Option<Vec<Expression>>> = always.collect();
        for (at, place) in self.places.iter().enumerate() {
            let Some(domain) = self.domain(at, spread.key) else { continue };
            match place.at {
                _ if !counts(spread, place.at) => {}
                At::Node(_) => *domains.entry(domain).or_default() = None,
                At::Offering(_) => {
                    let makers = domains.entry(domain).or_insert_with(|| Some(Vec::new()));
                    makers.iter_mut().for_each(|makers| makers.push(place.open.clone()));
                }
            }
        }
        domains
    }

    fn exclusion(&mut self, exclusion: &Exclusion) {
        let Exclusion { groups, key, set, cost } = exclusion;
        // What bound pods forbid to required exclusions is in the classes already.
        let tally = self.tally((*set, *key), cost.is_some(), &|_| true);
        for (place, group, pods) in self.pods_of(groups) {
            let Some(domain) = self.domain(place, *key) else { continue };
            let others = tally[&domain] - f64::from(u8::from(self.is_member(*set, group)));
            match cost {
                None => self.when(pods.any, others),
                Some(cost) => {
                    let shared = self.binary();
                    self.when(1.0 - shared, others);
                    self.charge(*cost, group, pods, shared);
                }
            }
        }
    }

    /// Each launch of the rule's offerings has enough values among those that could take its place.
    fn flexibility(&mut self, rule: &Flexibility) {
        for place in self.problem.nodes.len()..self.places.len() {
            let At::Offering(offering) = self.places[place].at else { continue };
            if !rule.values.iter().any(|(subject, _)| *subject as usize == offering) {
                continue;
            }
            let mut values: BTreeMap<u32, Expression> = BTreeMap::new();
            for &(other, value) in &rule.values {
                let could = self.could_be(place, other as usize);
                *values.entry(value).or_default() += could;
            }
            let mut distinct = Expression::default();
            for could in values.into_values() {
                let kept = self.binary();
                self.rule(constraint!(kept <= could));
                distinct += kept;
            }
            let open = self.places[place].open.clone();
            self.rule(constraint!(distinct >= f64::from(rule.min) * open));
        }
    }

    /// 1 only when the offering would accept and hold the pods of the place.
    fn could_be(&mut self, place: usize, offering: usize) -> Variable {
        let could = self.binary();
        let groups = self.problem.groups.iter();
        let all: i64 = groups.flat_map(|g| g.request.iter().map(|r| r * i64::from(g.count))).sum();
        for dim in 0..self.problem.dims {
            let room = self.problem.offerings[offering].capacity[dim].max(0) as f64;
            let asked = self.asked(place, dim);
            self.rule(constraint!(asked <= room + all as f64 * (1.0 - could)));
        }
        for group in 0..self.problem.groups.len() {
            let accepted = self.problem.class_of(group as u32).offerings.contains(offering);
            if let Some(pods) = self.pods[place][group].filter(|_| !accepted) {
                self.rule(constraint!(pods.any + could <= 1.0));
            }
        }
        could
    }

    fn preferences(&mut self) {
        for preference in &self.problem.preferences {
            let class = &self.problem.classes[preference.class as usize];
            for (place, _, pods) in self.pods_of(&preference.groups) {
                let met = match self.places[place].at {
                    At::Node(node) => class.nodes.contains(node),
                    At::Offering(offering) => class.offerings.contains(offering),
                };
                if !met {
                    self.penalty += preference.cost as f64 * pods.count;
                }
            }
        }
    }

    /// The best assignment and its price and penalty together. Priorities are settled one after the
    /// other, so that no weight has to be large enough; money comes last.
    pub fn best(mut self) -> Option<(Assignment, Money)> {
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
        Some((self.assignment(&solution), solution.eval(&money).round() as Money))
    }

    /// The least of a sum whose values are whole numbers.
    fn solve(&self, objective: &Expression) -> Option<HighsSolution> {
        let mut programme = self.variables.clone().minimise(objective.clone()).using(highs);
        for rule in &self.rules {
            programme.add_constraint(rule.clone());
        }
        let options = programme.set_threads(1).set_option("mip_rel_gap", 0.0);
        options.set_option("mip_abs_gap", 0.9).solve().ok()
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

/// Whether the spread counts pods there.
fn counts(spread: &Spread, at: At) -> bool {
    match at {
        At::Node(node) => spread.counted_nodes.contains(node),
        At::Offering(offering) => spread.counted_offerings.contains(offering),
    }
}
