//! From dual prices to a certificate: prices are made whole numbers, and every kind is priced once
//! more at them, this time for the proof.

use rayon::prelude::*;

use crate::{
    Problem,
    certificate::{Cap, Certificate, LARGEST_PRICE, Members, Prices, Proof, Rents, Rule, Step},
    columns::generate::Duals,
    effort::Budget,
    pattern::{self, Ask, Pricer, Proven, Shadow},
    presolve::{Core, Item, Kind, Source},
    problem::{Exclusion, NODE_KEY},
};

/// A micro-dollar is split into two to this power, when prices are not too large for it.
const BITS: u8 = 20;
/// Prices stay below two to this power, so that floats hold them exactly.
const LARGEST_BITS: i32 = 50;
/// A kind is proven well enough when its worth is within this of its cost, relative.
const TOLERANCE: f64 = 1e-6;

/// Dual prices that the bound of some branches rests on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Point {
    pub duals: Duals,
    /// Dual prices of the numbers of nodes, per kind; empty for none.
    pub counts: Vec<f64>,
}

/// Splits on numbers of nodes, and the prices at their leaves.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    pub steps: Vec<Step<u32>>,
    pub points: Vec<Point>,
}

/// A certificate for these prices. `limits.nodes` branches are spent on the proof for each kind.
pub(crate) fn certificate(
    problem: &Problem,
    core: &Core,
    pricers: &[Pricer],
    tree: &Tree,
    nodes: u32,
    budget: &mut Budget,
) -> Certificate {
    let bits = bits(core, &tree.points);
    let mut certificate = Certificate {
        bits,
        items: core.items.iter().map(groups).collect(),
        caps: caps(problem, core),
        conflicts: conflicts(core),
        kinds: members(problem, core),
        tree: tree.steps.clone(),
        prices: Vec::with_capacity(tree.points.len()),
    };
    for point in &tree.points {
        let prices = prices(core, pricers, point, bits, nodes, budget);
        certificate.prices.push(prices);
    }
    certificate
}

fn groups(item: &Item) -> Vec<u32> {
    item.groups.iter().map(|&(group, _)| group).collect()
}

fn conflicts(core: &Core) -> Vec<(u32, u32)> {
    let pairs = (0u32..).zip(&core.conflicts);
    let pairs = pairs.flat_map(|(a, others)| others.iter().map(move |&b| (a, b)));
    pairs.filter(|(a, b)| a < b).collect()
}

/// The core's caps with the rules behind them.
fn caps(problem: &Problem, core: &Core) -> Vec<Cap> {
    let mut items = vec![Vec::new(); core.caps.len()];
    for (at, item) in (0u32..).zip(&core.items) {
        if let Some(cap) = item.cap {
            items[cap as usize].push(at);
        }
    }
    let rule = |items: &Vec<u32>| {
        let groups = items.iter().flat_map(|&item| &core.items[item as usize].groups);
        let groups: Vec<u32> = groups.map(|&(group, _)| group).collect();
        if let &[group] = &groups[..]
            && problem.conflicts.binary_search(&(group, group)).is_ok()
        {
            return Rule::Port(group);
        }
        let forbids = |exclusion: &Exclusion| {
            let set = &problem.sets[exclusion.set as usize].groups;
            exclusion.key == NODE_KEY
                && exclusion.cost.is_none()
                && groups.iter().all(|group| {
                    set.contains(*group as usize) && exclusion.groups.binary_search(group).is_ok()
                })
        };
        // Caps come from exclusions and ports alone; another one would be refused as unknown.
        let exclusion = problem.exclusions.iter().position(forbids);
        Rule::Exclusion(exclusion.map_or(u32::MAX, |at| at as u32))
    };
    items.into_iter().map(|items| Cap { rule: rule(&items), items }).collect()
}

/// What each kind stands for: its own offerings, and those that it replaces.
fn members(problem: &Problem, core: &Core) -> Vec<Members> {
    let mut kind_of = vec![None; problem.offerings.len()];
    for (at, kind) in core.kinds.iter().enumerate() {
        if let Source::Offerings(offerings) = &kind.source {
            offerings.iter().for_each(|&offering| kind_of[offering as usize] = Some(at));
        }
    }
    let mut members: Vec<Members> = core
        .kinds
        .iter()
        .map(|kind| match &kind.source {
            Source::Offerings(offerings) => Members::Offerings(offerings.clone()),
            Source::Nodes(nodes) => Members::Nodes(nodes.clone()),
        })
        .collect();
    let rest = (0..problem.offerings.len()).filter(|&at| kind_of[at].is_none());
    for offering in rest {
        if let Some(kind) = replacement(problem, core, offering)
            && let Members::Offerings(offerings) = &mut members[kind]
        {
            offerings.push(offering as u32);
        }
    }
    members
}

/// The kind that replaces an offering for every pattern; none when it holds nothing.
fn replacement(problem: &Problem, core: &Core, at: usize) -> Option<usize> {
    let offering = &problem.offerings[at];
    let fits = |item: &Item| {
        problem.classes[item.class as usize].offerings.contains(at)
            && item.request.iter().zip(&offering.capacity).all(|(&ask, &have)| ask <= have.max(0))
    };
    let held: Vec<usize> = (0..core.items.len()).filter(|&i| fits(&core.items[i])).collect();
    if held.is_empty() {
        return None;
    }
    let load = |dim: usize| -> i128 {
        let asks = core.items.iter().map(|i| i128::from(i.request[dim]) * i128::from(i.demand));
        asks.sum()
    };
    let room: Vec<i128> = (offering.capacity.iter().enumerate())
        .map(|(dim, &have)| i128::from(have).min(load(dim)).max(0))
        .collect();
    let replaces = |kind: &Kind| {
        matches!(kind.source, Source::Offerings(_))
            && kind.price <= offering.price
            && room.iter().zip(&kind.capacity).all(|(need, &have)| *need <= i128::from(have))
            && kind.limits.iter().all(|(limit, amount)| {
                offering.limits.iter().any(|(l, a)| l == limit && a >= amount)
            })
            && held.iter().all(|&item| kind.items.contains(item))
    };
    core.kinds.iter().position(replaces)
}

/// How finely money can be split without leaving what floats hold exactly.
fn bits(core: &Core, points: &[Point]) -> u8 {
    let prices = core.kinds.iter().map(|kind| kind.price as f64);
    let duals = points.iter().flat_map(|point| {
        let limits = point.duals.limits.iter().zip(&core.limits);
        let limits = limits.map(|(dual, &left)| -dual * left.max(0) as f64);
        point.duals.items.iter().copied().chain(limits)
    });
    let largest = prices.chain(duals).fold(1.0, f64::max);
    (LARGEST_BITS - largest.log2().ceil() as i32).clamp(0, BITS.into()) as u8
}

/// The prices of a point as whole numbers, and the proofs at these.
fn prices(
    core: &Core,
    pricers: &[Pricer],
    point: &Point,
    bits: u8,
    nodes: u32,
    budget: &mut Budget,
) -> Prices {
    let unit = f64::from(1u32 << bits);
    // Items are rounded down and charges up, which leaves every pattern below its cost.
    let items: Vec<i64> = point.duals.items.iter().map(|dual| whole((dual * unit).floor())).collect();
    let limits = point.duals.limits.iter().zip(&core.limits);
    let limits: Vec<i64> =
        limits.map(|(dual, &left)| whole((-dual * left.max(0) as f64 * unit).ceil())).collect();
    let profits: Vec<f64> = items.iter().map(|&price| price as f64 / unit).collect();
    let demand: Vec<u32> = core.items.iter().map(|item| item.demand).collect();
    let proven: Vec<Proven> = pricers
        .par_iter()
        .enumerate()
        .map(|(kind, pricer)| {
            let cost = point.duals.cost(core, kind) - point.counts.get(kind).unwrap_or(&0.0);
            pricer.prove(&Ask {
                profits: &profits,
                limits: &demand,
                enough: cost.max(0.0) * (1.0 + TOLERANCE),
                nodes,
                keep: 0,
                exact: true,
            })
        })
        .collect();
    budget.prices(proven.iter().map(|proven| u64::from(proven.nodes)).sum());
    let proofs = proven.into_iter().map(|proven| proof(core, proven.proof, unit)).collect();
    Prices { items, limits, proofs }
}

/// A float price as a whole number that a certificate may hold.
fn whole(price: f64) -> i64 {
    // A cast saturates; not-a-number becomes 0.
    (price as i64).clamp(0, LARGEST_PRICE)
}

fn proof(core: &Core, proof: pattern::Proof, unit: f64) -> Proof {
    match proof {
        pattern::Proof::Grid(axes) => Proof::Grid(axes),
        pattern::Proof::Tree(steps) => Proof::Tree(
            steps
                .into_iter()
                .map(|step| match step {
                    Step::Split { on, at } => Step::Split { on, at },
                    Step::Leaf(shadow) => Step::Leaf(rents(core, &shadow, unit)),
                })
                .collect(),
        ),
    }
}

fn rents(core: &Core, shadow: &Shadow, unit: f64) -> Rents {
    let mut room = vec![0; core.dims];
    for &(dim, price) in &shadow.room {
        room[dim as usize] = whole((price * unit).round());
    }
    let caps = shadow.caps.iter().map(|&(cap, price)| (cap, whole((price * unit).round())));
    let mut caps: Vec<(u32, i64)> = caps.filter(|(_, rent)| *rent > 0).collect();
    caps.sort_unstable();
    Rents { room, caps }
}
