use std::collections::BTreeMap;

use good_lp::{Expression, Variable, constraint};
use solver::problem::{Affinity, Money};

use super::model::{Model, Pods};

/// Pods of one group at one place.
type Arrival = (usize, u32, Pods);

/// Affinities, and the order in which they are met.
impl Model<'_> {
    pub fn affinity(&mut self, affinity: &Affinity) {
        match affinity.cost {
            Some(cost) => self.preferred(affinity, cost),
            None => {
                self.last_to_come(affinity);
                self.one_after_another(affinity);
            }
        }
    }

    /// All pods of the set per domain, key by key.
    fn tallies(&mut self, affinity: &Affinity) -> Vec<BTreeMap<usize, Variable>> {
        let set = affinity.set;
        affinity.keys.iter().map(|&key| self.tally((set, key), true, &|_| true)).collect()
    }

    /// The counts in the domains of a place, key by key; `None` when it lacks a key.
    fn around(
        &self,
        affinity: &Affinity,
        tallies: &[BTreeMap<usize, Variable>],
        place: usize,
    ) -> Option<Vec<Variable>> {
        let keys = affinity.keys.iter().zip(tallies);
        keys.map(|(&key, tally)| Some(tally[&self.domain(place, key)?])).collect()
    }

    /// A preference is met when each domain holds a pod of the set besides the pod itself.
    fn preferred(&mut self, affinity: &Affinity, cost: Money) {
        let tallies = self.tallies(affinity);
        for (place, group, pods) in self.pods_of(&affinity.groups) {
            let own = f64::from(u8::from(self.is_member(affinity.set, group)));
            let alone = self.binary();
            match self.around(affinity, &tallies, place) {
                None => self.rule(constraint!(alone == 1.0)),
                Some(counts) => {
                    for count in counts {
                        self.rule(constraint!(count >= (1.0 + own) * (1.0 - alone)));
                    }
                }
            }
            self.charge(cost, group, pods, alone);
        }
    }

    /// As the last pod to come, each finds another of the set in each domain, or is of the set and
    /// finds none in any.
    fn last_to_come(&mut self, affinity: &Affinity) {
        let tallies = self.tallies(affinity);
        let alone = self.binary();
        for tally in &tallies {
            self.when(alone, tally.values().sum::<Expression>() - 1.0);
        }
        for (place, group, pods) in self.pods_of(&affinity.groups) {
            let Some(counts) = self.around(affinity, &tallies, place) else {
                self.rule(constraint!(pods.count == 0.0));
                continue;
            };
            let own = f64::from(u8::from(self.is_member(affinity.set, group)));
            for count in counts {
                self.when(pods.any, 1.0 + own - own * alone - count);
            }
        }
    }

    /// There is an order: when a pod comes, each of its domains was opened by a pod of the set that
    /// came before, or no pod of the set was in any domain yet and it is of the set itself. Of the
    /// pods of one group at one place only the first matters, the others come right behind it.
    fn one_after_another(&mut self, affinity: &Affinity) {
        let members = self.pods_of(&self.members(affinity.set));
        let leads = self.leaders(affinity, &members);
        for &key in &affinity.keys {
            let opened = self.openings(affinity, key, &members);
            for (place, group, pods) in self.pods_of(&affinity.groups) {
                let Some(domain) = self.domain(place, key) else { continue };
                let Some((is_open, since)) = opened.get(&domain) else { continue };
                let near = self.binary();
                self.rule(constraint!(near <= is_open.clone()));
                self.when(near, *since + 1.0 - pods.rank);
                let lead: Expression = leads.get(&(place, group)).into_iter().sum();
                self.rule(constraint!(pods.any <= near + lead));
            }
        }
    }

    /// Whether each domain is opened, and a rank not before its first pod of the set; domains with
    /// bound pods are open from the beginning and are not listed.
    fn openings(
        &mut self,
        affinity: &Affinity,
        key: u8,
        members: &[Arrival],
    ) -> BTreeMap<usize, (Expression, Variable)> {
        let mut opened = BTreeMap::new();
        for (place, ..) in self.pods_of(&affinity.groups) {
            if let Some(domain) = self.domain(place, key) {
                let mut since = || self.number(self.problem.pods() as f64);
                opened.entry(domain).or_insert_with(|| (Expression::default(), since()));
            }
        }
        for &(place, _, pods) in members {
            let Some(domain) = self.domain(place, key) else { continue };
            if let Some((is_open, since)) = opened.get_mut(&domain) {
                let opens = self.binary();
                self.rule(constraint!(opens <= pods.any));
                self.when(opens, pods.rank - *since);
                *is_open += opens;
            }
        }
        for (node, _) in &self.problem.sets[affinity.set as usize].bound {
            if let Some(domain) = self.domain(*node as usize, key) {
                opened.remove(&domain);
            }
        }
        opened
    }

    /// Pods that may be the first of the set, 1 for the one that is. All others of the set that have
    /// a domain come after it.
    fn leaders(
        &mut self,
        affinity: &Affinity,
        members: &[Arrival],
    ) -> BTreeMap<(usize, u32), Variable> {
        let bound = &self.problem.sets[affinity.set as usize].bound;
        let known = |place: usize| affinity.keys.iter().any(|&k| self.domain(place, k).is_some());
        if bound.iter().any(|(node, _)| known(*node as usize)) {
            return BTreeMap::new();
        }
        let members: Vec<Arrival> =
            members.iter().filter(|member| known(member.0)).copied().collect();
        let begin = self.number(self.problem.pods() as f64);
        let mut leads = BTreeMap::new();
        for &(place, group, pods) in &members {
            if affinity.groups.contains(&group) {
                let lead = self.binary();
                self.when(lead, pods.rank - begin);
                leads.insert((place, group), lead);
            }
        }
        let led: Expression = leads.values().sum();
        self.rule(constraint!(led.clone() <= 1.0));
        for &(_, group, pods) in &members {
            // Pods that need nobody come before all others.
            let mut required = self.problem.affinities.iter().filter(|of| of.cost.is_none());
            if !required.any(|of| of.groups.contains(&group)) {
                self.when(pods.any, pods.rank);
            }
        }
        for &(place, group, pods) in &members {
            let own: Expression = leads.get(&(place, group)).into_iter().sum();
            self.when(led.clone() - own, begin + 1.0 - pods.rank);
        }
        leads
    }
}
