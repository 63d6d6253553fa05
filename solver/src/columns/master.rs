//! The restricted master: which columns to buy, how often.

use crate::{
    columns::{
        counted::Counted,
        duals::Duals,
        pool::{Column, Pool, price},
    },
    effort::Budget,
    master::{Outcome, Sense, Simplex},
    pattern::Priced,
    presolve::{Core, Kind, Source},
};

/// Pivots between two looks at the budget; the programme is factorised anew in between.
const SLICE: u64 = 2_000;

/// A linear programme over some columns of a pool.
#[derive(Clone)]
pub(crate) struct Master<'a> {
    core: &'a Core,
    lp: Simplex,
    /// Pool numbers by column of the programme; none for the helpers of the count rows.
    columns: Vec<Option<u32>>,
    counts: Vec<Option<Count>>,
    sums: Vec<Sum>,
    limit_rows: Vec<u32>,
    ceiling_rows: Vec<u32>,
    /// What remains of each limit.
    limits: Vec<i64>,
    /// Pods to cover, per item.
    demand: Vec<u32>,
    /// Pods to cover, per row: items that differ only in their place share one.
    rows: Vec<u32>,
    /// The row of each item; none where there was nothing to cover from the start.
    row_of: Vec<Option<u32>>,
}

/// The row that counts a kind's nodes: nodes − `over` + `under` = its right-hand side.
#[derive(Clone, Copy, Debug)]
struct Count {
    row: u32,
    /// Open when there may be more nodes than the row says.
    over: u32,
    /// Open when there may be fewer.
    under: u32,
    range: Range,
}

/// The rows for the nodes of several kinds together.
#[derive(Clone, Debug)]
struct Sum {
    of: Counted,
    least: Option<u32>,
    most: Option<u32>,
}

impl Sum {
    fn rows(&self) -> impl Iterator<Item = u32> {
        self.least.into_iter().chain(self.most)
    }
}

/// How many nodes of a kind there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    pub least: u32,
    /// `None`: any number.
    pub most: Option<u32>,
}

impl Range {
    pub(crate) const ANY: Self = Self { least: 0, most: None };

    /// What both allow.
    pub(crate) fn meet(self, other: Self) -> Self {
        let most = [self.most, other.most].into_iter().flatten().min();
        Self { least: self.least.max(other.least), most }
    }

    /// What is within and closest to a number.
    pub(crate) fn closest(self, number: f64) -> f64 {
        number.max(self.least.into()).min(self.most.map_or(f64::INFINITY, f64::from))
    }

    fn less(self, copies: u32) -> Self {
        Self {
            least: self.least.saturating_sub(copies),
            most: self.most.map(|most| most.saturating_sub(copies)),
        }
    }
}

/// Beyond any price that a sound problem's dual can take.
const ELASTIC: f64 = 20.0;

impl<'a> Master<'a> {
    /// A master without columns. Kinds of `counted` get a row for their number of nodes, and `sums` are
    /// to be within their ranges from the start.
    pub(crate) fn new(core: &'a Core, demand: &[u32], counted: &[u32], sums: &[Counted]) -> Self {
        let mut lp = Simplex::new();
        let mut rows = Vec::with_capacity(core.twins.items.len());
        let mut row_of = vec![None; core.items.len()];
        for items in &core.twins.items {
            let items = items.iter().map(|&item| item as usize);
            let pods = items.clone().map(|item| demand[item]).fold(0, u32::saturating_add);
            if pods == 0 {
                continue;
            }
            let dearest = items.clone().map(|item| dearest(core, item)).fold(0.0, f64::max);
            let row = lp.add_row(Sense::AtLeast, f64::from(pods), dearest * ELASTIC);
            rows.push(pods);
            items.for_each(|item| row_of[item] = Some(row));
        }
        let top = core.kinds.iter().map(|kind| kind.price).max().unwrap_or(0).max(1) as f64;
        let limit_rows = core
            .limits
            .iter()
            .map(|&left| lp.add_row(Sense::AtMost, left.max(0) as f64, top * ELASTIC))
            .collect();
        let ceiling_rows = (core.ceilings.iter())
            .map(|ceiling| lp.add_row(Sense::AtMost, ceiling.most as f64, top * ELASTIC))
            .collect();
        let mut master = Self {
            core,
            lp,
            columns: Vec::new(),
            counts: vec![None; core.kinds.len()],
            sums: Vec::with_capacity(sums.len()),
            limit_rows,
            ceiling_rows,
            limits: core.limits.clone(),
            demand: demand.to_vec(),
            rows,
            row_of,
        };
        for (at, kind) in core.kinds.iter().enumerate() {
            if matches!(kind.source, Source::Nodes(_)) {
                let range = Range { least: 0, most: Some(kind.most) };
                master.count(at, range, top * ELASTIC);
            } else if counted.contains(&(at as u32)) && core.twins.first[at] == at as u32 {
                master.count(at, Range::ANY, top * ELASTIC);
            }
        }
        for of in sums {
            let mut row =
                |sense, nodes: u32| master.lp.add_row(sense, f64::from(nodes), top * ELASTIC);
            let least = (of.range.least > 0).then(|| row(Sense::AtLeast, of.range.least));
            let most = of.range.most.map(|most| row(Sense::AtMost, most));
            master.sums.push(Sum { of: of.clone(), least, most });
        }
        master
    }

    /// The same requirements without the rows that have nothing left to cover, and without columns.
    /// For a master that counts no nodes but existing ones.
    pub(crate) fn rest(&self) -> Self {
        let mut rest = Self::new(self.core, &self.demand, &[], &[]);
        for (kind, range) in self.ranges() {
            debug_assert!(rest.counts[kind as usize].is_some(), "a number would be forgotten");
            rest.set_range(kind as usize, range);
        }
        for (&row, &left) in rest.limit_rows.iter().zip(&self.limits) {
            rest.lp.set_rhs(row, left.max(0) as f64);
        }
        rest.limits.clone_from(&self.limits);
        rest
    }

    fn count(&mut self, kind: usize, range: Range, elastic: f64) {
        let row = self.lp.add_row(Sense::Equal, 0.0, elastic);
        let over = self.lp.add_column(0.0, &[(row, -1.0)]);
        let under = self.lp.add_column(0.0, &[(row, 1.0)]);
        self.columns.extend([None, None]);
        self.counts[kind] = Some(Count { row, over, under, range });
        self.set_range(kind, range);
    }

    /// What a counted kind's number of nodes may be, its twins' included.
    pub(crate) fn range(&self, kind: usize) -> Option<Range> {
        self.counted(kind).map(|count| count.range)
    }

    /// How many more nodes of a kind its range and what is left of the limits allow.
    pub(crate) fn affordable(&self, kind: usize) -> u32 {
        let range = self.range(kind).and_then(|range| range.most).unwrap_or(u32::MAX);
        let limits = self.core.kinds[kind].limits.iter().filter(|(_, amount)| *amount > 0);
        let nodes = limits.map(|&(limit, amount)| self.limits[limit as usize].max(0) / amount);
        let nodes = nodes.map(|nodes| u32::try_from(nodes).unwrap_or(u32::MAX));
        nodes.fold(range, u32::min)
    }

    /// The row that counts a kind's nodes together with its twins'.
    fn counted(&self, kind: usize) -> Option<Count> {
        self.counts[self.core.twins.first[kind] as usize]
    }

    /// The kinds whose nodes are counted, each with its row.
    pub(crate) fn count_rows(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        let counts = (0u32..).zip(&self.counts);
        counts.filter_map(|(kind, count)| Some((kind, count.as_ref()?.row)))
    }

    /// The row for the number of nodes of a kind and its twins, where that is bounded.
    pub(crate) fn count_row(&self, kind: usize) -> Option<u32> {
        Some(self.counted(kind)?.row)
    }

    /// The kinds whose nodes are counted, with how many there may be.
    fn ranges(&self) -> impl Iterator<Item = (u32, Range)> + '_ {
        let counts = (0u32..).zip(&self.counts);
        counts.filter_map(|(kind, count)| Some((kind, count.as_ref()?.range)))
    }

    /// Sets how many nodes of a counted kind there may be. Of two different bounds one row can
    /// keep only one, the upper.
    pub(crate) fn set_range(&mut self, kind: usize, range: Range) {
        let first = self.core.twins.first[kind] as usize;
        let Some(count) = &mut self.counts[first] else { return };
        count.range = range;
        let (rhs, over, under) = match range.most {
            Some(most) if most == range.least => (most, false, false),
            Some(most) => (most, false, true),
            None => (range.least, true, range.least == 0),
        };
        self.lp.set_rhs(count.row, f64::from(rhs));
        for (column, open) in [(count.over, over), (count.under, under)] {
            if open {
                self.lp.open(column);
            } else {
                self.lp.close(column);
            }
        }
    }

    /// Adds a column unless the pool has it already: its number there, and whether it is new. The
    /// master must hold the pool's other columns as far as they take part.
    pub(crate) fn offer(&mut self, pool: &mut Pool, column: Column) -> (u32, bool) {
        let (at, new) = pool.add(column);
        if new {
            self.add(pool, at);
        }
        (at, new)
    }

    /// Adds the priced patterns that are worth more than their nodes cost now; true when there were
    /// new ones.
    pub(crate) fn add_gainful(
        &mut self,
        pool: &mut Pool,
        priced: impl IntoIterator<Item = (u32, Priced)>,
    ) -> bool {
        let prices = self.prices();
        let profits = prices.profits(self.core);
        let mut added = false;
        for (kind, priced) in priced {
            // Less gain than this is a matter of rounding.
            let least = self.surcharge(kind as usize) + (price(self.core, kind) * 1e-7 + 1e-6);
            for (_, pattern) in priced.patterns {
                let column = Column { kind, pattern };
                if column.gain(self.core, &profits) > least {
                    added |= self.offer(pool, column).1;
                }
            }
        }
        added
    }

    /// Takes over all columns of a pool, and starts the next solve from some of them.
    pub(crate) fn hold(&mut self, pool: &mut Pool, used: Vec<Column>) {
        for at in 0..pool.len() as u32 {
            self.add(pool, at);
        }
        self.start_from(pool, used);
    }

    pub(crate) fn add(&mut self, pool: &Pool, at: u32) -> u32 {
        let column = pool.get(at);
        let entries = self.entries(column);
        self.columns.push(Some(at));
        self.lp.add_column(column.cost(self.core), &entries)
    }

    /// What a column adds to the rows, none of them twice.
    pub(crate) fn entries(&self, column: &Column) -> Vec<(u32, f64)> {
        let kind = &self.core.kinds[column.kind as usize];
        let entry = |&(item, pods): &(u32, u32)| Some((self.row_of[item as usize]?, pods.into()));
        let mut entries: Vec<(u32, f64)> = column.pattern.iter().filter_map(entry).collect();
        entries.sort_unstable_by_key(|(row, _)| *row);
        entries.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1 += next.1;
            }
            same
        });
        for &(limit, amount) in &kind.limits {
            entries.push((self.limit_rows[limit as usize], amount as f64));
        }
        for &ceiling in &self.core.over[kind.region as usize] {
            let items = &self.core.ceilings[ceiling as usize].items;
            let under = column.pattern.iter().filter(|(item, _)| items.binary_search(item).is_ok());
            let pods: u32 = under.map(|(_, pods)| pods).sum();
            entries.push((self.ceiling_rows[ceiling as usize], f64::from(pods)));
        }
        entries.extend(self.counted(column.kind as usize).map(|count| (count.row, 1.0)));
        for sum in self.sums.iter().filter(|sum| sum.of.counts(column.kind)) {
            entries.extend(sum.rows().map(|row| (row, 1.0)));
        }
        entries.retain(|(_, entry)| *entry != 0.0);
        entries
    }

    /// What is known per item, per row; nothing for the rows of other things.
    pub(crate) fn by_row(&self, items: &[f64]) -> Vec<f64> {
        let mut rows = vec![0.0; self.lp.rows()];
        for (row, value) in self.row_of.iter().zip(items) {
            if let Some(row) = row {
                rows[*row as usize] = *value;
            }
        }
        rows
    }

    /// The rows' prices of which these duals come. Rows of existing nodes have none.
    pub(crate) fn rows_at(&self, duals: &Duals) -> Vec<f64> {
        let mut rows = self.by_row(&duals.items);
        for (&row, dual) in self.limit_rows.iter().zip(&duals.limits) {
            rows[row as usize] = *dual;
        }
        for (&row, charge) in self.ceiling_rows.iter().zip(&duals.ceilings) {
            rows[row as usize] = -charge;
        }
        for (sum, &dual) in self.sums.iter().zip(&duals.sums) {
            if let Some(row) = if dual > 0.0 { sum.least } else { sum.most } {
                rows[row as usize] = dual;
            }
        }
        rows
    }

    /// The rows for numbers of nodes of several kinds together.
    pub(crate) fn rows_of_sums(&self) -> impl Iterator<Item = (&Counted, u32)> {
        self.sums.iter().flat_map(|sum| sum.rows().map(|row| (&sum.of, row)))
    }

    /// Rows of items of which some are left to cover.
    pub(crate) fn open_rows(&self) -> usize {
        self.rows.iter().filter(|&&pods| pods > 0).count()
    }

    /// The rows' senses and right-hand sides.
    pub(crate) fn requirements(&self) -> impl Iterator<Item = (Sense, f64)> + '_ {
        (0..self.lp.rows() as u32).map(|row| self.lp.row(row))
    }

    /// Adds columns that the pool may have already, and starts the next solve from them.
    pub(crate) fn start_from(
        &mut self,
        pool: &mut Pool,
        columns: impl IntoIterator<Item = Column>,
    ) {
        let numbers: Vec<u32> =
            columns.into_iter().map(|column| self.offer(pool, column).0).collect();
        let mut places = vec![None; pool.len()];
        for (place, number) in (0u32..).zip(&self.columns) {
            if let Some(number) = number {
                places[*number as usize] = Some(place);
            }
        }
        let used = numbers.iter().filter_map(|&number| places[number as usize]);
        let helpers = self.counts.iter().flatten().map(|count| match count.range.most {
            Some(_) => count.under,
            None => count.over,
        });
        let basis: Vec<u32> = used.chain(helpers).collect();
        self.lp.start_from(&basis);
    }

    /// Finds the optimum; false when the budget, a stop or the numbers did not allow it.
    pub(crate) fn solve(&mut self, budget: &mut Budget) -> bool {
        loop {
            let before = self.lp.pivots();
            let outcome = self.lp.solve(budget.left().min(SLICE));
            budget.pivots(self.lp.pivots() - before, self.lp.rows());
            if outcome != Outcome::Stopped || budget.is_spent() {
                return outcome == Outcome::Optimal;
            }
        }
    }

    pub(crate) fn value(&self) -> f64 {
        self.lp.objective()
    }

    /// Dual prices of the rows.
    pub(crate) fn row_duals(&self) -> Vec<f64> {
        (0..self.lp.rows() as u32).map(|row| self.lp.dual(row)).collect()
    }

    /// What a node of each kind costs at these prices of the rows, its part of limits and counts
    /// included.
    pub(crate) fn costs_at(&self, dual: impl Fn(u32) -> f64) -> Vec<f64> {
        let mut costs = self.prices_at(&dual).costs(self.core);
        for (kind, cost) in costs.iter_mut().enumerate() {
            if matches!(self.core.kinds[kind].source, Source::Nodes(_)) {
                *cost -= self.count_dual_at(kind, &dual);
            }
        }
        costs
    }

    /// Dual prices of the items, not negative.
    pub(crate) fn duals(&self) -> Vec<f64> {
        self.items_at(|row| self.lp.dual(row))
    }

    fn items_at(&self, dual: impl Fn(u32) -> f64) -> Vec<f64> {
        self.row_of.iter().map(|row| row.map_or(0.0, |row| dual(row).max(0.0))).collect()
    }

    /// What a node of a kind costs beyond its price: its part of limits and counts.
    pub(crate) fn surcharge(&self, kind: usize) -> f64 {
        let limits = self.core.kinds[kind].limits.iter();
        let limits = limits
            .map(|&(limit, amount)| -self.lp.dual(self.limit_rows[limit as usize]) * amount as f64);
        limits.sum::<f64>() - self.count_dual(kind)
    }

    /// Dual price of one more node of a counted kind.
    pub(crate) fn count_dual(&self, kind: usize) -> f64 {
        self.count_dual_at(kind, |row| self.lp.dual(row))
    }

    /// The same at other prices of the rows.
    fn count_dual_at(&self, kind: usize, dual: impl Fn(u32) -> f64) -> f64 {
        let of_kind = self.counted(kind).map_or(0.0, |count| dual(count.row));
        let sums = self.sums.iter().filter(|sum| sum.of.counts(kind as u32));
        of_kind + sums.flat_map(Sum::rows).map(dual).sum::<f64>()
    }

    /// Dual prices of the items, the limits and the ceilings.
    pub(crate) fn prices(&self) -> Duals {
        self.prices_at(|row| self.lp.dual(row))
    }

    /// The same from other prices of the rows.
    pub(crate) fn prices_at(&self, dual: impl Fn(u32) -> f64) -> Duals {
        let rows = |rows: &[u32]| -> Vec<f64> { rows.iter().map(|&row| dual(row)).collect() };
        let count = |(at, kind): (usize, &Kind)| match kind.source {
            Source::Offerings(_) => self.count_dual_at(at, &dual),
            Source::Nodes(_) => 0.0,
        };
        Duals {
            items: self.items_at(&dual),
            limits: rows(&self.limit_rows).into_iter().map(|dual| dual.min(0.0)).collect(),
            ceilings: rows(&self.ceiling_rows).into_iter().map(|dual| (-dual).max(0.0)).collect(),
            counts: self.core.kinds.iter().enumerate().map(count).collect(),
            sums: self.sums.iter().map(|sum| sum.rows().map(&dual).sum()).collect(),
        }
    }

    pub(crate) fn is_covered(&self) -> bool {
        (0..self.rows.len()).all(|row| self.lp.violation(row as u32) < 1e-6)
    }

    /// Columns in use: (column of the programme, pool number, how often).
    pub(crate) fn used(&self) -> Vec<(u32, u32, f64)> {
        let mut used: Vec<(u32, u32, f64)> = self
            .lp
            .basic()
            .filter(|(_, value)| *value > 1e-9)
            .filter_map(|(column, value)| Some((column, self.columns[column as usize]?, value)))
            .collect();
        used.sort_unstable_by_key(|(column, _, _)| *column);
        used
    }

    /// The columns in use themselves.
    pub(crate) fn used_columns(&self, pool: &Pool) -> Vec<Column> {
        self.used().into_iter().map(|(_, at, _)| pool.get(at).clone()).collect()
    }

    pub(crate) fn reduced_cost(&self, column: u32) -> f64 {
        self.lp.reduced_cost(column)
    }

    /// Columns that may be used: (column of the programme, pool number).
    pub(crate) fn open(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        let open = |(at, number): (usize, &Option<u32>)| {
            let column = at as u32;
            number.filter(|_| self.lp.is_open(column)).map(|number| (column, number))
        };
        self.columns.iter().enumerate().filter_map(open)
    }

    pub(crate) fn demand(&self) -> &[u32] {
        &self.demand
    }

    /// Takes `copies` of a pattern out of the demand and out of its kind's number.
    pub(crate) fn fix(&mut self, column: &Column, copies: u32) {
        if let Some(range) = self.range(column.kind as usize) {
            self.set_range(column.kind as usize, range.less(copies));
        }
        for &(limit, amount) in &self.core.kinds[column.kind as usize].limits {
            let left = &mut self.limits[limit as usize];
            *left = left.saturating_sub(amount.saturating_mul(copies.into()));
            self.lp.set_rhs(self.limit_rows[limit as usize], (*left).max(0) as f64);
        }
        for &(item, pods) in &column.pattern {
            let left = &mut self.demand[item as usize];
            let taken = pods.saturating_mul(copies).min(*left);
            *left -= taken;
            let Some(row) = self.row_of[item as usize] else { continue };
            self.rows[row as usize] = self.rows[row as usize].saturating_sub(taken);
            self.lp.set_rhs(row, f64::from(self.rows[row as usize]));
        }
    }

    /// Forgets closed columns, which would only be in the way.
    pub(crate) fn compact(&mut self) {
        let helper = |column: u32| self.columns[column as usize].is_none();
        let open: Vec<bool> = (0..self.columns.len() as u32)
            .map(|column| helper(column) || self.lp.is_open(column))
            .collect();
        let new = self.lp.compact(|column| open[column as usize]);
        let mut stays = new.iter().map(Option::is_some);
        self.columns.retain(|_| stays.next().unwrap_or(false));
        for count in self.counts.iter_mut().flatten() {
            // Helpers always stay.
            count.over = new[count.over as usize].unwrap_or(count.over);
            count.under = new[count.under as usize].unwrap_or(count.under);
        }
    }

    pub(crate) fn close(&mut self, column: u32) {
        self.lp.close(column);
    }
}

/// What one pod of an item needs to pay at most: a node of its own, or any node when none is for
/// sale.
fn dearest(core: &Core, item: usize) -> f64 {
    let own = core.kinds.iter().filter(|kind| kind.price > 0 && kind.items.contains(item));
    let any = || core.kinds.iter().map(|kind| kind.price).max();
    own.map(|kind| kind.price).min().or_else(any).unwrap_or(0).max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        columns::pool::Pool,
        presolve::twins::{Twins, tests::zonal},
    };

    /// Every kind with one pod each of every item it accepts, as far as they fit, from each start.
    fn columns(core: &Core) -> Vec<Column> {
        let mut columns = Vec::new();
        for (at, kind) in (0u32..).zip(&core.kinds) {
            for start in 0..core.items.len() {
                let mut room = kind.capacity.clone();
                let mut pattern = Vec::new();
                for item in (start..core.items.len()).filter(|&item| kind.items.contains(item)) {
                    let request = &core.items[item].request;
                    if request.iter().zip(&room).all(|(ask, have)| ask <= have) {
                        request.iter().zip(&mut room).for_each(|(ask, have)| *have -= ask);
                        pattern.push((item as u32, 1));
                    }
                }
                if !pattern.is_empty() {
                    columns.push(Column { kind: at, pattern });
                }
            }
        }
        columns
    }

    fn solved<'a>(core: &'a Core, demand: &[u32]) -> Master<'a> {
        let mut master = Master::new(core, demand, &[0, 3], &[]);
        let mut pool = Pool::default();
        for column in columns(core) {
            master.offer(&mut pool, column);
        }
        assert!(master.solve(&mut Budget::new(1_000_000, None)));
        master
    }

    #[test]
    fn rows_of_twins_ask_no_more_than_rows_of_their_own() {
        let core = zonal();
        let mut apart = core.clone();
        apart.twins = Twins {
            row_of: (0..core.items.len() as u32).collect(),
            items: (0..core.items.len() as u32).map(|item| vec![item]).collect(),
            first: (0..core.kinds.len() as u32).collect(),
            kinds: (0..core.kinds.len() as u32).map(|kind| vec![kind]).collect(),
        };
        let demand = core.demand();
        let (together, apart) = (solved(&core, &demand), solved(&apart, &demand));
        assert_eq!((together.rows.len(), apart.rows.len()), (4, 12));
        assert!(together.is_covered() && apart.is_covered());
        assert!(together.value() <= apart.value() + 1e-6);
        assert!(together.value() > 0.9 * apart.value(), "{}", together.value());
    }

    #[test]
    fn a_row_asks_for_what_is_left_of_its_items() {
        let core = zonal();
        let mut master = solved(&core, &core.demand());
        for (copies, column) in (0..3).cycle().zip(columns(&core)) {
            master.fix(&column, copies);
            let left = |items: &Vec<u32>| {
                items.iter().map(|&item| master.demand()[item as usize]).sum::<u32>()
            };
            let rows: Vec<u32> = core.twins.items.iter().map(left).collect();
            assert_eq!(master.rows, rows);
        }
        assert!(master.demand().iter().sum::<u32>() < core.demand().iter().sum());
        let range = Range { least: 2, most: Some(5) };
        master.set_range(core.twins.of_kind(0)[2] as usize, range);
        assert!(
            core.twins.of_kind(0).iter().all(|&kind| master.range(kind as usize) == Some(range))
        );
    }
}
