//! Exclusions over the domains of a key.

use super::{Closed, Places, Rule};
use crate::exact::local::Masks;
use crate::problem::{Exclusion, Money};

/// A required exclusion.
///
/// Cells per slot: pods of the set (up to 2), whether a pod that states it is there and is in the
/// set itself, and whether one that is not.
pub(super) struct Separation {
    masks: Masks,
    slots: Vec<Option<usize>>,
    domains: usize,
}

impl Separation {
    pub(super) fn new(places: &Places<'_>, key: u8, masks: Masks) -> Option<Self> {
        let (domains, slots) = places.slots(key)?;
        Some(Self { masks, slots, domains: domains.len() })
    }
}

impl Rule for Separation {
    fn start(&self) -> Vec<u32> {
        vec![0; self.domains * 3]
    }

    fn close(&self, cells: &mut [u32], node: &Closed<'_>) -> Option<Money> {
        let Some(slot) = self.slots[node.place] else { return Some(0) };
        let cell = &mut cells[slot * 3..slot * 3 + 3];
        let tally = self.masks.tally(node.pods);
        cell[0] = (cell[0] + tally.members).min(2);
        cell[1] = (cell[1] + tally.inside).min(1);
        cell[2] = (cell[2] + tally.outside).min(1);
        let broken = cell[1] > 0 && cell[0] > 1 || cell[2] > 0 && cell[0] > 0;
        (!broken).then_some(0)
    }

    fn outlook(&self, _: &[u32], _: &super::Ahead<'_>) -> Option<Money> {
        Some(0)
    }
}

/// A preferred exclusion.
///
/// Cells per slot: pods of the set (up to 2, bound ones too), and the pods that have not been
/// charged yet, those of the set and the others.
pub(super) struct Avoidance {
    masks: Masks,
    cost: Money,
    slots: Vec<Option<usize>>,
    start: Vec<u32>,
}

impl Avoidance {
    pub(super) fn new(
        places: &Places<'_>,
        exclusion: &Exclusion,
        masks: Masks,
        cost: Money,
    ) -> Option<Self> {
        let (domains, slots) = places.slots(exclusion.key)?;
        let bound = bound_in(places, exclusion.set, exclusion.key, &domains);
        let start = bound.into_iter().flat_map(|bound| [bound, 0, 0]).collect();
        Some(Self { masks, cost, slots, start })
    }
}

impl Rule for Avoidance {
    fn start(&self) -> Vec<u32> {
        self.start.clone()
    }

    fn close(&self, cells: &mut [u32], node: &Closed<'_>) -> Option<Money> {
        let Some(slot) = self.slots[node.place] else { return Some(0) };
        let cell = &mut cells[slot * 3..slot * 3 + 3];
        let tally = self.masks.tally(node.pods);
        cell[0] = (cell[0] + tally.members).min(2);
        cell[1] += tally.inside;
        cell[2] += tally.outside;
        let mut charged = 0;
        if cell[0] > 1 {
            charged += std::mem::take(&mut cell[1]);
        }
        if cell[0] > 0 {
            charged += std::mem::take(&mut cell[2]);
        }
        Some(self.cost.saturating_mul(charged.into()))
    }

    fn outlook(&self, _: &[u32], _: &super::Ahead<'_>) -> Option<Money> {
        Some(0)
    }
}

/// Bound pods of a set in each of some domains, up to 2.
pub(super) fn bound_in(places: &Places<'_>, set: u32, key: u8, domains: &[u32]) -> Vec<u32> {
    let problem = places.model.problem;
    let mut counts = vec![0u32; domains.len()];
    for &(node, count) in &problem.sets[set as usize].bound {
        let domain = problem.nodes[node as usize].domains[usize::from(key)];
        if let Ok(slot) = domains.binary_search(&domain) {
            counts[slot] = counts[slot].saturating_add(count).min(2);
        }
    }
    counts
}
