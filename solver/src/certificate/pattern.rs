//! What a node can be worth: trees of splits with rents at their leaves.

use std::borrow::Cow;

use crate::{
    Problem,
    certificate::{
        Fault, Path, Prices, Proof, Rents, ascending,
        demand::Demand,
        enumerate, grid, prices,
        supply::{Hull, SHARE_BITS},
        walk,
    },
};

/// One kind at one list of prices.
pub(super) struct Terms<'a> {
    pub demand: &'a Demand<'a>,
    pub hull: &'a Hull,
    /// What one pod brings in, per item of the demand.
    pub prices: &'a [i64],
}

impl Terms<'_> {
    /// What one pod of an item of the hull pays at these rents, rounded down.
    pub(super) fn paid(&self, at: usize, rents: &[i64]) -> i128 {
        let shares = &self.hull.shares[at * self.hull.dims..(at + 1) * self.hull.dims];
        let paid = rents.iter().zip(shares);
        let paid = paid.map(|(rent, share)| u128::from(rent.unsigned_abs()) * u128::from(*share));
        // A rent is at most 2^56 and a share at most 2^40: the sum stays far below 2^128.
        (paid.sum::<u128>() >> SHARE_BITS) as i128
    }
}

/// For every kind, what no pattern of it is worth more than.
pub(super) fn worths(
    problem: &Problem,
    demand: &Demand<'_>,
    hulls: &[Hull],
    of: &Prices,
) -> Result<Vec<i128>, Fault> {
    prices("item prices", &of.items, demand.items.len())?;
    prices("limit charges", &of.limits, problem.limits.len())?;
    prices("ceiling charges", &of.ceilings, demand.roofs.len())?;
    if of.proofs.len() != hulls.len() {
        let (found, expected) = (of.proofs.len(), hulls.len());
        return Err(Fault::Length { object: "proofs", found, expected });
    }
    let worth = |(hull, proof): (&Hull, &Proof)| {
        let charged = charged(demand, hull, of);
        let terms = Terms { demand, hull, prices: &charged };
        match proof {
            Proof::Tree(steps) => {
                let mut leaves = Leaves::new(&terms);
                walk(steps, |path, rents| leaves.visit(path, rents))?;
                Ok(leaves.worth)
            }
            Proof::Grid(axes) => grid::worth(&terms, axes),
            Proof::Walk(walk) => enumerate::worth(&terms, walk),
        }
    };
    hulls.iter().zip(&of.proofs).map(worth).collect()
}

/// What pods of each item bring in on a node of a kind: less under ceilings, and never less than
/// nothing, for nobody needs to put them there.
fn charged<'a>(demand: &Demand<'_>, hull: &Hull, of: &'a Prices) -> Cow<'a, [i64]> {
    let mut prices = Cow::Borrowed(of.items.as_slice());
    for &roof in hull.under.iter().filter(|&&roof| of.ceilings[roof as usize] > 0) {
        for &item in &demand.roofs[roof as usize].items {
            let price = &mut prices.to_mut()[item as usize];
            *price = (*price - of.ceilings[roof as usize]).max(0);
        }
    }
    prices
}

/// The leaves of one tree, one after the other.
struct Leaves<'a> {
    terms: &'a Terms<'a>,
    /// The most that a pattern in a leaf so far can be worth; the empty pattern is worth 0.
    worth: i128,
    /// Least and most pods of the hull's items, at the leaf being visited.
    least: Vec<u64>,
    most: Vec<u64>,
    /// What the least pods leave of the room.
    left: Vec<i64>,
    /// Dimensions with a rent, and the rent.
    rents: Vec<(usize, u128)>,
}

impl<'a> Leaves<'a> {
    fn new(terms: &'a Terms<'a>) -> Self {
        Self {
            terms,
            worth: 0,
            least: vec![0; terms.hull.items.len()],
            most: terms.hull.most.clone(),
            left: Vec::with_capacity(terms.hull.dims),
            rents: Vec::with_capacity(terms.hull.dims),
        }
    }

    fn visit(&mut self, path: &Path, rents: &Rents) -> Result<(), Fault> {
        let room = prices("rents", &rents.room, self.terms.hull.dims)?;
        ascending("cap", rents.caps.iter().map(|(cap, _)| *cap), self.terms.demand.caps.len())?;
        for &(_, rent) in &rents.caps {
            prices("cap rents", &[rent], 1)?;
        }
        self.rents.clear();
        let paying = room.iter().enumerate().filter(|(_, rent)| **rent > 0);
        // A rent is not negative.
        self.rents.extend(paying.map(|(dim, &rent)| (dim, u128::from(rent.unsigned_abs()))));
        let possible = self.enter(path)?;
        if possible && let Some(worth) = self.value(rents)? {
            self.worth = self.worth.max(worth);
        }
        self.leave(path);
        Ok(())
    }

    /// Sets the ranges of a path; false when no pattern is within them.
    fn enter(&mut self, path: &Path) -> Result<bool, Fault> {
        let hull = self.terms.hull;
        self.left.clear();
        self.left.extend_from_slice(&hull.room);
        let mut possible = true;
        for &(item, range) in &path.0 {
            if item as usize >= self.terms.demand.items.len() {
                return Err(Fault::Unknown { object: "item", index: item });
            }
            let Some(at) = hull.position(item) else {
                // No pod of it stands on such a node, or none is placed at all.
                possible &= range.least == 0;
                continue;
            };
            self.least[at] = range.least;
            self.most[at] = range.most.map_or(hull.most[at], |most| most.min(hull.most[at]));
            possible &= range.least <= self.most[at];
            if !possible {
                continue;
            }
            // Least is no more than fits of this item alone, so the product fits too.
            let least = i64::try_from(range.least).map_err(|_| Fault::Overflow)?;
            let request = self.terms.demand.items[item as usize].request;
            for (left, &ask) in self.left.iter_mut().zip(request) {
                let taken = ask.checked_mul(least).ok_or(Fault::Overflow)?;
                *left = left.checked_sub(taken).ok_or(Fault::Overflow)?;
                possible &= *left >= 0;
            }
        }
        Ok(possible)
    }

    fn leave(&mut self, path: &Path) {
        for (item, _) in &path.0 {
            if let Some(at) = self.terms.hull.position(*item) {
                self.least[at] = 0;
                self.most[at] = self.terms.hull.most[at];
            }
        }
    }

    /// The Lagrangian bound at these rents; `None` when caps or conflicts leave no pattern.
    ///
    /// A pattern's pods pay no more than the rents, so the rents less what they pay can be added:
    /// Σ rents + Σ pods × (price − what one pays), every term at its best within its range.
    fn value(&self, rents: &Rents) -> Result<Option<i128>, Fault> {
        let hull = self.terms.hull;
        // A rent is at most 2^56 and what a cap allows 2^32, so no list that fits into memory
        // overflows 128 bits.
        let allowed = |cap: u32| i128::from(self.terms.demand.caps[cap as usize]);
        let caps = rents.caps.iter().map(|&(cap, rent)| i128::from(rent) * allowed(cap));
        let room = rents.room.iter().map(|rent| i128::from(*rent));
        let mut sum: i128 = room.sum::<i128>() + caps.sum::<i128>();
        for (at, &item) in hull.items.iter().enumerate() {
            let least = self.least[at];
            if least > 0 && self.is_barred(item, least) {
                return Ok(None);
            }
            let gain = self.gain(at, item, rents)?;
            let pods = if gain > 0 { self.most_left(at, item) } else { least };
            let pods = i64::try_from(pods).map_err(|_| Fault::Overflow)?;
            // A product of two 64-bit numbers fits 128 bits.
            let term = i128::from(gain) * i128::from(pods);
            sum = sum.checked_add(term).ok_or(Fault::Overflow)?;
        }
        Ok(Some(sum))
    }

    /// An item's price less what one pod pays, the latter rounded down.
    fn gain(&self, at: usize, item: u32, rents: &Rents) -> Result<i64, Fault> {
        let dims = self.terms.hull.dims;
        let shares = &self.terms.hull.shares[at * dims..(at + 1) * dims];
        // A rent is at most 2^56 and a share at most 2^40: the sum stays far below 2^128.
        let paid = self.rents.iter().map(|&(dim, rent)| rent * u128::from(shares[dim]));
        let mut paid = (paid.sum::<u128>() >> SHARE_BITS) as i128;
        if !rents.caps.is_empty() {
            for cap in &self.terms.demand.items[item as usize].caps {
                if let Ok(found) = rents.caps.binary_search_by_key(cap, |(cap, _)| *cap) {
                    paid += i128::from(rents.caps[found].1);
                }
            }
        }
        let price = i128::from(self.terms.prices[item as usize]);
        i64::try_from(price - paid).map_err(|_| Fault::Overflow)
    }

    /// The most pods of an item beside the least pods of all others.
    fn most_left(&self, at: usize, item: u32) -> u64 {
        let (least, most) = (self.least[at], self.most[at]);
        let of = &self.terms.demand.items[item as usize];
        let mut more = most.saturating_sub(least);
        for (&ask, &left) in of.request.iter().zip(&self.left) {
            if ask > 0 && more > 0 {
                more = more.min((left / ask).unsigned_abs());
            }
        }
        for &cap in &of.caps {
            more = more.min(self.allowed(cap).saturating_sub(self.under(cap)));
        }
        if least == 0 && self.rival_stands(item) { least } else { least + more }
    }

    /// Whether the least pods of an item break a cap or stand beside a rival.
    fn is_barred(&self, item: u32, least: u64) -> bool {
        let of = &self.terms.demand.items[item as usize];
        let over = |&cap: &u32| self.under(cap).max(least) > self.allowed(cap);
        of.caps.iter().any(over) || self.rival_stands(item)
    }

    fn allowed(&self, cap: u32) -> u64 {
        self.terms.demand.caps[cap as usize].into()
    }

    /// The least pods under a cap.
    fn under(&self, cap: u32) -> u64 {
        let standing = self.terms.hull.items.iter().zip(&self.least).filter(|(_, n)| **n > 0);
        let under = standing
            .filter(|(item, _)| self.terms.demand.items[**item as usize].caps.contains(&cap));
        under.fold(0, |sum, (_, &n)| sum.saturating_add(n))
    }

    fn rival_stands(&self, item: u32) -> bool {
        let rivals = &self.terms.demand.items[item as usize].rivals;
        rivals
            .iter()
            .any(|&rival| self.terms.hull.position(rival).is_some_and(|at| self.least[at] > 0))
    }
}
