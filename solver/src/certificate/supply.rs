//! What pods can stand on: for every kind, the least that is no less than any of its members.

use crate::{
    BitSet, Problem,
    certificate::{
        Certificate, Cut, Fault, Members,
        demand::{Demand, Item},
    },
    problem::{Money, Offering},
};

/// A request in parts of the whole room: this many bits after the point.
pub(super) const SHARE_BITS: u32 = 40;
/// Parts of a cut at most.
const MOST_PARTS: i64 = 1 << 20;

/// A node that is at least as good as every member of a kind.
pub(super) struct Hull {
    /// The least price; 0 for existing nodes.
    pub price: Money,
    /// The most room, per dimension, not negative.
    pub room: Vec<i64>,
    /// The least that a node takes, per limit.
    pub limits: Vec<i64>,
    /// Existing nodes: how many.
    pub number: Option<u64>,
    /// The ceilings that every member is under, ascending.
    pub under: Vec<u32>,
    /// Items that some member holds, ascending.
    pub items: Vec<u32>,
    /// Pods of each of those items that fit, by room, demand and caps.
    pub most: Vec<u64>,
    /// Requests of those items in parts of the room, rounded down, then in parts of the kind's cuts;
    /// one row of [`Self::dims`] per item.
    pub shares: Vec<u64>,
    /// The problem's dimensions and the kind's cuts.
    pub dims: usize,
}

/// One offering or node, as far as it matters for what it can hold.
struct Place<'a> {
    room: Vec<i64>,
    accepts: &'a dyn Fn(u32) -> bool,
}

impl Place<'_> {
    fn holds(&self, item: &Item<'_>) -> bool {
        item.pods > 0
            && (self.accepts)(item.class)
            && item.request.iter().zip(&self.room).all(|(ask, have)| ask <= have)
    }
}

/// The hull of every kind. Everything that holds an item must be in one kind, and in no other; no
/// offering may be `taken` already, and those of the kinds are then.
pub(super) fn hulls(
    problem: &Problem,
    demand: &Demand<'_>,
    certificate: &Certificate,
    taken: &mut BitSet,
) -> Result<Vec<Hull>, Fault> {
    let mut offerings = BitSet::empty(problem.offerings.len());
    let mut nodes = BitSet::empty(problem.nodes.len());
    let mut hulls = Vec::with_capacity(certificate.kinds.len());
    for kind in &certificate.kinds {
        hulls.push(match kind {
            Members::Offerings(members) => {
                claim("offering", members, &mut offerings)?;
                offered(problem, demand, members)?
            }
            Members::Nodes(members) => {
                claim("node", members, &mut nodes)?;
                existing(problem, demand, members)
            }
        });
    }
    covered(problem, demand, &offerings, &nodes)?;
    if let Some(index) = offerings.iter().find(|&index| taken.contains(index)) {
        return Err(Fault::Repeated { object: "offering", index: index as u32 });
    }
    taken.union_with(&offerings);
    if certificate.cuts.len() != hulls.len() {
        let (found, expected) = (certificate.cuts.len(), hulls.len());
        return Err(Fault::Length { object: "cuts", found, expected });
    }
    for (hull, cuts) in hulls.iter_mut().zip(&certificate.cuts) {
        cuts.iter().try_for_each(|cut| sound(problem, cut))?;
        hull.measure(demand, cuts);
    }
    Ok(hulls)
}

/// Refuses a cut of no dimension, or into no number of parts.
fn sound(problem: &Problem, cut: &Cut) -> Result<(), Fault> {
    if cut.dim as usize >= problem.dims {
        return Err(Fault::Unknown { object: "dimension", index: cut.dim });
    }
    if !(1..=MOST_PARTS).contains(&cut.parts) {
        return Err(Fault::Range { object: "parts of a cut", found: cut.parts });
    }
    Ok(())
}

/// Marks members as covered; none may be there twice.
fn claim(object: &'static str, members: &[u32], taken: &mut BitSet) -> Result<(), Fault> {
    if members.is_empty() {
        return Err(Fault::Length { object: "a kind's members", found: 0, expected: 1 });
    }
    for &member in members {
        if member as usize >= taken.universe() {
            return Err(Fault::Unknown { object, index: member });
        }
        if taken.contains(member as usize) {
            return Err(Fault::Repeated { object, index: member });
        }
        taken.insert(member as usize);
    }
    Ok(())
}

/// What is in no kind must hold nothing.
fn covered(
    problem: &Problem,
    demand: &Demand<'_>,
    offerings: &BitSet,
    nodes: &BitSet,
) -> Result<(), Fault> {
    for index in (0..problem.offerings.len()).filter(|&index| !offerings.contains(index)) {
        let accepts = |class: u32| problem.classes[class as usize].offerings.contains(index);
        let room = clipped(&problem.offerings[index].capacity, demand);
        let place = Place { room, accepts: &accepts };
        if demand.items.iter().any(|item| place.holds(item)) {
            return Err(Fault::Uncovered { object: "offering", index: index as u32 });
        }
    }
    for index in (0..problem.nodes.len()).filter(|&index| !nodes.contains(index)) {
        let accepts = |class: u32| problem.classes[class as usize].nodes.contains(index);
        let place = Place { room: problem.nodes[index].free.clone(), accepts: &accepts };
        if demand.items.iter().any(|item| place.holds(item)) {
            return Err(Fault::Uncovered { object: "node", index: index as u32 });
        }
    }
    Ok(())
}

/// Room as far as it can be used: pods that ask for nothing do not mind a shortage, and all pods
/// together ask for no more than their load. Whatever pods stand on a node, they ask for a multiple
/// of what divides every request. Clipping makes large offerings equal.
fn clipped(capacity: &[i64], demand: &Demand<'_>) -> Vec<i64> {
    let clip = |((&have, &load), &unit): ((&i64, &i128), &i64)| {
        let most = i64::try_from(load).map_or(have, |load| have.min(load)).max(0);
        if unit > 0 { most / unit * unit } else { most }
    };
    capacity.iter().zip(&demand.load).zip(&demand.unit).map(clip).collect()
}

fn offered(problem: &Problem, demand: &Demand<'_>, members: &[u32]) -> Result<Hull, Fault> {
    let mut hull = Hull::new(problem, demand);
    let mut held = BitSet::empty(demand.items.len());
    for (position, &member) in members.iter().enumerate() {
        let offering = &problem.offerings[member as usize];
        let amounts = amounts(offering, problem.limits.len())?;
        if position == 0 {
            (hull.price, hull.limits) = (offering.price, amounts);
        } else {
            hull.price = hull.price.min(offering.price);
            for (least, amount) in hull.limits.iter_mut().zip(amounts) {
                *least = amount.min(*least);
            }
        }
        let accepts =
            |class: u32| problem.classes[class as usize].offerings.contains(member as usize);
        let room = clipped(&offering.capacity, demand);
        hull.widen(demand, &Place { room, accepts: &accepts }, &mut held);
    }
    hull.items = held.iter().map(|item| item as u32).collect();
    hull.under = under(demand, members, |member| &problem.offerings[member].domains);
    Ok(hull)
}

fn existing(problem: &Problem, demand: &Demand<'_>, members: &[u32]) -> Hull {
    let mut hull = Hull::new(problem, demand);
    let mut held = BitSet::empty(demand.items.len());
    for &member in members {
        let accepts = |class: u32| problem.classes[class as usize].nodes.contains(member as usize);
        let room = problem.nodes[member as usize].free.clone();
        hull.widen(demand, &Place { room, accepts: &accepts }, &mut held);
    }
    hull.number = Some(members.len() as u64);
    hull.items = held.iter().map(|item| item as u32).collect();
    hull.under = under(demand, members, |member| &problem.nodes[member].domains);
    hull
}

/// The ceilings that all members are under.
fn under<'a>(
    demand: &Demand<'_>,
    members: &[u32],
    domains: impl Fn(usize) -> &'a [u32],
) -> Vec<u32> {
    let places = || members.iter().map(|&member| domains(member as usize));
    let roofs = (0u32..).zip(&demand.roofs).filter(|(_, roof)| roof.covers(places()));
    roofs.map(|(at, _)| at).collect()
}

/// What one node takes from each limit, in all.
fn amounts(offering: &Offering, limits: usize) -> Result<Vec<i64>, Fault> {
    let mut amounts = vec![0i64; limits];
    for &(limit, amount) in &offering.limits {
        let sum = amounts.get_mut(limit as usize);
        let sum = sum.ok_or(Fault::Unknown { object: "limit", index: limit })?;
        *sum = sum.checked_add(amount).ok_or(Fault::Overflow)?;
    }
    Ok(amounts)
}

impl Hull {
    fn new(problem: &Problem, demand: &Demand<'_>) -> Self {
        Self {
            price: 0,
            room: vec![0; problem.dims],
            limits: vec![0; problem.limits.len()],
            number: None,
            under: Vec::new(),
            items: Vec::with_capacity(demand.items.len()),
            most: Vec::new(),
            shares: Vec::new(),
            dims: problem.dims,
        }
    }

    fn widen(&mut self, demand: &Demand<'_>, place: &Place<'_>, held: &mut BitSet) {
        for (most, &room) in self.room.iter_mut().zip(&place.room) {
            *most = room.max(*most);
        }
        for (index, item) in demand.items.iter().enumerate() {
            if !held.contains(index) && place.holds(item) {
                held.insert(index);
            }
        }
    }

    fn measure(&mut self, demand: &Demand<'_>, cuts: &[Cut]) {
        self.dims += cuts.len();
        for &index in &self.items {
            let item = &demand.items[index as usize];
            // Pods are counted from 0 up.
            let mut most = item.pods.unsigned_abs();
            for &cap in &item.caps {
                most = most.min(demand.caps[cap as usize].into());
            }
            for (&ask, &have) in item.request.iter().zip(&self.room) {
                if ask > 0 {
                    most = most.min((have / ask).unsigned_abs());
                }
                self.shares.push(share(ask, have));
            }
            for cut in cuts {
                let (ask, have) = (item.request[cut.dim as usize], self.room[cut.dim as usize]);
                self.shares.push(share(parts(cut, ask, have), cut.parts));
            }
            self.most.push(most);
        }
    }

    /// Where an item is in [`Self::items`].
    pub(super) fn position(&self, item: u32) -> Option<usize> {
        self.items.binary_search(&item).ok()
    }
}

/// A request in parts of the room, rounded down so that no pod pays more than its part. The item
/// fits, so this is 1 at most.
fn share(ask: i64, have: i64) -> u64 {
    if ask <= 0 || have < ask {
        return 0;
    }
    let share = (ask.unsigned_abs() as u128) << SHARE_BITS;
    (share / have.unsigned_abs() as u128) as u64
}

/// How many parts of a cut a pod counts: the largest whole number that is below its share of the
/// room times `parts` + 1.
fn parts(cut: &Cut, ask: i64, have: i64) -> i64 {
    if ask <= 0 || have < ask {
        return 0;
    }
    // Below 2^63 times 2^21. The pod fits, so the quotient is at most `parts`.
    let filled = i128::from(ask) * i128::from(cut.parts + 1);
    ((filled - 1) / i128::from(have)) as i64
}
