//! What can be judged node by node: classes, room, conflicts; and the sums over launches.

use std::collections::BTreeSet;

use crate::BitSet;
use crate::check::{Place, Spot, Violation, spots};
use crate::problem::{Class, Flexibility, Money, Problem};
use crate::solution::{Launch, Solution};

/// Classes, room and conflicts on every node.
pub(super) fn places(problem: &Problem, solution: &Solution, violations: &mut Vec<Violation>) {
    let rivals = rivals(problem);
    let mut here = BitSet::empty(problem.groups.len());
    let mut asked = vec![0i64; problem.dims];
    for spot in spots(problem, solution) {
        classes(problem, solution, spot, violations);
        room(problem, solution, spot, &mut asked, violations);
        conflicts(&rivals, spot, &mut here, violations);
    }
}

fn classes(
    problem: &Problem,
    solution: &Solution,
    spot: Spot<'_>,
    violations: &mut Vec<Violation>,
) {
    for &(group, _) in spot.pods {
        if !accepts(problem.class_of(group), spot.place, solution) {
            violations.push(Violation::Refused { group, place: spot.place });
        }
    }
}

fn accepts(class: &Class, place: Place, solution: &Solution) -> bool {
    match place {
        Place::Node(node) => class.nodes.contains(node as usize),
        Place::Launch(launch) => {
            class.offerings.contains(solution.launches[launch as usize].offering as usize)
        }
    }
}

/// Pods that ask for nothing of a dimension do not mind that it is short.
fn room(
    problem: &Problem,
    solution: &Solution,
    spot: Spot<'_>,
    asked: &mut [i64],
    violations: &mut Vec<Violation>,
) {
    total_request(problem, spot.pods, asked);
    let room = match spot.place {
        Place::Node(node) => &problem.nodes[node as usize].free,
        Place::Launch(launch) => {
            &problem.offerings[solution.launches[launch as usize].offering as usize].capacity
        }
    };
    for (dim, (&asked, &room)) in asked.iter().zip(room).enumerate() {
        if asked > room.max(0) {
            violations.push(Violation::Capacity { place: spot.place, dim, asked, room });
        }
    }
}

fn total_request(problem: &Problem, pods: &[(u32, u32)], sum: &mut [i64]) {
    sum.fill(0);
    for &(group, count) in pods {
        for (sum, &request) in sum.iter_mut().zip(&problem.groups[group as usize].request) {
            *sum = sum.saturating_add(request.saturating_mul(i64::from(count)));
        }
    }
}

/// For each group the groups of no smaller index that it cannot share a node with.
fn rivals(problem: &Problem) -> Vec<Vec<u32>> {
    let mut rivals = vec![Vec::new(); problem.groups.len()];
    for &(low, high) in &problem.conflicts {
        rivals[low as usize].push(high);
    }
    rivals
}

fn conflicts(
    rivals: &[Vec<u32>],
    spot: Spot<'_>,
    here: &mut BitSet,
    violations: &mut Vec<Violation>,
) {
    for &(group, _) in spot.pods {
        here.insert(group as usize);
    }
    for &(group, count) in spot.pods {
        for &rival in &rivals[group as usize] {
            let meets = if rival == group { count > 1 } else { here.contains(rival as usize) };
            if meets {
                violations.push(Violation::Conflict { groups: (group, rival), place: spot.place });
            }
        }
    }
    for &(group, _) in spot.pods {
        here.remove(group as usize);
    }
}

/// What all launches together take from each limit.
pub(super) fn limits(problem: &Problem, solution: &Solution, violations: &mut Vec<Violation>) {
    let mut used = vec![0i64; problem.limits.len()];
    for launch in &solution.launches {
        for &(limit, amount) in &problem.offerings[launch.offering as usize].limits {
            let used = &mut used[limit as usize];
            *used = used.saturating_add(amount.saturating_mul(i64::from(launch.copies)));
        }
    }
    for (index, (limit, &used)) in problem.limits.iter().zip(&used).enumerate() {
        let remaining = limit.remaining;
        if used > remaining.max(0) {
            violations.push(Violation::Limit { limit: index as u32, used, remaining });
        }
    }
}

/// The values that launches bring in on top of those that are used already.
pub(super) fn varieties(problem: &Problem, solution: &Solution, violations: &mut Vec<Violation>) {
    let launched: BTreeSet<u32> = solution.launches.iter().map(|launch| launch.offering).collect();
    for (index, variety) in problem.varieties.iter().enumerate() {
        let launched = variety.values.iter().filter(|(offering, _)| launched.contains(offering));
        let values: BTreeSet<u32> = launched.map(|&(_, value)| value).collect();
        let found = values.iter().filter(|&value| !variety.used.contains(value)).count() as u32;
        let room = variety.most.saturating_sub(variety.used.len() as u32);
        if found > room {
            violations.push(Violation::Variety { variety: index as u32, found, room });
        }
    }
}

/// Every launch keeps the alternatives that its pool asks for.
pub(super) fn flexibilities(
    problem: &Problem,
    solution: &Solution,
    violations: &mut Vec<Violation>,
) {
    let mut asked = vec![0i64; problem.dims];
    for (index, flexibility) in problem.flexibilities.iter().enumerate() {
        let members = BitSet::from_indices(
            problem.offerings.len(),
            flexibility.values.iter().map(|&(offering, _)| offering as usize),
        );
        for (at, launch) in solution.launches.iter().enumerate() {
            if !members.contains(launch.offering as usize) {
                continue;
            }
            total_request(problem, &launch.pods, &mut asked);
            let found = alternatives(problem, flexibility, launch, &asked);
            if found < flexibility.min {
                let (flexibility, launch) = (index as u32, at as u32);
                violations.push(Violation::Flexibility { flexibility, launch, found });
            }
        }
    }
}

/// Distinct values among the offerings that could host the launch's pods; stops at the minimum.
fn alternatives(
    problem: &Problem,
    flexibility: &Flexibility,
    launch: &Launch,
    asked: &[i64],
) -> u32 {
    let mut values: Vec<u32> = Vec::new();
    for &(offering, value) in &flexibility.values {
        if values.len() as u64 >= u64::from(flexibility.min) {
            break;
        }
        let index = offering as usize;
        let capacity = &problem.offerings[index].capacity;
        if !values.contains(&value)
            && asked.iter().zip(capacity).all(|(&asked, &room)| asked <= room.max(0))
            && (launch.pods.iter())
                .all(|&(group, _)| problem.class_of(group).offerings.contains(index))
        {
            values.push(value);
        }
    }
    values.len() as u32
}

/// What pods outside of their preferred classes cost.
pub(super) fn preferences(problem: &Problem, solution: &Solution) -> Money {
    let mut stated = vec![Vec::new(); problem.groups.len()];
    for preference in &problem.preferences {
        for &group in &preference.groups {
            stated[group as usize].push(preference);
        }
    }
    let mut sum: Money = 0;
    for spot in spots(problem, solution) {
        for &(group, count) in spot.pods {
            let pods = i64::try_from(u64::from(count) * u64::from(spot.copies)).unwrap_or(i64::MAX);
            for preference in &stated[group as usize] {
                if !accepts(&problem.classes[preference.class as usize], spot.place, solution) {
                    sum = sum.saturating_add(preference.cost.saturating_mul(pods));
                }
            }
        }
    }
    sum
}
