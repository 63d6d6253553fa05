//! Two problems side by side, as the pods of two tainted pools are: neither may change the other's
//! answer.

use solver::problem::{
    Affinity, Class, Exclusion, Flexibility, Limit, NO_DOMAIN, NODE_KEY, PodSet,
};
use solver::problem::{Preference, Spread, Variety};
use solver::solution::Status;
use solver::{BitSet, Engine, Options, Problem, Solution, certify, check, solve, verify};

use crate::cases;
use crate::certificate::columns;
use crate::generate::{Random, TINY, problem};

/// What the indices of a problem become in a larger one.
struct Shift {
    groups: usize,
    offerings: usize,
    nodes: usize,
    keys: usize,
    sets: u32,
    classes: u32,
    limits: u32,
    /// Of the larger problem.
    all: (usize, usize, usize),
}

impl Shift {
    fn bits(bits: &BitSet, by: usize, universe: usize) -> BitSet {
        BitSet::from_indices(universe, bits.iter().map(|index| index + by))
    }

    fn groups(&self, groups: &[u32]) -> Vec<u32> {
        groups.iter().map(|group| group + self.groups as u32).collect()
    }

    fn key(&self, key: u8) -> u8 {
        if key == NODE_KEY { key } else { key + self.keys as u8 }
    }

    fn offerings(&self, bits: &BitSet) -> BitSet {
        Self::bits(bits, self.offerings, self.all.1)
    }

    fn nodes(&self, bits: &BitSet) -> BitSet {
        Self::bits(bits, self.nodes, self.all.2)
    }

    fn domains(&self, own: &[u32], keys: usize) -> Vec<u32> {
        let mut domains = vec![NO_DOMAIN; keys];
        domains[self.keys..self.keys + own.len()].copy_from_slice(own);
        domains
    }
}

fn wide(amounts: &[i64], dims: usize) -> Vec<i64> {
    let mut amounts = amounts.to_vec();
    amounts.resize(dims, 0);
    amounts
}

/// Both problems in one, without anything in common.
fn beside(one: &Problem, other: &Problem) -> Problem {
    let all = |of: fn(&Problem) -> usize| of(one) + of(other);
    let mut both = Problem { dims: one.dims.max(other.dims), ..Problem::default() };
    let counts = (all(|p| p.groups.len()), all(|p| p.offerings.len()), all(|p| p.nodes.len()));
    let keys = all(|p| p.keys.len());
    for part in [one, other] {
        let shift = Shift {
            groups: both.groups.len(),
            offerings: both.offerings.len(),
            nodes: both.nodes.len(),
            keys: both.keys.len(),
            sets: both.sets.len() as u32,
            classes: both.classes.len() as u32,
            limits: both.limits.len() as u32,
            all: counts,
        };
        add(&mut both, part, &shift, keys);
    }
    both
}

fn add(both: &mut Problem, part: &Problem, shift: &Shift, keys: usize) {
    let dims = both.dims;
    both.keys.extend(&part.keys);
    both.limits.extend(part.limits.iter().map(|limit| Limit { remaining: limit.remaining }));
    for group in &part.groups {
        let (request, class) = (wide(&group.request, dims), group.class + shift.classes);
        both.groups.push(solver::problem::Group { request, class, ..group.clone() });
    }
    for class in &part.classes {
        let offerings = shift.offerings(&class.offerings);
        both.classes.push(Class { offerings, nodes: shift.nodes(&class.nodes) });
    }
    for offering in &part.offerings {
        let mut offering = offering.clone();
        offering.capacity = wide(&offering.capacity, dims);
        offering.domains = shift.domains(&offering.domains, keys);
        offering.limits.iter_mut().for_each(|(limit, _)| *limit += shift.limits);
        both.offerings.push(offering);
    }
    for node in &part.nodes {
        let (free, domains) = (wide(&node.free, dims), shift.domains(&node.domains, keys));
        both.nodes.push(solver::problem::Node { free, domains });
    }
    for set in &part.sets {
        let groups = Shift::bits(&set.groups, shift.groups, shift.all.0);
        let bound = set.bound.iter().map(|&(node, pods)| (node + shift.nodes as u32, pods));
        both.sets.push(PodSet { groups, bound: bound.collect() });
    }
    add_constraints(both, part, shift);
}

fn add_constraints(both: &mut Problem, part: &Problem, shift: &Shift) {
    both.spreads.extend(part.spreads.iter().map(|spread| Spread {
        groups: shift.groups(&spread.groups),
        key: shift.key(spread.key),
        set: spread.set + shift.sets,
        counted_nodes: shift.nodes(&spread.counted_nodes),
        counted_offerings: shift.offerings(&spread.counted_offerings),
        ..spread.clone()
    }));
    both.affinities.extend(part.affinities.iter().map(|affinity| Affinity {
        groups: shift.groups(&affinity.groups),
        keys: affinity.keys.iter().map(|&key| shift.key(key)).collect(),
        set: affinity.set + shift.sets,
        cost: affinity.cost,
    }));
    both.exclusions.extend(part.exclusions.iter().map(|exclusion| Exclusion {
        groups: shift.groups(&exclusion.groups),
        key: shift.key(exclusion.key),
        set: exclusion.set + shift.sets,
        cost: exclusion.cost,
    }));
    let group = |group: u32| group + shift.groups as u32;
    both.conflicts.extend(part.conflicts.iter().map(|&(a, b)| (group(a), group(b))));
    both.flexibilities.extend(part.flexibilities.iter().map(|of| Flexibility {
        min: of.min,
        values: of.values.iter().map(|&(at, v)| (at + shift.offerings as u32, v)).collect(),
    }));
    both.varieties.extend(part.varieties.iter().map(|of| Variety {
        values: of.values.iter().map(|&(at, v)| (at + shift.offerings as u32, v)).collect(),
        ..of.clone()
    }));
    both.preferences.extend(part.preferences.iter().map(|preference| Preference {
        groups: shift.groups(&preference.groups),
        class: preference.class + shift.classes,
        cost: preference.cost,
    }));
}

/// Two problems and both in one. All offerings are of one tier: a tier that is the only one of its
/// problem is not preferred to anything there, but may be in both.
fn pair(case: u64) -> (Problem, Problem, Problem) {
    let [one, other] = [2 * case, 2 * case + 1].map(|seed| {
        let mut problem = problem(&mut Random::new(seed), TINY);
        problem.offerings.iter_mut().for_each(|offering| offering.tier = 0);
        problem
    });
    let both = beside(&one, &other);
    assert_eq!(solver::validate::validate(&both), Ok(()), "case {case}");
    (one, other, both)
}

#[test]
fn problems_side_by_side_are_solved_as_well_as_alone() {
    let exact = Options { engine: Engine::Exact, ..Options::default() };
    for case in 0..cases(5, 400) {
        let (one, other, both) = pair(case);
        let [one, other, both_solved] = [&one, &other, &both].map(|problem| solve(problem, &exact));
        assert_eq!(check(&both, &both_solved), [], "case {case}");
        let left = |solution: &Solution| solution.unplaced.iter().map(|m| m.count).sum::<u32>();
        let sum = (one.cost + other.cost, one.penalty + other.penalty, left(&one) + left(&other));
        let found = (both_solved.cost, both_solved.penalty, left(&both_solved));
        assert_eq!(found, sum, "case {case}\n{}", solver::text::write_problem(&both));
        assert_eq!(both_solved.bound, one.bound + other.bound, "case {case}");
        let all = [&one, &other].iter().all(|of| of.status == Status::Optimal);
        assert_eq!(both_solved.status == Status::Optimal, all, "case {case}");
    }
}

#[test]
fn bounds_of_problems_side_by_side_are_proven_together() {
    let (mut apart, mut tight) = (0, 0);
    for case in 0..cases(5, 400) {
        let (_, _, both) = pair(case);
        let (solution, certificate) = certify(&both, &columns(), &mut |_| {});
        assert_eq!(check(&both, &solution), [], "case {case}");
        let Some(mut certificate) = certificate else { continue };
        let proven = verify(&both, &solution, &certificate);
        let holds = proven.as_ref().is_ok_and(|proven| *proven <= solution.bound);
        assert!(holds, "case {case}: {proven:?}");
        if certificate.apart.is_empty() {
            continue;
        }
        apart += 1;
        tight += usize::from(proven == Ok(solution.bound) && solution.bound > 0);
        // Twice the same offerings prove nothing.
        let again = certificate.apart[0].clone();
        if !again.kinds.iter().all(|kind| matches!(kind, solver::certificate::Members::Nodes(_))) {
            certificate.apart.push(again);
            assert!(verify(&both, &solution, &certificate).is_err(), "case {case}");
        }
    }
    assert!(apart > 60 && tight > 30, "{apart} apart, {tight} tight");
}

#[test]
fn problems_side_by_side_do_not_depend_on_the_threads() {
    for case in 0..20 {
        let (_, _, both) = pair(case);
        let with = |threads| certify(&both, &Options { threads, ..columns() }, &mut |_| {});
        assert_eq!(with(1), with(3), "case {case}");
    }
}
