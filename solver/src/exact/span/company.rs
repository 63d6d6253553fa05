//! Who is where, for the affinities that need to know in detail.
//!
//! Required affinities are met in some order, which depends on which groups are in which domains;
//! preferred ones over several keys depend on combinations of domains. Neither is decided before
//! all pods have a place. What is kept here mostly tells states apart.
//!
//! Where nodes are domains, a node is *settled* when its pods can come in some order whatever
//! happens elsewhere: each finds what it must be near to among bound pods and pods of the node that
//! come before it. Of settled nodes only the pods per group count. On any other node some pod must
//! be the first of its set, which can happen once per affinity.

use super::{Closed, Places};
use crate::exact::local::Masks;
use crate::problem::NODE_KEY;

/// An affinity that this looks at.
pub(super) struct Concern {
    pub masks: Masks,
    /// Each once.
    pub keys: Vec<u8>,
    pub set: u32,
    pub preferred: bool,
}

/// A required affinity, as the order on one node depends on it.
struct Lean {
    masks: Masks,
    /// Its only key is the node.
    on_node: bool,
    /// Bound pods of its set on each place.
    bound: Vec<u32>,
    /// Bound pods of its set anywhere.
    any_bound: bool,
}

/// Cells: for each affinity to pods of the same node, whether its first pod is on a closed node; per
/// combination of domains and group that matters its pods there (up to 2 when only required
/// affinities see them), those of unsettled nodes left out; then for each unsettled node its place
/// and the pods of these groups, in ascending order.
pub(super) struct Company {
    leans: Vec<Lean>,
    /// The groups of the model that matter, and the most that is counted of each.
    groups: Vec<(u8, u32)>,
    /// The combination of domains of each place.
    corner: Vec<usize>,
    corners: usize,
    by_node: bool,
    /// Preferences over several keys look at nodes one by one.
    all_nodes: bool,
}

impl Company {
    /// `None` when a key has too many domains.
    pub(super) fn new(places: &Places<'_>, concerns: &[Concern]) -> Option<Self> {
        let mut groups = Vec::new();
        for at in 0..places.model.groups.len() {
            let sees = |one: &&Concern| (one.masks.set | one.masks.subjects) >> at & 1 == 1;
            if concerns.iter().any(|one| sees(&one)) {
                let exact = concerns.iter().filter(sees).any(|one| one.preferred);
                groups.push((at as u8, if exact { u32::MAX } else { 2 }));
            }
        }
        let mut keys: Vec<u8> = concerns.iter().flat_map(|one| one.keys.clone()).collect();
        keys.sort_unstable();
        keys.dedup();
        let by_node = keys.contains(&NODE_KEY);
        let all_nodes = concerns.iter().any(|one| one.preferred && one.keys.contains(&NODE_KEY));
        let mut slots = Vec::new();
        for &key in keys.iter().filter(|&&key| key != NODE_KEY) {
            slots.push(places.slots(key)?.1);
        }
        let (corner, corners) = corners(places, &slots);
        let leans = concerns.iter().filter(|one| !one.preferred).map(|one| Lean {
            masks: one.masks,
            on_node: one.keys == [NODE_KEY],
            bound: places.bound(one.set),
            any_bound: !places.model.problem.sets[one.set as usize].bound.is_empty(),
        });
        Some(Self { leans: leans.collect(), groups, corner, corners, by_node, all_nodes })
    }

    pub(super) fn start(&self) -> Vec<u32> {
        vec![0; self.leans.len() + self.groups.len() * self.corners]
    }

    /// Whether the node may be closed; `first` is where the cells begin.
    pub(super) fn close(&self, cells: &mut Vec<u32>, first: usize, node: &Closed<'_>) -> bool {
        let is_settled = !self.by_node || {
            let stuck = self.stuck(node);
            if !self.lead(cells, first, stuck) {
                return false;
            }
            stuck.is_none() && !self.all_nodes
        };
        let here = |group: u8| node.pods.iter().find(|(other, _)| *other == group);
        if !is_settled {
            if self.groups.iter().any(|&(group, _)| here(group).is_some()) {
                self.list(cells, first, node);
            }
            return true;
        }
        let start = first + self.leans.len() + self.corner[node.place] * self.groups.len();
        for (cell, &(group, most)) in cells[start..].iter_mut().zip(&self.groups) {
            if let Some(&(_, count)) = here(group) {
                *cell = most.min(*cell + count);
            }
        }
        true
    }

    /// The affinities of which every pod that has nobody to come after must be the first, one bit
    /// each; `None` when there is no such pod on the node.
    fn stuck(&self, node: &Closed<'_>) -> Option<u64> {
        let mut settled = 0u64;
        let unmet = |group: u8, settled: u64| {
            let leans = self.leans.iter().enumerate();
            let unmet = leans.filter(|(_, lean)| {
                let met =
                    lean.on_node && (lean.bound[node.place] > 0 || lean.masks.set & settled != 0);
                lean.masks.subjects >> group & 1 == 1 && !met
            });
            unmet.fold(0u64, |bits, (at, _)| bits | 1 << at.min(63))
        };
        let mut grows = true;
        while grows {
            let before = settled;
            for &(group, _) in node.pods {
                if unmet(group, settled) == 0 {
                    settled |= 1 << group;
                }
            }
            grows = settled != before;
        }
        let stuck = node.pods.iter().filter(|(group, _)| settled >> group & 1 == 0);
        stuck.map(|&(group, _)| unmet(group, settled)).reduce(|all, one| all & one)
    }

    /// Marks the affinities whose first pod is on this node; false when one has its first pod
    /// already.
    fn lead(&self, cells: &mut [u32], first: usize, stuck: Option<u64>) -> bool {
        let led = stuck.unwrap_or(0);
        for (at, lean) in self.leans.iter().enumerate().take(63) {
            if led >> at & 1 == 1 && lean.on_node {
                let cell = &mut cells[first + at];
                if *cell > 0 || lean.any_bound {
                    return false;
                }
                *cell = 1;
            }
        }
        true
    }

    /// Adds the node to the list behind the cells.
    fn list(&self, cells: &mut Vec<u32>, first: usize, node: &Closed<'_>) {
        let width = self.groups.len() + 1;
        let mut record = vec![node.place as u32];
        record.extend(self.groups.iter().map(|&(group, most)| {
            let here = node.pods.iter().find(|(other, _)| *other == group);
            here.map_or(0, |(_, count)| most.min(*count))
        }));
        let start = first + self.start().len();
        let known = cells[start..].chunks_exact(width);
        let before = known.filter(|other| **other <= record[..]).count();
        let at = start + before * width;
        cells.splice(at..at, record);
    }
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
