//! From what nodes can be worth to a bound: the leaves of the tree of splits on numbers of nodes.

use crate::{
    Problem,
    certificate::{
        Certificate, Fault, Members, Path, Prices, Range, at, demand::Demand, supply::Hull, walk,
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
        for (kind, _) in &path.0 {
            if !matches!(at(&certificate.kinds, "kind", *kind)?, Members::Offerings(_)) {
                return Err(Fault::Unknown { object: "kind of offerings", index: *kind });
            }
        }
        // A leaf that no number of nodes belongs to holds no solution.
        if path.0.iter().all(|(_, range)| !range.is_empty()) {
            let bound = leaf.bound(path)?;
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

/// A kind at a leaf.
#[derive(Clone, Copy)]
struct Kind {
    /// How many nodes there can be.
    range: Range,
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
    /// What solutions with numbers of nodes within the path's ranges cost at least.
    fn bound(&self, path: &Path) -> Result<i128, Fault> {
        let mut kinds = Vec::with_capacity(self.hulls.len());
        let mut least = ONE;
        let mut more = Vec::new();
        let mut unpriced = false;
        for ((at, hull), &worth) in (0u32..).zip(self.hulls).zip(self.worths) {
            let kind =
                Kind { range: self.range(hull, path.range(at)), cost: self.cost(hull)?, worth };
            kinds.push(kind);
            if worth <= kind.cost || hull.number.is_some() || kind.range.most == Some(0) {
                continue;
            }
            match kind.factor()? {
                Some(factor) if kind.range.most.is_none() => least = least.max(factor),
                Some(factor) => more.push(factor),
                // No factor makes this kind's patterns worth no more than nothing.
                None => unpriced |= kind.range.most.is_none(),
            }
        }
        // Any factor from the least one up will do. As a function of its inverse the bound is
        // concave and piecewise linear, with a bend where a kind is worth what it costs, so the best
        // is at the least factor, at a bend, or where pods are worth nothing.
        let mut best = self.unpriced(&kinds)?;
        if unpriced {
            return Ok(best);
        }
        more.retain(|&factor| factor > least);
        best = best.max(self.total(&kinds, least)?);
        for factor in more {
            best = best.max(self.total(&kinds, factor)?);
        }
        Ok(best)
    }

    /// The bound when the prices of pods are divided by a factor. What pods are worth is rounded
    /// down, and what patterns are worth is rounded up.
    fn total(&self, kinds: &[Kind], factor: i128) -> Result<i128, Fault> {
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
        for kind in kinds {
            let worth = quotient_up(kind.worth.checked_mul(ONE).ok_or(Fault::Overflow)?, factor);
            let slack = kind.cost.checked_sub(worth).ok_or(Fault::Overflow)?;
            sum = sum.checked_add(least(kind.range, slack)?).ok_or(Fault::Overflow)?;
        }
        sum.checked_sub(self.charges()).ok_or(Fault::Overflow)
    }

    /// The bound when pods are worth nothing: what the least numbers of nodes cost.
    fn unpriced(&self, kinds: &[Kind]) -> Result<i128, Fault> {
        let mut sum = -self.charges();
        for kind in kinds {
            sum = sum.checked_add(least(kind.range, kind.cost)?).ok_or(Fault::Overflow)?;
        }
        Ok(sum)
    }

    /// The charges of all limits of which something remains.
    fn charges(&self) -> i128 {
        let charges = self.problem.limits.iter().zip(&self.prices.limits);
        let charges = charges.filter(|(limit, _)| limit.remaining > 0);
        // Each charge is at most 2^56, so no list that fits into memory overflows 128 bits.
        charges.map(|(_, charge)| i128::from(*charge)).sum()
    }

    /// How many nodes of a kind there can be. Of which one alone takes more of a limit than
    /// remains, there is none.
    fn range(&self, hull: &Hull, range: Range) -> Range {
        if hull.number.is_some() {
            return Range { least: 0, most: hull.number };
        }
        let mut limits = hull.limits.iter().zip(&self.problem.limits);
        if limits.any(|(&amount, limit)| amount > limit.remaining.max(0)) {
            return Range { least: range.least, most: Some(range.least) };
        }
        range
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

/// The least of n × slack over all n of the range.
fn least(range: Range, slack: i128) -> Result<i128, Fault> {
    let number = match range.most {
        Some(most) if slack < 0 => most,
        // Without an upper end, the factor has made the slack at least 0.
        _ => range.least,
    };
    slack.checked_mul(i128::from(number)).ok_or(Fault::Overflow)
}

/// a / b for positive b, rounded up.
fn quotient_up(a: i128, b: i128) -> i128 {
    a.div_euclid(b) + i128::from(a.rem_euclid(b) > 0)
}
