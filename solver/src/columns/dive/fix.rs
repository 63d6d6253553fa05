//! What a dive makes certain.

use crate::{
    columns::{
        dive::{Dive, proper::remainder},
        pool::{Column, price},
    },
    pattern::Pattern,
    presolve::Source,
    random,
};

impl Dive<'_> {
    /// Fixes columns, or a node for one item when none fits. False when nothing holds what remains.
    pub(super) fn fix(&mut self) -> bool {
        if self.fix_known() {
            return true;
        }
        let taken = self.take_any();
        self.close_improper();
        taken
    }

    /// Fixes columns: whole parts first, else the largest fraction, existing nodes before those that are
    /// bought if that is the style, and dear ones before cheap ones.
    /// False when none fits what remains.
    pub(super) fn fix_known(&mut self) -> bool {
        let large = self.candidates();
        let mut whole = false;
        for &(_, at, value) in &large {
            let copies = (value + 1e-6).floor() as u32;
            whole |= copies > 0 && self.take(at, copies);
        }
        if !whole {
            let mut scored: Vec<(f64, u32)> = large
                .iter()
                .map(|&(_, at, value)| (value + self.style.noise * self.chance(), at))
                .collect();
            scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            let spare = self.paid + self.style.batch * (self.paid + self.master.value());
            let mut taken = false;
            for (score, at) in scored {
                // A column of which next to nothing is used is not worth a node of it yet.
                if taken && (self.paid >= spare || score < 0.5) {
                    break;
                }
                taken |= self.take(at, 1);
            }
            if !taken {
                return false;
            }
        }
        self.close_improper();
        true
    }

    /// The columns to choose from: those of existing nodes where they come first, or those that are
    /// used of the dear kinds.
    fn candidates(&self) -> Vec<(u32, u32, f64)> {
        let kind = |at: u32| self.pool.get(at).kind;
        let mut used = self.master.used();
        let exists =
            |at: u32| matches!(self.core.kinds[kind(at) as usize].source, Source::Nodes(_));
        if self.style.nodes && used.iter().any(|&(_, at, _)| exists(at)) {
            used.retain(|&(_, at, _)| exists(at));
            return used;
        }
        let price = |at: u32| price(self.core, kind(at));
        let dearest = used.iter().map(|&(_, at, _)| price(at)).fold(0.0, f64::max);
        used.retain(|&(_, at, _)| price(at) >= self.style.large * dearest);
        used
    }

    /// Fixes copies of a column, no more than what remains can fill; false when none. Twins take
    /// turns, so that no place runs dry before the others.
    fn take(&mut self, at: u32, copies: u32) -> bool {
        let column = self.pool.get(at).clone();
        self.take_column(&column, copies) > 0
    }

    /// The same for a column that need not be in the pool; how many copies.
    pub(super) fn take_column(&mut self, column: &Column, copies: u32) -> u32 {
        let share = copies.div_ceil(self.core.twins.of_kind(column.kind).len() as u32);
        let mut left = copies;
        while left > 0 {
            let (column, most) = self.roomiest(column);
            let taken = most.min(left).min(share);
            if taken == 0 {
                break;
            }
            self.master.fix(&column, taken);
            self.paid += column.cost(self.core) * f64::from(taken);
            self.fixed.push((column, taken));
            left -= taken;
        }
        copies - left
    }

    /// A column or its twin, whichever what remains fills most often, and how often that is.
    fn roomiest(&self, column: &Column) -> (Column, u32) {
        let demand = self.master.demand();
        let times = |pattern: &Pattern| {
            let fill = pattern.iter().map(|&(item, pods)| demand[item as usize] / pods);
            fill.min().unwrap_or(0)
        };
        let mut best = (column.clone(), times(&column.pattern));
        for &kind in self.core.twins.of_kind(column.kind) {
            let pattern = remainder(self.core, kind, &column.pattern, demand);
            let pods = |pattern: &Pattern| pattern.iter().map(|(_, pods)| pods).sum::<u32>();
            if pods(&pattern) == pods(&column.pattern) && times(&pattern) > best.1 {
                let times = times(&pattern);
                best = (Column { kind, pattern }, times);
            }
        }
        // The relaxation may pay for nodes that are not there when pods have nowhere else to go.
        best.1 = best.1.min(self.master.affordable(best.0.kind as usize));
        best
    }

    /// The relaxation offers nothing that fits: a node for the first item that remains. False when
    /// nothing for sale holds it.
    fn take_any(&mut self) -> bool {
        let Some(item) = self.master.demand().iter().position(|&pods| pods > 0) else {
            return true;
        };
        let offered = self.core.kinds.iter().enumerate().filter(|(_, kind)| {
            matches!(kind.source, Source::Offerings(_)) && kind.items.contains(item)
        });
        let offered = offered.map(|(at, kind)| (self.master.affordable(at) == 0, kind.price, at));
        let Some((unaffordable, _, kind)) = offered.min() else { return false };
        let column = Column { kind: kind as u32, pattern: vec![(item as u32, 1)] };
        if unaffordable {
            // Beyond a limit; the caller finds other nodes for what is on it.
            self.master.fix(&column, 1);
            self.paid += column.cost(self.core);
            self.fixed.push((column, 1));
            return true;
        }
        let (at, _) = self.add(column);
        self.take(at, 1)
    }

    /// Between 0 and 1, from the dive's own seed.
    pub(super) fn chance(&mut self) -> f64 {
        random::next(&mut self.random) as f64 / (1u64 << 53) as f64
    }
}
