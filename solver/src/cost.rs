//! What a solution costs, by the definitions in [`crate::problem`].

use rustc_hash::FxHashMap;

use crate::{
    Problem, Solution,
    problem::{Money, NO_DOMAIN, NODE_KEY, Spread},
};

/// The price of all launches, saturating.
pub fn price(problem: &Problem, solution: &Solution) -> Money {
    solution.launches.iter().fold(0, |sum: Money, launch| {
        let each = problem.offerings[launch.offering as usize].price;
        sum.saturating_add(each.saturating_mul(launch.copies.into()))
    })
}

/// One place where pods are put: an existing node or all copies of a launch.
struct Spot<'a> {
    existing: Option<u32>,
    offering: Option<u32>,
    domains: &'a [u32],
    copies: u32,
    pods: &'a [(u32, u32)],
}

fn spots<'a>(problem: &'a Problem, solution: &'a Solution) -> Vec<Spot<'a>> {
    let placements = solution.placements.iter().map(|placement| Spot {
        existing: Some(placement.node),
        offering: None,
        domains: &problem.nodes[placement.node as usize].domains,
        copies: 1,
        pods: &placement.pods,
    });
    let launches = solution.launches.iter().map(|launch| Spot {
        existing: None,
        offering: Some(launch.offering),
        domains: &problem.offerings[launch.offering as usize].domains,
        copies: launch.copies,
        pods: &launch.pods,
    });
    placements.chain(launches).collect()
}

/// What unmet preferences cost, saturating.
pub fn penalty(problem: &Problem, solution: &Solution) -> Money {
    let spots = spots(problem, solution);
    let mut sum: Money = 0;
    for preference in &problem.preferences {
        let class = &problem.classes[preference.class as usize];
        for spot in &spots {
            let met = spot.existing.is_some_and(|node| class.nodes.contains(node as usize))
                || spot.offering.is_some_and(|o| class.offerings.contains(o as usize));
            if !met {
                let pods = count(spot, |group| preference.groups.binary_search(&group).is_ok());
                sum = sum.saturating_add(preference.cost.saturating_mul(pods));
            }
        }
    }
    for spread in &problem.spreads {
        if let Some(cost) = spread.cost {
            let pods = beyond(problem, &spots, spread);
            sum = sum.saturating_add(cost.saturating_mul(pods));
        }
    }
    for exclusion in &problem.exclusions {
        if let Some(cost) = exclusion.cost {
            let pods = near(problem, &spots, exclusion.set, exclusion.key, &exclusion.groups, 1);
            sum = sum.saturating_add(cost.saturating_mul(pods));
        }
    }
    for affinity in &problem.affinities {
        if let Some(cost) = affinity.cost {
            let all: i64 = spots.iter().map(|s| count(s, |g| affinity.groups.contains(&g))).sum();
            for &key in &affinity.keys {
                let met = near(problem, &spots, affinity.set, key, &affinity.groups, 1);
                sum = sum.saturating_add(cost.saturating_mul(all - met));
            }
        }
    }
    sum
}

fn count(spot: &Spot<'_>, is_in: impl Fn(u32) -> bool) -> i64 {
    let pods = spot.pods.iter().filter(|(group, _)| is_in(*group));
    pods.map(|(_, pods)| i64::from(*pods)).sum::<i64>() * i64::from(spot.copies)
}

/// Pods of a spread's groups that stand in a domain beyond the skew.
fn beyond(problem: &Problem, spots: &[Spot<'_>], spread: &Spread) -> i64 {
    let set = &problem.sets[spread.set as usize];
    let mut domains: FxHashMap<u64, (i64, i64, bool)> = FxHashMap::default();
    let existing = |node: u32| match spread.key {
        NODE_KEY => Some(u64::from(node)),
        key => Some(problem.nodes[node as usize].domains[key as usize])
            .filter(|d| *d != NO_DOMAIN)
            .map(u64::from),
    };
    for &domain in &spread.domains {
        domains.entry(domain.into()).or_default().2 = true;
    }
    for node in spread.counted_nodes.iter() {
        if let Some(domain) = existing(node as u32) {
            domains.entry(domain).or_default().2 = true;
        }
    }
    for &(node, pods) in &set.bound {
        if spread.counted_nodes.contains(node as usize)
            && let Some(domain) = existing(node)
        {
            domains.entry(domain).or_default().0 += i64::from(pods);
        }
    }
    let mut alone = Vec::new();
    for (at, spot) in spots.iter().enumerate() {
        let counted = spot.existing.is_some_and(|n| spread.counted_nodes.contains(n as usize))
            || spot.offering.is_some_and(|o| spread.counted_offerings.contains(o as usize));
        let domain = match (spread.key, spot.existing) {
            (NODE_KEY, Some(node)) => u64::from(node),
            (NODE_KEY, None) => {
                alone.push((1 << 32) + at as u64);
                (1 << 32) + at as u64
            }
            (key, _) if spot.domains[key as usize] != NO_DOMAIN => {
                spot.domains[key as usize].into()
            }
            _ => continue,
        };
        let entry = domains.entry(domain).or_default();
        entry.2 |= counted;
        let copies = if spread.key == NODE_KEY { i64::from(spot.copies) } else { 1 };
        if counted {
            entry.0 += count(spot, |g| set.groups.contains(g as usize)) / copies;
        }
        entry.1 += count(spot, |g| spread.groups.contains(&g));
    }
    let counts = domains.values().filter(|(_, _, counted)| *counted).map(|(pods, _, _)| *pods);
    let enough = counts.clone().count() >= spread.min_domains as usize;
    let lowest = if enough { counts.min().unwrap_or(0) } else { 0 };
    domains
        .values()
        .filter(|(pods, _, _)| pods - lowest > i64::from(spread.max_skew))
        .map(|(_, subjects, _)| *subjects)
        .sum()
}

/// Pods of `groups` whose domain holds a pod of the set besides themselves.
fn near(
    problem: &Problem,
    spots: &[Spot<'_>],
    set: u32,
    key: u8,
    groups: &[u32],
    besides: i64,
) -> i64 {
    let set = &problem.sets[set as usize];
    let mut domains: FxHashMap<u64, i64> = FxHashMap::default();
    let domain = |spot: &Spot<'_>, at: usize| match (key, spot.existing) {
        (NODE_KEY, Some(node)) => Some(u64::from(node)),
        (NODE_KEY, None) => Some((1 << 32) + at as u64),
        (key, _) => Some(spot.domains[key as usize]).filter(|d| *d != NO_DOMAIN).map(u64::from),
    };
    for &(node, pods) in &set.bound {
        let place = match key {
            NODE_KEY => Some(u64::from(node)),
            key => Some(problem.nodes[node as usize].domains[key as usize])
                .filter(|d| *d != NO_DOMAIN)
                .map(u64::from),
        };
        if let Some(place) = place {
            *domains.entry(place).or_default() += i64::from(pods);
        }
    }
    for (at, spot) in spots.iter().enumerate() {
        if let Some(place) = domain(spot, at) {
            let copies = if key == NODE_KEY { i64::from(spot.copies) } else { 1 };
            let pods = count(spot, |g| set.groups.contains(g as usize)) / copies;
            *domains.entry(place).or_default() += pods;
        }
    }
    let mut sum = 0;
    for (at, spot) in spots.iter().enumerate() {
        let Some(place) = domain(spot, at) else { continue };
        let there = domains.get(&place).copied().unwrap_or(0);
        for &(group, pods) in spot.pods.iter().filter(|(g, _)| groups.contains(g)) {
            let own = if set.groups.contains(group as usize) { besides } else { 0 };
            if there > own {
                sum += i64::from(pods) * i64::from(spot.copies);
            }
        }
    }
    sum
}
