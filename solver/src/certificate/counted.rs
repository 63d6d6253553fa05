//! The cheapest numbers of nodes within the ranges on the way to a leaf.

use crate::certificate::{Fault, Range};

/// Kinds whose nodes are counted together, and how many there may be.
pub(super) type Counted<'a> = (&'a [u32], Range);

/// Those ranges that can be kept to exactly, the smaller sets of kinds first: of two sets one holds
/// the other, or they have no kind in common. Leaving out the others allows more than there is, which
/// no bound minds.
pub(super) fn nested(mut counted: Vec<Counted<'_>>) -> Vec<Counted<'_>> {
    counted.sort_by_key(|(kinds, _)| kinds.len());
    let mut kept: Vec<Counted<'_>> = Vec::new();
    for one in counted {
        let common = |kinds: &[u32]| kinds.iter().filter(|kind| holds(one.0, **kind)).count();
        if kept.iter().all(|(kinds, _)| common(kinds) == 0 || common(kinds) == kinds.len()) {
            kept.push(one);
        }
    }
    kept
}

/// Whether an ascending list has a kind.
pub(super) fn holds(kinds: &[u32], kind: u32) -> bool {
    kinds.binary_search(&kind).is_ok()
}

/// Nodes at one price, and how many there may be of them; `None`: any number.
type Batch = (i128, Option<u64>);

/// What a number of nodes of some kinds costs at least.
struct Curve<'a> {
    kinds: &'a [u32],
    /// The least number, and what that costs.
    number: u64,
    cost: i128,
    /// Further nodes, in the order in which they are taken.
    batches: Vec<Batch>,
}

/// What all nodes of the kinds in `counted`, which is nested, cost at least, when one costs `slack`
/// of its kind and there may be `most` of it; `None` when no numbers are within the ranges. Where
/// there is no end to a number, what is below 0 counts as 0.
pub(super) fn least_cost(
    counted: &[Counted<'_>],
    slack: impl Fn(u32) -> Result<Batch, Fault>,
) -> Result<Option<i128>, Fault> {
    let mut curves: Vec<Curve<'_>> = Vec::new();
    for &(kinds, range) in counted {
        let (inner, others): (Vec<Curve<'_>>, Vec<Curve<'_>>) = curves
            .into_iter()
            .partition(|curve| curve.kinds.first().is_some_and(|&kind| holds(kinds, kind)));
        let single =
            kinds.iter().filter(|kind| !inner.iter().any(|curve| holds(curve.kinds, **kind)));
        let mut batches = single.map(|&kind| slack(kind)).collect::<Result<Vec<Batch>, _>>()?;
        let (mut number, mut cost) = (0u64, 0i128);
        for curve in inner {
            number = number.checked_add(curve.number).ok_or(Fault::Overflow)?;
            cost = cost.checked_add(curve.cost).ok_or(Fault::Overflow)?;
            batches.extend(curve.batches);
        }
        batches.sort_unstable();
        let Some(curve) = (Curve { kinds, number, cost, batches }).within(range)? else {
            return Ok(None);
        };
        curves = others;
        curves.push(curve);
    }
    let mut sum = 0i128;
    for curve in curves {
        sum = sum.checked_add(curve.least()?).ok_or(Fault::Overflow)?;
    }
    Ok(Some(sum))
}

impl Curve<'_> {
    /// The same for the numbers within a range.
    fn within(self, range: Range) -> Result<Option<Self>, Fault> {
        let (mut number, mut cost, mut batches) = (self.number, self.cost, Vec::new());
        for (price, most) in self.batches {
            let forced = most.unwrap_or(u64::MAX).min(range.least.saturating_sub(number));
            cost = times(price, forced)?.checked_add(cost).ok_or(Fault::Overflow)?;
            number = number.checked_add(forced).ok_or(Fault::Overflow)?;
            batches.push((price, most.map(|most| most - forced)));
        }
        if number < range.least || range.most.is_some_and(|most| most < number) {
            return Ok(None);
        }
        if let Some(most) = range.most {
            let mut room = most - number;
            for (_, most) in &mut batches {
                let taken = most.unwrap_or(u64::MAX).min(room);
                *most = Some(taken);
                room -= taken;
            }
        }
        Ok(Some(Self { number, cost, batches, ..self }))
    }

    /// What the cheapest number costs.
    fn least(&self) -> Result<i128, Fault> {
        let mut sum = self.cost;
        for &(price, most) in self.batches.iter().filter(|(price, _)| *price < 0) {
            let gain = times(price, most.unwrap_or(0))?;
            sum = sum.checked_add(gain).ok_or(Fault::Overflow)?;
        }
        Ok(sum)
    }
}

fn times(price: i128, nodes: u64) -> Result<i128, Fault> {
    price.checked_mul(nodes.into()).ok_or(Fault::Overflow)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::next;

    /// The least over all numbers up to four of each kind.
    fn enumerated(counted: &[Counted<'_>], price: &[i128]) -> Option<i128> {
        let numbers = |code: u64| {
            (0..price.len() as u32).map(move |kind| code / 5u64.pow(kind) % 5).collect::<Vec<u64>>()
        };
        let fits = |numbers: &Vec<u64>| {
            counted.iter().all(|(kinds, range)| {
                let number: u64 = kinds.iter().map(|&kind| numbers[kind as usize]).sum();
                number >= range.least && range.most.is_none_or(|most| number <= most)
            })
        };
        let cost = |numbers: Vec<u64>| {
            numbers.iter().zip(price).map(|(&number, price)| i128::from(number) * price).sum()
        };
        (0..5u64.pow(price.len() as u32)).map(numbers).filter(fits).map(cost).min()
    }

    #[test]
    fn nested_numbers_cost_what_the_cheapest_of_all_do() {
        let random = &mut 17;
        let mut found = [0; 2];
        for _ in 0..500 {
            let mut upto = |most: u64| next(random) % most;
            let sets: [&[u32]; 7] =
                [&[0, 1, 2, 3, 4], &[0], &[4], &[1, 2], &[1, 2, 3], &[0, 1, 2, 3], &[2]];
            let mut counted = Vec::new();
            for kinds in sets {
                let least = upto(3);
                let most = (upto(3) > 0).then(|| least + upto(3));
                if upto(2) == 0 {
                    counted.push((kinds, Range { least, most }));
                }
            }
            let of_kind: Vec<u64> = (0..5).map(|_| upto(5)).collect();
            let price: Vec<i128> = (0..5).map(|_| i128::from(upto(21)) - 10).collect();
            let counted = nested(counted);
            let least = least_cost(&counted, |kind| {
                Ok((price[kind as usize], Some(of_kind[kind as usize])))
            });
            let mut all = counted.clone();
            let single: Vec<u32> = (0..5).collect();
            for (kind, most) in single.chunks(1).zip(&of_kind) {
                all.push((kind, Range { least: 0, most: Some(*most) }));
            }
            // What is not counted at all takes no part.
            let counts = |kind: u32| counted.iter().any(|(kinds, _)| holds(kinds, kind));
            let price: Vec<i128> =
                (0..5).map(|kind| if counts(kind) { price[kind as usize] } else { 0 }).collect();
            let best = enumerated(&all, &price);
            assert_eq!(least.unwrap(), best, "{counted:?}");
            found[usize::from(best.is_some())] += 1;
        }
        assert!(found.iter().all(|&cases| cases > 50), "{found:?}");
    }

    #[test]
    fn ranges_that_overlap_are_left_out() {
        let any = |kinds: &'static [u32]| (kinds, Range { least: 0, most: None });
        let kept = nested(vec![any(&[0, 1, 2]), any(&[1, 3]), any(&[4, 5]), any(&[0, 1])]);
        assert_eq!(kept, [any(&[1, 3]), any(&[4, 5])]);
        let kept = nested(vec![any(&[0, 1, 2, 3]), any(&[1, 3]), any(&[0]), any(&[0])]);
        assert_eq!(kept, [any(&[0]), any(&[0]), any(&[1, 3]), any(&[0, 1, 2, 3])]);
    }
}
