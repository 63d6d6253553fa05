//! Filling one node on paper: which mix of buckets makes the most of a room.

use crate::{
    greedy::{
        ledger::fits,
        prepare::{Bucket, Cap, Prepared},
    },
    problem::Money,
};

/// How a pod's worth and its load are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Share {
    /// The scarcest dimension alone.
    Largest,
    /// All dimensions together.
    Sum,
}

/// What every pod of a bucket is worth: the least it could cost on its own, in micro-dollars.
pub(super) fn worths(prepared: &Prepared<'_>, share: Share) -> Vec<f64> {
    let portions = portions(prepared);
    // Nothing that is looked at here differs within a shape.
    let mut known: Vec<Option<Option<f64>>> = vec![None; prepared.shapes];
    let worths: Vec<Option<f64>> = (prepared.buckets.iter())
        .map(|bucket| {
            let known = &mut known[bucket.shape as usize];
            *known.get_or_insert_with(|| worth(prepared, bucket, &portions, share))
        })
        .collect();
    // A pod that nothing on sale can host may only use existing room, so it goes there first.
    let dearest = worths.iter().flatten().copied().fold(1.0, f64::max);
    worths.into_iter().map(|worth| worth.unwrap_or(dearest * 1e3)).collect()
}

/// What share of a node a unit of each dimension takes: a row per kind.
fn portions(prepared: &Prepared<'_>) -> Vec<f64> {
    let capacities = prepared.kinds.iter().flat_map(|kind| &kind.capacity);
    capacities.map(|&have| if have > 0 { 1.0 / have as f64 } else { 0.0 }).collect()
}

fn worth(prepared: &Prepared<'_>, bucket: &Bucket, portions: &[f64], share: Share) -> Option<f64> {
    let dims = prepared.problem.dims;
    let request: Vec<f64> = bucket.request.iter().map(|&ask| ask as f64).collect();
    let cost = |kind: usize| {
        let portions = &portions[kind * dims..(kind + 1) * dims];
        let shares = request.iter().zip(portions).map(|(ask, portion)| ask * portion);
        let load = match share {
            Share::Largest => shares.fold(0.0, f64::max),
            Share::Sum => shares.sum::<f64>() / 2.0,
        };
        (prepared.kinds[kind].price as f64).max(1.0) * load.clamp(1e-9, 1.0)
    };
    bucket.kinds.iter().map(cost).reduce(f64::min)
}

/// A mix of buckets for one node.
#[derive(Clone, Debug, Default)]
pub(super) struct Pattern {
    /// (bucket, pods), in the order of choosing; a bucket may stand more than once.
    pub pods: Vec<(u32, u32)>,
    /// Worth of all pods, less what unmet preferences cost.
    pub worth: f64,
}

impl Pattern {
    /// Puts the pods of each bucket together, where its first stood.
    pub(super) fn merge(&mut self) {
        let mut kept = 0;
        for at in 0..self.pods.len() {
            let (bucket, count) = self.pods[at];
            match self.pods[..kept].iter_mut().find(|(other, _)| *other == bucket) {
                Some((_, pods)) => *pods += count,
                None => {
                    self.pods[kept] = (bucket, count);
                    kept += 1;
                }
            }
        }
        self.pods.truncate(kept);
    }
}

/// The buckets that a fill may choose from, put together by shape. Made once for many fills.
#[derive(Debug, Default)]
pub(super) struct Choice {
    shapes: Vec<Shape>,
    /// The buckets of each shape, one shape after the other. One with a cap stands first where
    /// there is any: it is the harder one to find a node for.
    buckets: Vec<u32>,
    /// Where each shape stands in `shapes`, while they are put together.
    at: Vec<u32>,
}

/// Buckets of one shape: a node accepts and holds all of them or none.
#[derive(Debug)]
struct Shape {
    /// Range in [`Choice::buckets`].
    start: u32,
    len: u32,
    /// Pods left of all of them.
    left: u32,
}

impl Choice {
    /// Chooses from these buckets from now on.
    pub(super) fn set(&mut self, prepared: &Prepared<'_>, buckets: &[u32], left: &[u32]) {
        self.shapes.clear();
        self.at.clear();
        self.at.resize(prepared.shapes, u32::MAX);
        let open = || buckets.iter().copied().filter(|&bucket| left[bucket as usize] > 0);
        for bucket in open() {
            let at = &mut self.at[prepared.buckets[bucket as usize].shape as usize];
            if *at == u32::MAX {
                *at = self.shapes.len() as u32;
                self.shapes.push(Shape { start: 0, len: 0, left: 0 });
            }
            let shape = &mut self.shapes[*at as usize];
            shape.len += 1;
            shape.left += left[bucket as usize];
        }
        let mut start = 0;
        for shape in &mut self.shapes {
            shape.start = start;
            start += std::mem::take(&mut shape.len);
        }
        self.buckets.clear();
        self.buckets.resize(start as usize, 0);
        for bucket in open() {
            let of = &prepared.buckets[bucket as usize];
            let shape = &mut self.shapes[self.at[of.shape as usize] as usize];
            let last = (shape.start + shape.len) as usize;
            self.buckets[last] = bucket;
            if of.cap.is_some() {
                self.buckets.swap(shape.start as usize, last);
            }
            shape.len += 1;
        }
    }

    fn of(&self, shape: usize) -> &[u32] {
        let Shape { start, len, .. } = self.shapes[shape];
        &self.buckets[start as usize..(start + len) as usize]
    }
}

/// What [`fill`] is asked.
pub(super) struct Ask<'a> {
    pub prepared: &'a Prepared<'a>,
    pub worth: &'a [f64],
    /// Buckets to choose from.
    pub choice: &'a Choice,
    /// Pods left per bucket.
    pub left: &'a [u32],
    /// A bucket that must come first, one pod of it.
    pub first: Option<u32>,
    /// Stop when this much worth is in.
    pub budget: f64,
}

/// How many shapes are weighed side by side.
const LANES: usize = 8;

/// The shapes that may still come, and what [`Open::best`] needs of them, side by side in blocks
/// of [`LANES`] shapes. Rounding to floats keeps order, so whatever fits fits here too; whoever
/// takes a shape looks at the integers.
#[derive(Debug, Default)]
struct Open {
    dims: usize,
    /// Indices into [`Choice::shapes`].
    shapes: Vec<u32>,
    /// Pods left of each.
    left: Vec<u32>,
    /// Worth of a pod of each, up to the end of the last block.
    worth: Vec<f64>,
    /// Requests: per block and dimension a row of [`LANES`]. Infinite where there is no shape.
    asks: Vec<f64>,
}

impl Open {
    fn clear(&mut self, dims: usize) {
        self.dims = dims;
        self.shapes.clear();
        self.left.clear();
        self.worth.clear();
        self.asks.clear();
    }

    /// Where the request of a shape in the first dimension stands; the next is [`LANES`] further.
    fn ask(&self, at: usize) -> usize {
        at / LANES * LANES * self.dims + at % LANES
    }

    fn push(&mut self, shape: u32, left: u32, worth: f64, request: &[i64]) {
        let at = self.shapes.len();
        if at.is_multiple_of(LANES) {
            self.worth.resize(at + LANES, 0.0);
            self.asks.resize((at + LANES) * self.dims, f64::INFINITY);
        }
        self.shapes.push(shape);
        self.left.push(left);
        self.worth[at] = worth;
        let first = self.ask(at);
        for (dim, &ask) in request.iter().enumerate() {
            self.asks[first + dim * LANES] = ask as f64;
        }
    }

    /// Lets a shape come no more.
    fn close(&mut self, at: usize) {
        let first = self.ask(at);
        for dim in 0..self.dims {
            self.asks[first + dim * LANES] = f64::INFINITY;
        }
    }

    /// The shape with most worth per share of what is free, the first of equals. `room` and
    /// `scale` are what is free and one over it, per dimension.
    fn best(&self, room: &[f64], scale: &[f64]) -> Option<usize> {
        let mut best = (-1.0, 0);
        let blocks = self.worth.chunks_exact(LANES).zip(self.asks.chunks_exact(LANES * self.dims));
        for (block, (worth, asks)) in blocks.enumerate() {
            let scores = scores(worth, asks, room, scale);
            if scores.iter().all(|&score| score <= best.0) {
                continue;
            }
            for (lane, score) in scores.into_iter().enumerate() {
                if score > best.0 {
                    best = (score, block * LANES + lane);
                }
            }
        }
        (best.0 >= 0.0).then_some(best.1)
    }
}

/// Worth per share of what is free, for each shape of a block; -1 where one is too large.
#[inline]
fn scores(worth: &[f64], asks: &[f64], room: &[f64], scale: &[f64]) -> [f64; LANES] {
    let mut load = [1e-12; LANES];
    let mut over = [f64::NEG_INFINITY; LANES];
    for ((asks, &room), &scale) in asks.chunks_exact(LANES).zip(room).zip(scale) {
        for lane in 0..LANES {
            load[lane] += asks[lane] * scale;
            let excess = asks[lane] - room;
            over[lane] = if excess > over[lane] { excess } else { over[lane] };
        }
    }
    let mut scores = [-1.0; LANES];
    for lane in 0..LANES {
        let score = worth[lane] / load[lane];
        scores[lane] = if over[lane] <= 0.0 { score } else { -1.0 };
    }
    scores
}

/// A room half filled. Kept from fill to fill, so that none of them allocates.
#[derive(Debug, Default)]
pub(super) struct Filling {
    room: Vec<i64>,
    /// The same as floats, and one over it, per dimension.
    free: Vec<f64>,
    scale: Vec<f64>,
    /// How many pods each cap has seen.
    caps: Vec<(Cap, u32)>,
    /// How many pods of each bucket are in.
    taken: Vec<(u32, u32)>,
    /// Shapes that may still come.
    open: Open,
    /// What came of it.
    pub pattern: Pattern,
}

/// Fills `room` greedily: always the shape with most worth per share of what is still free.
/// `penalty` is what one pod of a bucket costs extra here; `accepts` says which buckets may come.
pub(super) fn fill(
    ask: &Ask<'_>,
    room: &[i64],
    accepts: impl Fn(u32) -> bool,
    penalty: impl Fn(u32) -> Money,
    filling: &mut Filling,
) {
    filling.start(room);
    if let Some(first) = ask.first {
        if !filling.holds(ask, first) || !accepts(first) {
            return;
        }
        filling.take(ask, first, 1, penalty(first));
    }
    filling.open_shapes(ask, accepts);
    while filling.pattern.worth < ask.budget {
        let Some(at) = filling.best() else { break };
        let buckets = ask.choice.of(filling.open.shapes[at] as usize).iter().copied();
        let next = buckets.map(|b| (b, filling.most(ask, b))).find(|&(_, most)| most > 0);
        let Some((bucket, most)) = next else {
            filling.open.close(at);
            continue;
        };
        // Beyond 2^53 units a request may look as if it fitted that is a little too large.
        let whole = fits(&filling.room, &ask.prepared.buckets[bucket as usize].request, most);
        if whole == 0 {
            filling.open.close(at);
            continue;
        }
        // Half of what fits, so that the mix can answer to what runs short.
        let count = if whole > 3 { whole.div_ceil(2) } else { 1 };
        let left = &mut filling.open.left[at];
        *left = left.saturating_sub(count);
        if *left == 0 {
            filling.open.close(at);
        }
        filling.take(ask, bucket, count, penalty(bucket));
    }
}

impl Filling {
    fn start(&mut self, room: &[i64]) {
        self.room.clear();
        self.room.extend_from_slice(room);
        self.caps.clear();
        self.taken.clear();
        self.open.clear(room.len());
        self.pattern.pods.clear();
        self.pattern.worth = 0.0;
    }

    fn holds(&self, ask: &Ask<'_>, bucket: u32) -> bool {
        let (bucket, dims) = (bucket as usize, self.room.len());
        let request = &ask.prepared.requests[bucket * dims..(bucket + 1) * dims];
        request.iter().zip(&self.room).all(|(ask, room)| ask <= room)
    }

    /// Opens the shapes of which a pod fits and that are accepted.
    fn open_shapes(&mut self, ask: &Ask<'_>, accepts: impl Fn(u32) -> bool) {
        let (choice, dims) = (ask.choice, self.room.len());
        for (at, shape) in choice.shapes.iter().enumerate() {
            let first = choice.buckets[shape.start as usize];
            if self.holds(ask, first) && accepts(first) {
                let bucket = first as usize;
                let request = &ask.prepared.requests[bucket * dims..(bucket + 1) * dims];
                self.open.push(at as u32, shape.left, ask.worth[bucket], request);
            }
        }
    }

    fn best(&mut self) -> Option<usize> {
        self.free.clear();
        self.free.extend(self.room.iter().map(|&free| free as f64));
        self.scale.clear();
        let scale = |&free: &f64| if free > 0.0 { 1.0 / free } else { 1e12 };
        self.scale.extend(self.free.iter().map(scale));
        self.open.best(&self.free, &self.scale)
    }

    /// How many more pods of a bucket the pods left and the cap allow.
    fn most(&self, ask: &Ask<'_>, bucket: u32) -> u32 {
        let taken = self.taken.iter().find(|(b, _)| *b == bucket).map_or(0, |(_, taken)| *taken);
        let left = ask.left[bucket as usize].saturating_sub(taken);
        match ask.prepared.buckets[bucket as usize].cap {
            Some((cap, most)) => {
                let used = self.caps.iter().find(|(c, _)| *c == cap).map_or(0, |(_, used)| *used);
                left.min(most.saturating_sub(used))
            }
            None => left,
        }
    }

    fn take(&mut self, ask: &Ask<'_>, bucket: u32, count: u32, penalty: Money) {
        let chosen = &ask.prepared.buckets[bucket as usize];
        for (room, request) in self.room.iter_mut().zip(&chosen.request) {
            *room -= request * i64::from(count);
        }
        if let Some((cap, _)) = chosen.cap {
            match self.caps.iter_mut().find(|(other, _)| *other == cap) {
                Some((_, used)) => *used += count,
                None => self.caps.push((cap, count)),
            }
        }
        match self.taken.iter_mut().find(|(other, _)| *other == bucket) {
            Some((_, taken)) => *taken += count,
            None => self.taken.push((bucket, count)),
        }
        self.pattern.pods.push((bucket, count));
        let worth = ask.worth[bucket as usize] - penalty as f64;
        self.pattern.worth += worth * f64::from(count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;

    /// What [`Open::best`] is to find, one shape after the other.
    fn best(shapes: &[(f64, Vec<i64>, bool)], room: &[i64]) -> Option<usize> {
        let mut best: Option<(f64, usize)> = None;
        for (at, (worth, request, open)) in shapes.iter().enumerate() {
            if !open || request.iter().zip(room).any(|(ask, have)| ask > have) {
                continue;
            }
            let share = |(&ask, &have): (&i64, &i64)| {
                if have > 0 { ask as f64 / have as f64 } else { ask as f64 * 1e12 }
            };
            let load: f64 = request.iter().zip(room).map(share).sum();
            let score = worth / (load + 1e-12);
            if best.is_none_or(|(top, _)| score > top * (1.0 + 1e-12)) {
                best = Some((score, at));
            }
        }
        best.map(|(_, at)| at)
    }

    #[test]
    fn the_best_shape_is_found_among_any_number_in_any_room() {
        let mut seed = 7;
        let mut below = |most: u64| (random::next(&mut seed) % most) as i64;
        let mut found = 0;
        for round in 0..500 {
            let (count, dims) = (round % 37, 1 + round % 4);
            let room: Vec<i64> = (0..dims).map(|_| below(100) - 2).collect();
            let mut open = Open::default();
            open.clear(dims);
            let mut shapes = Vec::new();
            for at in 0..count {
                let request: Vec<i64> = (0..dims).map(|_| below(60)).collect();
                let worth = below(1_000) as f64 + 1.0;
                open.push(at as u32, 1, worth, &request);
                shapes.push((worth, request, below(5) > 0));
                if !shapes[at].2 {
                    open.close(at);
                }
            }
            let free: Vec<f64> = room.iter().map(|&free| free as f64).collect();
            let scale: Vec<f64> =
                free.iter().map(|&free| if free > 0.0 { 1.0 / free } else { 1e12 }).collect();
            let expected = best(&shapes, &room);
            assert_eq!(open.best(&free, &scale), expected, "{shapes:?} in {room:?}");
            found += usize::from(expected.is_some());
        }
        assert!(found > 100, "{found}");
    }
}
