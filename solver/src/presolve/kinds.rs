//! Kinds: what is alike among existing nodes and offerings, and what of it need not be looked at.

use rustc_hash::FxHashMap;

use crate::{
    BitSet, Problem,
    presolve::{
        Item, Kind, Source, View, Wants, ceilings::Regions, choices::Choices, penalties,
        places::Parts,
    },
    problem::fits,
};

pub(super) fn nodes(
    problem: &Problem,
    items: &[Item],
    parts: &Parts,
    wants: &Wants,
    regions: &Regions,
) -> Vec<Kind> {
    let mut index = FxHashMap::default();
    let mut kinds: Vec<Kind> = Vec::new();
    for (at, node) in problem.nodes.iter().enumerate() {
        let accepted = items.iter().enumerate().filter(|(_, item)| {
            problem.classes[item.class as usize].nodes.contains(at)
                && parts.is_in(item.place, &node.domains)
                && fits(&item.request, &node.free)
        });
        let accepted = BitSet::from_indices(items.len(), accepted.map(|(item, _)| item));
        if accepted.is_empty() {
            continue;
        }
        let penalties =
            penalties(items, wants, |class| problem.classes[class as usize].nodes.contains(at));
        let region = regions.of_node(at);
        let key = (&node.free, accepted.clone(), penalties.clone(), region);
        let kind = *index.entry(key).or_insert_with(|| {
            kinds.push(Kind {
                capacity: node.free.clone(),
                price: 0,
                most: 0,
                items: accepted,
                limits: Vec::new(),
                penalties,
                region,
                source: Source::Nodes(Vec::new()),
            });
            kinds.len() - 1
        });
        kinds[kind].most += 1;
        if let Source::Nodes(nodes) = &mut kinds[kind].source {
            nodes.push(at as u32);
        }
    }
    kinds
}

pub(super) fn offerings(
    problem: &Problem,
    items: &[Item],
    parts: &Parts,
    wants: &Wants,
    view: View,
    regions: &Regions,
) -> Vec<Kind> {
    let classes = classes(items);
    let usable = Usable::new(problem.dims, items);
    let tiers = match view {
        View::Bound => Vec::new(),
        View::Plan => lowest_tiers(problem, items, parts),
    };
    let room = |at: u32| usable.of(&problem.offerings[at as usize].capacity);
    let choices = (view == View::Plan).then(|| {
        let accepts = |at: u32| {
            let has = |&(class, _): &(u32, _)| {
                problem.classes[class as usize].offerings.contains(at as usize)
            };
            classes.iter().map(|(class, _)| has(class)).collect()
        };
        Choices::new(problem, room, accepts)
    });
    let mut order: Vec<u32> = (0..problem.offerings.len() as u32).collect();
    order.sort_by_key(|&o| (problem.offerings[o as usize].price, o));
    let mut index = FxHashMap::default();
    let mut kinds: Vec<Kind> = Vec::new();
    for at in order {
        let offering = &problem.offerings[at as usize];
        let has = |class: u32| problem.classes[class as usize].offerings.contains(at as usize);
        let is_open =
            |&((class, place), _): &(_, _)| has(class) && parts.is_in(place, &offering.domains);
        let open: Vec<bool> = classes.iter().map(is_open).collect();
        let capacity = match &choices {
            Some(choices) => choices.within(at, room(at)),
            None => room(at),
        };
        let penalties = penalties(items, wants, has);
        let tier = if tiers.is_empty() { 0 } else { offering.tier };
        let region = regions.of_offering(at);
        let key = (capacity, offering.price, &offering.limits, open, penalties, tier, region);
        if let Some(&kind) = index.get(&key) {
            add_offering(&mut kinds, kind, at);
            continue;
        }
        let (capacity, _, _, open, penalties, tier, region) = &key;
        let candidates = classes.iter().zip(open).filter(|(_, open)| **open);
        let fitting = candidates.flat_map(|((_, members), _)| members).filter(|&&item| {
            fits(&items[item as usize].request, capacity)
                && tiers.get(item as usize).is_none_or(|lowest| tier <= lowest)
        });
        let accepted = BitSet::from_indices(items.len(), fitting.map(|&item| item as usize));
        if accepted.is_empty() {
            continue;
        }
        let kind = Kind {
            capacity: capacity.clone(),
            price: offering.price,
            most: u32::MAX,
            items: accepted,
            limits: offering.limits.clone(),
            penalties: penalties.clone(),
            region: *region,
            source: Source::Offerings(vec![at]),
        };
        index.insert(key, kinds.len());
        kinds.push(kind);
    }
    undominated(kinds)
}

fn add_offering(kinds: &mut [Kind], kind: usize, offering: u32) {
    if let Source::Offerings(offerings) = &mut kinds[kind].source {
        offerings.push(offering);
    }
}

/// A class and a place.
type Home = (u32, Option<u32>);

/// Items by class and place, ascending.
fn classes(items: &[Item]) -> Vec<(Home, Vec<u32>)> {
    let mut by_class: FxHashMap<Home, Vec<u32>> = FxHashMap::default();
    for (at, item) in items.iter().enumerate() {
        by_class.entry((item.class, item.place)).or_default().push(at as u32);
    }
    let mut classes: Vec<(Home, Vec<u32>)> = by_class.into_iter().collect();
    classes.sort_unstable();
    classes
}

/// Per item, the lowest tier with an offering that accepts and holds it; empty when there is one
/// tier only.
fn lowest_tiers(problem: &Problem, items: &[Item], parts: &Parts) -> Vec<u16> {
    let tier = problem.offerings.first().map(|offering| offering.tier);
    if problem.offerings.iter().all(|offering| Some(offering.tier) == tier) {
        return Vec::new();
    }
    let lowest = |item: &Item| {
        let accepted = problem.classes[item.class as usize].offerings.iter();
        let holding = accepted
            .map(|o| &problem.offerings[o])
            .filter(|offering| fits(&item.request, &offering.capacity))
            .filter(|offering| parts.is_in(item.place, &offering.domains));
        holding.map(|offering| offering.tier).min().unwrap_or(u16::MAX)
    };
    items.iter().map(lowest).collect()
}

/// How much of a node's room pods can take: no more than all of them ask, and a multiple of what
/// divides every request. The odd rest of the room would only soften the relaxation.
pub(crate) struct Usable {
    /// Per dimension, what all pods ask together.
    load: Vec<i128>,
    /// Per dimension, the greatest common divisor of the requests; 0 when nobody asks.
    unit: Vec<i64>,
}

impl Usable {
    pub(crate) fn new(dims: usize, items: &[Item]) -> Self {
        let mut usable = Self { load: vec![0; dims], unit: vec![0; dims] };
        for item in items.iter().filter(|item| item.demand > 0) {
            for (dim, &ask) in item.request.iter().enumerate() {
                usable.load[dim] += i128::from(ask) * i128::from(item.demand);
                usable.unit[dim] = gcd(usable.unit[dim], ask);
            }
        }
        usable
    }

    /// The usable part of a capacity.
    pub(crate) fn of(&self, capacity: &[i64]) -> Vec<i64> {
        let part = |((&have, &load), &unit): ((&i64, &i128), &i64)| {
            let most = i64::try_from(load).map_or(have, |load| load.min(have)).max(0);
            most - most.checked_rem(unit).unwrap_or(0)
        };
        capacity.iter().zip(&self.load).zip(&self.unit).map(part).collect()
    }
}

/// The greatest common divisor; 0 divides nothing.
pub(crate) fn gcd(mut a: i64, mut b: i64) -> i64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// Drops kinds that a cheaper (or equal) one replaces for every pattern.
fn undominated(kinds: Vec<Kind>) -> Vec<Kind> {
    let mut kept: Vec<Kind> = Vec::new();
    for kind in kinds {
        if !kept.iter().any(|other| other.region == kind.region && kind.fits_into(other)) {
            kept.push(kind);
        }
    }
    kept
}

impl Kind {
    /// Whether whatever a node of this kind holds, one of the other does too, whatever they cost and
    /// wherever they stand, without taking more of any limit.
    pub(super) fn fits_into(&self, other: &Self) -> bool {
        self.capacity.iter().zip(&other.capacity).all(|(need, have)| need <= have)
            && other
                .limits
                .iter()
                .all(|(limit, amount)| self.limits.iter().any(|(l, a)| l == limit && a >= amount))
            && self.items.is_subset(&other.items)
            && other.penalties.iter().zip(&self.penalties).all(|(other, own)| other <= own)
    }
}
