//! What a node that holds few pods can be worth: all patterns that a bound does not rule out.
//!
//! With rents y ≥ 0 for the whole room and gain(i) = p(i) − rent of one pod (rounded down), every
//! pattern x is worth at most Σ y + Σ gain(i)·x(i), for its pods pay no more than the rents. Going
//! through the items one by one, Σ y + Σ max(0, gain(i))·most(i) less what the decisions so far
//! lose is a bound on all patterns below; so is the worth so far and what as many pods bring as fit
//! of the smallest, at the highest price, and what outlooks say. Caps between items and conflicts
//! are left out, which only adds patterns.

use crate::certificate::{self, Fault, outlook::Outlook, pattern::Terms, prices};

/// Steps at most.
pub(crate) const LONGEST_WALK: u64 = 1 << 27;

/// The worth of the best pattern, or what it is claimed to be when none is worth more. Where that takes
/// more steps than it should, what the bounds on all patterns say.
pub(super) fn worth(terms: &Terms<'_>, of: &certificate::Walk) -> Result<i128, Fault> {
    let rents = prices("rents", &of.rents, terms.hull.dims)?;
    prices("claimed worth", &[of.enough], 1)?;
    let mut entries = Vec::with_capacity(terms.hull.items.len());
    for (at, &item) in terms.hull.items.iter().enumerate() {
        let price = i128::from(terms.prices[item as usize]);
        let paid = terms.paid(at, rents);
        if price > 0 {
            let request = terms.demand.items[item as usize].request;
            let most = terms.hull.most[at];
            entries.push(Entry { at, request, price, gain: price - paid, most });
        }
    }
    entries.sort_by_key(|entry| -entry.gain);
    // Prices are at most 2^56 and counts at most 2^64, so that no such sum overflows 128 bits.
    let gains: i128 = entries.iter().map(|entry| entry.gain.max(0) * i128::from(entry.most)).sum();
    let top = rents.iter().map(|&rent| i128::from(rent)).sum::<i128>() + gains;
    let room = terms.hull.room.clone();
    // What loses too much by a single pod is in no pattern that is looked at.
    entries.retain(|entry| top - (-entry.gain).max(0) > of.enough.into());
    let ahead = ahead(&entries, terms.hull.dims);
    let outlooks = of.outlooks.iter().map(|outlook| Outlook::new(terms, &entries, outlook));
    let outlooks = outlooks.collect::<Result<Vec<Outlook>, Fault>>()?;
    let rented = outlooks.iter().map(|outlook| outlook.rent).collect();
    let best = of.enough.into();
    let mut walk = Walk {
        entries,
        ahead,
        outlooks,
        room,
        rented,
        top,
        best,
        work: of.steps.min(LONGEST_WALK),
    };
    if walk.descend(0, 0, 0)? {
        return Ok(walk.best);
    }
    let bounds = walk.outlooks.iter().map(|of| of.rent + of.most(0, &terms.hull.room));
    Ok(walk.best.max(bounds.fold(top, i128::min)))
}

pub(super) struct Entry<'a> {
    /// Position in the hull.
    pub at: usize,
    pub request: &'a [i64],
    pub price: i128,
    gain: i128,
    pub most: u64,
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
    outlooks: Vec<Outlook>,
    /// What the pods taken so far leave.
    room: Vec<i64>,
    /// Rent that they leave unpaid, per outlook.
    rented: Vec<i128>,
    top: i128,
    best: i128,
    work: u64,
}

impl Walk<'_> {
    /// Goes through what comes after these decisions; false when there are too many patterns.
    fn descend(&mut self, from: usize, mut loss: i128, worth: i128) -> Result<bool, Fault> {
        self.best = self.best.max(worth);
        if !self.is_open(from, worth) || !self.promises(from, worth) {
            return Ok(true);
        }
        for at in from..self.entries.len() {
            let Entry { request, price, gain, most, .. } = self.entries[at];
            // Entries are sorted by gain: the later ones lose more.
            let hopeless = self.top - loss - (-gain).max(0) <= self.best;
            if hopeless || self.is_next(at) && !self.is_open(at, worth) {
                return Ok(true);
            }
            let Some(work) = self.work.checked_sub(1) else { return Ok(false) };
            self.work = work;
            for pods in (1..=self.fitting(request, most)).rev() {
                let idle = if gain > 0 { most.saturating_sub(pods) } else { pods };
                let loss = loss + gain.abs() * i128::from(idle);
                if self.top - loss <= self.best {
                    continue;
                }
                // What fits is no more than the room, which is a 64-bit number.
                let taken = i64::try_from(pods).map_err(|_| Fault::Overflow)?;
                self.take(at, taken);
                let ended = self.descend(at + 1, loss, worth + price * i128::from(pods))?;
                self.take(at, -taken);
                if !ended {
                    return Ok(false);
                }
            }
            loss += gain.max(0) * i128::from(most);
        }
        Ok(true)
    }

    /// Puts pods of an entry, which fit, on the node, or takes them back.
    fn take(&mut self, at: usize, pods: i64) {
        let request = self.entries[at].request;
        self.room.iter_mut().zip(request).for_each(|(room, ask)| *room -= ask * pods);
        for (rented, outlook) in self.rented.iter_mut().zip(&self.outlooks) {
            *rented -= outlook.paid[at] * i128::from(pods);
        }
    }

    /// Whether other tables count from an entry on.
    fn is_next(&self, at: usize) -> bool {
        self.outlooks.first().is_some_and(|outlook| at.is_multiple_of(outlook.block))
    }

    /// The same as for [`Self::promises`], by the outlooks.
    fn is_open(&self, from: usize, worth: i128) -> bool {
        let mut outlooks = self.outlooks.iter().zip(&self.rented);
        outlooks
            .all(|(outlook, rented)| worth + rented + outlook.most(from, &self.room) > self.best)
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
