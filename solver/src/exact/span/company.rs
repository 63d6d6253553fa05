//! Who is where, for the affinities that need to know in detail. What is kept here mostly tells
//! states apart.
//!
//! Preferred affinities over several keys depend on combinations of domains. Required affinities
//! are met in some order, which depends on which groups are in which domains. Neither is decided
//! before all pods have a place.
//!
//! Where a required affinity asks for the same node, a pod is *settled* when it can come whatever
//! happens elsewhere: it leans on nobody, or only on bound pods or settled pods of its node. A node
//! with a pod that leans on its neighbours and is not settled is kept as it is. Of all others only
//! the pods per group and combination of domains matter.

use super::{Ahead, Closed, Places, Rule};
use crate::exact::local::Masks;
use crate::problem::{Money, NODE_KEY};

/// Pods per group and combination of domains.
///
/// Cells: per combination and group that matters its pods there, up to a number.
pub(super) struct Crowd {
    groups: Vec<u8>,
    most: u32,
    /// The combination of domains of each place.
    corner: Vec<usize>,
    corners: usize,
}

impl Crowd {
    /// `None` when a key has too many domains.
    pub(super) fn new(places: &Places<'_>, keys: &[u8], seen: u64, most: u32) -> Option<Self> {
        let mut slots = Vec::new();
        for &key in keys.iter().filter(|&&key| key != NODE_KEY) {
            slots.push(places.slots(key)?.1);
        }
        let groups = 0..places.model.groups.len() as u8;
        let groups = groups.filter(|group| seen >> group & 1 == 1).collect();
        let (corner, corners) = corners(places, &slots);
        Some(Self { groups, most, corner, corners })
    }
}

impl Rule for Crowd {
    fn start(&self) -> Vec<u32> {
        vec![0; self.groups.len() * self.corners]
    }

    fn close(&self, cells: &mut [u32], node: &Closed<'_>) -> Option<Money> {
        let start = self.corner[node.place] * self.groups.len();
        for (cell, &group) in cells[start..].iter_mut().zip(&self.groups) {
            *cell = self.most.min(cell.saturating_add(pods_of(node, group)));
        }
        Some(0)
    }

    fn outlook(&self, _: &[u32], _: &Ahead<'_>) -> Option<Money> {
        Some(0)
    }
}

fn pods_of(node: &Closed<'_>, group: u8) -> u32 {
    let here = node.pods.iter().find(|(other, _)| *other == group);
    here.map_or(0, |(_, count)| *count)
}

/// Numbers the combinations of slots; the one of each place, and how many there are.
fn corners(places: &Places<'_>, slots: &[Vec<Option<usize>>]) -> (Vec<usize>, usize) {
    let mut known: Vec<Vec<Option<usize>>> = Vec::new();
    let mut corner = Vec::new();
    for place in 0..places.hosts.len() {
        let here: Vec<Option<usize>> = slots.iter().map(|slots| slots[place]).collect();
        let at = known.iter().position(|other| *other == here).unwrap_or(known.len());
        if at == known.len() {
            known.push(here);
        }
        corner.push(at);
    }
    (corner, known.len())
}

/// A required affinity, as the order depends on it.
pub(super) struct Lean {
    masks: Masks,
    keys: Vec<u8>,
    /// Bound pods of its set on each place.
    bound: Vec<u32>,
    /// Whether pods of its set are bound anywhere.
    any_bound: bool,
}

impl Lean {
    pub(super) fn new(places: &Places<'_>, set: u32, keys: Vec<u8>, masks: Masks) -> Self {
        let any_bound = !places.model.problem.sets[set as usize].bound.is_empty();
        Self { masks, keys, bound: places.bound(set), any_bound }
    }

    fn on_node(&self) -> bool {
        self.keys == [NODE_KEY]
    }
}

/// All required affinities together.
///
/// Cells: for each affinity whether its first pod is on a closed node (as far as a look at the node
/// tells); the [`Crowd`]'s; then for each node that is kept as it is its combination of domains,
/// the affinities that bound pods meet there, and its pods (up to 2 of a group), at most two nodes
/// of a kind, in ascending order.
pub(super) struct Company {
    leans: Vec<Lean>,
    crowd: Crowd,
}

/// With more of them, not all can be told apart by a bit.
const MOST_LEANS: usize = 32;

impl Company {
    /// `None` when there are too many affinities, or a key has too many domains.
    pub(super) fn new(places: &Places<'_>, leans: Vec<Lean>) -> Option<Self> {
        let seen = leans.iter().fold(0, |all, lean| all | lean.masks.set | lean.masks.subjects);
        let mut keys: Vec<u8> = leans.iter().flat_map(|lean| lean.keys.clone()).collect();
        keys.sort_unstable();
        keys.dedup();
        let crowd = Crowd::new(places, &keys, seen, 2)?;
        (leans.len() <= MOST_LEANS).then_some(Self { leans, crowd })
    }

    pub(super) fn start(&self) -> Vec<u32> {
        let mut cells = vec![0; self.leans.len()];
        cells.extend(self.crowd.start());
        cells
    }

    /// Closes a node; `None` when no order can be right. `first` is where the cells begin.
    pub(super) fn close(
        &self,
        cells: &mut Vec<u32>,
        first: usize,
        node: &Closed<'_>,
    ) -> Option<()> {
        let settled = self.settled(node);
        let stuck = node.pods.iter().filter(|(group, _)| settled >> group & 1 == 0);
        let unmet = stuck.map(|&(group, _)| self.unmet(node, group, settled));
        // The first of these to come is the first of its set for all that it leans on.
        self.lead(cells, first, unmet.clone().reduce(|all, one| all & one).unwrap_or(0))?;
        let on_node = (0u32..).zip(&self.leans).filter(|(_, lean)| lean.on_node());
        let on_node = on_node.fold(0, |bits, (at, _)| bits | 1 << at);
        if unmet.into_iter().any(|unmet| unmet & on_node != 0) {
            self.keep(cells, first, node);
            return Some(());
        }
        self.crowd.close(&mut cells[first + self.leans.len()..], node).map(|_| ())
    }

    /// The affinities of a group that neither bound pods nor the settled ones of the node meet.
    fn unmet(&self, node: &Closed<'_>, group: u8, settled: u64) -> u32 {
        let unmet = (0u32..).zip(&self.leans).filter(|(_, lean)| {
            let met =
                lean.on_node() && (lean.bound[node.place] > 0 || lean.masks.set & settled != 0);
            lean.masks.subjects >> group & 1 == 1 && !met
        });
        unmet.fold(0, |bits, (at, _)| bits | 1 << at)
    }

    fn settled(&self, node: &Closed<'_>) -> u64 {
        let mut settled = 0u64;
        loop {
            let before = settled;
            for &(group, _) in node.pods {
                if self.unmet(node, group, settled) == 0 {
                    settled |= 1 << group;
                }
            }
            if settled == before {
                return settled;
            }
        }
    }

    /// Marks the affinities whose first pod is on this node, unless they have one already.
    fn lead(&self, cells: &mut [u32], first: usize, led: u32) -> Option<()> {
        for (at, lean) in self.leans.iter().enumerate() {
            if led >> at & 1 == 1 && lean.on_node() {
                if cells[first + at] > 0 || lean.any_bound {
                    return None;
                }
                cells[first + at] = 1;
            }
        }
        Some(())
    }

    /// Adds the node to the list behind the cells. Of equal nodes, one may hold the first pod of a
    /// set; all others come alike.
    fn keep(&self, cells: &mut Vec<u32>, first: usize, node: &Closed<'_>) {
        let bound = (0u32..).zip(&self.leans).filter(|(_, lean)| lean.bound[node.place] > 0);
        let bound = bound.fold(0, |bits, (at, _)| bits | 1 << at);
        let mut record = vec![self.crowd.corner[node.place] as u32, bound];
        record.extend(self.crowd.groups.iter().map(|&group| pods_of(node, group).min(2)));
        let start = first + self.start().len();
        let known = cells[start..].chunks_exact(record.len());
        if known.clone().filter(|other| **other == record[..]).count() < 2 {
            let before = known.filter(|other| **other < record[..]).count();
            let at = start + before * record.len();
            cells.splice(at..at, record);
        }
    }
}
