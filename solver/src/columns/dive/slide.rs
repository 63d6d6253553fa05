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
        price::is_above,
    },
    effort::Budget,
    pattern::{Ask, Exact},
    presolve::Source,
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
/// Branches per pricing, which ends when no pattern is worth more than the cost and this share of it.
const NODES: u32 = 8;
const ENOUGH: f64 = 1e-4;
/// Amounts from which on a column is used, and by which they may fall short of whole numbers.
const USED: f64 = 1e-9;
const ROUND: f64 = 1e-6;
/// A plan that seems dearer than the best one by less than this share may still turn out cheaper.
const DOUBT: f64 = 2e-3;

impl Dive<'_> {
    /// Whether this dive begins with a slide: where there are many rows of pods. One that is to take
    /// care needs exact amounts from the start.
    pub(super) fn slides(&self) -> bool {
        self.style.slides && self.care != MORE && self.master.open_rows() > FEW_ROWS
    }

    /// Fixes columns until few rows are left, and goes on with the simplex for these; false when
    /// that would cost too much or take too long.
    pub(super) fn slide(&mut self, cutoff: f64, budget: &mut Budget) -> bool {
        let mut model = Augmented::new(&self.master, &self.root.row_duals(), &self.least());
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

    /// What is left undone of each row is worth this much at least. Pods that ride along where room
    /// is left over have no price in the relaxation, and would be left behind when that room is gone,
    /// if it were not for what their resources cost. One existing node too many is as bad as what it
    /// holds is worth.
    fn least(&self) -> Vec<f64> {
        let mut least = self.master.by_row(&fluid::prices(self.core));
        for (kind, row) in self.master.count_rows() {
            least[row as usize] = self.root.worth[kind as usize];
        }
        least
    }

    /// The root's good columns, and the amounts of those that it uses.
    fn take_over(&mut self, model: &mut Augmented) {
        let takes = |kind: u32| self.kinds.binary_search(&kind).is_ok();
        let pool = &self.root.pool;
        for (at, amount) in self.root.used() {
            model.add(self.core, &self.master, pool.get(at).clone(), amount);
        }
        for at in self.root.good_columns(self.care.start, takes) {
            model.add(self.core, &self.master, pool.get(at).clone(), 0.0);
        }
        model.renew(&self.master, |_| true);
    }

    /// Fixes columns: whole parts first, then the largest fractions. False when none fits what
    /// remains.
    fn fix_some(&mut self, model: &mut Augmented) -> bool {
        let spare = self.paid + self.style.batch * (self.paid + model.value());
        let mut used = self.candidates_of(model);
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

    /// The columns to choose from: those of existing nodes where they come first, or those that are
    /// used of the dear kinds. In a hurry all to begin with.
    fn candidates_of<'m>(&self, model: &'m mut Augmented) -> Vec<&'m mut Line> {
        let kind = |line: &Line| &self.core.kinds[line.column.kind as usize];
        let exists = |line: &Line| matches!(kind(line).source, Source::Nodes(_));
        let price = |line: &Line| kind(line).price as f64;
        let used = model.lines.iter_mut().filter(|line| line.amount > USED);
        let mut used: Vec<&mut Line> = used.collect();
        if self.style.nodes && used.iter().any(|line| exists(line)) {
            used.retain(|line| exists(line));
        } else if !self.style.hasty || self.paid > 0.0 {
            let dearest = used.iter().map(|line| price(line)).fold(0.0, f64::max);
            used.retain(|line| price(line) >= self.style.large * dearest);
        }
        used
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
            let mut families: Vec<usize> = (0..self.families.len()).collect();
            let mut news = 0;
            for _ in 0..PRICINGS {
                if families.is_empty() || budget.is_spent() {
                    break;
                }
                let (new, above) = self.price_lines(model, &families, budget);
                news += new;
                families = above;
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

    /// Prices kinds, of twins one after the other until one has a good pattern: how many new columns
    /// came, and which families had any that is worth more than it costs.
    fn price_lines(
        &mut self,
        model: &mut Augmented,
        families: &[usize],
        budget: &mut Budget,
    ) -> (usize, Vec<usize>) {
        let profits = self.master.prices_at(|row| model.dual(row));
        let profits = profits.profits(self.core);
        let costs = self.master.costs_at(|row| model.dual(row));
        let mut found = Vec::new();
        let mut above = Vec::new();
        self.rounds += 1;
        for &family in families {
            let kinds = &self.families[family];
            let (later, first) = kinds.split_at(self.rounds % kinds.len());
            for &kind in first.iter().chain(later) {
                let at = kind as usize;
                if self.master.affordable(at) == 0 {
                    continue;
                }
                let priced = self.root.pricers[at].price_lean(&Ask {
                    profits: profits.on(&self.core.kinds[at]),
                    limits: self.master.demand(),
                    enough: costs[at] * (1.0 + ENOUGH),
                    nodes: NODES,
                    keep: 1,
                    exact: Exact::No,
                });
                budget.prices(priced.nodes.into());
                found.push((kind, priced));
                if is_above(&found[found.len() - 1].1, costs[at]) {
                    above.push(family);
                    break;
                }
            }
        }
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

/// Whether a column costs a good deal more than the pods on it are worth. What it takes of limits, and
/// of existing nodes, is a part of its cost.
fn is_dear(line: &Line, prices: &[f64]) -> bool {
    let (mut worth, mut cost) = (0.0, line.cost);
    for &(row, entry) in &line.entries {
        let price = entry * prices[row as usize];
        if price > 0.0 { worth += price } else { cost -= price }
    }
    cost - worth > DEAR * cost
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        BitSet, Problem,
        columns::{
            ascent::tests::{core as core_of, shop},
            dive::{Style, dive},
            generate::{self, Root, root},
            limits::{fine, sketch},
            plan::Plan,
        },
        presolve::{
            Core, View,
            places::{Part, Parts},
        },
        problem::{Class, Group, Node, Offering},
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

    /// Three zones with the same two sizes, ten existing nodes in each, and most of the pods bound to the
    /// last zone.
    fn zones(random: &mut u64) -> Core {
        let mut problem = many_zones(shop(random, None));
        let pods: Vec<u32> = problem.groups.iter().map(|group| group.count).collect();
        let free = |part: i64| vec![380 * part, 1_400 * part];
        let node = |at: i64| Node { free: free(1 + at % 10), domains: vec![at as u32 % 3] };
        problem.nodes = (0..30).map(node).collect();
        problem.classes[0].nodes = BitSet::full(30);
        let mut parts = Parts { parts: Vec::new(), places: Vec::new() };
        parts.places = (0..3).map(|zone| vec![(0, zone)]).collect();
        for (group, &pods) in (0u32..).zip(&pods) {
            let few = pods / 8;
            let split = [few, few, pods - 2 * few].into_iter().zip(0..);
            let split = split.map(|(pods, place)| Part { group, pods, place: Some(place) });
            parts.parts.extend(split.filter(|part| part.pods > 0));
        }
        Core::new(&problem, &parts, View::Plan)
    }

    fn many_zones(mut problem: Problem) -> Problem {
        problem.keys = vec![3];
        let sizes = problem.offerings.into_iter();
        let zoned = |offering: Offering| {
            (0..3).map(move |zone| Offering { domains: vec![zone], ..offering.clone() })
        };
        problem.offerings = sizes.flat_map(zoned).collect();
        problem.classes[0].offerings = BitSet::full(problem.offerings.len());
        problem
    }

    /// Pods whose own zone has nodes left find them, and no existing node is used twice; whether the
    /// root has been through the simplex or not.
    #[test]
    fn existing_nodes_and_zones_take_part() {
        for seed in 1..7 {
            let core = zones(&mut { seed });
            let style = Style { nodes: seed % 2 == 0, ..STYLE };
            let budget = &mut Budget::new(u64::MAX, None);
            let root = solved(&core, budget);
            assert!(Dive::new(&root, style).master.count_rows().count() > 12, "case {seed}");
            let mut held = generate::root(&core, Vec::new(), budget);
            held.start_alone(fluid::prices(&core), &sketch(&core), budget);
            for from in [&root, &held] {
                assert!(Dive::new(from, style).slides());
                let plan = dive(from, style, i64::MAX, budget).0.expect("there is work enough");
                let cost = plan.cost as f64;
                assert!(plan.whole, "case {seed}");
                assert!(cost < 1.03 * root.bound, "{cost} over {}, case {seed}", root.bound);
                for (at, kind) in (0u32..).zip(&core.kinds) {
                    let copies = plan.nodes.iter().filter(|(column, _)| column.kind == at);
                    let copies: u32 = copies.map(|(_, copies)| copies).sum();
                    assert!(copies <= kind.most, "{copies} of kind {at}, case {seed}");
                }
            }
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
