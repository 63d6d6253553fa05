//! Plans in a core of their own beside the bound's, where constraints span nodes or existing nodes are
//! many.

use crate::{
    Problem, bound,
    columns::{
        branch::Tree,
        field::Field,
        fluid,
        generate::{Limits, Root, root},
        limits::{fine, rough, sketch},
        pool::Column,
        prove::Record,
        search::{DEEPER, Lead, Planning, ROOT, STALLED, Search, generate, record, start},
        stock,
        transfer::{self, transfer},
        translate::seeds,
    },
    effort::Budget,
    pattern::Pricer,
    presolve::{
        Core, Rule, View,
        ceilings::{Held, crowds},
        places::Parts,
    },
    problem::NODE_KEY,
};

/// So many times as many rows are too many for a plan in which pods stay in their places.
const FINE: usize = 2;
/// What pods are worth that are too many on existing nodes, as a share of the plan's cost, where the
/// bound is to heed that. In sets where it is less, others take their places there and the bound is
/// no better for it.
const CROWDED: f64 = 0.03;

/// What one turn of the search for plans is about.
struct Turn {
    parts: Parts,
    /// At least one.
    cores: Vec<Core>,
}

/// The bound on its own, beside a search for plans.
struct Apart<'a> {
    bounding: &'a Root<'a>,
    tree: Option<Tree<'a>>,
    /// The next round of dives.
    round: u32,
}

impl Search<'_> {
    /// Looks for plans in a core of their own: with pods in the places of a plan so far, and in turns
    /// with nodes to go where they may, as long as there is work left. The places are those of the best
    /// plan first, and then those to which the nodes of the cheapest plan without places came
    /// ([`arrange`](crate::columns::domains::arrange)), or of the best that came short, for others may
    /// have more to give. Existing nodes are filled with what is bought in one turn, and before that
    /// in the next.
    ///
    /// The bound comes first ([`bound_first`](Self::bound_first)), and the whole of it after the first
    /// plan.
    pub(super) fn plan_apart(
        &mut self,
        core: &Core,
        bounding: &mut Root<'_>,
        pricers: Option<&[Pricer]>,
        budget: &mut Budget,
    ) -> Record {
        let mut few = stock::TOO_MANY;
        let turn = self.turn(few);
        let first = &turn.cores[0];
        let field = self.field(first, few, &turn.parts, bounding, budget);
        let mut planning = self.open(first, &field, bounding, budget);
        if self.slides && !self.is_done() && !budget.is_spent() {
            bounding.offer(transfer(&planning, bounding.core));
            self.bound_apart(core, bounding, pricers, budget);
        }
        let mut apart = Apart { bounding, tree: None, round: 0 };
        let mut is_over = self.go_on(first, &mut planning, &field.filled, &mut apart, budget);
        if !is_over && let Some(other) = turn.cores.get(1) {
            is_over = self.plan_in(other, few, &turn.parts, &mut apart, budget);
        }
        while !is_over {
            few = if few == stock::FEW { stock::TOO_MANY } else { stock::FEW };
            let turn = self.turn(few);
            let start = budget.left();
            let mut cores = turn.cores.iter();
            is_over = cores.any(|core| self.plan_in(core, few, &turn.parts, &mut apart, budget));
            // What is left may be too little to begin with anything.
            is_over |= budget.left() == start;
        }
        self.look_on(budget);
        record(apart.bounding, apart.tree)
    }

    /// A bound that is about right, for its prices are a good start for plans. Where the simplex does it
    /// all, it does the whole bound first.
    pub(super) fn bound_first(
        &mut self,
        core: &Core,
        bounding: &mut Root<'_>,
        pricers: Option<&[Pricer]>,
        lead: Option<&Lead>,
        budget: &mut Budget,
    ) {
        if self.slides {
            let limits = self.first_limits(bounding);
            budget.lend(ROOT, |own| start(bounding, lead, &limits, own));
            self.raise_apart(core, bounding, pricers, budget);
        } else {
            // Even where resources alone prove the plan: a certificate needs prices.
            self.bound_apart(core, bounding, pricers, budget);
        }
    }

    /// Constraints between domains, beside those `known`, of which a root has more pods on the existing
    /// nodes of a domain than may be there, where that may be a good part of what a plan costs.
    pub(super) fn crowded(&self, parts: &Parts, root: &Root<'_>, known: &[Rule]) -> Vec<Rule> {
        let core = root.core;
        if stock::existing(core) == 0 || self.is_done() {
            return Vec::new();
        }
        let used = root.used().into_iter();
        let used = used.map(|(at, amount)| (root.pool.get(at), amount));
        let used = used.map(|(column, amount)| (column.kind, &column.pattern[..], amount));
        let held: Vec<Held<'_>> = used.collect();
        let mut crowds = crowds(self.prepared.problem, parts, core, &held, &fluid::prices(core));
        crowds.retain(|(rule, _)| !known.contains(rule));
        let worth: f64 = crowds.iter().map(|(_, worth)| worth).sum();
        if worth < CROWDED * self.best.cost as f64 {
            crowds.clear();
        }
        crowds.into_iter().map(|(rule, _)| rule).collect()
    }

    /// Solves a root that is for the bound alone as well as the gap asks for; `pricers` are those of
    /// the true core where the root's existing nodes were taken together.
    fn bound_apart(
        &mut self,
        core: &Core,
        bounding: &mut Root<'_>,
        pricers: Option<&[Pricer]>,
        budget: &mut Budget,
    ) {
        let limits = fine(bounding.core, self.best.cost, self.options.gap_ppm);
        generate(bounding, &limits, ROOT, budget);
        self.raise_apart(core, bounding, pricers, budget);
        for deeper in DEEPER {
            if self.is_done() || budget.is_spent() || self.is_bound_tight(bounding) {
                break;
            }
            let limits = Limits { nodes: limits.nodes * deeper, ..limits };
            generate(bounding, &limits, ROOT, budget);
            self.raise_apart(core, bounding, pricers, budget);
        }
    }

    /// Takes the root's bound, less what it owes to existing nodes that were taken together.
    fn raise_apart(
        &mut self,
        core: &Core,
        bounding: &Root<'_>,
        pricers: Option<&[Pricer]>,
        budget: &mut Budget,
    ) {
        if let Some(pricers) = pricers {
            let coarse = stock::worth(bounding.core, &bounding.pricers, &bounding.duals, budget);
            self.blur = coarse - stock::worth(core, pricers, &bounding.duals, budget);
        }
        self.raise(bounding.bound);
    }

    /// The places that come next, and the cores to look for plans in.
    fn turn(&mut self, few: usize) -> Turn {
        // Where existing nodes are filled before anything is bought there is less to hope for.
        let hoped = if few == stock::FEW { None } else { self.hoped.take() };
        let hoped = hoped.map(|(_, hoped)| hoped);
        let hoped = hoped.filter(|hoped| hoped.unplaced == self.best.unplaced);
        let along = hoped.or_else(|| self.second.take());
        let parts = Parts::along(self.prepared.problem, along.as_ref().unwrap_or(self.best));
        let cores = self.planning_cores(&parts);
        Turn { parts, cores }
    }

    /// Rounds of dives in a core for plans until they bring nothing more; whether that was the last.
    fn plan_in(
        &mut self,
        core: &Core,
        few: usize,
        parts: &Parts,
        apart: &mut Apart<'_>,
        budget: &mut Budget,
    ) -> bool {
        let field = self.field(core, few, parts, apart.bounding, budget);
        let mut planning = self.open(core, &field, apart.bounding, budget);
        self.go_on(core, &mut planning, &field.filled, apart, budget)
    }

    /// What is left of a core when more than `few` kinds of existing nodes are full, with columns to
    /// start with.
    fn field(
        &self,
        core: &Core,
        few: usize,
        parts: &Parts,
        bounding: &Root<'_>,
        budget: &mut Budget,
    ) -> Field {
        let good = |core: &Core| {
            let mut good = seeds(self.prepared.problem, parts, core, self.best);
            good.extend(transfer(bounding, core));
            good
        };
        Field::new(core, few, &good, budget)
    }

    /// Solves a root for plans roughly, from the bound's prices on, and dives for a first one.
    fn open<'c>(
        &mut self,
        core: &'c Core,
        field: &'c Field,
        bounding: &Root<'_>,
        budget: &mut Budget,
    ) -> Root<'c> {
        let rest = field.rest.as_ref().unwrap_or(core);
        let mut planning = root(rest, field.known.clone(), budget);
        let limits = self.first_limits(&planning);
        let items = || transfer::prices(bounding, rest);
        let mut units = budget.left() / ROOT;
        if self.spares_simplex(&planning) {
            budget.lend(ROOT, |own| planning.start_alone(items(), &limits, own));
        } else {
            if self.slides {
                let before = budget.left();
                budget.lend(ROOT, |own| planning.start_at(items(), &limits, own));
                // A dive makes do with what there is after as much work again.
                units = before - budget.left();
            }
            budget.lend_units(units, |own| planning.generate(&limits, own));
        }
        self.begin(core, &planning, &field.filled, budget);
        planning
    }

    /// How far a root goes before the first dives. Where the simplex would take long it is prices and
    /// columns that matter first, whatever is proven of them.
    fn first_limits(&self, root: &Root<'_>) -> Limits {
        if self.spares_simplex(root) { sketch(root.core) } else { rough(root.core) }
    }

    /// Solves a root for plans well, and goes on with rounds of dives, and branchings of the bound in
    /// turns with them, until they bring nothing more; whether that was the last of all.
    fn go_on(
        &mut self,
        core: &Core,
        planning: &mut Root<'_>,
        filled: &[(Column, u32)],
        apart: &mut Apart<'_>,
        budget: &mut Budget,
    ) -> bool {
        self.refine(planning, View::Plan, budget);
        let mut planning = Planning::after(core, planning, filled);
        let rounds = apart.round..self.rounds();
        let Apart { bounding, tree, round } = apart;
        *round = self.alternate(bounding, &mut planning, rounds, STALLED, tree, budget);
        let is_last = *round >= self.rounds();
        self.look_around(budget);
        is_last || self.is_done() || budget.is_spent()
    }

    /// Cores for plans, one or two: one in which pods stay in their places, and, where that differs,
    /// one in which the greedy engine is left to find out who stands where. Where the first tells very
    /// many more pods apart than their requests do, the second alone: its plan is good before the
    /// first has a relaxation.
    fn planning_cores(&self, parts: &Parts) -> Vec<Core> {
        let problem = self.prepared.problem;
        let anywhere = Parts::anywhere(&bound::placed(problem, self.best));
        let fine = Core::new(problem, parts, View::Plan);
        let rough = Core::without_slack(problem, &anywhere, View::Plan, self.best.nodes(), &[]);
        let rows = |core: &Core| core.twins.items.len();
        if rows(&fine) > FINE * rows(&rough) {
            vec![rough]
        } else if fine.items.len() == rough.items.len() {
            vec![fine]
        } else {
            vec![fine, rough]
        }
    }
}

/// Whether some pods on a node mind others that no cap is about: a spread by node of one group looks
/// at another that does not state it. Plans by the simplex then fare better with the greedy engine,
/// which has to part them.
pub(super) fn has_strangers(problem: &Problem) -> bool {
    problem.spreads.iter().any(|spread| {
        let set = &problem.sets[spread.set as usize].groups;
        let stated = || spread.groups.iter().map(|&group| group as usize);
        let is_own = || set.iter().eq(stated());
        spread.key == NODE_KEY && spread.cost.is_none() && !is_own()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        BitSet, Engine, Options, certify,
        columns::stock::tests::{proven, with_nodes},
        problem::{Group, Money, Node, PodSet, Spread},
    };

    #[test]
    fn a_spread_by_node_that_looks_at_others_has_strangers() {
        let spread = |groups: &[u32], set: &[usize], key: u8, cost| {
            let set =
                PodSet { groups: BitSet::from_indices(3, set.iter().copied()), bound: vec![] };
            let spread = Spread { groups: groups.to_vec(), key, cost, ..Spread::even(0, 1, 0, 1) };
            Problem { sets: vec![set], spreads: vec![spread], ..Problem::default() }
        };
        assert!(!has_strangers(&spread(&[0, 2], &[0, 2], NODE_KEY, None)));
        assert!(has_strangers(&spread(&[0, 2], &[0, 1, 2], NODE_KEY, None)));
        assert!(has_strangers(&spread(&[0], &[1], NODE_KEY, None)));
        assert!(!has_strangers(&spread(&[0], &[1], 0, None)));
        assert!(!has_strangers(&spread(&[0], &[1], NODE_KEY, Some(5))));
    }

    /// Existing nodes have room for everything, all in one of three zones, over which all are spread.
    fn with_room_in_one_zone() -> Problem {
        let group = |at: i64| Group {
            request: vec![300 + 170 * (at * 3 % 8), 500 + 230 * (at * 5 % 8)],
            count: 15,
            priority: 0,
            class: 0,
        };
        let node =
            |at: i64| Node { free: vec![9_000 + 700 * at, 30_000 - 900 * at], domains: vec![0] };
        let set = |group| PodSet { groups: BitSet::from_indices(8, [group]), bound: vec![] };
        let spread = |set: u32| Spread { groups: vec![set], set, ..Spread::even(0, 3, 20, 12) };
        Problem {
            sets: (0..8).map(set).collect(),
            spreads: (0..8).map(spread).collect(),
            ..with_nodes((0..8).map(group).collect(), (0..20).map(node).collect())
        }
    }

    #[test]
    fn room_in_one_zone_is_no_room_in_the_others() {
        let mut problem = with_room_in_one_zone();
        assert!(proven(&problem, 400_000).cost > 0);
        // Without the spreads nothing is bought at all.
        problem.spreads.clear();
        let options = Options { engine: Engine::Columns, effort: 400_000, ..Options::default() };
        assert_eq!(certify(&problem, &options, &mut |_| {}).0.cost, 0);
    }

    #[test]
    fn preferences_for_zones_are_met_where_that_costs_nothing() {
        let mut problem = with_room_in_one_zone();
        problem.nodes.clear();
        problem.classes[0].nodes = BitSet::empty(0);
        problem.groups.iter_mut().for_each(|group| group.count = 200);
        for (spread, cost) in problem.spreads.iter_mut().zip(100..) {
            (spread.cost, spread.counted_nodes) = (Some(cost), BitSet::empty(0));
            spread.max_skew = 4;
        }
        // What it would cost if every pod minded; without a second look at the zones two fifths do.
        let dearest: Money = (100..108).map(|cost| 200 * cost).sum();
        let solution = proven(&problem, 100_000);
        assert!(solution.penalty < dearest / 4, "{} of {dearest}", solution.penalty);
    }
}
