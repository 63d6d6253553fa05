//! Topology spreads.

use super::{Ahead, Closed, Places, Reach, Rule};
use crate::exact::local::Masks;
use crate::exact::model::bound_on;
use crate::problem::{Money, NO_DOMAIN, Spread};

/// What the pods beyond the skew cost, or `None` when there must not be any.
fn charge(cost: Option<Money>, beyond: u32) -> Option<Money> {
    match cost {
        None => (beyond == 0).then_some(0),
        Some(cost) => Some(cost.saturating_mul(beyond.into())),
    }
}

/// A spread over the domains of a key.
///
/// Cells per slot: pods of the set, pods that state the constraint (0 or 1 for a filter), and
/// whether the domain counts for the minimum.
pub(super) struct DomainSpread {
    masks: Masks,
    skew: u32,
    min_domains: u32,
    cost: Option<Money>,
    slots: Vec<Option<usize>>,
    counted: Vec<bool>,
    start: Vec<u32>,
    /// Domains that count and that no place is in: how many, and the fewest pods in one.
    elsewhere: (u32, u32),
    /// Slots that a launch could make count.
    launchable: u64,
    reach: Reach,
}

impl DomainSpread {
    pub(super) fn new(places: &Places<'_>, index: usize, masks: Masks) -> Option<Self> {
        let spread = &places.model.problem.spreads[index];
        let (domains, slots) = places.slots(spread.key)?;
        let counted = places.counted(index);
        let counted_slots: Vec<Option<usize>> =
            slots.iter().zip(&counted).map(|(slot, counts)| slot.filter(|_| *counts)).collect();
        let launches = (0..slots.len()).filter(|&place| places.is_launch(place));
        let launchable = launches.filter_map(|place| counted_slots[place]);
        let mut rule = Self {
            masks,
            skew: spread.max_skew,
            min_domains: spread.min_domains,
            cost: spread.cost,
            launchable: launchable.fold(0, |bits, slot| bits | 1 << slot),
            reach: places.reach(&counted_slots),
            slots,
            counted,
            start: vec![0; domains.len() * 3],
            elsewhere: (0, u32::MAX),
        };
        rule.count(places, spread, &domains);
        Some(rule)
    }

    /// Counts the pods that are bound, and the domains that count from the beginning.
    fn count(&mut self, places: &Places<'_>, spread: &Spread, slotted: &[u32]) {
        let problem = places.model.problem;
        let of = |node: usize| problem.nodes[node].domains[usize::from(spread.key)];
        let nodes = spread.counted_nodes.iter().map(of);
        let mut present: Vec<u32> =
            nodes.chain(spread.domains.iter().copied()).filter(|&d| d != NO_DOMAIN).collect();
        present.sort_unstable();
        present.dedup();
        for domain in present {
            let bound = problem.sets[spread.set as usize].bound.iter();
            let here = bound.filter(|(node, _)| {
                spread.counted_nodes.contains(*node as usize) && of(*node as usize) == domain
            });
            let pods = here.map(|(_, pods)| *pods).fold(0, u32::saturating_add);
            if let Ok(slot) = slotted.binary_search(&domain) {
                self.start[slot * 3] = pods;
                self.start[slot * 3 + 2] = 1;
            } else {
                self.elsewhere = (self.elsewhere.0 + 1, self.elsewhere.1.min(pods));
            }
        }
    }

    /// The most that the emptiest domain can come to hold.
    fn highest_minimum(&self, cells: &[u32], ahead: &Ahead<'_>) -> u32 {
        let mut domains = self.elsewhere.0;
        let mut least = self.elsewhere.1;
        for (slot, cell) in cells.chunks_exact(3).enumerate() {
            if cell[2] > 0 {
                domains += 1;
                let coming = self.reach.members(ahead, self.masks.set, slot);
                least = least.min(cell[0].saturating_add(coming));
            } else if ahead.pods > 0 && self.launchable >> slot & 1 == 1 {
                domains += 1;
            }
        }
        if domains < self.min_domains { 0 } else { least }
    }

    /// Whether the pods left are enough to lift all domains to within the skew.
    fn can_level(&self, cells: &[u32], ahead: &Ahead<'_>) -> bool {
        let stated = cells.chunks_exact(3).filter(|cell| cell[1] > 0).map(|cell| cell[0]);
        let Some(worst) = stated.max() else { return true };
        let floor = worst.saturating_sub(self.skew);
        let short = cells.chunks_exact(3).filter(|cell| cell[2] > 0);
        let short: u32 = short.map(|cell| floor.saturating_sub(cell[0])).sum();
        let left = ahead.left.iter().enumerate();
        let members = left.filter(|(group, _)| self.masks.set >> group & 1 == 1);
        short <= members.map(|(_, left)| *left).sum()
    }
}

impl Rule for DomainSpread {
    fn start(&self) -> Vec<u32> {
        self.start.clone()
    }

    fn close(&self, cells: &mut [u32], node: &Closed<'_>) -> Option<Money> {
        let Some(slot) = self.slots[node.place] else { return Some(0) };
        let cell = &mut cells[slot * 3..slot * 3 + 3];
        let tally = self.masks.tally(node.pods);
        if self.counted[node.place] {
            cell[0] = cell[0].saturating_add(tally.members);
            cell[2] = 1;
        }
        let subjects = cell[1] + tally.inside + tally.outside;
        cell[1] = if self.cost.is_some() { subjects } else { subjects.min(1) };
        Some(0)
    }

    fn outlook(&self, cells: &[u32], ahead: &Ahead<'_>) -> Option<Money> {
        let least = self.highest_minimum(cells, ahead);
        let within = least.saturating_add(self.skew);
        let over = cells.chunks_exact(3).filter(|cell| cell[0] > within);
        let due = charge(self.cost, over.map(|cell| cell[1]).sum())?;
        (self.cost.is_some() || self.can_level(cells, ahead)).then_some(due)
    }
}

/// A spread over the nodes themselves.
///
/// Cells: counted launches (up to as many as `min_domains` asks for), the fewest pods of the set on
/// a closed counted node, then for a filter the most on one that holds pods stating it (less the
/// skew), for a preference how many such pods are on nodes with each possible number of the set.
pub(super) struct NodeSpread {
    masks: Masks,
    skew: u32,
    cost: Option<Money>,
    /// Counted launches that are needed to have `min_domains`.
    lacking: u32,
    /// Whether a launch can be counted.
    launchable: bool,
    /// Fewest bound pods on a counted node that takes no pods.
    lowest: u32,
    counted: Vec<bool>,
    launch: Vec<bool>,
    bound: Vec<u32>,
    /// Possible numbers of pods of the set on a counted node, ascending; for preferences.
    numbers: Vec<u32>,
}

impl NodeSpread {
    pub(super) fn new(places: &Places<'_>, index: usize, masks: Masks) -> Self {
        let model = places.model;
        let spread = &model.problem.spreads[index];
        let counted = places.counted(index);
        let open = |node: usize| {
            model.nodes.iter().any(|host| host.kind == super::Kind::Node(node as u32))
        };
        let bound_on = |node: usize| bound_on(model.problem, spread.set, node as u32);
        let dead = spread.counted_nodes.iter().filter(|&node| !open(node));
        let bound = places.bound(spread.set);
        let mut numbers: Vec<u32> = (bound.iter().chain([&0]))
            .flat_map(|&bound| (0..=model.pods()).map(move |pods| bound.saturating_add(pods)))
            .collect();
        numbers.sort_unstable();
        numbers.dedup();
        Self {
            masks,
            skew: spread.max_skew,
            cost: spread.cost,
            lacking: spread.min_domains.saturating_sub(spread.counted_nodes.count() as u32),
            launchable: (0..counted.len()).any(|at| places.is_launch(at) && counted[at]),
            lowest: dead.map(bound_on).min().unwrap_or(u32::MAX),
            launch: (0..counted.len()).map(|at| places.is_launch(at)).collect(),
            counted,
            bound,
            numbers,
        }
    }
}

impl Rule for NodeSpread {
    fn start(&self) -> Vec<u32> {
        let rest = if self.cost.is_some() { self.numbers.len() } else { 1 };
        let mut cells = vec![0; 2 + rest];
        cells[1] = self.lowest;
        cells
    }

    fn close(&self, cells: &mut [u32], node: &Closed<'_>) -> Option<Money> {
        if !self.counted[node.place] {
            return Some(0);
        }
        let tally = self.masks.tally(node.pods);
        let here = tally.members.saturating_add(self.bound[node.place]);
        let subjects = tally.inside + tally.outside;
        if self.launch[node.place] {
            cells[0] = self.lacking.min(cells[0] + 1);
        }
        cells[1] = here.min(cells[1]);
        if self.cost.is_none() && subjects > 0 {
            cells[2] = cells[2].max(here.saturating_sub(self.skew));
        } else if self.cost.is_some()
            && let Ok(at) = self.numbers.binary_search(&here)
        {
            cells[2 + at] += subjects;
        }
        Some(0)
    }

    fn outlook(&self, cells: &[u32], ahead: &Ahead<'_>) -> Option<Money> {
        let coming = if self.launchable { ahead.pods } else { 0 };
        let least = if cells[0].saturating_add(coming) < self.lacking { 0 } else { cells[1] };
        if self.cost.is_none() {
            return charge(None, u32::from(cells[2] > least));
        }
        let within = least.saturating_add(self.skew);
        let over = self.numbers.iter().zip(&cells[2..]).filter(|(number, _)| **number > within);
        charge(self.cost, over.map(|(_, subjects)| *subjects).sum())
    }
}
