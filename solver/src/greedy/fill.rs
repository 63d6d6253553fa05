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
    // Nothing that is looked at here differs within a shape.
    let mut known: Vec<Option<Option<f64>>> = vec![None; prepared.shapes];
    let worths: Vec<Option<f64>> = (prepared.buckets.iter())
        .map(|bucket| {
            *known[bucket.shape as usize].get_or_insert_with(|| worth(prepared, bucket, share))
        })
        .collect();
    // A pod that nothing on sale can host may only use existing room, so it goes there first.
    let dearest = worths.iter().flatten().copied().fold(1.0, f64::max);
    worths.into_iter().map(|worth| worth.unwrap_or(dearest * 1e3)).collect()
}

fn worth(prepared: &Prepared<'_>, bucket: &Bucket, share: Share) -> Option<f64> {
    let cost = |kind: usize| {
        let offered = &prepared.kinds[kind];
        let shares = bucket
            .request
            .iter()
            .zip(&offered.capacity)
            .filter(|(ask, _)| **ask > 0)
            .map(|(&ask, &have)| ask as f64 / have as f64);
        let load = match share {
            Share::Largest => shares.fold(0.0, f64::max),
            Share::Sum => shares.sum::<f64>() / 2.0,
        };
        (offered.price as f64).max(1.0) * load.clamp(1e-9, 1.0)
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

/// A shape that may still come.
#[derive(Clone, Copy, Debug)]
struct Open {
    /// Index into [`Choice::shapes`].
    shape: u32,
    /// Its first bucket, which stands for all of them.
    bucket: u32,
    left: u32,
}

/// A room half filled. Kept from fill to fill, so that none of them allocates.
#[derive(Debug, Default)]
pub(super) struct Filling {
    room: Vec<i64>,
    /// One over what is free, per dimension.
    scale: Vec<f64>,
    /// How many pods each cap has seen.
    caps: Vec<(Cap, u32)>,
    /// How many pods of each bucket are in.
    taken: Vec<(u32, u32)>,
    /// Shapes that may still come.
    open: Vec<Open>,
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
    let choice = ask.choice;
    for (at, shape) in choice.shapes.iter().enumerate() {
        let bucket = choice.buckets[shape.start as usize];
        if filling.holds(ask, bucket) && accepts(bucket) {
            filling.open.push(Open { shape: at as u32, bucket, left: shape.left });
        }
    }
    while filling.pattern.worth < ask.budget {
        let Some(at) = filling.best(ask) else { break };
        let buckets = choice.of(filling.open[at].shape as usize).iter().copied();
        let Some((bucket, most)) =
            buckets.map(|b| (b, filling.most(ask, b))).find(|&(_, most)| most > 0)
        else {
            filling.open.swap_remove(at);
            continue;
        };
        let request = &ask.prepared.buckets[bucket as usize].request;
        let whole = fits(&filling.room, request, most);
        // Half of what fits, so that the mix can answer to what runs short.
        let count = if whole > 3 { whole.div_ceil(2) } else { 1 };
        let left = &mut filling.open[at].left;
        *left = left.saturating_sub(count);
        filling.take(ask, bucket, count, penalty(bucket));
    }
}

impl Filling {
    fn start(&mut self, room: &[i64]) {
        self.room.clear();
        self.room.extend_from_slice(room);
        self.caps.clear();
        self.taken.clear();
        self.open.clear();
        self.pattern.pods.clear();
        self.pattern.worth = 0.0;
    }

    fn holds(&self, ask: &Ask<'_>, bucket: u32) -> bool {
        let (bucket, dims) = (bucket as usize, self.room.len());
        let request = &ask.prepared.requests[bucket * dims..(bucket + 1) * dims];
        request.iter().zip(&self.room).all(|(ask, room)| ask <= room)
    }

    /// The open shape with most worth per share of what is free; drops those that are used up or
    /// too large by now.
    fn best(&mut self, ask: &Ask<'_>) -> Option<usize> {
        self.scale.clear();
        let scale = |&free: &i64| if free > 0 { 1.0 / free as f64 } else { 1e12 };
        self.scale.extend(self.room.iter().map(scale));
        let dims = self.room.len();
        let mut best: Option<(f64, usize)> = None;
        let mut kept = 0;
        for at in 0..self.open.len() {
            let open = self.open[at];
            if open.left == 0 || !self.holds(ask, open.bucket) {
                continue;
            }
            let bucket = open.bucket as usize;
            let request = &ask.prepared.request_floats[bucket * dims..(bucket + 1) * dims];
            let load: f64 = request.iter().zip(&self.scale).map(|(ask, scale)| ask * scale).sum();
            let score = ask.worth[bucket] / load.max(1e-12);
            if best.is_none_or(|(top, _)| score > top) {
                best = Some((score, kept));
            }
            self.open[kept] = open;
            kept += 1;
        }
        self.open.truncate(kept);
        best.map(|(_, at)| at)
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
