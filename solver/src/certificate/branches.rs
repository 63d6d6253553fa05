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

impl Leaf<'_> {
    /// What solutions with numbers of nodes within the path's ranges cost at least.
    fn bound(&self, path: &Path) -> Result<i128, Fault> {
        let mut costs = Vec::with_capacity(self.hulls.len());
        let mut factor = ONE;
        for (kind, hull) in self.hulls.iter().enumerate() {
            let range = self.range(hull, path.range(kind as u32));
            let cost = self.cost(hull)?;
            if range.most.is_none() && self.worths[kind] > cost {
                if cost <= 0 {
                    // No factor makes this kind's patterns worth no more than nothing.
                    return Ok(0);
                }
                let scaled = self.worths[kind].checked_mul(ONE).ok_or(Fault::Overflow)?;
                factor = factor.max(quotient_up(scaled, cost));
            }
            costs.push((range, cost));
        }
        let pods = self.demand.items.iter().zip(&self.prices.items);
        let mut worth = 0i128;
        for (item, &price) in pods {
            // A product of two 64-bit numbers fits 128 bits.
            let all = i128::from(item.pods) * i128::from(price);
            worth = worth.checked_add(all).ok_or(Fault::Overflow)?;
        }
        // Any factor from the least one up will do, so rounding it up was right; the worth of the
        // pods is rounded down and that of the patterns up.
        let mut sum = worth.checked_mul(ONE).ok_or(Fault::Overflow)?.div_euclid(factor);
        for (&(range, cost), &worth) in costs.iter().zip(self.worths) {
            let worth = worth.checked_mul(ONE).ok_or(Fault::Overflow)?;
            let slack = cost.checked_sub(quotient_up(worth, factor)).ok_or(Fault::Overflow)?;
            sum = sum.checked_add(least(range, slack)?).ok_or(Fault::Overflow)?;
        }
        for (limit, &charge) in self.problem.limits.iter().zip(&self.prices.limits) {
            if limit.remaining > 0 {
                sum = sum.checked_sub(charge.into()).ok_or(Fault::Overflow)?;
            }
        }
        Ok(sum)
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
