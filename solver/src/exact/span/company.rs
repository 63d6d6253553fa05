//! Who is where, for the affinities that need to know in detail.
//!
//! Required affinities are met in some order, which depends on which groups are in which domains;
//! preferred ones over several keys depend on combinations of domains. Neither is decided before
//! all pods have a place. What is kept here only tells states apart.

use super::{Closed, Places};
use crate::exact::local::Masks;
use crate::problem::NODE_KEY;

/// Cells per group that matters and combination of domains: its pods there (up to 2 when only
/// required affinities see them). When nodes are domains, one cell more for each closed node, in
/// ascending order.
pub(super) struct Company {
    /// The groups of the model that matter, and the most that is counted of each.
    groups: Vec<(u8, u32)>,
    /// The combination of domains of each place.
    corner: Vec<usize>,
    corners: usize,
    by_node: bool,
}

impl Company {
    /// `affinities`: who is concerned, the keys, the set, and whether it is a preference.
    pub(super) fn new(
        places: &Places<'_>,
        affinities: &[(Masks, Vec<u8>, u32, bool)],
    ) -> Option<Self> {
        let concerned = |at: usize, (masks, ..): &&(Masks, Vec<u8>, u32, bool)| {
            (masks.set | masks.subjects) >> at & 1 == 1
        };
        let mut groups = Vec::new();
        for at in 0..places.model.groups.len() {
            let of: Vec<_> = affinities.iter().filter(|one| concerned(at, one)).collect();
            if !of.is_empty() {
                let exact = of.iter().any(|(_, _, _, preferred)| *preferred);
                groups.push((at as u8, if exact { u32::MAX } else { 2 }));
            }
        }
        let mut keys: Vec<u8> = affinities.iter().flat_map(|(_, keys, ..)| keys.clone()).collect();
        keys.sort_unstable();
        keys.dedup();
        let by_node = keys.contains(&NODE_KEY);
        let mut slots = Vec::new();
        for &key in keys.iter().filter(|&&key| key != NODE_KEY) {
            slots.push(places.slots(key)?.1);
        }
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
        Some(Self { groups, corner, corners: known.len(), by_node })
    }

    pub(super) fn start(&self) -> Vec<u32> {
        vec![0; self.groups.len() * self.corners]
    }

    pub(super) fn close(&self, cells: &mut Vec<u32>, first: usize, node: &Closed<'_>) {
        let mut is_here = false;
        for (at, &(group, most)) in self.groups.iter().enumerate() {
            let here = node.pods.iter().find(|(other, _)| *other == group);
            if let Some(&(_, count)) = here {
                let cell = &mut cells[first + self.corner[node.place] * self.groups.len() + at];
                *cell = most.min(*cell + count);
                is_here = true;
            }
        }
        if self.by_node && is_here {
            self.list(cells, first, node);
        }
    }

    /// Adds the node to the list behind the cells: its place, then its pods, all in order.
    fn list(&self, cells: &mut Vec<u32>, first: usize, node: &Closed<'_>) {
        let width = self.groups.len() + 1;
        let mut record = vec![node.place as u32];
        record.extend(self.groups.iter().map(|&(group, most)| {
            let here = node.pods.iter().find(|(other, _)| *other == group);
            here.map_or(0, |(_, count)| most.min(*count))
        }));
        let start = first + self.groups.len() * self.corners;
        let known = cells[start..].chunks_exact(width);
        let before = known.filter(|other| **other <= record[..]).count();
        let at = start + before * width;
        cells.splice(at..at, record);
    }
}
