//! What a node that holds few pods can be worth: all patterns that a bound does not rule out.
//!
//! With rents y ≥ 0 for the whole room and gain(i) = p(i) − rent of one pod (rounded down), every
//! pattern x is worth at most Σ y + Σ gain(i)·x(i), for its pods pay no more than the rents. Going
//! through the items one by one, Σ y + Σ max(0, gain(i))·most(i) less what the decisions so far
//! lose is a bound on all patterns below; so is the worth so far and what as many pods bring as fit
//! of the smallest, at the highest price. Caps between items and conflicts are left out, which only adds
//! patterns.

use crate::certificate::{Fault, pattern::Terms, prices, supply::SHARE_BITS};

/// Steps at most.
pub(crate) const LONGEST_WALK: u64 = 1 << 27;

/// The worth of the best pattern, or `enough` when none is worth more.
pub(super) fn worth(terms: &Terms<'_>, rents: &[i64], enough: i64) -> Result<i128, Fault> {
    let rents = prices("rents", rents, terms.hull.dims)?;
    prices("claimed worth", &[enough], 1)?;
    let mut entries = Vec::with_capacity(terms.hull.items.len());
    for (at, &item) in terms.hull.items.iter().enumerate() {
        let price = i128::from(terms.prices[item as usize]);
        let shares = &terms.hull.shares[at * terms.hull.dims..(at + 1) * terms.hull.dims];
        // A rent is at most 2^56 and a share at most 2^40: the sum stays far below 2^128.
        let paid = rents
            .iter()
            .zip(shares)
            .map(|(rent, share)| u128::from(rent.unsigned_abs()) * u128::from(*share));
        let paid = (paid.sum::<u128>() >> SHARE_BITS) as i128;
        if price > 0 {
            let request = terms.demand.items[item as usize].request;
            let most = terms.hull.most[at];
            entries.push(Entry { request, price, gain: price - paid, most });
        }
    }
    entries.sort_by_key(|entry| -entry.gain);
    // Prices are at most 2^56 and counts at most 2^64, so that no such sum overflows 128 bits.
    let gains: i128 = entries.iter().map(|entry| entry.gain.max(0) * i128::from(entry.most)).sum();
    let top = rents.iter().map(|&rent| i128::from(rent)).sum::<i128>() + gains;
    let room = terms.hull.room.clone();
    let ahead = ahead(&entries, terms.hull.dims);
    let mut walk = Walk { entries, ahead, room, top, best: enough.into(), work: LONGEST_WALK };
    walk.descend(0, 0, 0)?;
    Ok(walk.best)
}

struct Entry<'a> {
    request: &'a [i64],
    price: i128,
    gain: i128,
    most: u64,
}

/// What is known of an entry and all after it: the least that a pod asks of each dimension, and the
/// most that one brings.
struct Ahead {
    least: Vec<i64>,
    dearest: i128,
}

/// What is ahead at each entry.
fn ahead(entries: &[Entry<'_>], dims: usize) -> Vec<Ahead> {
    let mut ahead: Vec<Ahead> = Vec::with_capacity(entries.len());
    let (mut least, mut dearest) = (vec![i64::MAX; dims], 0);
    for entry in entries.iter().rev() {
        least.iter_mut().zip(entry.request).for_each(|(least, ask)| *least = (*least).min(*ask));
        dearest = entry.price.max(dearest);
        ahead.push(Ahead { least: least.clone(), dearest });
    }
    ahead.reverse();
    ahead
}

struct Walk<'a> {
    entries: Vec<Entry<'a>>,
    ahead: Vec<Ahead>,
    /// What the pods taken so far leave.
    room: Vec<i64>,
    top: i128,
    best: i128,
    work: u64,
}

impl Walk<'_> {
    fn descend(&mut self, from: usize, mut loss: i128, worth: i128) -> Result<(), Fault> {
        self.best = self.best.max(worth);
        if !self.promises(from, worth) {
            return Ok(());
        }
        for at in from..self.entries.len() {
            let Entry { request, price, gain, most } = self.entries[at];
            // Entries are sorted by gain: the later ones lose more.
            if self.top - loss - (-gain).max(0) <= self.best {
                return Ok(());
            }
            self.work = self.work.checked_sub(1).ok_or(Fault::Walk)?;
            for pods in (1..=self.fitting(request, most)).rev() {
                let idle = if gain > 0 { most.saturating_sub(pods) } else { pods };
                let loss = loss + gain.abs() * i128::from(idle);
                if self.top - loss <= self.best {
                    continue;
                }
                // What fits is no more than the room, which is a 64-bit number.
                let taken = i64::try_from(pods).map_err(|_| Fault::Overflow)?;
                self.room.iter_mut().zip(request).for_each(|(room, ask)| *room -= ask * taken);
                self.descend(at + 1, loss, worth + price * i128::from(pods))?;
                self.room.iter_mut().zip(request).for_each(|(room, ask)| *room += ask * taken);
            }
            loss += gain.max(0) * i128::from(most);
        }
        Ok(())
    }

    /// Whether pods of the entries from one on could make a pattern of this worth better than the best.
    fn promises(&self, from: usize, worth: i128) -> bool {
        let Some(Ahead { least, dearest }) = self.ahead.get(from) else { return false };
        let most = self.fitting(least, u64::MAX);
        worth.saturating_add(dearest.saturating_mul(most.into())) > self.best
    }

    /// Pods with such a request that fit into what is left.
    fn fitting(&self, request: &[i64], most: u64) -> u64 {
        let asked = request.iter().zip(&self.room).filter(|(ask, _)| **ask > 0);
        asked.map(|(ask, room)| (room / ask).unsigned_abs()).fold(most, u64::min)
    }
}
