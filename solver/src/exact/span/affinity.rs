//! Affinities.

use super::exclusion::bound_in;
use super::{Ahead, Closed, Places, Reach, Rule};
use crate::exact::local::Masks;
use crate::problem::{Money, NO_DOMAIN, NODE_KEY};

/// A preferred affinity over the domains of one key.
///
/// Cells per slot: pods of the set (up to 2, bound ones too), and the pods that have nobody near
/// yet, those of the set and the others.
pub(super) struct Preferred {
    masks: Masks,
    cost: Money,
    slots: Vec<Option<usize>>,
    start: Vec<u32>,
    reach: Reach,
}

impl Preferred {
    pub(super) fn new(
        places: &Places<'_>,
        set: u32,
        key: u8,
        masks: Masks,
        cost: Money,
    ) -> Option<Self> {
        let (domains, slots) = places.slots(key)?;
        let bound = bound_in(places, set, key, &domains);
        let start = bound.into_iter().flat_map(|bound| [bound, 0, 0]).collect();
        let reach = places.reach(&slots);
        Some(Self { masks, cost, slots, start, reach })
    }
}

impl Rule for Preferred {
    fn start(&self) -> Vec<u32> {
        self.start.clone()
    }

    fn close(&self, cells: &mut [u32], node: &Closed<'_>) -> Option<Money> {
        // Where the key is missing, the host's own cost for the pod says so.
        let Some(slot) = self.slots[node.place] else { return Some(0) };
        let cell = &mut cells[slot * 3..slot * 3 + 3];
        let tally = self.masks.tally(node.pods);
        cell[0] = (cell[0] + tally.members).min(2);
        cell[1] = if cell[0] > 1 { 0 } else { cell[1] + tally.inside };
        cell[2] = if cell[0] > 0 { 0 } else { cell[2] + tally.outside };
        Some(0)
    }

    fn outlook(&self, cells: &[u32], ahead: &Ahead<'_>) -> Option<Money> {
        let mut due: Money = 0;
        for (slot, cell) in cells.chunks_exact(3).enumerate() {
            let waiting = cell[1] + cell[2];
            if waiting > 0 && self.reach.members(ahead, self.masks.set, slot) == 0 {
                due = due.saturating_add(self.cost.saturating_mul(waiting.into()));
            }
        }
        Some(due)
    }
}

/// One key of a required affinity, other than the nodes themselves.
struct Axis {
    slots: Vec<Option<usize>>,
    /// Where its cells begin: pods of the set per slot (up to 2, bound ones too).
    first: usize,
    reach: Reach,
}

/// A required affinity.
///
/// Cells: per axis and slot the pods of the set (up to 2); per key the pods of the set in any of
/// its domains (up to 2); whether some pod can only be the first of its set; then per combination
/// of domains whether pods that state it are there, those of the set and the others.
pub(super) struct Required {
    masks: Masks,
    axes: Vec<Axis>,
    on_node: bool,
    /// Bound pods of the set on each place.
    bound: Vec<u32>,
    /// Combinations of slots, one per axis, and the one of each place; `None` where a key is
    /// missing.
    corners: Vec<Vec<usize>>,
    corner: Vec<Option<usize>>,
    start: Vec<u32>,
    /// Where the cells of totals begin; the last one of them is for the nodes themselves.
    totals: usize,
}

impl Required {
    pub(super) fn new(places: &Places<'_>, set: u32, keys: &[u8], masks: Masks) -> Option<Self> {
        let problem = places.model.problem;
        let mut rule = Self {
            masks,
            axes: Vec::new(),
            on_node: keys.contains(&NODE_KEY),
            bound: places.bound(set),
            corners: Vec::new(),
            corner: Vec::new(),
            start: Vec::new(),
            totals: 0,
        };
        let mut totals = Vec::new();
        for &key in keys.iter().filter(|&&key| key != NODE_KEY) {
            let (domains, slots) = places.slots(key)?;
            let reach = places.reach(&slots);
            rule.axes.push(Axis { slots, first: rule.start.len(), reach });
            rule.start.extend(bound_in(places, set, key, &domains));
            let bound = problem.sets[set as usize].bound.iter();
            let known = bound.filter(|(node, _)| {
                problem.nodes[*node as usize].domains[usize::from(key)] != NO_DOMAIN
            });
            totals.push(known.fold(0, |sum: u32, (_, count)| sum.saturating_add(*count)).min(2));
        }
        if rule.on_node {
            let bound = problem.sets[set as usize].bound.iter();
            totals.push(bound.fold(0, |sum: u32, (_, count)| sum.saturating_add(*count)).min(2));
        }
        rule.totals = rule.start.len();
        rule.start.extend(totals);
        rule.start.push(0);
        rule.find_corners();
        rule.start.extend(std::iter::repeat_n(0, rule.corners.len() * 2));
        Some(rule)
    }

    fn find_corners(&mut self) {
        for place in 0..self.bound.len() {
            let slots: Option<Vec<usize>> =
                self.axes.iter().map(|axis| axis.slots[place]).collect();
            let corner = slots.map(|slots| {
                let known = self.corners.iter().position(|known| *known == slots);
                known.unwrap_or_else(|| {
                    self.corners.push(slots);
                    self.corners.len() - 1
                })
            });
            self.corner.push(corner);
        }
    }

    fn keys(&self) -> usize {
        self.axes.len() + usize::from(self.on_node)
    }

    /// Whether no second pod of the set is in a domain of any key.
    fn may_be_first(&self, cells: &[u32]) -> bool {
        cells[self.totals..self.totals + self.keys()].iter().all(|&total| total <= 1)
    }

    /// Whether a pod in a corner finds another of the set, or may still come to, for every axis.
    fn hopes(&self, cells: &[u32], ahead: &Ahead<'_>, corner: usize, own: u32) -> bool {
        self.axes.iter().zip(&self.corners[corner]).all(|(axis, &slot)| {
            cells[axis.first + slot] > own || axis.reach.members(ahead, self.masks.set, slot) > 0
        })
    }
}

impl Rule for Required {
    fn start(&self) -> Vec<u32> {
        self.start.clone()
    }

    fn close(&self, cells: &mut [u32], node: &Closed<'_>) -> Option<Money> {
        let tally = self.masks.tally(node.pods);
        let lone = self.totals + self.keys();
        for (key, axis) in self.axes.iter().enumerate() {
            if let Some(slot) = axis.slots[node.place] {
                for cell in [axis.first + slot, self.totals + key] {
                    cells[cell] = (cells[cell] + tally.members).min(2);
                }
            }
        }
        if self.on_node {
            cells[lone - 1] = (cells[lone - 1] + tally.members).min(2);
            let here = tally.members.saturating_add(self.bound[node.place]);
            if tally.outside > 0 && here == 0 {
                return None;
            }
            if tally.inside > 0 && here == 1 {
                cells[lone] = 1;
            }
        }
        if let Some(corner) = self.corner[node.place] {
            let cell = lone + 1 + corner * 2;
            cells[cell] = (cells[cell] + tally.inside).min(1);
            cells[cell + 1] = (cells[cell + 1] + tally.outside).min(1);
        }
        (cells[lone] == 0 || self.may_be_first(cells)).then_some(0)
    }

    fn outlook(&self, cells: &[u32], ahead: &Ahead<'_>) -> Option<Money> {
        let corners = self.totals + self.keys() + 1;
        for (corner, stated) in cells[corners..].chunks_exact(2).enumerate() {
            if stated[1] > 0 && !self.hopes(cells, ahead, corner, 0) {
                return None;
            }
            if stated[0] > 0 && !self.hopes(cells, ahead, corner, 1) && !self.may_be_first(cells) {
                return None;
            }
        }
        Some(0)
    }
}
