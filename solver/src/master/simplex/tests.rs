//! Every optimum is proven by duality, on data kept apart from the solver's.

use super::{Outcome, Sense, Simplex};

/// Pivots no case here comes near.
const ENOUGH: u64 = 100_000;

/// xorshift64*, seeded.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Random((seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn unit(&mut self) -> f64 {
        self.next() as f64 / (1_u64 << 53) as f64
    }

    fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }
}

#[derive(Clone)]
struct Row {
    sense: Sense,
    rhs: f64,
    elastic: f64,
}

#[derive(Clone)]
struct Column {
    cost: f64,
    entries: Vec<(u32, f64)>,
    open: bool,
}

/// The programme as the test knows it, beside the solver that is to agree.
#[derive(Clone)]
struct Twin {
    rows: Vec<Row>,
    columns: Vec<Column>,
    simplex: Simplex,
}

impl Twin {
    fn new() -> Self {
        Twin { rows: Vec::new(), columns: Vec::new(), simplex: Simplex::new() }
    }

    fn add_row(&mut self, sense: Sense, rhs: f64, elastic: f64) {
        let row = self.simplex.add_row(sense, rhs, elastic);
        assert_eq!(row as usize, self.rows.len());
        self.rows.push(Row { sense, rhs, elastic });
    }

    fn add_column(&mut self, cost: f64, entries: Vec<(u32, f64)>) {
        let column = self.simplex.add_column(cost, &entries);
        assert_eq!(column as usize, self.columns.len());
        self.columns.push(Column { cost, entries, open: true });
    }

    fn set_rhs(&mut self, row: usize, rhs: f64) {
        self.rows[row].rhs = rhs;
        self.simplex.set_rhs(row as u32, rhs);
    }

    fn set_cost(&mut self, column: usize, cost: f64) {
        self.columns[column].cost = cost;
        self.simplex.set_cost(column as u32, cost);
    }

    fn set_open(&mut self, column: usize, open: bool) {
        self.columns[column].open = open;
        if open {
            self.simplex.open(column as u32);
        } else {
            self.simplex.close(column as u32);
        }
        assert_eq!(self.simplex.is_open(column as u32), open);
    }

    /// The same programme, never solved.
    fn cold(&self) -> Twin {
        assert_eq!(self.simplex.rows(), self.rows.len());
        let mut twin = Twin::new();
        for row in &self.rows {
            twin.add_row(row.sense, row.rhs, row.elastic);
        }
        for (index, column) in self.columns.iter().enumerate() {
            twin.add_column(column.cost, column.entries.clone());
            if !column.open {
                twin.set_open(index, false);
            }
        }
        twin
    }

    /// Solves and proves the optimum.
    fn solve(&mut self) -> f64 {
        assert_eq!(self.simplex.solve(ENOUGH), Outcome::Optimal);
        self.prove()
    }

    /// Primal feasibility, dual feasibility and equal objectives; returns the objective.
    fn prove(&self) -> f64 {
        let rhs_scale = self.rows.iter().fold(1.0, |most: f64, row| most.max(row.rhs.abs()));
        let most_cost =
            self.columns.iter().fold(0.0, |most: f64, column| most.max(column.cost.abs()));
        let most_dual =
            self.simplex.duals().iter().fold(0.0, |most: f64, dual| most.max(dual.abs()));
        let cost_scale = most_cost.max(1e-4 * most_dual).max(1e-12);
        let mut activity = vec![0.0; self.rows.len()];
        let mut primal = 0.0;
        for (column, value) in self.simplex.basic() {
            assert_eq!(self.simplex.value(column), value);
            let column = &self.columns[column as usize];
            assert!(value >= 0.0);
            assert!(column.open || value <= 1e-8 * rhs_scale, "a closed column is at {value}");
            primal += column.cost * value;
            for &(row, entry) in &column.entries {
                activity[row as usize] += entry * value;
            }
        }
        let mut dual = 0.0;
        for (index, row) in self.rows.iter().enumerate() {
            let missing = row.rhs - activity[index];
            let (violation, low, high) = match row.sense {
                Sense::AtLeast => (missing.max(0.0), 0.0, row.elastic),
                Sense::AtMost => ((-missing).max(0.0), -row.elastic, 0.0),
                Sense::Equal => (missing.abs(), -row.elastic, row.elastic),
            };
            let said = self.simplex.violation(index as u32);
            assert!(
                (violation - said).abs() <= 1e-7 * rhs_scale,
                "violation {said} not {violation}"
            );
            primal += row.elastic * violation;
            let price = self.simplex.dual(index as u32);
            let slack = 1e-8 * cost_scale;
            assert!(price >= low - slack && price <= high + slack, "{price} not in {low}..{high}");
            dual += price * row.rhs;
        }
        for (index, column) in self.columns.iter().enumerate() {
            let worth: f64 =
                column.entries.iter().map(|&(row, entry)| entry * self.simplex.dual(row)).sum();
            let reduced = column.cost - worth;
            assert!((reduced - self.simplex.reduced_cost(index as u32)).abs() <= 1e-8 * cost_scale);
            assert!(!column.open || reduced >= -2e-9 * cost_scale, "column {index}: {reduced}");
        }
        let scale = (cost_scale.max(most_dual) * rhs_scale).max(primal.abs());
        assert!((primal - dual).abs() <= 1e-7 * scale, "primal {primal}, dual {dual}");
        assert!((primal - self.simplex.objective()).abs() <= 1e-7 * scale);
        primal
    }
}

/// What the generated programmes of a family look like.
#[derive(Clone, Copy)]
struct Family {
    rows: usize,
    columns: usize,
    /// Entries are whole numbers from 1 to this.
    entry: usize,
    /// Costs follow the entries by this much noise; 0 makes many ratios equal.
    noise: f64,
    /// Shares of rows that are at most, and equal; of right-hand sides that are 0.
    at_most: f64,
    equal: f64,
    zero: f64,
}

impl Family {
    fn row(&self, random: &mut Random) -> (Sense, f64, f64) {
        let draw = random.unit();
        let rhs = if random.chance(self.zero) { 0.0 } else { 1.0 + random.below(100) as f64 };
        let elastic = [0.0, 3.0, 50.0, 1e4][random.below(4)];
        if draw < self.at_most {
            (Sense::AtMost, rhs, elastic)
        } else if draw < self.at_most + self.equal {
            (Sense::Equal, rhs, elastic)
        } else {
            (Sense::AtLeast, rhs, 1e4)
        }
    }

    fn column(&self, rows: usize, random: &mut Random) -> (f64, Vec<(u32, f64)>) {
        let entries = random.below(8.min(rows) + 1);
        let mut entries: Vec<(u32, f64)> = (0..entries)
            .map(|_| (random.below(rows) as u32, 1.0 + random.below(self.entry) as f64))
            .collect();
        entries.sort_by_key(|entry| entry.0);
        entries.dedup_by_key(|entry| entry.0);
        if random.chance(0.02) {
            for entry in &mut entries {
                entry.1 = -entry.1;
            }
        }
        let size: f64 =
            entries.iter().map(|&(row, value)| value.abs() * (1.0 + f64::from(row % 3))).sum();
        (size.sqrt() * (1.0 + self.noise * random.unit()), entries)
    }

    fn twin(&self, random: &mut Random) -> Twin {
        let mut twin = Twin::new();
        for _ in 0..self.rows {
            let (sense, rhs, elastic) = self.row(random);
            twin.add_row(sense, rhs, elastic);
        }
        for _ in 0..self.columns {
            let (cost, entries) = self.column(self.rows, random);
            twin.add_column(cost, entries);
        }
        twin
    }

    /// Changes the programme in one of the ways column generation and dives do.
    fn change(&self, twin: &mut Twin, random: &mut Random) {
        let rows = twin.rows.len();
        match random.below(11) {
            0..3 => {
                for _ in 0..1 + random.below(20) {
                    let (cost, entries) = self.column(rows, random);
                    twin.add_column(cost, entries);
                }
            }
            3..5 => {
                let row = random.below(rows);
                let factor = random.below(3) as f64 / 2.0;
                twin.set_rhs(row, (twin.rows[row].rhs * factor).floor());
            }
            5..7 => {
                let basic: Vec<u32> = twin.simplex.basic().map(|(column, _)| column).collect();
                for column in basic.into_iter().filter(|column| column % 4 == 0) {
                    twin.set_open(column as usize, false);
                }
            }
            7 => {
                for column in (0..twin.columns.len()).filter(|column| column % 3 == 0) {
                    twin.set_open(column, true);
                }
            }
            10 => {
                let columns = (0..twin.columns.len()).filter(|column| column % 2 == 0);
                let columns: Vec<u32> =
                    columns.filter(|_| random.chance(0.5)).map(|column| column as u32).collect();
                twin.simplex.start_from(&columns);
            }
            8 if !twin.columns.is_empty() => {
                let column = random.below(twin.columns.len());
                twin.set_cost(column, twin.columns[column].cost * random.unit() * 2.0);
            }
            _ => {
                let (sense, rhs, elastic) = self.row(random);
                twin.add_row(sense, rhs, elastic);
                let (cost, entries) = self.column(rows + 1, random);
                twin.add_column(cost, entries);
            }
        }
    }
}

const COVER: Family =
    Family { rows: 12, columns: 60, entry: 9, noise: 0.3, at_most: 0.1, equal: 0.1, zero: 0.1 };

/// Solves `cases` programmes of a family, each followed by `changes` changes.
fn run(family: Family, cases: u64, changes: usize) {
    for seed in 0..cases {
        let mut random = Random::new(seed);
        let mut twin = family.twin(&mut random);
        twin.solve();
        for _ in 0..changes {
            for _ in 0..1 + random.below(2) {
                family.change(&mut twin, &mut random);
            }
            let warm = twin.solve();
            if random.chance(0.1) {
                let cold = twin.cold().solve();
                assert!(
                    (warm - cold).abs() <= 1e-7 * (1.0 + warm.abs()),
                    "{warm} warm, {cold} cold"
                );
            }
        }
    }
}

#[test]
fn covering_programmes_through_changes() {
    run(COVER, 300, 12);
}

#[test]
fn mixed_senses() {
    run(Family { at_most: 0.35, equal: 0.35, ..COVER }, 300, 12);
}

#[test]
fn degenerate_programmes() {
    run(Family { noise: 0.0, entry: 1, zero: 0.6, ..COVER }, 300, 12);
    run(Family { noise: 0.0, entry: 1, zero: 0.95, rows: 40, columns: 300, ..COVER }, 20, 12);
}

#[test]
fn one_row() {
    run(Family { rows: 1, columns: 5, ..COVER }, 300, 4);
}

#[test]
fn no_columns_at_first() {
    run(Family { rows: 8, columns: 0, ..COVER }, 200, 12);
}

#[test]
fn many_rows() {
    run(Family { rows: 120, columns: 900, ..COVER }, 4, 10);
    run(Family { rows: 120, columns: 900, noise: 0.0, equal: 0.3, ..COVER }, 4, 10);
}

#[test]
fn cheapest_of_two_covers() {
    let mut twin = Twin::new();
    twin.add_row(Sense::AtLeast, 10.0, 100.0);
    twin.add_column(3.0, vec![(0, 2.0)]);
    assert_eq!(twin.solve(), 15.0);
    assert_eq!(twin.simplex.dual(0), 1.5);
    twin.add_column(5.0, vec![(0, 5.0)]);
    assert_eq!(twin.solve(), 10.0);
    assert_eq!(twin.simplex.value(1), 2.0);
    twin.set_open(1, false);
    assert_eq!(twin.solve(), 15.0);
    assert_eq!(twin.simplex.value(1), 0.0);
}

#[test]
fn a_row_nobody_covers_is_violated_at_its_price() {
    let mut twin = Twin::new();
    twin.add_row(Sense::AtLeast, 4.0, 7.0);
    twin.add_row(Sense::AtMost, -2.0, 5.0);
    twin.add_row(Sense::Equal, 3.0, 2.0);
    assert_eq!(twin.solve(), 28.0 + 10.0 + 6.0);
    assert_eq!(twin.simplex.duals(), [7.0, -5.0, 2.0]);
}

#[test]
fn a_bound_on_the_columns_of_a_kind_has_a_price() {
    let mut twin = Twin::new();
    twin.add_row(Sense::AtLeast, 10.0, 100.0);
    twin.add_row(Sense::AtMost, 3.0, 100.0);
    twin.add_column(1.0, vec![(0, 1.0), (1, 1.0)]);
    twin.add_column(4.0, vec![(0, 1.0)]);
    assert_eq!(twin.solve(), 3.0 + 28.0);
    assert_eq!(twin.simplex.duals(), [4.0, -3.0]);
}

#[test]
fn a_gainful_column_without_bound_is_reported() {
    let mut simplex = Simplex::new();
    simplex.add_row(Sense::AtLeast, 1.0, 10.0);
    simplex.add_column(-1.0, &[(0, 1.0)]);
    assert_eq!(simplex.solve(ENOUGH), Outcome::Unbounded);
    simplex.close(0);
    assert_eq!(simplex.solve(ENOUGH), Outcome::Optimal);
    assert_eq!(simplex.objective(), 10.0);
}

#[test]
fn a_gainful_column_stops_at_its_row() {
    let mut twin = Twin::new();
    twin.add_row(Sense::AtMost, 6.0, 10.0);
    twin.add_column(-1.0, vec![(0, 2.0)]);
    assert_eq!(twin.solve(), -3.0);
}

#[test]
fn empty_and_zero() {
    let mut twin = Twin::new();
    assert_eq!(twin.solve(), 0.0);
    twin.add_column(1.0, Vec::new());
    assert_eq!(twin.solve(), 0.0);
    twin.add_row(Sense::Equal, 0.0, 0.0);
    twin.add_column(0.0, vec![(0, 0.0)]);
    assert_eq!(twin.solve(), 0.0);
}

#[test]
fn a_budget_stops_and_the_next_solve_goes_on() {
    let mut twin = Family { rows: 30, columns: 300, ..COVER }.twin(&mut Random::new(5));
    assert_eq!(twin.simplex.solve(3), Outcome::Stopped);
    assert_eq!(twin.simplex.pivots(), 3);
    let mut solves = 0;
    while twin.simplex.solve(3) == Outcome::Stopped {
        solves += 1;
        assert!(solves < 1000);
    }
    twin.prove();
}

#[test]
fn compacting_keeps_the_optimum() {
    for seed in 0..50 {
        let mut random = Random::new(seed);
        let mut twin = COVER.twin(&mut random);
        let before = twin.solve();
        let used: Vec<u32> = twin.simplex.basic().map(|(column, _)| column).collect();
        let map = twin.simplex.compact(|column| column % 5 == 0);
        let stays = |column: usize| column.is_multiple_of(5) || used.contains(&(column as u32));
        let kept: Vec<Column> = (0..twin.columns.len())
            .filter(|&column| stays(column))
            .map(|column| twin.columns[column].clone())
            .collect();
        let indices: Vec<u32> = map.iter().flatten().copied().collect();
        assert!(indices.iter().copied().eq(0..kept.len() as u32));
        assert_eq!(twin.simplex.columns(), kept.len());
        assert!((0..map.len()).all(|column| map[column].is_some() == stays(column)));
        twin.columns = kept;
        assert!((twin.prove() - before).abs() <= 1e-9 * before.abs());
        let pivots = twin.simplex.pivots();
        twin.solve();
        assert_eq!(twin.simplex.pivots(), pivots);
        COVER.change(&mut twin, &mut random);
        twin.solve();
    }
}

#[test]
fn blands_rule_alone_reaches_the_optimum() {
    let family = Family { noise: 0.0, entry: 2, zero: 0.4, equal: 0.2, ..COVER };
    for seed in 0..100 {
        let mut random = Random::new(seed);
        let mut twin = family.twin(&mut random);
        for _ in 0..6 {
            twin.simplex.refresh();
            assert!(matches!(twin.simplex.run_dual(ENOUGH, true), super::End::Done));
            twin.simplex.restore_costs();
            assert!(matches!(twin.simplex.run_primal(ENOUGH, true), super::End::Done));
            let pivots = twin.simplex.pivots();
            twin.solve();
            assert_eq!(twin.simplex.pivots(), pivots, "Bland's rule stopped short");
            family.change(&mut twin, &mut random);
        }
    }
}

#[test]
fn perturbed_costs_are_taken_back() {
    for seed in 0..50 {
        let mut twin = COVER.twin(&mut Random::new(seed));
        let best = twin.solve();
        twin.set_rhs(0, twin.rows[0].rhs + 5.0);
        twin.simplex.price();
        twin.simplex.perturb_costs();
        assert!(matches!(twin.simplex.run_dual(ENOUGH, false), super::End::Done));
        twin.simplex.restore_costs();
        let changed = twin.solve();
        assert!((changed - twin.cold().solve()).abs() <= 1e-7 * changed.abs());
        twin.set_rhs(0, twin.rows[0].rhs - 5.0);
        assert!((twin.solve() - best).abs() <= 1e-7 * best.abs());
    }
}

#[test]
fn a_singular_basis_is_repaired() {
    let mut twin = COVER.twin(&mut Random::new(9));
    let best = twin.solve();
    let (column, _) = twin.simplex.basic().next().expect("a cover uses columns");
    let position =
        twin.simplex.head.iter().rposition(|&var| var != super::Var::column(column as usize));
    let position = position.expect("more than one row");
    let other = twin.simplex.head[position];
    // Twice the same column: no inverse.
    if let super::Kind::Column(other) = other.kind() {
        twin.simplex.status[other] &= !super::BASIC;
    }
    twin.simplex.head[position] = super::Var::column(column as usize);
    assert!(!twin.simplex.refactor());
    assert!((twin.solve() - best).abs() <= 1e-7 * best);
}
