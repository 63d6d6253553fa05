//! Filling one node on paper: which mix of buckets makes the most of a room.

use crate::{
    greedy::{
        ledger::fits,
        prepare::{Cap, Prepared},
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
    let mut worths: Vec<Option<f64>> = Vec::with_capacity(prepared.buckets.len());
    for bucket in &prepared.buckets {
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
        worths.push(bucket.kinds.iter().map(cost).reduce(f64::min));
    }
    // A pod that nothing on sale can host may only use existing room, so it goes there first.
    let dearest = worths.iter().flatten().copied().fold(1.0, f64::max);
    worths.into_iter().map(|worth| worth.unwrap_or(dearest * 1e3)).collect()
}

/// A mix of buckets for one node.
#[derive(Clone, Debug, Default)]
pub(super) struct Pattern {
    /// (bucket, pods), in the order of choosing; a bucket may stand more than once.
    pub pods: Vec<(u32, u32)>,
    /// Worth of all pods, less what unmet preferences cost.
    pub worth: f64,
}

/// What [`fill`] is asked.
pub(super) struct Ask<'a> {
    pub prepared: &'a Prepared<'a>,
    pub worth: &'a [f64],
    /// Requests as floats, row-major by bucket.
    pub requests: &'a [f64],
    /// Buckets to choose from.
    pub buckets: &'a [u32],
    /// Pods left per bucket.
    pub left: &'a [u32],
    /// A bucket that must come first, one pod of it.
    pub first: Option<u32>,
    /// Stop when this much worth is in.
    pub budget: f64,
}

/// Buckets of one shape while a room is filled.
struct Shape {
    /// Those with a cap first: they are the harder ones to find a node for.
    buckets: Vec<u32>,
    left: u32,
}

/// Fills `room` greedily: always the shape with most worth per share of what is still free.
/// `penalty` is what one pod of a bucket costs extra here; `accepts` says which buckets may come.
pub(super) fn fill(
    ask: &Ask<'_>,
    room: &[i64],
    accepts: impl Fn(u32) -> bool,
    penalty: impl Fn(u32) -> Money,
) -> Pattern {
    let mut filling = Filling {
        ask,
        room: room.to_vec(),
        caps: Vec::new(),
        taken: Vec::new(),
        pattern: Pattern::default(),
    };
    if let Some(first) = ask.first {
        if !filling.holds(first) || !accepts(first) {
            return Pattern::default();
        }
        filling.take(first, 1, penalty(first));
    }
    let mut shapes = shapes(ask, &filling, accepts);
    let dims = room.len();
    let mut scale = vec![0.0; dims];
    while filling.pattern.worth < ask.budget {
        for (scale, &free) in scale.iter_mut().zip(&filling.room) {
            *scale = if free > 0 { 1.0 / free as f64 } else { 1e12 };
        }
        shapes.retain(|shape| shape.left > 0 && filling.holds(shape.buckets[0]));
        let score = |shape: &Shape| {
            let bucket = shape.buckets[0] as usize;
            let request = &ask.requests[bucket * dims..(bucket + 1) * dims];
            let load: f64 = request.iter().zip(&scale).map(|(ask, scale)| ask * scale).sum();
            ask.worth[bucket] / load.max(1e-12)
        };
        let mut best: Option<(f64, usize)> = None;
        for (at, shape) in shapes.iter().enumerate() {
            let score = score(shape);
            if best.is_none_or(|(top, _)| score > top) {
                best = Some((score, at));
            }
        }
        let Some((_, at)) = best else { break };
        let bucket = shapes[at].buckets.iter().copied().find(|&b| filling.most(b) > 0);
        let Some(bucket) = bucket else {
            shapes.swap_remove(at);
            continue;
        };
        let request = &ask.prepared.buckets[bucket as usize].request;
        let whole = fits(&filling.room, request, filling.most(bucket));
        // Half of what fits, so that the mix can answer to what runs short.
        let count = if whole > 3 { whole.div_ceil(2) } else { 1 };
        shapes[at].left -= count.min(shapes[at].left);
        filling.take(bucket, count, penalty(bucket));
    }
    filling.pattern
}

fn shapes(ask: &Ask<'_>, filling: &Filling<'_>, accepts: impl Fn(u32) -> bool) -> Vec<Shape> {
    let mut shapes: Vec<Shape> = Vec::new();
    let mut index: Vec<u32> = Vec::new();
    for &bucket in ask.buckets {
        let left = ask.left[bucket as usize];
        if left == 0 || !filling.holds(bucket) || !accepts(bucket) {
            continue;
        }
        let of = &ask.prepared.buckets[bucket as usize];
        let shape = of.shape as usize;
        if index.len() <= shape {
            index.resize(shape + 1, u32::MAX);
        }
        if index[shape] == u32::MAX {
            index[shape] = shapes.len() as u32;
            shapes.push(Shape { buckets: Vec::new(), left: 0 });
        }
        let shape = &mut shapes[index[shape] as usize];
        shape.left += left;
        shape.buckets.push(bucket);
        if of.cap.is_some() {
            let last = shape.buckets.len() - 1;
            shape.buckets.swap(0, last);
        }
    }
    shapes
}

/// A room half filled.
struct Filling<'a> {
    ask: &'a Ask<'a>,
    room: Vec<i64>,
    /// How many pods each cap has seen.
    caps: Vec<(Cap, u32)>,
    taken: Vec<(u32, u32)>,
    pattern: Pattern,
}

impl Filling<'_> {
    fn holds(&self, bucket: u32) -> bool {
        let request = &self.ask.prepared.buckets[bucket as usize].request;
        request.iter().zip(&self.room).all(|(ask, room)| ask <= room)
    }

    /// How many more pods of a bucket the pods left and the cap allow.
    fn most(&self, bucket: u32) -> u32 {
        let taken = self.taken.iter().find(|(b, _)| *b == bucket).map_or(0, |(_, taken)| *taken);
        let left = self.ask.left[bucket as usize].saturating_sub(taken);
        match self.ask.prepared.buckets[bucket as usize].cap {
            Some((cap, most)) => {
                let used = self.caps.iter().find(|(c, _)| *c == cap).map_or(0, |(_, used)| *used);
                left.min(most.saturating_sub(used))
            }
            None => left,
        }
    }

    fn take(&mut self, bucket: u32, count: u32, penalty: Money) {
        let chosen = &self.ask.prepared.buckets[bucket as usize];
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
        let worth = self.ask.worth[bucket as usize] - penalty as f64;
        self.pattern.worth += worth * f64::from(count);
    }
}
