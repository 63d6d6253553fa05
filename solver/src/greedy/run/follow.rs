//! Constructing along the plan of another engine.

use std::cmp::Reverse;

use crate::{
    BitSet,
    greedy::{
        ledger::{Host, Spot},
        run::Run,
    },
    problem::NODE_KEY,
};

/// Nodes that another engine would like to have.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    /// Where they come from.
    pub from: From,
    /// How many.
    pub copies: u32,
    /// What each should hold: pods of any of these groups, and how many.
    pub pods: Vec<(Vec<u32>, u32)>,
}

/// Where a wished node comes from; any of the list will do.
#[derive(Clone, Debug)]
pub(crate) enum From {
    /// Indices into [`crate::Problem::offerings`].
    Offerings(Vec<u32>),
    /// Indices into [`crate::Problem::nodes`].
    Nodes(Vec<u32>),
}

impl Run<'_> {
    /// Opens the wished nodes as far as the constraints let them be; the rest is constructed as
    /// usual. Nodes with pods that others must be near come first, so that those find them.
    pub(in crate::greedy) fn construct_along(&mut self, wishes: &[Wish]) {
        let anchors = self.anchors();
        let holds_anchor = |wish: &&Wish| {
            let mut groups = wish.pods.iter().flat_map(|(groups, _)| groups);
            groups.any(|&group| anchors.contains(group as usize))
        };
        let (first, rest): (Vec<&Wish>, Vec<&Wish>) = wishes.iter().partition(holds_anchor);
        for wish in first.into_iter().chain(rest) {
            self.follow(wish);
        }
        self.construct();
    }

    /// Groups that some required affinity is for, and that do not state it.
    fn anchors(&self) -> BitSet {
        let problem = self.prepared.problem;
        let mut anchors = BitSet::empty(problem.groups.len());
        let stated = problem.affinities.iter().zip(&self.prepared.affinity_subjects);
        for (affinity, subjects) in stated.filter(|(affinity, _)| affinity.cost.is_none()) {
            let wanted = problem.sets[affinity.set as usize].groups.iter();
            wanted.filter(|&group| !subjects.contains(group)).for_each(|at| anchors.insert(at));
        }
        anchors
    }

    fn follow(&mut self, wish: &Wish) {
        match &wish.from {
            From::Nodes(nodes) => self.follow_on_nodes(nodes, wish),
            From::Offerings(offerings) => {
                let mut copies = wish.copies;
                if self.unconstrained(wish) {
                    copies -= self.follow_at_once(offerings, wish);
                }
                for _ in 0..copies {
                    if !self.follow_once(offerings, wish) {
                        return;
                    }
                }
            }
        }
    }

    fn unconstrained(&self, wish: &Wish) -> bool {
        let mut groups = wish.pods.iter().flat_map(|(groups, _)| groups);
        self.prepared.problem.flexibilities.is_empty()
            && groups.all(|&group| self.prepared.roles[group as usize].is_empty())
    }

    /// Many equal nodes, for pods that no constraint looks at; says how many were opened.
    fn follow_at_once(&mut self, offerings: &[u32], wish: &Wish) -> u32 {
        let mut chosen = Vec::with_capacity(wish.pods.len());
        let mut copies = wish.copies;
        for (groups, pods) in &wish.pods {
            let most = groups.iter().max_by_key(|&&g| self.ledger.left[g as usize]);
            let Some(&group) = most else { return 0 };
            copies = copies.min(self.ledger.left[group as usize] / pods);
            chosen.push((group, *pods));
        }
        let mut opened = 0;
        for (at, &offering) in offerings.iter().enumerate() {
            let share = (copies - opened).div_ceil((offerings.len() - at) as u32);
            if share == 0 || !self.ledger.opens_safely(offering) {
                continue;
            }
            let share = self.ledger.affords(offering, share);
            if share == 0 {
                continue;
            }
            let mut spot = self.blank(offering, share);
            for &(group, pods) in &chosen {
                self.ledger.place(group, &mut spot, pods);
            }
            self.ledger.launch(offering, share);
            self.launched[self.prepared.place_of[offering as usize] as usize] += share;
            self.spots.push(spot);
            opened += share;
        }
        opened
    }

    /// One node, in the zone where it can be filled most; false when too few of the pods can be had.
    fn follow_once(&mut self, offerings: &[u32], wish: &Wish) -> bool {
        let mut offerings: Vec<u32> = offerings
            .iter()
            .copied()
            .filter(|&o| self.ledger.affords(o, 1) > 0 && self.ledger.opens_safely(o))
            .collect();
        offerings.sort_by_key(|&o| (self.launched[self.prepared.place_of[o as usize] as usize], o));
        offerings.dedup_by_key(|o| self.prepared.place_of[*o as usize]);
        let wanted: u32 = wish.pods.iter().map(|(_, pods)| pods).sum();
        let mut best: Option<(f64, u32, u32)> = None;
        for offering in offerings {
            let mut spot = self.blank(offering, 1);
            let placed = self.grant(&mut spot, wish);
            let filled = self.filled(offering, &spot);
            for (group, count) in std::mem::take(&mut spot.pods).into_iter().rev() {
                spot.pods.push((group, count));
                self.ledger.remove(group, &mut spot, count);
            }
            if best.is_none_or(|(most, _, _)| filled > most) {
                best = Some((filled, placed, offering));
            }
            if placed == wanted {
                break;
            }
        }
        // A node that holds little of what it was wished for is better chosen anew.
        let Some((_, _, offering)) = best.filter(|(_, placed, _)| 4 * placed >= 3 * wanted) else {
            return false;
        };
        let mut spot = self.blank(offering, 1);
        self.grant(&mut spot, wish);
        self.keep_flexible(&mut spot, offering);
        if spot.pods.is_empty() {
            return false;
        }
        self.ledger.launch(offering, 1);
        self.launched[self.prepared.place_of[offering as usize] as usize] += 1;
        self.spots.push(spot);
        true
    }

    /// The shares of an offering's room that pods take, over all dimensions.
    fn filled(&self, offering: u32, spot: &Spot) -> f64 {
        let room = self.prepared.problem.offerings[offering as usize].capacity.iter();
        let sides = room.zip(&spot.room).filter(|(room, _)| **room > 0);
        sides.map(|(&room, &left)| (room - left) as f64 / room as f64).sum()
    }

    fn follow_on_nodes(&mut self, nodes: &[u32], wish: &Wish) {
        let mut left = wish.copies;
        for &node in nodes {
            if left == 0 {
                return;
            }
            if self.spots.iter().any(|spot| spot.host == Host::Existing(node)) {
                continue;
            }
            let room = self.prepared.problem.nodes[node as usize].free.clone();
            let mut spot = Spot { host: Host::Existing(node), room, pods: Vec::new(), copies: 1 };
            if self.grant(&mut spot, wish) > 0 {
                self.spots.push(spot);
                left -= 1;
            }
        }
    }

    /// Places what a wish asks and the constraints allow; says how many pods. Those whose spread by
    /// node keeps others away go first, while there are many to go with them; then those of which
    /// most are left, so that there is a choice to the end.
    fn grant(&mut self, spot: &mut Spot, wish: &Wish) -> u32 {
        let mut granted = 0;
        for (groups, pods) in &wish.pods {
            let mut want = *pods;
            let left = |group: &u32| self.ledger.left[*group as usize];
            let waiting = groups.iter().copied().filter(|group| left(group) > 0);
            let mut waiting: Vec<(bool, u32, Reverse<u32>)> = waiting
                .map(|group| (self.keeps_others_off(group), left(&group), Reverse(group)))
                .collect();
            while want > 0 {
                let next = (0..waiting.len()).max_by_key(|&at| waiting[at]);
                let Some((_, left, Reverse(group))) = next.map(|at| waiting.swap_remove(at)) else {
                    break;
                };
                let request = &self.prepared.problem.groups[group as usize].request;
                let fits = spot.fits(request, want.min(left));
                let count = if fits == 0 { 0 } else { self.ledger.allowed(group, spot, fits) };
                if count > 0 {
                    self.ledger.place(group, spot, count);
                    want -= count;
                    granted += count;
                }
            }
        }
        granted
    }

    /// Whether a group states a required spread by node.
    fn keeps_others_off(&self, group: u32) -> bool {
        let stated = self.prepared.roles[group as usize].spreads.iter().filter(|role| role.subject);
        let mut spreads =
            stated.map(|role| &self.prepared.problem.spreads[role.constraint as usize]);
        spreads.any(|spread| spread.key == NODE_KEY && spread.cost.is_none())
    }
}
