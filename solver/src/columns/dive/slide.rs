//! The first stretch of a dive with many items, without a simplex.
//!
//! With hundreds of rows a simplex takes hundreds of pivots after every decision, though most of
//! what there is to decide is plain. Amounts that are about right will do until few rows are left:
//! they are kept by an augmented Lagrangian ([`Augmented`]), from the relaxation's own on.

use crate::{
    columns::{
        augmented::{Augmented, Line},
        dive::{
            Dive, MORE,
            proper::{DEAR, cut_down, is_proper},
        },
        fluid,
        pool::{Column, Pool},
        price::above,
    },
    effort::Budget,
    pattern::{Ask, Priced},
};

/// The simplex takes over when so many rows are left.
const FEW_ROWS: usize = 20;
/// Pricings after each decision, of all kinds and then of those that stand above their cost; and how
/// often that is done, in a hurry and otherwise.
const PRICINGS: u32 = 6;
const ROUNDS: (u32, u32) = (1, 2);
/// More often, up to so many times, while the columns leave pods undone that are worth more than this
/// share of the whole, in a hurry and otherwise.
const MOST_ROUNDS: u32 = 8;
const UNDONE: (f64, f64) = (0.02, 0.01);
/// Branches per pricing.
const NODES: u32 = 8;
/// Amounts from which on a column is used, and by which they may fall short of whole numbers.
const USED: f64 = 1e-9;
const ROUND: f64 = 1e-6;
/// A plan that seems dearer than the best one by less than this share may still turn out cheaper.
const DOUBT: f64 = 2e-3;

impl Dive<'_> {
    /// Whether this dive begins with a slide: where nothing but pods asks for rows that matter, and
    /// there are many of them. One that is to take care needs exact amounts from the start.
    pub(super) fn slides(&self) -> bool {
        self.style.slides
            && self.care != MORE
            && self.master.open_rows() > FEW_ROWS
            && self.master.ranges().next().is_none()
    }

    /// Fixes columns until few rows are left, and goes on with the simplex for these; false when
    /// that would cost too much or take too long.
    pub(super) fn slide(&mut self, cutoff: f64, budget: &mut Budget) -> bool {
        let prices = self.root.master.prices();
        // Pods that ride along where room is left over have no price in the relaxation, and would be
        // left behind when that room is gone, if it were not for what their resources cost.
        let mut model = Augmented::new(&self.master, &prices.items, &fluid::prices(self.core));
        self.take_over(&mut model);
        while self.master.open_rows() > FEW_ROWS {
            if budget.is_spent() || self.paid + model.value() > cutoff * (1.0 + DOUBT) {
                return false;
            }
            if !self.fix_some(&mut model) {
                break;
            }
            self.renew(&mut model);
            self.improve(&mut model, budget);
        }
        self.land(&model);
        true
    }

    /// The root's good columns, and the amounts of those that it uses.
    fn take_over(&mut self, model: &mut Augmented) {
        let takes = |kind: u32| self.kinds.binary_search(&kind).is_ok();
        let pool = &self.root.pool;
        let used = self.root.master.used();
        for &(_, at, amount) in &used {
            model.add(self.core, &self.master, pool.get(at).clone(), amount);
        }
        for at in self.root.good_columns(self.care.start, takes) {
            model.add(self.core, &self.master, pool.get(at).clone(), 0.0);
        }
        model.renew(&self.master, |_| true);
    }

    /// Fixes columns: whole parts first, then the largest fractions, dear ones before cheap ones.
    /// In a hurry the whole parts of all are taken to begin with. False when none fits what remains.
    fn fix_some(&mut self, model: &mut Augmented) -> bool {
        let price = |line: &Line| self.core.kinds[line.column.kind as usize].price as f64;
        let spare = self.paid + self.style.batch * (self.paid + model.value());
        let mut used: Vec<&mut Line> =
            model.lines.iter_mut().filter(|line| line.amount > USED).collect();
        let dearest = used.iter().map(|line| price(line)).fold(0.0, f64::max);
        if !self.style.hasty || self.paid > 0.0 {
            used.retain(|line| price(line) >= self.style.large * dearest);
        }
        let mut some = false;
        for line in &mut used {
            let copies = (line.amount + ROUND).floor() as u32;
            some |= copies > 0 && self.fix_line(line, copies);
        }
        let mut scored: Vec<(f64, &mut Line)> =
            used.into_iter().map(|line| (self.score(line), line)).collect();
        scored.sort_by(|a, b| b.0.total_cmp(&a.0));
        for (score, line) in scored {
            // A column of which next to nothing is used is not worth a node of it yet.
            if some && (self.paid >= spare || score < 0.5) {
                break;
            }
            some |= self.fix_line(line, 1);
        }
        some
    }

    fn score(&mut self, line: &Line) -> f64 {
        line.amount + self.style.noise * self.chance()
    }

    /// Fixes copies of a column, as far as what remains fills them; whether any.
    fn fix_line(&mut self, line: &mut Line, copies: u32) -> bool {
        let taken = self.take_column(&line.column, copies);
        line.amount = (line.amount - f64::from(taken)).max(0.0);
        taken > 0
    }

    /// Takes over what is left to cover. Good columns that hold more than that come back cut down to
    /// it, on the cheapest kind that holds the rest; the amounts of the others go on.
    fn renew(&self, model: &mut Augmented) {
        let demand = self.master.demand();
        let is_proper = |line: &Line| is_proper(&line.column.pattern, demand);
        let prices = model.prices();
        let good = model.lines.iter().filter(|line| !is_proper(line) && !is_dear(line, &prices));
        let cut: Vec<Column> =
            good.filter_map(|line| cut_down(self.core, &line.column, demand)).collect();
        let gone = self.unaffordable();
        for column in cut.into_iter().filter(|column| !gone[column.kind as usize]) {
            model.add(self.core, &self.master, column, 0.0);
        }
        model.renew(&self.master, |line| is_proper(line) && !gone[line.column.kind as usize]);
    }

    /// Finds amounts and columns for what is left.
    fn improve(&mut self, model: &mut Augmented, budget: &mut Budget) {
        let (usual, undone) = match self.style.hasty {
            true => (ROUNDS.0, UNDONE.0),
            false => (ROUNDS.1, UNDONE.1),
        };
        budget.spend(model.settle());
        for round in 1..=MOST_ROUNDS {
            let mut kinds: Vec<u32> = self.families.iter().map(|family| family[0]).collect();
            let mut news = 0;
            for _ in 0..PRICINGS {
                if kinds.is_empty() || budget.is_spent() {
                    break;
                }
                let (new, above) = self.price_lines(model, &kinds, budget);
                news += new;
                kinds = above;
                budget.spend(model.settle());
                if new == 0 {
                    break;
                }
            }
            model.centre = model.prices();
            budget.spend(model.settle());
            // Pods that need nodes of their own have prices that are far from the centre at first.
            let is_covered = model.undone() <= undone * model.value();
            if is_covered && (round >= usual || news == 0) || budget.is_spent() {
                break;
            }
        }
    }

    /// Prices kinds: how many new columns came, and which kinds had any that is worth more than it
    /// costs.
    fn price_lines(
        &self,
        model: &mut Augmented,
        kinds: &[u32],
        budget: &mut Budget,
    ) -> (usize, Vec<u32>) {
        let duals = self.master.prices_at(|row| model.dual(row));
        let (profits, costs) = (duals.profits(self.core), duals.costs(self.core));
        let mut found = Vec::new();
        for &kind in kinds.iter().filter(|&&kind| self.master.affordable(kind as usize) > 0) {
            let at = kind as usize;
            let priced: Priced = self.root.pricers[at].price_lean(&Ask {
                profits: profits.on(&self.core.kinds[at]),
                limits: self.master.demand(),
                enough: costs[at] * (1.0 + 1e-4),
                nodes: NODES,
                keep: 1,
                exact: false,
            });
            budget.prices(priced.nodes.into());
            found.push((kind, priced));
        }
        let above = above(&found, &costs);
        (model.take(self.core, &self.master, found, &costs), above)
    }

    /// Hands what is left over to the simplex.
    fn land(&mut self, model: &Augmented) {
        self.master = self.master.rest();
        self.pool = Pool::default();
        let prices = model.prices();
        let stays = |line: &&Line| !is_dear(line, &prices) || line.column.pattern.len() == 1;
        for line in model.lines.iter().filter(stays) {
            self.add(line.column.clone());
        }
        let mut used: Vec<&Line> = model.lines.iter().filter(|line| line.amount > 0.0).collect();
        used.sort_by(|a, b| b.amount.total_cmp(&a.amount));
        used.truncate(self.master.open_rows());
        let used: Vec<Column> = used.into_iter().map(|line| line.column.clone()).collect();
        self.master.start_from(&mut self.pool, used);
    }
}

/// Whether a column costs a good deal more than what it covers is worth.
fn is_dear(line: &Line, prices: &[f64]) -> bool {
    line.cost - line.worth(|row| prices[row]) > DEAR * line.cost
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        BitSet, Problem,
        columns::{
            ascent::tests::{core as core_of, shop},
            dive::{Style, dive},
            generate::{Root, root},
            limits::fine,
            plan::Plan,
        },
        presolve::Core,
        problem::{Class, Group, Offering},
        random::next,
    };

    const STYLE: Style = Style {
        counts: false,
        nodes: true,
        large: 0.3,
        kinds: 0.9,
        batch: 1e-3,
        hasty: false,
        slides: true,
        harmless: 1e-5,
        noise: 0.0,
        seed: 1,
        careful: false,
    };

    fn solved<'a>(core: &'a Core, budget: &mut Budget) -> Root<'a> {
        let limits = fine(core, 0, 0);
        let mut root = root(core, Vec::new(), budget);
        root.start_fluid(&limits, budget);
        root.generate(&limits, budget);
        root
    }

    /// More kinds than a careful dive would have: the two sizes at a few prices.
    fn many_kinds(random: &mut u64, limit: Option<i64>) -> Core {
        let mut problem = shop(random, limit);
        for part in 1..4 {
            for size in 0..2 {
                let mut offering = problem.offerings[size].clone();
                let of = |amount: i64| amount * (8 - part) / 8;
                offering.capacity = offering.capacity.iter().map(|&all| of(all)).collect();
                offering.price = of(offering.price) + part;
                offering.limits.iter_mut().for_each(|(_, amount)| *amount = of(*amount));
                problem.offerings.push(offering);
            }
        }
        problem.classes[0].offerings = BitSet::full(problem.offerings.len());
        core_of(&problem)
    }

    fn plan_of(core: &Core) -> (Plan, f64) {
        let budget = &mut Budget::new(u64::MAX, None);
        let root = solved(core, budget);
        assert!(Dive::new(&root, STYLE).slides());
        let (plan, _) = dive(&root, STYLE, i64::MAX, budget);
        (plan.expect("there is work enough"), root.bound)
    }

    /// Units of the first resource that are bought.
    fn bought(core: &Core, plan: &Plan) -> i64 {
        let of = |column: &Column| core.kinds[column.kind as usize].capacity[0];
        plan.nodes.iter().map(|(column, copies)| of(column) * i64::from(*copies)).sum()
    }

    #[test]
    fn a_slide_ends_in_a_plan_near_the_bound_that_keeps_to_limits() {
        for seed in 3..9 {
            let core = many_kinds(&mut { seed }, None);
            let (free, bound) = plan_of(&core);
            let units = bought(&core, &free) * 101 / 100;
            let core = many_kinds(&mut { seed }, Some(units));
            let (limited, less) = plan_of(&core);
            assert!(bought(&core, &limited) <= units, "case {seed}");
            for (plan, bound) in [(free, bound), (limited, less)] {
                let cost = plan.cost as f64;
                assert!(plan.whole, "case {seed}");
                assert!(cost >= bound * (1.0 - 1e-9), "{cost} below {bound}, case {seed}");
                assert!(cost < 1.02 * bound, "{cost} over {bound}, case {seed}");
            }
        }
    }

    /// Large pods fill the memory of every node, and small ones have its processors for nothing.
    fn room_left_over(random: &mut u64) -> Problem {
        let mut upto = |most: u64| (next(random) % most) as i64;
        let groups = (0..60).map(|sort| {
            let large = vec![100 + upto(100), 9_000 + upto(900)];
            let small = vec![300 + upto(300), 1 + upto(20)];
            let request = if sort < 30 { large } else { small };
            Group { request, count: 4, priority: 0, class: 0 }
        });
        let offering = |size: i64| Offering {
            capacity: vec![1_000 * size, 10_000 * size],
            price: 1_000 * size - size,
            tier: 0,
            domains: vec![],
            limits: vec![],
        };
        Problem {
            dims: 2,
            groups: groups.collect(),
            classes: vec![Class { offerings: BitSet::full(6), nodes: BitSet::empty(0) }],
            offerings: (1..7).map(offering).collect(),
            ..Problem::default()
        }
    }

    /// Such pods are worth nothing in the relaxation, and dear when they are left over.
    #[test]
    fn pods_that_ride_along_are_not_left_behind() {
        for seed in 1..9 {
            let core = core_of(&room_left_over(&mut { seed }));
            let budget = &mut Budget::new(u64::MAX, None);
            let duals = solved(&core, budget).master.prices().items;
            let free = duals.iter().filter(|&&dual| dual < 1.0).count();
            assert!(free > 20, "{free} sorts have no price, case {seed}");
            let (plan, bound) = plan_of(&core);
            let cost = plan.cost as f64;
            assert!(plan.whole && cost < 1.02 * bound, "{cost} over {bound}, case {seed}");
        }
    }

    #[test]
    fn nothing_slides_that_needs_exact_amounts() {
        let budget = &mut Budget::new(u64::MAX, None);
        let core = many_kinds(&mut 3, None);
        let root = solved(&core, budget);
        assert!(!Dive::new(&root, Style { slides: false, ..STYLE }).slides());
        let few = core_of(&shop(&mut 3, None));
        let few = solved(&few, budget);
        assert!(!Dive::new(&few, STYLE).slides());
    }

    /// What is fixed and what is left are all the pods, and rows without pods are gone after landing.
    #[test]
    fn the_simplex_takes_over_what_is_left() {
        let budget = &mut Budget::new(u64::MAX, None);
        let core = many_kinds(&mut 13, None);
        let root = solved(&core, budget);
        let mut dive = Dive::new(&root, STYLE);
        assert!(dive.slide(f64::INFINITY, budget));
        assert!(dive.master.open_rows() <= FEW_ROWS && dive.remains());
        assert_eq!(dive.master.requirements().count(), dive.master.open_rows());
        assert!(dive.master.solve(budget) && dive.master.is_covered());
        let whole = dive.paid + dive.master.value();
        assert!(whole >= root.bound * (1.0 - 1e-9), "{whole} below {}", root.bound);
        let mut pods = vec![0; core.items.len()];
        for (column, copies) in &dive.fixed {
            for &(item, count) in &column.pattern {
                pods[item as usize] += count * copies;
            }
        }
        for (item, pods) in pods.iter().enumerate() {
            assert_eq!(pods + dive.master.demand()[item], core.items[item].demand);
        }
    }
}
