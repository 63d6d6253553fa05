use std::collections::BTreeMap;

use good_lp::{Expression, Variable, constraint, variable};
use solver::problem::{Flexibility, Variety};

use super::model::{At, Model, Place, Pods};

/// What can be said node by node: places, classes, room, host ports, alternatives; and limits.
impl Model<'_> {
    /// Existing nodes, and for each offering as many launches as there are pods to fill them.
    pub fn places(&mut self) {
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
    pub fn seats(&mut self) {
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

    /// The launches stay within what is left.
    pub fn limits(&mut self) {
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

    /// Each launch of the rule's offerings has enough values among those that could take its place.
    pub fn flexibility(&mut self, rule: &Flexibility) {
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

    /// Launches of few enough values.
    pub fn variety(&mut self, variety: &Variety) {
        let launches: Vec<(usize, Expression)> =
            self.launches().map(|(offering, open)| (offering, open.clone())).collect();
        let mut brought_in: BTreeMap<u32, Variable> = BTreeMap::new();
        for (offering, open) in launches {
            let value = variety.values.iter().find(|(of, _)| *of as usize == offering);
            let Some(&(_, value)) = value else { continue };
            if !variety.used.contains(&value) {
                let new = *brought_in.entry(value).or_insert_with(|| self.binary());
                self.rule(constraint!(open <= new));
            }
        }
        let sum: Expression = brought_in.into_values().sum();
        let room = i64::from(variety.most) - variety.used.len() as i64;
        self.rule(constraint!(sum <= room.max(0) as f64));
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

    pub fn preferences(&mut self) {
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
}
