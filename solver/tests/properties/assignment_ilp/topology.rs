use std::collections::BTreeMap;

use good_lp::{Expression, Variable, constraint};
use solver::problem::{Exclusion, Spread};

use super::model::{At, Model};

/// Spreads and exclusions.
impl Model<'_> {
    pub fn spread(&mut self, spread: &Spread) {
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

    pub fn exclusion(&mut self, exclusion: &Exclusion) {
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
}

/// Whether the spread counts pods there.
fn counts(spread: &Spread, at: At) -> bool {
    match at {
        At::Node(node) => spread.counted_nodes.contains(node),
        At::Offering(offering) => spread.counted_offerings.contains(offering),
    }
}
