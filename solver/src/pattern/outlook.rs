//! What the room that is left on a node can still bring.
//!
//! The relaxation's prices say what room is worth at most, but not that three large pods fit badly
//! beside two others. An outlook is a table over two dimensions: for every amount of room, the most
//! that the items from one on bring there, other dimensions being paid for at the relaxation's
//! prices. Requests and room are rounded down to a unit, so that each entry is a bound (completion
//! bounds by dynamic programming; Kellerer, Pferschy and Pisinger, Knapsack Problems, 2004, 5.3).

use super::Pricer;
use crate::{certificate::OUTLOOK_BLOCKS, presolve::gcd};

/// Updates of cells at most.
const WORK: u64 = 40_000_000;
/// Outlooks at most.
pub(super) const MOST: usize = 3;
/// Floats hold half of any room below this.
const LARGEST: i64 = 1 << 50;
/// Tables are filled in single precision; sums of so many pods as fit err by less than this, relative.
const ROUNDING: f64 = 1e-5;
/// With requests rounded down, a cell may seem to be worth so many times the best pattern.
const ROUNDED_UP: f64 = 2.0;
/// Units are tried from the finest to half as much again, in so many steps.
const UNITS: i64 = 48;

/// An item that a pattern may still get.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    /// Position in the pricer.
    pub at: usize,
    pub profit: f64,
    /// Pods at most.
    pub most: u32,
}

/// One table for each of a few beginnings of a list of candidates.
pub(super) struct Outlook {
    /// (dimension of the pricer, unit).
    pub axes: [(usize, i64); 2],
    /// What all room beside the axes costs.
    pub aside: f64,
    /// What one pod of a candidate pays of that, and its requests along the axes.
    pays: Vec<f64>,
    asks: Vec<[i64; 2]>,
    /// Prices of the whole room per dimension; 0 for those of the axes.
    pub rents: Vec<f64>,
    /// One part of the unit of each axis.
    parts: [f64; 2],
    height: usize,
    /// Candidates per table.
    pub block: usize,
    tables: Vec<Vec<u16>>,
    /// What one of them counts, from 0 on, and up to one more.
    grain: f32,
    /// Updates of cells that filling them took, about.
    pub updates: u64,
}

/// Pods that are taken together or not at all.
struct Bundle {
    x: usize,
    y: usize,
    profit: f32,
}

/// Outlooks for candidates at these prices of room, over every two of the three dearest dimensions.
/// The prices are those of a relaxation without cuts, which the axes know of. `size` is about how many
/// cells a table has, and what patterns are worth at most.
pub(super) fn outlooks(
    pricer: &Pricer,
    candidates: &[Candidate],
    prices: &[f64],
    size: (usize, f64),
) -> Vec<Outlook> {
    let mut order: Vec<usize> =
        (0..prices.len()).filter(|&dim| (1..LARGEST).contains(&pricer.capacity[dim])).collect();
    order.sort_by(|&a, &b| prices[b].total_cmp(&prices[a]).then(a.cmp(&b)));
    let pairs = match *order {
        [first, second] => vec![[first, second]],
        [first, second, third, ..] => vec![[first, second], [first, third], [second, third]],
        _ => Vec::new(),
    };
    let of = |pair| Outlook::new(pricer, candidates, prices, pair, size);
    pairs.into_iter().filter_map(of).collect()
}

impl Outlook {
    fn new(
        pricer: &Pricer,
        candidates: &[Candidate],
        prices: &[f64],
        pair: [usize; 2],
        (cells, top): (usize, f64),
    ) -> Option<Self> {
        let rents = prices.iter().enumerate();
        let rents: Vec<f64> =
            rents.map(|(dim, &rent)| if pair.contains(&dim) { 0.0 } else { rent }).collect();
        let paid = |candidate: &Candidate| {
            let shares = &pricer.shares[candidate.at * pricer.dims..][..pricer.dims];
            shares.iter().zip(&rents).map(|(share, rent)| share * rent).sum::<f64>()
        };
        let pays: Vec<f64> = candidates.iter().map(paid).collect();
        let side = (cells as f64).sqrt() as i64;
        let axes = pair.map(|dim| (dim, unit(pricer, candidates, dim, side)));
        let [width, height] = axes.map(|(dim, unit)| (pricer.capacity[dim] / unit) as usize + 1);
        let mut outlook = Self {
            axes,
            aside: rents.iter().sum(),
            asks: candidates.iter().map(|c| pair.map(|dim| pricer.request(c.at)[dim])).collect(),
            parts: axes.map(|(_, unit)| 1.0 / unit as f64),
            pays,
            rents,
            height,
            block: candidates.len().div_ceil(OUTLOOK_BLOCKS).max(1),
            tables: Vec::new(),
            grain: (top * ROUNDED_UP / f64::from(u16::MAX)) as f32,
            updates: 0,
        };
        outlook.fill(pricer, candidates, width).then_some(outlook)
    }

    /// Fills the tables from the last candidate to the first; false when that is too much work.
    fn fill(&mut self, pricer: &Pricer, candidates: &[Candidate], width: usize) -> bool {
        let bundles: Vec<Vec<Bundle>> = candidates
            .iter()
            .zip(&self.pays)
            .map(|(candidate, pays)| self.bundles(pricer, candidate, candidate.profit - pays))
            .collect();
        let cells = width * self.height;
        self.updates = bundles.iter().map(|own| (own.len() * cells) as u64).sum();
        if self.updates > WORK {
            return false;
        }
        let mut table = vec![0.0f32; cells];
        for bundles in bundles.chunks(self.block).rev() {
            bundles.iter().flatten().for_each(|bundle| add(&mut table, self.height, bundle));
            // A cast saturates, so a cell at the end of what can be told may be worth more.
            let grains = |worth: &f32| (worth / self.grain) as u16;
            self.tables.push(table.iter().map(grains).collect());
        }
        self.tables.reverse();
        table.last().is_some_and(|most| most / self.grain < f32::from(u16::MAX))
    }

    /// A candidate's pods in bundles of 1, 2, 4 …, so that any number of them can be put together.
    fn bundles(&self, pricer: &Pricer, candidate: &Candidate, profit: f64) -> Vec<Bundle> {
        let mut bundles = Vec::new();
        if profit <= 0.0 {
            return bundles;
        }
        let request = pricer.request(candidate.at);
        let [x, y] = self.axes.map(|(dim, unit)| (request[dim] / unit) as usize);
        let (mut left, mut pods) = (candidate.most, 1);
        while left > 0 {
            let now = pods.min(left);
            left -= now;
            pods = pods.saturating_mul(2);
            // So many pods fit into the room, so the products do too.
            let (x, y) = (x * now as usize, y * now as usize);
            bundles.push(Bundle { x, y, profit: (profit * f64::from(now)) as f32 });
        }
        bundles
    }

    /// What pods of a candidate pay beside the axes.
    pub(super) fn paid(&self, candidate: usize, pods: i64) -> f64 {
        self.pays[candidate] * pods as f64
    }

    /// No pods of the candidates from one on bring more than this where so much room is left, beyond
    /// what they pay for room beside the axes.
    pub(super) fn most(&self, from: usize, room: &[i64]) -> f64 {
        let [x, y] = self.axes.map(|(dim, _)| room[dim]);
        self.cell(from, x, y)
    }

    /// The same beside so many pods of that candidate, which fit, less what these pay.
    pub(super) fn most_with(&self, candidate: usize, pods: i64, room: &[i64]) -> f64 {
        let [ask_x, ask_y] = self.asks[candidate];
        let [x, y] = self.axes.map(|(dim, _)| room[dim]);
        let most = self.cell(candidate, x - ask_x * pods, y - ask_y * pods);
        most - self.paid(candidate, pods)
    }

    fn cell(&self, from: usize, x: i64, y: i64) -> f64 {
        let Some(table) = self.tables.get(from / self.block) else { return 0.0 };
        // Half a unit of room keeps the quotient off whole numbers, so that it is rounded down to
        // what a division would give.
        let at = |room: i64, part: f64| ((room as f64 + 0.5) * part) as usize;
        let at = at(x, self.parts[0]) * self.height + at(y, self.parts[1]);
        (f64::from(table[at]) + 1.0) * f64::from(self.grain) * (1.0 + ROUNDING)
    }
}

/// The unit of a dimension that divides it into about so many parts and rounds the requests of the
/// candidates the least.
fn unit(pricer: &Pricer, candidates: &[Candidate], dim: usize, parts: i64) -> i64 {
    let asks: Vec<i64> = candidates.iter().map(|c| pricer.request(c.at)[dim]).collect();
    let common = asks.iter().fold(0, |unit, &ask| gcd(unit, ask)).max(1);
    let finest = (pricer.capacity[dim] / parts).max(1);
    if common >= finest {
        return common;
    }
    let lost = |unit: i64| {
        let asked = asks.iter().filter(|ask| **ask > 0);
        asked.map(|ask| (ask % unit) as f64 / *ask as f64).sum::<f64>()
    };
    let units = (0..UNITS).map(|step| finest + finest * step / (2 * UNITS));
    let best = units.map(|unit| (lost(unit), unit));
    best.min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))).map_or(finest, |(_, unit)| unit)
}

/// Lets every amount of room hold a bundle too.
fn add(table: &mut [f32], height: usize, bundle: &Bundle) {
    let Bundle { x, y, profit } = *bundle;
    let width = table.len() / height;
    for column in (x..width).rev() {
        let (before, from) = table.split_at_mut(column * height);
        let column = &mut from[..height];
        if x > 0 {
            let source = &before[before.len() - x * height..][..height - y];
            for (cell, without) in column[y..].iter_mut().zip(source) {
                let with = without + profit;
                if with > *cell {
                    *cell = with;
                }
            }
        } else {
            for row in (y..height).rev() {
                column[row] = column[row].max(column[row - y] + profit);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{pattern::fixtures::one_size, presolve::Core, random::next};

    const ROOM: [i64; 3] = [900, 1_000, 77];
    const SORTS: usize = 60;

    fn core(random: &mut u64) -> Core {
        let mut ask = |room: i64| 1 + (next(random) % (room / 3) as u64) as i64;
        let requests = (0..SORTS).map(|_| ROOM.iter().map(|&room| ask(room)).collect());
        one_size(ROOM.to_vec(), 2, requests)
    }

    /// No pods of the last candidates that fit into some room beside one of them bring more than the
    /// tables say, whatever the cells and the prices of what is beside the axes.
    #[test]
    fn no_pods_bring_more_than_a_table_says() {
        let mut random = 11;
        for round in 0..30 {
            let core = core(&mut random);
            let pricer = Pricer::new(&core, &core.kinds[0]);
            let of = |at: usize| Candidate {
                at,
                profit: 1.0 + (next(&mut random) % 100) as f64,
                most: pricer.fits[at].min(2),
            };
            let candidates: Vec<Candidate> = (0..pricer.items.len()).map(of).collect();
            let prices = [40.0, 90.0, (round % 3) as f64 * 60.0];
            let size = (100 << (round % 5), 4_000.0);
            let outlooks = outlooks(&pricer, &candidates, &prices, size);
            assert_eq!(outlooks.len(), 3);
            for _ in 0..200 {
                // Some pods, in the order of the list.
                let from = next(&mut random) as usize % candidates.len();
                let mut room = pricer.capacity.clone();
                let mut taken: Vec<(usize, i64)> = Vec::new();
                for (at, of) in candidates.iter().enumerate().skip(from) {
                    let pods = (next(&mut random) % 3) as i64;
                    let request = pricer.request(at);
                    let fits = request.iter().zip(&room).all(|(ask, room)| ask * pods <= *room);
                    if pods > 0 && fits && pods <= of.most.into() {
                        room.iter_mut().zip(request).for_each(|(room, ask)| *room -= ask * pods);
                        taken.push((at, pods));
                    }
                }
                let worth = |taken: &[(usize, i64)]| -> f64 {
                    taken.iter().map(|&(at, pods)| candidates[at].profit * pods as f64).sum()
                };
                for outlook in &outlooks {
                    let whole = outlook.aside + outlook.most(from, &pricer.capacity);
                    assert!(worth(&taken) <= whole, "{} beyond {whole}", worth(&taken));
                    if let Some(&(first, pods)) = taken.first() {
                        let rest = outlook.aside + outlook.most_with(first, pods, &pricer.capacity);
                        assert!(worth(&taken[1..]) <= rest);
                    }
                }
            }
        }
    }
}
