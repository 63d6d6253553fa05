//! Columns that hold no more than remains.

use crate::{
    columns::{
        dive::Dive,
        plan::cheapest,
        pool::{Column, price},
    },
    pattern::Pattern,
    presolve::Core,
};

/// Columns whose reduced cost is beyond this share of their price stay out.
pub(super) const DEAR: f64 = 0.2;

impl Dive<'_> {
    /// Closes every column that holds more of an item than remains: the relaxation would use a
    /// fraction of it and promise that the last pods cost next to nothing. Those that were good
    /// come back cut down to what remains, on the cheapest kind that holds it.
    pub(super) fn close_improper(&mut self) {
        let duals = self.master.duals();
        let dear = self.unaffordable();
        let demand = self.master.demand();
        let improper =
            |column: &Column| dear[column.kind as usize] || !is_proper(&column.pattern, demand);
        let improper: Vec<(u32, u32)> =
            self.master.open().filter(|(_, at)| improper(self.pool.get(*at))).collect();
        let mut cut = Vec::new();
        for (column, at) in improper {
            let old = self.pool.get(at);
            let good = self.master.reduced_cost(column) <= DEAR * price(self.core, old.kind);
            self.master.close(column);
            if good {
                let mut new = self.elsewhere(old, &duals);
                if !new.pattern.is_empty() {
                    new.kind = cheapest(self.core, &new);
                }
                if !new.pattern.is_empty() && !dear[new.kind as usize] {
                    cut.push(new);
                }
            }
        }
        self.master.compact();
        for column in cut {
            self.add(column);
        }
    }

    /// Of each kind, whether not one more node may be had.
    pub(super) fn unaffordable(&self) -> Vec<bool> {
        (0..self.core.kinds.len()).map(|kind| self.master.affordable(kind) == 0).collect()
    }

    /// A column cut down to what remains, on the one of its kind's twins where most of it is left.
    fn elsewhere(&self, column: &Column, duals: &[f64]) -> Column {
        let worth = |pattern: &Pattern| -> f64 {
            pattern.iter().map(|&(item, pods)| duals[item as usize] * f64::from(pods)).sum()
        };
        let mut best = Column { kind: column.kind, pattern: Pattern::new() };
        let mut most = f64::NEG_INFINITY;
        for &kind in self.core.twins.of_kind(column.kind) {
            let pattern = remainder(self.core, kind, &column.pattern, self.master.demand());
            let worth = worth(&pattern);
            if worth > most {
                most = worth;
                best = Column { kind, pattern };
            }
        }
        best
    }
}

/// Whether a pattern holds no more than remains.
pub(crate) fn is_proper(pattern: &Pattern, demand: &[u32]) -> bool {
    pattern.iter().all(|&(item, pods)| pods <= demand[item as usize])
}

/// A column cut down to what remains, on the cheapest kind that holds that; none when nothing does
/// remain.
pub(crate) fn cut_down(core: &Core, column: &Column, demand: &[u32]) -> Option<Column> {
    let pattern = remainder(core, column.kind, &column.pattern, demand);
    if pattern.is_empty() {
        return None;
    }
    let cut = Column { kind: column.kind, pattern };
    Some(Column { kind: cheapest(core, &cut), ..cut })
}

/// What remains to be placed of a pattern, on a twin of its kind: each item, or the twin of it that
/// is left most often among those that may be there.
pub(crate) fn remainder(core: &Core, kind: u32, pattern: &Pattern, demand: &[u32]) -> Pattern {
    let accepted = &core.kinds[kind as usize].items;
    let mut left = Pattern::new();
    for &(item, pods) in pattern {
        let twins = core.twins.of_item(item).iter().filter(|&&twin| {
            accepted.contains(twin as usize)
                && !left.iter().any(|(other, _): &(u32, u32)| {
                    *other == twin || core.conflicts[twin as usize].binary_search(other).is_ok()
                })
        });
        let twin = twins.max_by_key(|&&twin| (demand[twin as usize], std::cmp::Reverse(twin)));
        if let Some(&twin) = twin.filter(|&&twin| demand[twin as usize] > 0) {
            left.push((twin, pods.min(demand[twin as usize])));
        }
    }
    left.sort_unstable();
    left
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        pattern::{Ask, Exact, Pricer},
        presolve::twins::tests::zonal,
    };

    fn pods_by_row(core: &Core, pattern: &Pattern) -> Vec<u32> {
        let mut pods = vec![0; core.twins.items.len()];
        for &(item, count) in pattern {
            pods[core.twins.row_of[item as usize] as usize] += count;
        }
        pods
    }

    /// Good patterns of every kind at a few prices.
    fn patterns(core: &Core) -> Vec<(u32, Pattern)> {
        let mut patterns = Vec::new();
        for (at, kind) in (0u32..).zip(&core.kinds) {
            let pricer = Pricer::new(core, kind);
            for prices in [[5.0, 3.0, 4.0, 1.0], [1.0, 3.0, 1.0, 2.0], [2.0, 2.0, 5.0, 1.0]] {
                let profits: Vec<f64> =
                    core.twins.row_of.iter().map(|&row| prices[row as usize]).collect();
                let limits = core.demand();
                let ask = Ask {
                    profits: &profits,
                    limits: &limits,
                    enough: 0.0,
                    nodes: 20,
                    keep: 3,
                    exact: Exact::No,
                };
                let priced = pricer.price(&ask).patterns.into_iter();
                patterns.extend(priced.map(|(_, pattern)| (at, pattern)));
            }
        }
        patterns
    }

    #[test]
    fn a_column_moves_whole_to_a_twin_with_pods_enough() {
        let core = zonal();
        let demand = vec![100; core.items.len()];
        let patterns = patterns(&core);
        assert!(patterns.len() > 20);
        for (kind, pattern) in patterns {
            assert_eq!(core.twins.of_kind(kind).len(), 3);
            assert_eq!(remainder(&core, kind, &pattern, &demand), pattern);
            for &twin in core.twins.of_kind(kind) {
                let moved = remainder(&core, twin, &pattern, &demand);
                let accepted = &core.kinds[twin as usize].items;
                assert!(moved.iter().all(|&(item, _)| accepted.contains(item as usize)));
                assert_eq!(pods_by_row(&core, &moved), pods_by_row(&core, &pattern));
            }
        }
    }

    #[test]
    fn no_more_moves_than_is_left() {
        let core = zonal();
        for (at, (kind, pattern)) in (0u32..).zip(patterns(&core)) {
            let demand: Vec<u32> =
                (0..core.items.len() as u32).map(|item| (item * 7 + at * 5) % 4).collect();
            for &twin in core.twins.of_kind(kind) {
                let moved = remainder(&core, twin, &pattern, &demand);
                assert!(
                    moved.iter().all(|&(item, pods)| pods > 0 && pods <= demand[item as usize])
                );
                let (moved, whole) = (pods_by_row(&core, &moved), pods_by_row(&core, &pattern));
                assert!(moved.iter().zip(&whole).all(|(moved, whole)| moved <= whole));
            }
        }
    }
}
