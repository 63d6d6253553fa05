//! What is asked and what is for sale, with all that cannot matter merged or left out.

use rustc_hash::FxHashMap;

use crate::BitSet;
use crate::problem::{Money, Problem};

/// Work that one bound may cost, in comparisons of a bucket with an offering.
const EFFORT: usize = 3_000_000;

/// Pods that are accepted by the same nodes and can use the same offerings.
pub(super) struct Bucket {
    class: u32,
    /// Over [`Market::wares`]: accepts the pods and holds one.
    wares: BitSet,
    /// What all its pods ask together, per dimension.
    request: Vec<f64>,
}

/// An offering that no other beats: same classes, no less of anything, no higher price.
struct Ware {
    capacity: Vec<i64>,
    price: Money,
}

/// Existing nodes with the same classes, as one room.
struct Room {
    /// Over [`Market::buckets`]: whose pods may use it.
    buckets: Vec<u32>,
    free: Vec<f64>,
}

pub(super) struct Market {
    wares: Vec<Ware>,
    buckets: Vec<Bucket>,
    rooms: Vec<Room>,
    /// What all pods ask that need a launch or room, per dimension.
    pub(super) demand: Vec<f64>,
    /// Per group: its bucket; `None` when it has no pods to place or nothing for sale holds it.
    bucket_of: Vec<Option<u32>>,
}

impl Market {
    pub(super) fn new(problem: &Problem, pods: &[u32]) -> Self {
        let (wares, sold_to) = wares(problem, pods);
        let mut market = Self {
            wares,
            buckets: Vec::new(),
            rooms: Vec::new(),
            demand: vec![0.0; problem.dims],
            bucket_of: vec![None; problem.groups.len()],
        };
        market.fill_buckets(problem, pods, &sold_to);
        market.fill_rooms(problem, pods);
        market
    }

    fn fill_buckets(&mut self, problem: &Problem, pods: &[u32], sold_to: &[Vec<u32>]) {
        let mut known: FxHashMap<(u32, BitSet), u32> = FxHashMap::default();
        // Pods of one class that ask the same can use the same offerings.
        let mut alike: FxHashMap<(u32, &[i64]), Option<u32>> = FxHashMap::default();
        for (index, group) in problem.groups.iter().enumerate().filter(|(at, _)| pods[*at] > 0) {
            let bucket = *alike.entry((group.class, &group.request)).or_insert_with(|| {
                let wares = self.holding(&sold_to[group.class as usize], &group.request);
                (!wares.is_empty()).then(|| {
                    *known.entry((group.class, wares)).or_insert_with_key(|(class, wares)| {
                        let request = vec![0.0; problem.dims];
                        self.buckets.push(Bucket { class: *class, wares: wares.clone(), request });
                        self.buckets.len() as u32 - 1
                    })
                })
            });
            self.bucket_of[index] = bucket;
            let Some(bucket) = bucket else { continue };
            for (dim, &request) in group.request.iter().enumerate() {
                let sum = request as f64 * f64::from(pods[index]);
                self.buckets[bucket as usize].request[dim] += sum;
                self.demand[dim] += sum;
            }
        }
    }

    /// Which of these wares hold one such pod.
    fn holding(&self, sold: &[u32], request: &[i64]) -> BitSet {
        let fitting = sold.iter().map(|&ware| ware as usize);
        let fitting = fitting.filter(|&ware| holds(&self.wares[ware].capacity, request));
        BitSet::from_indices(self.wares.len(), fitting)
    }

    fn fill_rooms(&mut self, problem: &Problem, pods: &[u32]) {
        let smallest = smallest_requests(problem, pods);
        let mut known: FxHashMap<Vec<u32>, usize> = FxHashMap::default();
        for (index, node) in problem.nodes.iter().enumerate() {
            let classes: Vec<u32> = (smallest.iter())
                .filter(|(class, request)| {
                    problem.classes[*class as usize].nodes.contains(index)
                        && holds(&node.free, request)
                })
                .map(|(class, _)| *class)
                .collect();
            if classes.is_empty() {
                continue;
            }
            let room = *known.entry(classes).or_insert_with_key(|classes| {
                let buckets = (0u32..).zip(&self.buckets);
                let buckets = buckets.filter(|(_, b)| classes.binary_search(&b.class).is_ok());
                let buckets = buckets.map(|(at, _)| at).collect();
                self.rooms.push(Room { buckets, free: vec![0.0; problem.dims] });
                self.rooms.len() - 1
            });
            for (sum, &free) in self.rooms[room].free.iter_mut().zip(&node.free) {
                *sum += free as f64;
            }
        }
    }

    /// How many sets of weights may be tried, so that the work stays within [`EFFORT`].
    pub(super) fn evaluations(&self) -> usize {
        (EFFORT / (self.wares.len() * self.buckets.len()).max(1)).clamp(8, 200)
    }

    /// The bound that these weights of the dimensions give.
    pub(super) fn bound(&self, weights: &[f64]) -> f64 {
        let rates: Vec<f64> = self.wares.iter().map(|ware| ware.rate(weights)).collect();
        let items: Vec<(f64, f64)> = (self.buckets.iter())
            .map(|bucket| {
                let rate =
                    bucket.wares.iter().map(|ware| rates[ware]).fold(f64::INFINITY, f64::min);
                (weigh(weights, &bucket.request), if rate.is_finite() { rate } else { 0.0 })
            })
            .collect();
        let worth: f64 = items.iter().map(|(weight, rate)| weight * rate).sum();
        let taken_in: f64 = self.rooms.iter().map(|room| room.worth(weights, &items)).sum();
        worth - taken_in
    }

    /// The cheapest offering that accepts and holds a pod of the group.
    pub(super) fn cheapest(&self, group: usize) -> Option<Money> {
        let bucket = &self.buckets[self.bucket_of[group]? as usize];
        bucket.wares.iter().map(|ware| self.wares[ware].price).min()
    }
}

impl Ware {
    /// Price per unit of weighted capacity.
    fn rate(&self, weights: &[f64]) -> f64 {
        let capacity: f64 =
            weights.iter().zip(&self.capacity).map(|(w, &cap)| w * cap.max(0) as f64).sum();
        // Pods that fit in no weighted capacity have no weight; their rate is of no account.
        if capacity > 0.0 { self.price as f64 / capacity } else { f64::INFINITY }
    }
}

impl Room {
    /// The most that the pods that fit in here can be worth: those with the highest rate first.
    fn worth(&self, weights: &[f64], items: &[(f64, f64)]) -> f64 {
        let mut room = weigh(weights, &self.free);
        let mut items: Vec<(f64, f64)> =
            self.buckets.iter().map(|&bucket| items[bucket as usize]).collect();
        items.sort_by(|a, b| b.1.total_cmp(&a.1));
        let mut worth = 0.0;
        for (weight, rate) in items {
            let weight = weight.min(room);
            worth += weight * rate;
            room -= weight;
        }
        worth
    }
}

fn weigh(weights: &[f64], amounts: &[f64]) -> f64 {
    weights.iter().zip(amounts).map(|(weight, amount)| weight * amount).sum()
}

/// Whether one such pod finds room; what it does not ask for may be short.
pub(super) fn holds(room: &[i64], request: &[i64]) -> bool {
    room.iter().zip(request).all(|(&room, &request)| request <= room.max(0))
}

/// Per class with pods to place, the least that any of its pods asks of each dimension.
fn smallest_requests(problem: &Problem, pods: &[u32]) -> Vec<(u32, Vec<i64>)> {
    let mut smallest: Vec<Option<Vec<i64>>> = vec![None; problem.classes.len()];
    for (group, _) in problem.groups.iter().zip(pods).filter(|(_, pods)| **pods > 0) {
        let known = smallest[group.class as usize].get_or_insert_with(|| group.request.clone());
        for (known, &request) in known.iter_mut().zip(&group.request) {
            *known = request.min(*known);
        }
    }
    (0u32..).zip(smallest).filter_map(|(class, request)| Some((class, request?))).collect()
}

/// The offerings worth looking at, and per class those that accept it.
fn wares(problem: &Problem, pods: &[u32]) -> (Vec<Ware>, Vec<Vec<u32>>) {
    let mut asked = BitSet::empty(problem.classes.len());
    for (group, _) in problem.groups.iter().zip(pods).filter(|(_, pods)| **pods > 0) {
        asked.insert(group.class as usize);
    }
    let parts = parts(problem, &asked);
    let mut order: Vec<usize> = (0..problem.offerings.len()).collect();
    order.sort_by(|&a, &b| {
        let key = |at: usize| (parts[at], problem.offerings[at].price);
        // Of equals, the larger first: it removes the others.
        let by_size = || problem.offerings[b].capacity.cmp(&problem.offerings[a].capacity);
        key(a).cmp(&key(b)).then_with(by_size)
    });
    let mut wares: Vec<Ware> = Vec::new();
    let mut sold_to = vec![Vec::new(); problem.classes.len()];
    let mut part_start = 0;
    for (at, &index) in order.iter().enumerate() {
        if at > 0 && parts[order[at - 1]] != parts[index] {
            part_start = wares.len();
        }
        let offering = &problem.offerings[index];
        let beaten = |ware: &Ware| {
            ware.capacity.iter().zip(&offering.capacity).all(|(theirs, mine)| theirs >= mine)
        };
        // The last ones are nearest in price and most alike.
        if wares[part_start..].iter().rev().any(beaten) {
            continue;
        }
        for class in asked.iter().filter(|&class| problem.classes[class].offerings.contains(index))
        {
            sold_to[class].push(wares.len() as u32);
        }
        wares.push(Ware { capacity: offering.capacity.clone(), price: offering.price });
    }
    (wares, sold_to)
}

/// Numbers the offerings such that equal numbers mean: accepted by the same of these classes.
fn parts(problem: &Problem, classes: &BitSet) -> Vec<u32> {
    let mut parts = vec![0u32; problem.offerings.len()];
    let mut count = 1u32;
    for class in classes.iter() {
        let row = &problem.classes[class].offerings;
        let mut renamed = vec![[u32::MAX; 2]; count as usize];
        count = 0;
        for (offering, part) in parts.iter_mut().enumerate() {
            let name = &mut renamed[*part as usize][usize::from(row.contains(offering))];
            if *name == u32::MAX {
                *name = count;
                count += 1;
            }
            *part = *name;
        }
        count = count.max(1);
    }
    parts
}
