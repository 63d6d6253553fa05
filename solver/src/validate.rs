//! Whether a [`Problem`] makes sense, so that engines and [`crate::check`] need not ask.

use thiserror::Error;

use crate::problem::{Money, NO_DOMAIN, NODE_KEY, Problem};

/// The largest request, capacity, free room or limit amount. Far above anything real (1 EiB is
/// 2^60 bytes), and small enough that a handful of them add up without overflow.
pub const LARGEST_AMOUNT: i64 = 1 << 60;

/// What is wrong with a problem: the object, named as in the text format, and the rule it breaks.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ProblemError {
    /// A vector or bit set has the wrong length.
    #[error("{object} {index}: {field} has {found} entries instead of {expected}")]
    Length {
        /// Kind of object.
        object: &'static str,
        /// Its index.
        index: usize,
        /// The vector in question.
        field: &'static str,
        /// Its length.
        found: usize,
        /// The length it must have.
        expected: usize,
    },
    /// An index points outside of its vector.
    #[error("{object} {index}: {field} {found} does not exist, there are {count}")]
    Index {
        /// Kind of object.
        object: &'static str,
        /// Its index.
        index: usize,
        /// The reference in question.
        field: &'static str,
        /// What it points at.
        found: u64,
        /// How many there are to point at.
        count: usize,
    },
    /// A number outside of its range.
    #[error("{object} {index}: {field} is {found}, must be between {least} and {most}")]
    Range {
        /// Kind of object.
        object: &'static str,
        /// Its index.
        index: usize,
        /// The number in question.
        field: &'static str,
        /// Its value.
        found: i64,
        /// The smallest value allowed.
        least: i64,
        /// The largest value allowed.
        most: i64,
    },
    /// A list that must ascend without repeats does not, or a list names something twice.
    #[error("{object} {index}: {field} must be ascending and without repeats")]
    Order {
        /// Kind of object.
        object: &'static str,
        /// Its index.
        index: usize,
        /// The list in question.
        field: &'static str,
    },
    /// The sum of this over all pods does not fit 64 bits.
    #[error("{what} summed over all pods does not fit 64 bits")]
    Overflow {
        /// What is summed up.
        what: &'static str,
    },
}

impl ProblemError {
    /// Kind and index of the object that is wrong, if it is a single one.
    pub fn object(&self) -> Option<(&'static str, usize)> {
        match *self {
            Self::Length { object, index, .. }
            | Self::Index { object, index, .. }
            | Self::Range { object, index, .. }
            | Self::Order { object, index, .. } => Some((object, index)),
            Self::Overflow { .. } => None,
        }
    }
}

/// The object that is being looked at; gives errors their place.
#[derive(Clone, Copy)]
struct At(&'static str, usize);

type Checked = Result<(), ProblemError>;

impl At {
    fn length(self, field: &'static str, found: usize, expected: usize) -> Checked {
        if found == expected {
            return Ok(());
        }
        Err(ProblemError::Length { object: self.0, index: self.1, field, found, expected })
    }

    fn index(self, field: &'static str, found: u64, count: usize) -> Checked {
        if found < count as u64 {
            return Ok(());
        }
        Err(ProblemError::Index { object: self.0, index: self.1, field, found, count })
    }

    fn range(self, field: &'static str, found: i64, least: i64, most: i64) -> Checked {
        if (least..=most).contains(&found) {
            return Ok(());
        }
        Err(ProblemError::Range { object: self.0, index: self.1, field, found, least, most })
    }

    fn ascending<T: PartialOrd>(self, field: &'static str, list: &[T]) -> Checked {
        if list.windows(2).all(|pair| pair[0] < pair[1]) {
            return Ok(());
        }
        Err(ProblemError::Order { object: self.0, index: self.1, field })
    }

    fn amounts(self, field: &'static str, list: &[i64], dims: usize, least: i64) -> Checked {
        self.length(field, list.len(), dims)?;
        list.iter().try_for_each(|&found| self.range(field, found, least, LARGEST_AMOUNT))
    }

    fn domains(self, list: &[u32], keys: &[u32]) -> Checked {
        self.length("domains", list.len(), keys.len())?;
        let mut pairs = list.iter().zip(keys).filter(|(domain, _)| **domain != NO_DOMAIN);
        pairs.try_for_each(|(&domain, &count)| {
            self.index("domain", u64::from(domain), count as usize)
        })
    }

    /// The groups that state a constraint.
    fn groups(self, list: &[u32], count: usize) -> Checked {
        list.iter().try_for_each(|&group| self.index("group", u64::from(group), count))?;
        self.ascending("groups", list)
    }

    fn key(self, key: u8, problem: &Problem) -> Checked {
        if key == NODE_KEY {
            return Ok(());
        }
        self.index("key", u64::from(key), problem.keys.len())
    }

    fn cost(self, cost: Option<Money>) -> Checked {
        self.range("cost", cost.unwrap_or(0), 0, Money::MAX)
    }
}

/// Looks a problem over: lengths, indices, signs, order, and that sums fit.
///
/// Everything else in this crate may be called with a problem that passed and with no other.
///
/// # Errors
///
/// The first thing that is wrong.
pub fn validate(problem: &Problem) -> Result<(), ProblemError> {
    At("problem", 0).range("number of keys", problem.keys.len() as i64, 0, i64::from(NODE_KEY))?;
    supply(problem)?;
    demand(problem)?;
    sets(problem)?;
    constraints(problem)?;
    rules(problem)?;
    sums(problem)
}

fn supply(problem: &Problem) -> Checked {
    for (index, offering) in problem.offerings.iter().enumerate() {
        let at = At("offering", index);
        // Daemonsets can ask for more than a small size has; what is left is then below zero.
        at.amounts("capacity", &offering.capacity, problem.dims, -LARGEST_AMOUNT)?;
        at.range("price", offering.price, 0, Money::MAX)?;
        at.domains(&offering.domains, &problem.keys)?;
        for &(limit, amount) in &offering.limits {
            at.index("limit", u64::from(limit), problem.limits.len())?;
            at.range("limit amount", amount, 0, LARGEST_AMOUNT)?;
        }
    }
    for (index, node) in problem.nodes.iter().enumerate() {
        let at = At("node", index);
        at.amounts("free", &node.free, problem.dims, 0)?;
        at.domains(&node.domains, &problem.keys)?;
    }
    Ok(())
}

fn demand(problem: &Problem) -> Checked {
    for (index, class) in problem.classes.iter().enumerate() {
        let at = At("class", index);
        at.length("offerings", class.offerings.universe(), problem.offerings.len())?;
        at.length("nodes", class.nodes.universe(), problem.nodes.len())?;
    }
    for (index, group) in problem.groups.iter().enumerate() {
        let at = At("group", index);
        at.amounts("request", &group.request, problem.dims, 0)?;
        at.index("class", u64::from(group.class), problem.classes.len())?;
    }
    Ok(())
}

fn sets(problem: &Problem) -> Checked {
    for (index, set) in problem.sets.iter().enumerate() {
        let at = At("set", index);
        at.length("groups", set.groups.universe(), problem.groups.len())?;
        for &(node, count) in &set.bound {
            at.index("bound node", u64::from(node), problem.nodes.len())?;
            at.range("bound count", i64::from(count), 1, i64::from(u32::MAX))?;
        }
        if !set.bound.is_sorted_by(|a, b| a.0 < b.0) {
            return Err(ProblemError::Order { object: "set", index, field: "bound" });
        }
    }
    Ok(())
}

fn constraints(problem: &Problem) -> Checked {
    let (groups, sets) = (problem.groups.len(), problem.sets.len());
    for (index, spread) in problem.spreads.iter().enumerate() {
        let at = At("spread", index);
        at.groups(&spread.groups, groups)?;
        at.key(spread.key, problem)?;
        at.index("set", u64::from(spread.set), sets)?;
        at.range("max-skew", i64::from(spread.max_skew), 1, i64::from(u32::MAX))?;
        at.range("min-domains", i64::from(spread.min_domains), 1, i64::from(u32::MAX))?;
        at.ascending("domains", &spread.domains)?;
        let known = problem.keys.get(usize::from(spread.key)).copied().unwrap_or(0);
        for &domain in &spread.domains {
            at.index("domain", u64::from(domain), known as usize)?;
        }
        let (nodes, offerings) = (&spread.counted_nodes, &spread.counted_offerings);
        at.length("counted nodes", nodes.universe(), problem.nodes.len())?;
        at.length("counted offerings", offerings.universe(), problem.offerings.len())?;
        at.cost(spread.cost)?;
    }
    for (index, affinity) in problem.affinities.iter().enumerate() {
        let at = At("affinity", index);
        at.groups(&affinity.groups, groups)?;
        at.range("number of keys", affinity.keys.len() as i64, 1, 255)?;
        affinity.keys.iter().try_for_each(|&key| at.key(key, problem))?;
        at.index("set", u64::from(affinity.set), sets)?;
        at.cost(affinity.cost)?;
    }
    for (index, exclusion) in problem.exclusions.iter().enumerate() {
        let at = At("exclusion", index);
        at.groups(&exclusion.groups, groups)?;
        at.key(exclusion.key, problem)?;
        at.index("set", u64::from(exclusion.set), sets)?;
        at.cost(exclusion.cost)?;
    }
    Ok(())
}

fn rules(problem: &Problem) -> Checked {
    for (index, &(low, high)) in problem.conflicts.iter().enumerate() {
        let at = At("conflict", index);
        at.index("group", u64::from(high), problem.groups.len())?;
        at.index("group", u64::from(low), high as usize + 1)?;
    }
    At("conflict", 0).ascending("list", &problem.conflicts)?;
    for (index, flexibility) in problem.flexibilities.iter().enumerate() {
        let at = At("flexibility", index);
        for &(offering, _) in &flexibility.values {
            at.index("offering", u64::from(offering), problem.offerings.len())?;
        }
        if !flexibility.values.is_sorted_by_key(|pair| pair.0) {
            return Err(ProblemError::Order { object: "flexibility", index, field: "values" });
        }
    }
    for (index, variety) in problem.varieties.iter().enumerate() {
        let at = At("variety", index);
        for &(offering, _) in &variety.values {
            at.index("offering", u64::from(offering), problem.offerings.len())?;
        }
        if !variety.values.is_sorted_by(|a, b| a.0 < b.0) {
            return Err(ProblemError::Order { object: "variety", index, field: "values" });
        }
        at.ascending("used", &variety.used)?;
    }
    for (index, preference) in problem.preferences.iter().enumerate() {
        let at = At("preference", index);
        at.groups(&preference.groups, problem.groups.len())?;
        at.index("class", u64::from(preference.class), problem.classes.len())?;
        at.cost(Some(preference.cost))?;
    }
    Ok(())
}

/// Every launch hosts a pod, so no sum over launches exceeds pods × the largest single value.
fn sums(problem: &Problem) -> Checked {
    let pods = i128::from(problem.pods());
    let fits = |what, sum: i128| {
        if sum <= i128::from(i64::MAX) { Ok(()) } else { Err(ProblemError::Overflow { what }) }
    };
    fits("the number one", pods)?;
    let dearest = problem.offerings.iter().map(|offering| offering.price).max().unwrap_or(0);
    fits("price", pods.saturating_mul(i128::from(dearest)))?;
    let costs = (problem.spreads.iter().filter_map(|spread| spread.cost))
        .chain(problem.affinities.iter().filter_map(|affinity| affinity.cost))
        .chain(problem.exclusions.iter().filter_map(|exclusion| exclusion.cost))
        .chain(problem.preferences.iter().map(|preference| preference.cost));
    let costs = costs.fold(0i128, |sum, cost| sum.saturating_add(i128::from(cost)));
    fits("the cost of preferences", pods.saturating_mul(costs))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BitSet;
    use crate::problem::{Class, Exclusion, Group, Limit, Node, Offering, PodSet, Variety};

    fn sound() -> Problem {
        Problem {
            dims: 1,
            keys: vec![2],
            groups: vec![Group { request: vec![1], count: 2, priority: 0, class: 0 }],
            classes: vec![Class { offerings: BitSet::full(1), nodes: BitSet::full(1) }],
            offerings: vec![Offering {
                capacity: vec![4],
                price: 10,
                tier: 0,
                domains: vec![1],
                limits: vec![(0, 1)],
            }],
            nodes: vec![Node { free: vec![1], domains: vec![NO_DOMAIN] }],
            sets: vec![PodSet { groups: BitSet::full(1), bound: vec![(0, 1)] }],
            exclusions: vec![Exclusion { groups: vec![0], key: NODE_KEY, set: 0, cost: None }],
            conflicts: vec![(0, 0)],
            limits: vec![Limit { remaining: -1 }],
            varieties: vec![Variety { most: 1, used: vec![2], values: vec![(0, 7)] }],
            ..Problem::default()
        }
    }

    #[test]
    fn each_broken_rule_is_named() {
        assert_eq!(validate(&sound()), Ok(()));
        type Spoil = fn(&mut Problem);
        let cases: &[(Spoil, &str)] = &[
            (|p| p.groups[0].request.clear(), "group 0: request has 0 entries instead of 1"),
            (|p| p.groups[0].request[0] = -1, "group 0: request is -1, must be between"),
            (|p| p.groups[0].class = 1, "group 0: class 1 does not exist, there are 1"),
            (|p| p.offerings[0].price = -1, "offering 0: price is -1"),
            (|p| p.offerings[0].domains[0] = 2, "offering 0: domain 2 does not exist"),
            (|p| p.offerings[0].limits[0].0 = 9, "offering 0: limit 9 does not exist"),
            (|p| p.nodes[0].free[0] = -1, "node 0: free is -1"),
            (|p| p.classes[0].nodes = BitSet::full(2), "class 0: nodes has 2 entries"),
            (|p| p.sets[0].bound = vec![(0, 1), (0, 2)], "set 0: bound must be ascending"),
            (|p| p.sets[0].bound[0].1 = 0, "set 0: bound count is 0"),
            (|p| p.exclusions[0].key = 1, "exclusion 0: key 1 does not exist"),
            (|p| p.exclusions[0].groups = vec![0, 0], "exclusion 0: groups must be"),
            (|p| p.conflicts = vec![(1, 0)], "conflict 0: group 1 does not exist"),
            (|p| p.varieties[0].values[0].0 = 1, "variety 0: offering 1 does not exist"),
            (|p| p.varieties[0].values = vec![(0, 7), (0, 8)], "variety 0: values must be"),
            (|p| p.varieties[0].used = vec![2, 2], "variety 0: used must be ascending"),
            (|p| p.offerings[0].price = Money::MAX, "price summed over all pods"),
        ];
        for (spoil, expected) in cases {
            let mut problem = sound();
            spoil(&mut problem);
            let error = validate(&problem).expect_err(expected).to_string();
            assert!(error.starts_with(expected), "{error} instead of {expected}");
        }
    }
}
