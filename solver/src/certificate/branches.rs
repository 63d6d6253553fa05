//! From what nodes can be worth to a bound: the leaves of the tree of splits on numbers of nodes.

use crate::{
    Problem,
    certificate::{
        Certificate, Fault, Members, Prices, ascending, at,
        counted::{Counted, holds, least_cost, nested},
        demand::Demand,
        supply::Hull,
        walk,
    },
    problem::Money,
};

/// The factor that prices are divided by: this many bits after the point.
const FACTOR_BITS: u32 = 30;
/// The factor of 1.
const ONE: i128 = 1 << FACTOR_BITS;

/// The least bound of all leaves, in whole micro-dollars.
pub(super) fn bound(
    problem: &Problem,
    demand: &Demand<'_>,
    hulls: &[Hull],
    certificate: &Certificate,
    worths: &[Vec<i128>],
) -> Result<Money, Fault> {
    for kinds in &certificate.counted {
        ascending("counted kind", kinds.iter().copied(), certificate.kinds.len())?;
        for &index in kinds {
            if !matches!(at(&certificate.kinds, "kind", index)?, Members::Offerings(_)) {
                return Err(Fault::Unknown { object: "kind of offerings", index });
            }
        }
    }
    let mut least: Option<i128> = None;
    walk(&certificate.tree, |path, &index| {
        let prices = at(&certificate.prices, "prices", index)?;
        let leaf = Leaf {
            problem,
            demand,
            hulls,
            bits: certificate.bits,
            prices,
            worths: at(worths, "prices", index)?,
        };
        let mut counted = Vec::with_capacity(path.0.len());
        for &(index, range) in &path.0 {
            counted.push((at(&certificate.counted, "counted kinds", index)?.as_slice(), range));
        }
        // A leaf that no numbers of nodes belong to holds no solution.
        if let Some(bound) = leaf.bound(&nested(counted))? {
            least = Some(least.map_or(bound, |least: i128| least.min(bound)));
        }
        Ok(())
    })?;
    // Cost is a whole number of micro-dollars, so a fraction is rounded up.
    let unit = 1i128 << certificate.bits;
    let bound = least.unwrap_or(0).max(0);
    let whole = bound.div_euclid(unit) + i128::from(bound.rem_euclid(unit) > 0);
    Money::try_from(whole).map_err(|_| Fault::Overflow)
}

struct Leaf<'a> {
    problem: &'a Problem,
    demand: &'a Demand<'a>,
    hulls: &'a [Hull],
    bits: u8,
    prices: &'a Prices,
    worths: &'a [i128],
}

/// A kind at a leaf's prices.
#[derive(Clone, Copy)]
struct Kind {
    /// How many nodes there can be; `None`: any number.
    most: Option<u64>,
    /// Of one node, charges of limits included.
    cost: i128,
    /// No pattern is worth more.
    worth: i128,
}

impl Kind {
    /// By what prices are to be divided so that no pattern is worth more than its node costs;
    /// `None` when nothing but a price of 0 would do.
    fn factor(&self) -> Result<Option<i128>, Fault> {
        if self.cost <= 0 {
            return Ok(None);
        }
        let worth = self.worth.checked_mul(ONE).ok_or(Fault::Overflow)?;
        Ok(Some(quotient_up(worth, self.cost)))
    }
}

impl Leaf<'_> {
    /// What solutions with numbers of nodes that are counted so cost at least; `None` when there are no
    /// such numbers.
    fn bound(&self, counted: &[Counted<'_>]) -> Result<Option<i128>, Fault> {
        let ends: Vec<&Counted<'_>> =
            counted.iter().filter(|(_, range)| range.most.is_some()).collect();
        let mut kinds = Vec::with_capacity(self.hulls.len());
        let mut least = ONE;
        let mut more = Vec::new();
        let mut unpriced = false;
        for ((at, hull), &worth) in (0u32..).zip(self.hulls).zip(self.worths) {
            let kind = Kind { most: self.most(hull), cost: self.cost(hull)?, worth };
            kinds.push(kind);
            if worth <= kind.cost || kind.most.is_some() {
                continue;
            }
            let has_end = ends.iter().any(|(kinds, _)| holds(kinds, at));
            match kind.factor()? {
                Some(factor) if !has_end => least = least.max(factor),
                Some(factor) => more.push(factor),
                // No factor makes this kind's patterns worth no more than nothing.
                None => unpriced |= !has_end,
            }
        }
        // Any factor from the least one up will do. As a function of its inverse the bound is
        // concave and piecewise linear, so the best is at the least factor, where pods are worth
        // nothing, or at a bend; those where a kind is worth what it costs are tried.
        let Some(mut best) = self.unpriced(&kinds, counted)? else { return Ok(None) };
        if unpriced {
            return Ok(Some(best));
        }
        more.retain(|&factor| factor > least);
        for factor in std::iter::once(least).chain(more) {
            best = self.total(&kinds, counted, factor)?.map_or(best, |total| best.max(total));
        }
        Ok(Some(best))
    }

    /// The bound when the prices of pods are divided by a factor. What pods are worth is rounded
    /// down, and what patterns are worth is rounded up.
    fn total(
        &self,
        kinds: &[Kind],
        counted: &[Counted<'_>],
        factor: i128,
    ) -> Result<Option<i128>, Fault> {
        let mut worth = 0i128;
        for (item, &price) in self.demand.items.iter().zip(&self.prices.items) {
            // A product of two 64-bit numbers fits 128 bits.
            let all = i128::from(item.pods) * i128::from(price);
            worth = worth.checked_add(all).ok_or(Fault::Overflow)?;
        }
        for (roof, &charge) in self.demand.roofs.iter().zip(&self.prices.ceilings) {
            let all = i128::from(roof.most) * i128::from(charge);
            worth = worth.checked_sub(all).ok_or(Fault::Overflow)?;
        }
        let mut sum = worth.checked_mul(ONE).ok_or(Fault::Overflow)?.div_euclid(factor);
        let slack = |kind: &Kind| {
            let worth = quotient_up(kind.worth.checked_mul(ONE).ok_or(Fault::Overflow)?, factor);
            kind.cost.checked_sub(worth).ok_or(Fault::Overflow)
        };
        for (at, kind) in (0u32..).zip(kinds) {
            // Without an end to the number, the factor has made the slack at least 0.
            let most = kind.most.filter(|_| !counted.iter().any(|(kinds, _)| holds(kinds, at)));
            let gain = slack(kind)?.min(0).checked_mul(most.unwrap_or(0).into());
            sum = sum.checked_add(gain.ok_or(Fault::Overflow)?).ok_or(Fault::Overflow)?;
        }
        let numbers = least_cost(counted, |at| {
            let kind = &kinds[at as usize];
            Ok((slack(kind)?, kind.most))
        })?;
        let Some(numbers) = numbers else { return Ok(None) };
        let sum = sum.checked_add(numbers).ok_or(Fault::Overflow)?;
        sum.checked_sub(self.charges()).ok_or(Fault::Overflow).map(Some)
    }

    /// The bound when pods are worth nothing: what the least numbers of nodes cost.
    fn unpriced(&self, kinds: &[Kind], counted: &[Counted<'_>]) -> Result<Option<i128>, Fault> {
        let numbers = least_cost(counted, |at| {
            let kind = &kinds[at as usize];
            Ok((kind.cost, kind.most))
        })?;
        numbers.map(|sum| sum.checked_sub(self.charges()).ok_or(Fault::Overflow)).transpose()
    }

    /// The charges of all limits of which something remains.
    fn charges(&self) -> i128 {
        let charges = self.problem.limits.iter().zip(&self.prices.limits);
        let charges = charges.filter(|(limit, _)| limit.remaining > 0);
        // Each charge is at most 2^56, so no list that fits into memory overflows 128 bits.
        charges.map(|(_, charge)| i128::from(*charge)).sum()
    }

    /// How many nodes of a kind there can be, if there is an end to that. Of which one alone takes more
    /// of a limit than remains, there is none.
    fn most(&self, hull: &Hull) -> Option<u64> {
        let mut limits = hull.limits.iter().zip(&self.problem.limits);
        let is_dear = limits.any(|(&amount, limit)| amount > limit.remaining.max(0));
        hull.number.or_else(|| is_dear.then_some(0))
    }

    /// What a node costs, its part of the limits' charges included, rounded down.
    fn cost(&self, hull: &Hull) -> Result<i128, Fault> {
        let mut cost = i128::from(hull.price) << self.bits;
        let charges = self.problem.limits.iter().zip(&self.prices.limits);
        for ((limit, &charge), &amount) in charges.zip(&hull.limits) {
            if limit.remaining > 0 {
                // A product of two 64-bit numbers fits 128 bits.
                let part = i128::from(charge) * i128::from(amount) / i128::from(limit.remaining);
                cost = cost.checked_add(part).ok_or(Fault::Overflow)?;
            }
        }
        Ok(cost)
    }
}

/// a / b for positive b, rounded up.
fn quotient_up(a: i128, b: i128) -> i128 {
    a.div_euclid(b) + i128::from(a.rem_euclid(b) > 0)
}
