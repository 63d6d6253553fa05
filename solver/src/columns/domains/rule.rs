//! How many pods there should be in a domain, by spreads and anti-affinities.

use crate::{
    Problem, Solution, bound,
    problem::{Exclusion, Money, Spread},
    spread::{self, has_few_domains, pour},
};

/// What a filter counts, where a preference counts one; and how many pods too many are as bad as any
/// more.
const FIRM: i64 = 64;
const MOST_OFF: i64 = 1 << 20;
/// What a filter counts where preferences count what they cost: more than all of these together.
pub(super) const DEAR: i64 = 1 << 30;

/// How many pods of a set there should be in each domain of a key.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) key: usize,
    pub(super) set: u32,
    /// What an unmet preference costs per pod; `None` for a filter.
    cost: Option<Money>,
    weigh: Weigh,
    /// Per domain, pods of the set: how many there are, and how many there should be at least and at
    /// most.
    pods: Vec<i64>,
    range: Vec<(i64, i64)>,
}

/// What pods too many or too few in a domain count.
#[derive(Clone, Copy, Debug)]
enum Weigh {
    /// So much times their number's square: those that are furthest off come first.
    Squares(i64),
    /// So much for any, as when a spread minds all pods in its domain, and so much for each of them, so
    /// that there is a way down.
    Costs { any: i64, each: i64 },
}

impl Rule {
    /// A rule without any pods but bound ones, of which there are to be `count` more.
    fn of_spread(problem: &Problem, spread: &Spread, count: u64) -> Self {
        let mut rule = Self::free(problem, spread.key, spread.set, spread.cost);
        let bound = spread::bound(problem, spread);
        let skew = i64::from(spread.max_skew);
        let least = match bound.len() < spread.min_domains as usize {
            true => 0,
            false => (level(bound.values(), count) - (skew - 1) / 2).max(0),
        };
        for (domain, pods) in bound {
            let pods = pods as i64;
            rule.pods[domain as usize] = pods;
            rule.range[domain as usize] = (least, (least + skew).max(pods));
        }
        rule
    }

    fn of_exclusion(problem: &Problem, exclusion: &Exclusion) -> Self {
        let mut rule = Self::free(problem, exclusion.key, exclusion.set, exclusion.cost);
        rule.range.fill((0, 1));
        rule
    }

    fn free(problem: &Problem, key: u8, set: u32, cost: Option<Money>) -> Self {
        let key = usize::from(key);
        let domains = problem.keys[key] as usize;
        Self {
            key,
            set,
            cost,
            weigh: Weigh::Squares(if cost.is_none() { FIRM } else { 1 }),
            pods: vec![0; domains],
            range: vec![(0, i64::MAX); domains],
        }
    }

    /// What so many pods more in a domain make worse.
    pub(super) fn change(&self, domain: u32, more: i64) -> i64 {
        let Some(&pods) = self.pods.get(domain as usize) else { return 0 };
        let (least, most) = self.range[domain as usize];
        let wrong = |pods: i64| {
            let off = (pods - most).max(least - pods).clamp(0, MOST_OFF);
            match self.weigh {
                Weigh::Squares(weight) => weight * off * off,
                Weigh::Costs { .. } if off == 0 => 0,
                Weigh::Costs { any, each } => any + each * off,
            }
        };
        wrong(pods + more) - wrong(pods)
    }

    /// What the rule costs at most, if it is a preference.
    pub(super) fn dearest(&self) -> Money {
        self.cost.unwrap_or(0).saturating_mul(self.pods.iter().sum())
    }

    /// From now on counts what a plan costs, in units of `unit`, where the plan that there is is right
    /// and is to stay so.
    pub(super) fn count_cost(&mut self, unit: Money) {
        if let Some(cost) = self.cost {
            let any = self.dearest() / self.pods.len() as i64;
            self.weigh = Weigh::Costs { any: any / unit, each: (cost / unit).max(1) };
        } else {
            self.weigh = Weigh::Costs { any: 0, each: DEAR };
            self.allow_all();
        }
    }

    /// Where a spread allows more than an even share, another range of numbers that it allows.
    fn allow_all(&mut self) {
        let is_off = |(&pods, &(least, most)): (&i64, &(i64, i64))| pods < least || pods > most;
        if !self.pods.iter().zip(&self.range).any(is_off) {
            return;
        }
        let counted = |range: &(i64, i64)| range.1 < i64::MAX;
        let there = self.pods.iter().zip(&self.range).filter(|(_, range)| counted(range));
        let lowest = there.map(|(&pods, _)| pods).min().unwrap_or(0);
        for (&pods, range) in self.pods.iter().zip(&mut self.range) {
            if counted(range) {
                *range = (lowest, (lowest + range.1 - range.0).max(pods));
            }
        }
    }

    pub(super) fn add(&mut self, domain: u32, more: i64) {
        if let Some(pods) = self.pods.get_mut(domain as usize) {
            *pods += more;
        }
    }
}

/// The level of the emptiest domains when so many pods are poured over what is there already.
fn level<'a>(bound: impl Iterator<Item = &'a u64>, pods: u64) -> i64 {
    let mut levels: Vec<u32> = bound.map(|&pods| pods.try_into().unwrap_or(u32::MAX)).collect();
    let all: Vec<usize> = (0..levels.len()).collect();
    pour(&mut levels, &all, pods);
    levels.into_iter().min().unwrap_or(0).into()
}

/// The rules of all constraints that ask how many pods there are in a domain.
pub(super) fn rules(problem: &Problem, plan: &Solution) -> Vec<Rule> {
    let placed = bound::placed(problem, plan);
    let count = |set: u32| {
        let groups = problem.sets[set as usize].groups.iter();
        groups.map(|group| u64::from(placed[group])).sum::<u64>()
    };
    let asks = |key: u8, set: u32| has_few_domains(problem, key) && count(set) > 0;
    let spreads = problem.spreads.iter().filter(|spread| asks(spread.key, spread.set));
    let spreads = spreads.map(|spread| Rule::of_spread(problem, spread, count(spread.set)));
    // Who keeps others away, and not pods like itself, is left to those that find places.
    let exclusions = problem.exclusions.iter().filter(|exclusion| {
        let stated = exclusion.groups.iter().map(|&group| group as usize);
        asks(exclusion.key, exclusion.set)
            && problem.sets[exclusion.set as usize].groups.iter().eq(stated)
    });
    let exclusions = exclusions.map(|exclusion| Rule::of_exclusion(problem, exclusion));
    spreads.chain(exclusions).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_emptiest_domains_rise_first() {
        let level = |bound: &[u64], pods| level(bound.iter(), pods);
        assert_eq!(level(&[0, 0, 0], 8), 2);
        assert_eq!(level(&[0, 0, 0], 9), 3);
        assert_eq!(level(&[9, 0, 0], 8), 4);
        assert_eq!(level(&[9, 2, 0], 1), 1);
        assert_eq!(level(&[1, 2, 3], 0), 1);
        assert_eq!(level(&[3, 3, 0], 4), 3);
        assert_eq!(level(&[], 4), 0);
    }

    /// A rule over three domains that hold so many pods.
    fn rule(pods: [i64; 3], range: (i64, i64), cost: Option<Money>) -> Rule {
        let problem = Problem { keys: vec![3], ..Problem::default() };
        Rule { pods: pods.to_vec(), range: vec![range; 3], ..Rule::free(&problem, 0, 0, cost) }
    }

    #[test]
    fn a_right_plan_has_room_for_what_its_spreads_allow() {
        // The even share would be two to six in each; one to five are allowed too.
        let mut rule = rule([1, 5, 5], (2, 6), None);
        rule.count_cost(1);
        assert_eq!(rule.range, [(1, 5); 3]);
        assert_eq!((rule.change(0, 1), rule.change(1, -1)), (0, 0));
        assert_eq!((rule.change(0, -1), rule.change(1, 1)), (DEAR, DEAR));
    }

    #[test]
    fn preferences_count_what_they_cost() {
        // Four of the dozen pods are in each domain on average, and mind when one there is too many.
        let mut rule = rule([8, 4, 0], (4, 5), Some(30));
        assert_eq!(rule.dearest(), 360);
        rule.count_cost(10);
        assert_eq!(rule.range, [(4, 5); 3]);
        assert_eq!([1, 2, 3, 4].map(|pods| rule.change(0, -pods)), [-3, -6, -12 - 9, -12 - 9]);
        assert_eq!(rule.change(2, 4), -12 - 12);
        // However little they cost, there is a way down.
        let mut rule = self::rule([8, 4, 0], (4, 5), Some(1));
        rule.count_cost(1_000);
        assert_eq!((rule.change(0, -1), rule.change(0, -3)), (-1, -3));
    }
}
