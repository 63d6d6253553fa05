use std::collections::BTreeMap;

use solver::certificate::{
    Cap, Ceiling, Certificate, Cut, Fault, Members, Outlook, Proof, Rents, Rule, Step, Walk,
};
use solver::problem::{Class, Exclusion, Group, Limit, NODE_KEY, Node, Offering, PodSet, Spread};
use solver::strategy::Engine;
use solver::{BitSet, Options, Problem, Progress, Solution, certify, text, verify};

use crate::generate::{Random, TINY, problem};
use crate::oracle::for_each_feasible;

pub(crate) fn columns() -> Options {
    Options { engine: Engine::Columns, effort: 2_000_000, ..Options::default() }
}

/// A tiny problem; every other one keeps only the constraints that a certificate knows, so that
/// its bound can be on the mark. Of these, every other one has spreads by node that count from 0, and
/// the others have one constraint by domain.
fn tiny(case: u64) -> Problem {
    let random = &mut Random::new(case);
    let mut problem = problem(random, TINY);
    if case.is_multiple_of(2) {
        let by_node = case.is_multiple_of(4);
        problem.spreads.retain(|of| by_node && of.key == NODE_KEY && of.cost.is_none());
        problem.spreads.iter_mut().for_each(|spread| spread.min_domains = u32::MAX);
        problem.affinities.clear();
        problem.flexibilities.clear();
        problem.preferences.clear();
        problem.exclusions.retain(|exclusion| exclusion.key == NODE_KEY);
        if !by_node {
            part(random, &mut problem);
        }
    }
    problem
}

/// Gives everything one of three domains, and most groups a constraint between them.
fn part(random: &mut Random, problem: &mut Problem) {
    let key = problem.keys.len() as u8;
    problem.keys.push(3);
    let first = random.index(3) as u32;
    for (at, offering) in (first..).zip(&mut problem.offerings) {
        offering.domains.push(at % 3);
    }
    problem.nodes.iter_mut().for_each(|node| node.domains.push(random.index(3) as u32));
    let (offerings, nodes) = (problem.offerings.len(), problem.nodes.len());
    let groups = random.subset(problem.groups.len(), 80);
    let stated = groups.iter().map(|group| group as u32).collect();
    let bound = (0..nodes as u32).filter(|_| random.chance(30)).map(|node| (node, 1)).collect();
    problem.sets.push(PodSet { groups, bound });
    let set = problem.sets.len() as u32 - 1;
    if random.chance(40) {
        problem.exclusions.push(Exclusion { groups: stated, key, set, cost: None });
        return;
    }
    let mut domains: Vec<u32> =
        problem.offerings.iter().map(|of| of.domains[key as usize]).collect();
    domains.sort_unstable();
    domains.dedup();
    problem.spreads.push(Spread {
        groups: stated,
        key,
        set,
        max_skew: random.between(1, 2) as u32,
        min_domains: random.between(1, 3) as u32,
        domains,
        counted_nodes: BitSet::full(nodes),
        counted_offerings: BitSet::full(offerings),
        cost: None,
    });
}

/// Whether a certificate rests on how many pods domains take.
fn charges(certificate: &Certificate) -> bool {
    certificate.prices.iter().any(|prices| prices.ceilings.iter().any(|&charge| charge > 0))
}

/// The least cost of placing the pods that the solution places.
fn least_cost(problem: &Problem, solution: &Solution) -> Option<i64> {
    let missing = |solution: &Solution| -> BTreeMap<u32, u32> {
        solution.unplaced.iter().map(|missing| (missing.group, missing.count)).collect()
    };
    let wanted = missing(solution);
    let mut least = None;
    for_each_feasible(problem, &mut |world, _| {
        if missing(&world.solution()) == wanted {
            let cost = world.cost();
            least = Some(least.map_or(cost, |least: i64| least.min(cost)));
        }
    });
    least
}

#[test]
fn no_certificate_of_the_engine_is_refused_or_proves_too_much() {
    let (mut proven, mut tight, mut charged) = (0, 0, 0);
    for case in 0..2_000 {
        let problem = tiny(case);
        let (solution, certificate) = certify(&problem, &columns(), &mut |_| {});
        let Some(certificate) = certificate else { continue };
        let bound = verify(&problem, &solution, &certificate);
        let least = least_cost(&problem, &solution).expect("the solution itself is feasible");
        assert!(
            bound.as_ref().is_ok_and(|bound| *bound <= least),
            "case {case}: {bound:?}, least {least}\n{}\n{certificate:?}",
            text::write_problem(&problem),
        );
        proven += 1;
        let is_tight = bound == Ok(least) && least > 0;
        tight += usize::from(is_tight);
        charged += usize::from(is_tight && charges(&certificate));
    }
    let counts = format!("{proven} proven, {tight} on the mark, {charged} of them by domain");
    assert!(proven > 1_000 && tight > 400 && charged > 10, "{counts}");
}

/// What a certificate proves holds for every solution, not only for the one it was made for.
#[test]
fn a_certificate_holds_for_other_solutions() {
    let mut tight = 0;
    for case in 0..500 {
        let problem = tiny(case);
        let (_, certificate) = certify(&problem, &columns(), &mut |_| {});
        let Some(certificate) = certificate else { continue };
        for_each_feasible(&problem, &mut |world, _| {
            if let Ok(bound) = verify(&problem, &world.solution(), &certificate) {
                let cost = world.cost();
                assert!(
                    bound <= cost,
                    "case {case}: {bound} > {cost}, {}",
                    text::write_problem(&problem)
                );
                tight += usize::from(bound > 0 && bound == cost);
            }
        });
    }
    assert!(tight > 500, "only {tight} on the mark");
}

#[test]
fn no_change_to_a_certificate_makes_it_prove_too_much() {
    let (mut refused, mut accepted, mut tight) = (0, 0, 0);
    for case in 0..600 {
        let problem = tiny(case);
        let (solution, certificate) = certify(&problem, &columns(), &mut |_| {});
        let Some(certificate) = certificate else { continue };
        let least = least_cost(&problem, &solution).expect("the solution itself is feasible");
        for round in 0..60 {
            let random = &mut Random::new(case * 1_000 + round);
            let mut changed = certificate.clone();
            for _ in 0..random.between(1, 3) {
                change(random, &problem, &mut changed);
            }
            match verify(&problem, &solution, &changed) {
                Err(_) => refused += 1,
                Ok(bound) => {
                    assert!(
                        bound <= least,
                        "case {case} round {round}: {bound}, least {least}\n{}\n{changed:#?}",
                        text::write_problem(&problem),
                    );
                    accepted += 1;
                    tight += usize::from(bound == least && least > 0);
                }
            }
        }
    }
    assert!(
        refused > 5_000 && accepted > 5_000 && tight > 1_500,
        "{refused} refused, {accepted} accepted, {tight} on the mark"
    );
}

/// Changes one thing, in a way that tends to keep the form.
fn change(random: &mut Random, problem: &Problem, certificate: &mut Certificate) {
    match random.index(11) {
        0 => change_items(random, certificate),
        1 => change_rules(random, problem, certificate),
        2 => change_kinds(random, certificate),
        3 => change_tree(random, certificate),
        4 => certificate.bits = certificate.bits.wrapping_add_signed(random.between(-2, 2) as i8),
        5 => change_prices(random, certificate),
        6 => change_cuts(random, problem, certificate),
        7 | 8 => change_ceilings(random, problem, certificate),
        _ => change_proofs(random, problem, certificate),
    }
}

fn pick<'a, T>(random: &mut Random, list: &'a mut [T]) -> Option<&'a mut T> {
    let at = random.index(list.len());
    list.get_mut(at)
}

/// A number near another, or far from it.
fn near(random: &mut Random, number: i64) -> i64 {
    match random.index(6) {
        0 => 0,
        1 => number.saturating_add(random.between(-3, 3)),
        2 => number.saturating_mul(random.between(2, 5)),
        3 => number / random.between(2, 5),
        4 => number.saturating_add(number / 16 * random.between(-4, 4)),
        _ => random.between(-1, i64::MAX / 2),
    }
}

fn change_items(random: &mut Random, certificate: &mut Certificate) {
    let items = certificate.items.len();
    let (one, other) = (random.index(items), random.index(items));
    match random.index(3) {
        0 if items > 0 => {
            if let Some(group) = certificate.items[one].pop() {
                certificate.items[other].push(group);
            }
        }
        1 if items > 0 => {
            certificate.items[one].pop();
        }
        _ if items > 1 && one != other => {
            let groups = std::mem::take(&mut certificate.items[one]);
            certificate.items[other].extend(groups);
            certificate.items.remove(one);
            certificate.prices.iter_mut().for_each(|prices| {
                prices.items.remove(one);
            });
        }
        _ => {}
    }
}

fn change_rules(random: &mut Random, problem: &Problem, certificate: &mut Certificate) {
    let item = random.index(certificate.items.len()) as u32;
    let other = random.index(certificate.items.len()) as u32;
    let rule = match random.index(4) {
        0 | 1 => Rule::Exclusion(random.index(problem.exclusions.len() + 1) as u32),
        2 => Rule::Spread(random.index(problem.spreads.len() + 1) as u32),
        _ => Rule::Port(random.index(problem.groups.len()) as u32),
    };
    match random.index(4) {
        0 => certificate.conflicts.push((item, other)),
        1 => certificate.caps.push(Cap { rule, items: vec![item] }),
        2 => {
            if let Some(cap) = pick(random, &mut certificate.caps) {
                cap.items.push(item);
                cap.items.sort_unstable();
            }
        }
        _ => {
            if let Some(cap) = pick(random, &mut certificate.caps) {
                cap.rule = rule;
            }
        }
    }
}

/// Changes a ceiling, or adds one with a charge of its own in every list of prices.
fn change_ceilings(random: &mut Random, problem: &Problem, certificate: &mut Certificate) {
    let item = random.index(certificate.items.len()) as u32;
    let domain = random.index(4) as u32;
    let Some(ceiling) = pick(random, &mut certificate.ceilings).filter(|_| random.chance(60))
    else {
        let rule = match random.index(2) {
            0 => Rule::Exclusion(random.index(problem.exclusions.len() + 1) as u32),
            _ => Rule::Spread(random.index(problem.spreads.len() + 1) as u32),
        };
        certificate.ceilings.push(Ceiling { rule, domains: vec![domain], items: vec![item] });
        for prices in &mut certificate.prices {
            prices.ceilings.push(random.between(0, 1 << 24));
        }
        return;
    };
    let list = if random.chance(50) { &mut ceiling.domains } else { &mut ceiling.items };
    match random.index(3) {
        0 => {
            list.pop();
        }
        1 if !list.is_empty() => {
            let at = random.index(list.len());
            list.remove(at);
        }
        _ => {
            list.push(if random.chance(50) { domain } else { item });
            list.sort_unstable();
        }
    }
}

fn members(kind: &mut Members) -> &mut Vec<u32> {
    match kind {
        Members::Offerings(list) | Members::Nodes(list) => list,
    }
}

fn change_kinds(random: &mut Random, certificate: &mut Certificate) {
    let kinds = certificate.kinds.len();
    let (one, other) = (random.index(kinds), random.index(kinds));
    if kinds == 0 {
        return;
    }
    match random.index(4) {
        0 => {
            members(&mut certificate.kinds[one]).pop();
        }
        1 => {
            if let Some(member) = members(&mut certificate.kinds[one]).pop() {
                members(&mut certificate.kinds[other]).push(member);
            }
        }
        2 => {
            certificate.kinds.remove(one);
            certificate.prices.iter_mut().for_each(|prices| {
                prices.proofs.remove(one);
            });
        }
        _ => certificate.kinds.swap(one, other),
    }
}

fn change_steps<L: Clone>(random: &mut Random, steps: &mut Vec<Step<L>>, names: usize) {
    let at = random.index(steps.len());
    let split = Step::Split { on: random.index(names) as u32, at: random.between(0, 3) as u32 };
    match random.index(4) {
        0 if !steps.is_empty() => {
            steps.remove(at);
        }
        1 => {
            if let Some(Step::Split { at, .. }) = pick(random, steps) {
                *at = at.wrapping_add_signed(random.between(-2, 2) as i32);
            }
        }
        2 => {
            if let Some(Step::Split { on, .. }) = pick(random, steps) {
                *on = random.index(names) as u32;
            }
        }
        _ => {
            if let Some(leaf @ Step::Leaf(_)) = steps.get(at).cloned() {
                steps.splice(at..=at, [split, leaf.clone(), leaf]);
            }
        }
    }
}

fn change_tree(random: &mut Random, certificate: &mut Certificate) {
    let kinds = certificate.kinds.len();
    change_steps(random, &mut certificate.tree, kinds);
    if let Some(Step::Leaf(index)) = pick(random, &mut certificate.tree)
        && random.chance(50)
    {
        *index = random.index(certificate.prices.len() + 1) as u32;
    }
}

fn change_prices(random: &mut Random, certificate: &mut Certificate) {
    let Some(prices) = pick(random, &mut certificate.prices) else { return };
    if random.chance(30) {
        let factor = random.between(2, 3);
        prices.items.iter_mut().for_each(|price| *price = price.saturating_mul(factor));
    }
    let list = match random.index(10) {
        0..7 => &mut prices.items,
        7 | 8 => &mut prices.ceilings,
        _ => &mut prices.limits,
    };
    if let Some(price) = pick(random, list) {
        *price = near(random, *price);
    }
}

fn change_proofs(random: &mut Random, problem: &Problem, certificate: &mut Certificate) {
    let (items, caps) = (certificate.items.len(), certificate.caps.len());
    let Some(prices) = pick(random, &mut certificate.prices) else { return };
    let (one, other) = (random.index(prices.proofs.len()), random.index(prices.proofs.len()));
    if random.chance(10) && !prices.proofs.is_empty() {
        prices.proofs.swap(one, other);
    }
    let Some(proof) = prices.proofs.get_mut(one) else { return };
    let cuts = certificate.cuts.get(one).map_or(0, Vec::len);
    match proof {
        _ if random.chance(25) => {
            let axis = |random: &mut Random| {
                (random.index(problem.dims + 1) as u32, random.between(-1, 6))
            };
            let count = random.between(0, 3);
            *proof = Proof::Grid((0..count).map(|_| axis(random)).collect());
        }
        Proof::Grid(axes) => {
            if let Some((_, unit)) = pick(random, axes) {
                *unit = near(random, *unit);
            }
        }
        _ if random.chance(20) => {
            *proof = some_walk(random, problem.dims, cuts);
        }
        Proof::Walk(walk) if random.chance(30) => change_outlooks(random, &mut walk.outlooks),
        Proof::Walk(walk) => match pick(random, &mut walk.rents) {
            Some(rent) if random.chance(50) => *rent = near(random, *rent),
            _ if random.chance(30) => walk.steps = near(random, walk.steps as i64) as u64,
            _ => walk.enough = near(random, walk.enough),
        },
        Proof::Tree(steps) if random.chance(40) => change_steps(random, steps, items),
        Proof::Tree(steps) => {
            if let Some(Step::Leaf(rents)) = pick(random, steps) {
                change_rents(random, rents, caps);
            }
        }
    }
}

/// An enumeration at any prices, with none, one or two outlooks over any dimensions.
fn some_walk(random: &mut Random, dims: usize, cuts: usize) -> Proof {
    let rents = |random: &mut Random| -> Vec<i64> {
        (0..dims + cuts).map(|_| random.between(0, 1 << 24)).collect()
    };
    let axis = |random: &mut Random| (random.index(dims + 1) as u32, random.between(0, 6));
    let count = random.between(0, 2);
    let outlook =
        |random: &mut Random| Outlook { axes: [axis(random), axis(random)], rents: rents(random) };
    Proof::Walk(Walk {
        rents: rents(random),
        enough: random.between(0, 1 << 24),
        outlooks: (0..count).map(|_| outlook(random)).collect(),
        steps: random.between(0, 40) as u64,
    })
}

fn change_outlooks(random: &mut Random, outlooks: &mut Vec<Outlook>) {
    if random.chance(20) {
        outlooks.pop();
    }
    let Some(Outlook { axes, rents }) = pick(random, outlooks) else { return };
    match pick(random, rents) {
        Some(rent) if random.chance(50) => *rent = near(random, *rent),
        _ => {
            let (dim, unit) = &mut axes[random.index(2)];
            match random.chance(30) {
                true => *dim = dim.wrapping_add(1),
                false => *unit = near(random, *unit),
            }
        }
    }
}

/// Changes a cut of a kind, or adds one with a rent of its own in every proof for the kind.
fn change_cuts(random: &mut Random, problem: &Problem, certificate: &mut Certificate) {
    let kind = random.index(certificate.cuts.len());
    let Some(cuts) = certificate.cuts.get_mut(kind) else { return };
    if let Some(cut) = pick(random, cuts).filter(|_| random.chance(50)) {
        cut.parts = near(random, cut.parts);
        return;
    }
    let dim = random.index(problem.dims + 1) as u32;
    cuts.push(Cut { dim, parts: random.between(0, 5) });
    let prices = certificate.prices.iter_mut();
    for proof in prices.filter_map(|prices| prices.proofs.get_mut(kind)) {
        let rent = random.between(0, 1 << 24);
        match proof {
            Proof::Grid(_) => {}
            Proof::Walk(walk) => {
                walk.rents.push(rent);
                walk.outlooks.iter_mut().for_each(|outlook| outlook.rents.push(rent));
            }
            Proof::Tree(steps) => steps.iter_mut().for_each(|step| {
                if let Step::Leaf(rents) = step {
                    rents.room.push(rent);
                }
            }),
        }
    }
}

fn change_rents(random: &mut Random, rents: &mut Rents, caps: usize) {
    match random.index(4) {
        0 => {
            rents.room.pop();
        }
        1 => rents.caps.push((random.index(caps) as u32, random.between(0, 1 << 24))),
        _ => {
            if let Some(rent) = pick(random, &mut rents.room) {
                *rent = near(random, *rent);
            }
        }
    }
}

/// Services as on the web: round CPU requests, memory by a factor of 1 to 8, some under a
/// hostname anti-affinity, with nodes that exist and a limit.
pub(crate) fn web(seed: u64) -> Problem {
    let random = &mut Random::new(seed);
    let groups = random.between(5, 25) as usize;
    let mut problem = Problem { dims: 3, ..Problem::default() };
    problem.limits.push(Limit { remaining: random.between(50, 900) * 1_000 });
    for size in 0..14i64 {
        let cpu = 2_000 << (size % 7);
        let memory = (cpu << 21) * if size < 7 { 2 } else { 4 };
        problem.offerings.push(Offering {
            capacity: vec![cpu - 100 - cpu / 50, memory - (700 << 20) - memory / 30, 110],
            price: cpu * 24 + memory / 100_000 + random.between(0, 3_000),
            tier: 0,
            domains: vec![],
            limits: vec![(0, cpu)],
        });
    }
    for _ in 0..random.between(0, 4) {
        let free = vec![random.between(0, 4_000), random.between(0, 8 << 30), 20];
        problem.nodes.push(Node { free, domains: vec![] });
    }
    let (offerings, nodes) = (problem.offerings.len(), problem.nodes.len());
    for _ in 0..3 {
        let large = (0..offerings).filter(|_| random.chance(80));
        let offerings = BitSet::from_indices(offerings, large);
        problem.classes.push(Class { offerings, nodes: BitSet::full(nodes) });
    }
    for at in 0..groups {
        let cpu = [50, 100, 250, 500, 1_000, 2_000][random.index(6)];
        let memory = (cpu << 20) * random.between(1, 8) / 2;
        problem.groups.push(Group {
            request: vec![cpu, memory, 1],
            count: random.between(1, 30) as u32,
            priority: 0,
            class: random.index(3) as u32,
        });
        if random.chance(25) {
            let group = BitSet::from_indices(groups, [at]);
            problem.sets.push(PodSet { groups: group, bound: vec![] });
            let set = problem.sets.len() as u32 - 1;
            let groups = vec![at as u32];
            problem.exclusions.push(Exclusion { groups, key: NODE_KEY, set, cost: None });
        }
    }
    problem
}

/// Whole numbers cost next to nothing, and what is stated is what is proven.
#[test]
fn certificates_prove_what_the_floats_promise() {
    let mut above_resources = 0;
    for seed in 0..12 {
        let problem = web(seed);
        // The highest float for the pods that are placed in the end.
        let (mut told, mut unplaced) = (0, 0);
        let mut tell = |progress: Progress| {
            told = if progress.unplaced == unplaced { told.max(progress.bound) } else { 0 };
            unplaced = progress.unplaced;
        };
        let (solution, certificate) = certify(&problem, &columns(), &mut tell);
        let certificate = certificate.expect("there are pods to place");
        let bound = verify(&problem, &solution, &certificate).expect("it holds together");
        assert!(bound <= solution.cost, "seed {seed}: {bound} above {}", solution.cost);
        // What existing nodes are worth is proven to a thousandth only, and they are worth little.
        let promised = told - told / 100_000 - 1;
        assert!(
            solution.bound >= promised,
            "seed {seed}: {bound}, promised {told}\n{}",
            text::write_problem(&problem),
        );
        above_resources +=
            usize::from(solution.bound > solver::bound::resource_bound(&problem, &solution));
    }
    assert!(above_resources > 8, "only {above_resources} better than by resources");
}

#[test]
fn certificates_do_not_depend_on_the_threads() {
    for seed in 0..3 {
        let problem = web(seed);
        let with = |threads| certify(&problem, &Options { threads, ..columns() }, &mut |_| {});
        assert_eq!(with(1), with(3), "seed {seed}");
    }
}

#[test]
fn a_certificate_of_another_problem_is_refused_or_weak() {
    let mut refused = 0;
    for seed in 0..10 {
        let (solution, _) = certify(&web(seed), &columns(), &mut |_| {});
        let (_, other) = certify(&web(seed + 100), &columns(), &mut |_| {});
        let other = other.expect("there are pods to place");
        match verify(&web(seed), &solution, &other) {
            Ok(bound) => assert!(bound <= solution.cost, "seed {seed}"),
            Err(Fault::Overflow) => panic!("seed {seed}: numbers are small"),
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 5, "only {refused} refused");
}
