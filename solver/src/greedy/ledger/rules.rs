//! What the constraints between pods let join a node, and what preferences would cost.

use crate::{
    greedy::{
        ledger::{Host, Ledger, Spot},
        prepare::Role,
    },
    problem::{Money, NO_DOMAIN, NODE_KEY, Spread},
};

impl Ledger<'_> {
    /// How many pods of `group`, at most `want`, may join `spot` by every constraint but capacity
    /// and class. Never more than are left.
    pub(in crate::greedy) fn allowed(&self, group: u32, spot: &Spot, want: u32) -> u32 {
        let mut most = want.min(self.left[group as usize]);
        let roles = &self.prepared.roles[group as usize];
        for &other in &roles.conflicts {
            let there = spot.here(|member| member == other as usize);
            most = most.min(if there > 0 {
                0
            } else if other == group {
                1
            } else {
                most
            });
        }
        for role in &roles.exclusions {
            if most == 0 {
                return 0;
            }
            most = most.min(self.exclusion_allows(role, spot));
        }
        for role in &roles.spreads {
            if most == 0 {
                return 0;
            }
            most = most.min(self.spread_allows(role, spot));
        }
        if most > 0 && !roles.affinities.iter().all(|&a| self.affinity_allows(a, group, spot)) {
            return 0;
        }
        most
    }

    fn exclusion_allows(&self, role: &Role, spot: &Spot) -> u32 {
        let at = role.constraint as usize;
        let exclusion = &self.prepared.problem.exclusions[at];
        if exclusion.cost.is_some() {
            return u32::MAX;
        }
        let (members, subjects) = if exclusion.key == NODE_KEY {
            let set = &self.prepared.problem.sets[exclusion.set as usize].groups;
            let subjects = &self.prepared.exclusion_subjects[at];
            (spot.here(|g| set.contains(g)), spot.here(|g| subjects.contains(g)))
        } else {
            let domain = spot.domain(self.prepared.problem, exclusion.key);
            if domain == NO_DOMAIN {
                return u32::MAX;
            }
            let table = self.prepared.exclusion_table[at] as usize;
            let bound = self.bound_in(exclusion.set, exclusion.key, domain);
            let members = self.tables[table][domain as usize].saturating_sub(bound);
            (members, self.excluded[at][domain as usize])
        };
        match (role.subject && members > 0, role.member && subjects > 0) {
            (false, false) if role.subject && role.member => 1,
            (false, false) => u32::MAX,
            _ => 0,
        }
    }

    /// Bound pods of a set in a domain; what they forbid is in the class rows already.
    fn bound_in(&self, set: u32, key: u8, domain: u32) -> u32 {
        let problem = self.prepared.problem;
        let inside = |node: u32| problem.nodes[node as usize].domains[key as usize] == domain;
        let bound = &problem.sets[set as usize].bound;
        bound.iter().filter(|(node, _)| inside(*node)).map(|(_, pods)| pods).sum()
    }

    fn spread_allows(&self, role: &Role, spot: &Spot) -> u32 {
        let at = role.constraint as usize;
        let problem = self.prepared.problem;
        let spread = &problem.spreads[at];
        if spread.cost.is_some() {
            return u32::MAX;
        }
        let adds = role.member && spot.counted(spread);
        let (pods, subjects, cap) = if spread.key == NODE_KEY {
            let set = &problem.sets[spread.set as usize].groups;
            let own = &self.prepared.spread_subjects[at];
            let floor =
                if matches!(spot.host, Host::Existing(_)) { self.node_floor[at] } else { 0 };
            let here = if spot.counted(spread) {
                spot.here(|g| set.contains(g)) + spot.bound(problem, spread.set)
            } else {
                0
            };
            (here, spot.here(|g| own.contains(g)), spread.max_skew + floor)
        } else {
            let domain = spot.domain(problem, spread.key);
            if domain == NO_DOMAIN {
                return if role.subject { 0 } else { u32::MAX };
            }
            let account = &self.spreads[at];
            let domain = domain as usize;
            if role.subject && account.banned[domain] {
                return 0;
            }
            let subjects =
                account.subjects[domain] + u32::from(!self.strict && !account.banned[domain]);
            (account.pods[domain], subjects, self.spread_cap(at, domain))
        };
        if !role.subject && subjects == 0 {
            return u32::MAX;
        }
        if adds {
            cap.saturating_sub(pods)
        } else if role.subject && pods > cap {
            0
        } else {
            u32::MAX
        }
    }

    fn spread_cap(&self, at: usize, domain: usize) -> u32 {
        let account = &self.spreads[at];
        if !self.strict {
            return account.target[domain];
        }
        let spread = &self.prepared.problem.spreads[at];
        let others = account.minimum(spread.min_domains);
        others.saturating_add(spread.max_skew)
    }

    fn affinity_allows(&self, affinity: u32, group: u32, spot: &Spot) -> bool {
        let problem = self.prepared.problem;
        let stated = &problem.affinities[affinity as usize];
        if stated.cost.is_some() {
            return true;
        }
        let tables = &self.prepared.affinity_tables[affinity as usize];
        let set = &problem.sets[stated.set as usize].groups;
        let near = |(&key, &table): (&u8, &u32)| {
            if key == NODE_KEY {
                return spot.here(|g| set.contains(g)) + spot.bound(problem, stated.set) > 0;
            }
            let domain = spot.domain(problem, key);
            domain != NO_DOMAIN && self.tables[table as usize][domain as usize] > 0
        };
        if stated.keys.iter().zip(tables).all(near) {
            return true;
        }
        let has_keys = stated
            .keys
            .iter()
            .all(|&key| key == NODE_KEY || spot.domain(problem, key) != NO_DOMAIN);
        let nobody = tables.iter().all(|&t| self.tables[t as usize].iter().all(|&n| n == 0));
        has_keys && nobody && set.contains(group as usize)
    }

    /// What preferences that span nodes would cost if `group` joined `spot`, per pod.
    pub(in crate::greedy) fn soft_cost(&self, group: u32, spot: &Spot) -> Money {
        let roles = &self.prepared.roles[group as usize];
        let problem = self.prepared.problem;
        let mut cost = 0;
        for role in roles.spreads.iter().filter(|role| role.subject) {
            let spread = &problem.spreads[role.constraint as usize];
            if let Some(each) = spread.cost
                && self.soft_spread_missed(role, spread, spot)
            {
                cost += each;
            }
        }
        for role in roles.exclusions.iter().filter(|role| role.subject) {
            let exclusion = &problem.exclusions[role.constraint as usize];
            if let Some(each) = exclusion.cost
                && self.near(
                    exclusion.set,
                    exclusion.key,
                    self.prepared.exclusion_table[role.constraint as usize],
                    spot,
                )
            {
                cost += each;
            }
        }
        for &affinity in &roles.affinities {
            let stated = &problem.affinities[affinity as usize];
            let tables = &self.prepared.affinity_tables[affinity as usize];
            if let Some(each) = stated.cost
                && !stated.keys.iter().zip(tables).all(|(&k, &t)| self.near(stated.set, k, t, spot))
            {
                cost += each;
            }
        }
        cost
    }

    fn soft_spread_missed(&self, role: &Role, spread: &Spread, spot: &Spot) -> bool {
        let problem = self.prepared.problem;
        if spread.key == NODE_KEY {
            let set = &problem.sets[spread.set as usize].groups;
            return spot.here(|g| set.contains(g)) + spot.bound(problem, spread.set)
                >= spread.max_skew;
        }
        let domain = spot.domain(problem, spread.key);
        let account = &self.spreads[role.constraint as usize];
        domain == NO_DOMAIN || account.pods[domain as usize] >= account.target[domain as usize]
    }

    fn near(&self, set: u32, key: u8, table: u32, spot: &Spot) -> bool {
        let problem = self.prepared.problem;
        if key == NODE_KEY {
            let groups = &problem.sets[set as usize].groups;
            return spot.here(|g| groups.contains(g)) + spot.bound(problem, set) > 0;
        }
        let domain = spot.domain(problem, key);
        domain != NO_DOMAIN && self.tables[table as usize][domain as usize] > 0
    }
}
