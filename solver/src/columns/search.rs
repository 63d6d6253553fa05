//! The whole search: bound, dives, better bound, in turns, until the gap is small enough.

mod apart;
mod leave;

use std::{ops::Range, sync::Arc};

use leave::Lead;
use rayon::prelude::*;

use crate::{
    Solution, bound,
    certificate::Certificate,
    check,
    columns::{
        branch::Tree,
        dive::{MANY_ITEMS, Style, dive},
        domains, eject,
        expand::expand,
        generate::{Limits, Root, root},
        limits::{FEW_KINDS, fine, outline, rough, unit},
        perfect,
        plan::Plan,
        pool::Column,
        prove::{self, Point, Record},
        restricted::Restricted,
        stock::{self, Blurred},
        translate::{least_nodes, patterns, seeds, wishes},
    },
    effort::Budget,
    greedy::{self, Prepared, rank},
    neighbourhood,
    pattern::Pricer,
    presolve::{Core, Rule, View, places::Parts},
    problem::Money,
    strategy::{Options, Progress, progress},
};

/// Rounds of dives at most, and at most for the patient; and those in a row that may bring nothing
/// before another core is tried.
const ROUNDS: (u32, u32) = (128, u32::MAX);
const STALLED: u32 = 2;
/// When so many rounds in a row leave more of the gap than this the columns known are put together
/// anew; if that does not help the search ends, unless it is to be patient.
const TIRED: (u32, f64) = (16, 0.95);
/// So often the search begins anew at most because a better plan places other pods.
const RESTARTS: u32 = 2;
/// Dives of the first round, which is to be over soon, and of each later one.
const DIVES: (u64, u64) = (2, 4);
/// With more items than this dives, and roots, may begin without the simplex.
const FEW_ITEMS: usize = 25;
/// With more rows of pods than this roots that are for plans alone go without the simplex too.
const MANY_ROWS: usize = 100;
/// What the first dives round up at a time, as a share of the whole, and what the later ones do:
/// one node by one is best, and takes too long where single nodes do not matter. With many items the
/// first ones take larger steps.
const BATCH: (f64, f64) = (1e-2, 1e-3);
const LONG: f64 = 3.0;
/// Branchings of the bound after each round of dives. Where constraints span nodes, or items are many,
/// it is the plan that is far from the best, and branchings may take as much work as one part in so
/// many of the dives'.
const BRANCHES: u32 = 8;
const SPARE: i64 = 2;
/// Where no constraint spans nodes they begin with one part in so many of all work so far.
const HEAD_START: i64 = 6;
/// A branching that closes this share of the gap does not count.
const CLOSING: f64 = 0.15;
/// Bounds of branches are raised until no more than this part of the gap that was asked for is left.
const ENOUGH: f64 = 0.9e-6;
/// How many times as many branches pricing gets, step by step, while it keeps the bound down.
const DEEPER: [u32; 3] = [4, 16, 64];
/// There are dives in between when a plan that costs this share more than the value would do, and then
/// whenever value and bound are closer by this factor.
const NEARLY: f64 = 5e-4;
const CLOSER: f64 = 0.7;
/// One part in so many of the budget may go into filling nodes to the brim, where that must be, and
/// into emptying nodes; into that no more units than so many, whatever there is: beyond a second or
/// so dives bring more.
const FULL: u64 = 3;
const EJECTION: (u64, u64) = (6, 3_000_000);
/// Where neighbourhoods take their chances from, together with the seed.
const NEIGHBOURS: u64 = 0x2545_f491_4f6c_dd1d;
/// One part in so many may go into each look around a plan, and so many looks bring nothing at most
/// before another plan is waited for.
const LOOKING: u64 = 4;
const LONELY: u32 = 4;
/// The restricted master is solved in whole numbers for plans of no more nodes than this, and with so
/// much work at most, nor with more than the search took so far.
const RESTRICTED: (u64, u64) = (500, 4_000_000);
/// One part in so many may go into each root.
const ROOT: u64 = 3;

/// Betters a solution's bound, and its plan where a better one is found. While the search goes on
/// bounds are floats; the one that it ends with is proven by the certificate, or by resources, or
/// it is the one that the search was given.
pub(crate) fn improve(
    prepared: &Prepared<'_>,
    options: &Options,
    solution: &mut Solution,
    budget: &mut Budget,
    tell: &mut (dyn FnMut(Progress) + Send),
) -> Option<Certificate> {
    let lead = leave::place_more(prepared, options, solution, budget, tell);
    let mut crowded = Vec::new();
    let mut restarts = RESTARTS;
    loop {
        let from = From { crowded: &crowded, lead: lead.as_ref(), restarts: restarts > 0 };
        match search(prepared, options, solution, &from, budget, tell) {
            Ok(certificate) => return certificate,
            Err(Again::Crowded(more)) => crowded.extend(more),
            Err(Again::Others) => restarts -= 1,
        }
    }
}

/// Why a search is to begin anew.
enum Again {
    /// The bound would be better with these constraints as ceilings over existing nodes too.
    Crowded(Vec<Rule>),
    /// A better plan places other pods than those that the search is about.
    Others,
}

/// What a search begins with.
struct From<'a> {
    /// Constraints between domains that are ceilings over existing nodes too.
    crowded: &'a [Rule],
    /// Where not all pods have a place, what their prices were when it was about whom to leave out.
    lead: Option<&'a Lead>,
    /// Whether to begin anew when a better plan places other pods. Without that the search ends with
    /// plans and bounds for those that it began with.
    restarts: bool,
}

/// One search for bound and plans.
fn search(
    prepared: &Prepared<'_>,
    options: &Options,
    solution: &mut Solution,
    from: &From<'_>,
    budget: &mut Budget,
    tell: &mut (dyn FnMut(Progress) + Send),
) -> Result<Option<Certificate>, Again> {
    let From { crowded, lead, restarts } = *from;
    let problem = prepared.problem;
    let pods = bound::placed(problem, solution);
    let parts = Parts::anywhere(&pods);
    let core = Core::without_slack(problem, &parts, View::Bound, solution.nodes(), crowded);
    if core.items.is_empty() {
        return Ok(None);
    }
    let given = (solution.bound, solution.unplaced.clone());
    let unit = unit(&core);
    let spans = Core::views_differ(problem);
    let blurred = Blurred::new(&core, stock::MANY);
    let coarse = blurred.as_ref().map_or(&core, |blurred| &blurred.core);
    let mut search = Search {
        prepared,
        options,
        start: budget.left(),
        best: solution,
        second: None,
        hoped: None,
        arranged: 0,
        spans,
        slides: core.twins.items.len() > FEW_ITEMS && !apart::has_strangers(problem),
        branches: stock::existing(&core) <= stock::TOO_MANY,
        frugal: spans || core.twins.items.len() > FEW_ITEMS,
        random: options.seed ^ NEIGHBOURS,
        lonely: (Money::MAX, 0),
        tired: (0, f64::INFINITY),
        spare: 0,
        unit,
        blur: 0.0,
        restarts,
        has_moved: false,
        tell,
    };
    if crowded.is_empty() {
        search.eject(&core, &parts, budget);
    }
    let mut bounding = root(coarse, seeds(problem, &parts, coarse, search.best), budget);
    let apart = blurred.is_some().then(|| pricers(&core, &bounding));
    let record = if blurred.is_some() || spans {
        search.bound_first(&core, &mut bounding, apart.as_deref(), lead, budget);
        let more = search.crowded(&parts, &bounding, crowded);
        if !more.is_empty() {
            return Err(Again::Crowded(more));
        }
        search.plan_apart(&core, &mut bounding, apart.as_deref(), budget)
    } else {
        let limits = rough(&core);
        start(&mut bounding, lead, &limits, budget);
        generate(&mut bounding, &limits, ROOT, budget);
        search.raise(bounding.bound);
        search.begin(&core, &bounding, &[], budget);
        search.refine(&mut bounding, View::Bound, budget);
        let rounds = search.deepen(&mut bounding, budget)..search.rounds();
        let mut tree = None;
        let mut planning = Planning::whole(&bounding);
        search.alternate(&bounding, &mut planning, rounds, u32::MAX, &mut tree, budget);
        record(&bounding, tree)
    };
    if search.has_moved && !budget.is_spent() {
        return Err(Again::Others);
    }
    // What was known at the start holds for plans that place the same pods.
    let known = if solution.unplaced == given.1 { given.0 } else { 0 };
    solution.bound = known.max(bound::resource_bound(problem, solution)).min(solution.cost);
    let record = record.with_nodes(stock::existing(coarse), stock::existing(&core));
    let pricers = apart.as_deref().unwrap_or(&bounding.pricers);
    let certificate = prove::settle(problem, &core, pricers, &record, solution, budget);
    // No plan costs anything between two multiples of what divides all prices.
    let whole = (i128::from(solution.bound) + i128::from(unit) - 1) / i128::from(unit);
    solution.bound = (whole * i128::from(unit)).min(solution.cost.into()) as Money;
    tell(progress(solution));
    Ok(certificate)
}

/// Starts a root from the prices known, or from those of resources.
fn start(root: &mut Root<'_>, lead: Option<&Lead>, limits: &Limits, budget: &mut Budget) {
    match lead {
        Some(lead) => root.start_from(&lead.duals(root.core), limits, budget),
        None => root.start_fluid(limits, budget),
    }
}

/// The branchings of a tree; none without one.
fn record(root: &Root<'_>, tree: Option<Tree<'_>>) -> Record {
    match tree {
        Some(tree) => tree.record().clone(),
        None => Record::new(Arc::new(Point::of_root(root))),
    }
}

/// The pricers of a core whose existing nodes the root takes together; it has the offerings' already.
fn pricers(core: &Core, root: &Root<'_>) -> Vec<Pricer> {
    let nodes = &core.kinds[..stock::existing(core)];
    let mut pricers: Vec<Pricer> = nodes.par_iter().map(|kind| Pricer::new(core, kind)).collect();
    pricers.extend_from_slice(&root.pricers[stock::existing(root.core)..]);
    pricers
}

/// What dives start from, and what is decided before them.
struct Planning<'a> {
    /// The whole of what is to be placed.
    core: &'a Core,
    /// What the dives are about: all, or what is left when the existing nodes are full.
    root: &'a Root<'a>,
    /// Existing nodes that are filled already.
    filled: &'a [(Column, u32)],
    restricted: Restricted,
}

impl<'a> Planning<'a> {
    fn whole(root: &'a Root<'a>) -> Self {
        Self::after(root.core, root, &[])
    }

    fn after(core: &'a Core, root: &'a Root<'a>, filled: &'a [(Column, u32)]) -> Self {
        Self { core, root, filled, restricted: Restricted::default() }
    }

    /// A dive's plan with what was decided before it.
    fn complete(&self, plan: &Plan) -> Plan {
        let before = (self.core.kinds.len() - self.root.core.kinds.len()) as u32;
        let mut nodes = self.filled.to_vec();
        nodes.extend(plan.nodes.iter().map(|(column, copies)| {
            (Column { kind: column.kind + before, pattern: column.pattern.clone() }, *copies)
        }));
        Plan { nodes, cost: plan.cost.saturating_add(self.paid()), whole: plan.whole }
    }

    /// What the filled nodes cost: preferences that are not met there.
    fn paid(&self) -> Money {
        let cost = |(column, _): &(Column, u32)| self.core.cost(column.kind, &column.pattern);
        self.filled.iter().map(cost).fold(0, Money::saturating_add)
    }
}

struct Search<'a> {
    prepared: &'a Prepared<'a>,
    options: &'a Options,
    /// Work that there was to begin with.
    start: u64,
    best: &'a mut Solution,
    /// All costs are multiples of this.
    unit: Money,
    /// The best plan with places of its own that came short of the best, since the last was taken.
    second: Option<Solution>,
    /// A cheap plan whose pods are in domains where they may be, on nodes that need not have room for
    /// all of them, and what it would cost.
    hoped: Option<(Money, Solution)>,
    /// How many plans' nodes were arranged.
    arranged: u64,
    /// Whether constraints between nodes have a say in who stands where.
    spans: bool,
    /// Whether dives may begin without the simplex.
    slides: bool,
    /// Whether the bound branches.
    branches: bool,
    /// Whether branchings may take no more work than a part of the dives'.
    frugal: bool,
    /// Which neighbourhoods come next.
    random: u64,
    /// What the best plan cost when nothing better was found near it, and how often that was so.
    lonely: (Money, u32),
    /// Rounds since the gap was a good deal larger, and how large it was then.
    tired: (u32, f64),
    /// What dives have done beyond the branchings' share of the work.
    spare: i64,
    /// What is to be added to bounds because existing nodes were taken together.
    blur: f64,
    /// Whether the search ends when a better plan places other pods, and whether one did.
    restarts: bool,
    has_moved: bool,
    tell: &'a mut (dyn FnMut(Progress) + Send),
}

impl Search<'_> {
    /// Whether the gap is as small as was asked for, with what unmet preferences cost: no plan does
    /// with less than the bound on launches alone. Or whether the search is to begin anew.
    fn is_done(&self) -> bool {
        if self.has_moved {
            return true;
        }
        let total = i128::from(self.best.cost) + i128::from(self.best.penalty);
        let gap = total - i128::from(self.best.bound);
        gap * 1_000_000 <= i128::from(self.options.gap_ppm) * total
    }

    /// Fills nodes to the brim where they must be, or else empties nodes one by one where all are
    /// alike.
    fn eject(&mut self, core: &Core, parts: &Parts, budget: &mut Budget) {
        let seed = self.options.seed;
        if let Some(plan) = budget.lend(FULL, |own| perfect::full_nodes(core, seed, own)) {
            self.offer(core, &plan, budget);
        }
        let least = least_nodes(core, self.best.bound);
        let start = patterns(self.prepared.problem, parts, core, self.best);
        let fewer = |own: &mut Budget| eject::fewer_nodes(core, &start, least, seed, own);
        let units = (budget.left() / EJECTION.0).min(EJECTION.1);
        if let Some(plan) = budget.lend_units(units, fewer) {
            self.offer(core, &plan, budget);
        }
    }

    /// Rounds of dives at most.
    fn rounds(&self) -> u32 {
        if self.options.patient { ROUNDS.1 } else { ROUNDS.0 }
    }

    /// Counts a round; whether the last ones have brought too little to go on as before.
    fn is_tired(&mut self) -> bool {
        let gap = self.best.total().saturating_sub(self.best.bound) as f64;
        let (rounds, before) = self.tired;
        self.tired = if gap <= before * TIRED.1 { (0, gap) } else { (rounds + 1, before) };
        let is_tired = self.tired.0 >= TIRED.0;
        if is_tired {
            self.tired.0 = 0;
        }
        is_tired
    }

    /// Takes a better bound; costs are whole units, so a fraction is rounded up.
    fn raise(&mut self, bound: f64) {
        let unit = self.unit as f64;
        let units = (((bound + self.blur) * (1.0 - 1e-9) - 1e-6) / unit).ceil().max(0.0);
        let bound = (units * unit) as Money;
        if bound > self.best.bound {
            self.best.bound = bound.min(self.best.cost);
            (self.tell)(progress(self.best));
        }
    }

    /// Dives for a first good plan from a root that is solved roughly.
    fn begin(
        &mut self,
        core: &Core,
        root: &Root<'_>,
        filled: &[(Column, u32)],
        budget: &mut Budget,
    ) {
        if !self.is_done() && !budget.is_spent() {
            self.dive(&mut Planning::after(core, root, filled), 0, budget);
        }
    }

    /// Solves a root well that was solved roughly.
    fn refine(&mut self, root: &mut Root<'_>, view: View, budget: &mut Budget) {
        if self.is_done() || budget.is_spent() {
            return;
        }
        let limits = fine(root.core, self.best.cost, self.options.gap_ppm);
        match view {
            View::Bound => {
                budget.lend(ROOT, |own| root.climb_on(&limits, own));
                generate(root, &limits, ROOT, budget);
                self.raise(root.bound);
            }
            View::Plan if self.spares_simplex(root) => {
                let limits = outline(&limits);
                budget.lend(ROOT, |own| root.climb_alone(&limits, own));
            }
            View::Plan => generate(root, &limits, ROOT, budget),
        }
    }

    /// Whether a root that is for plans alone does without columns by the simplex, which would take ten
    /// times as long with so many rows.
    fn spares_simplex(&self, root: &Root<'_>) -> bool {
        let twins = &root.core.twins;
        self.slides && twins.items.len() > MANY_ROWS && twins.kinds.len() > FEW_KINDS
    }

    /// Whether the plan is further from a root's value than the bound.
    fn is_bound_tight(&self, root: &Root<'_>) -> bool {
        root.value - root.bound < self.best.cost as f64 - root.value
    }

    /// Where pricing of 64 branches leaves the value and the bound of a root further apart than
    /// the plan is from the value, the bound wants more branches before anything else. Dives go
    /// on in between; their number.
    fn deepen(&mut self, root: &mut Root<'_>, budget: &mut Budget) -> u32 {
        let mut rounds = 0;
        // How close value and bound are when a plan would do that costs hardly more than the value.
        let mut reach = f64::from(self.options.gap_ppm) * 1e-6 - NEARLY;
        for deeper in DEEPER {
            loop {
                if self.is_done() || budget.is_spent() {
                    return rounds;
                }
                self.dive(&mut Planning::whole(root), rounds, budget);
                rounds += 1;
                if self.is_done() || budget.is_spent() || self.is_bound_tight(root) {
                    return rounds;
                }
                let limits = fine(root.core, self.best.cost, self.options.gap_ppm);
                let limits = Limits { nodes: limits.nodes * deeper, reach, ..limits };
                generate(root, &limits, ROOT, budget);
                self.raise(root.bound);
                if reach <= limits.tolerance || !root.is_within(reach) {
                    break;
                }
                // With a plan hardly dearer than the value this would do; there are new columns for one.
                reach *= CLOSER;
            }
        }
        rounds
    }

    /// Dives and branchings in turns, the branchings at the end, until so many rounds of dives in a row
    /// bring nothing; the next round's number. The first round's dives are done already unless it is
    /// the very first, whose dives started from a rough root.
    fn alternate<'a>(
        &mut self,
        bounding: &'a Root<'a>,
        planning: &mut Planning<'_>,
        rounds: Range<u32>,
        stalled: u32,
        tree: &mut Option<Tree<'a>>,
        budget: &mut Budget,
    ) -> u32 {
        let mut idle = 0;
        for round in rounds.clone() {
            if self.is_done() || budget.is_spent() || idle >= stalled {
                return round;
            }
            if self.is_tired() && !self.put_together(planning, budget) && !self.options.patient {
                return rounds.end;
            }
            let start = budget.left();
            let dives = round > rounds.start || round == 0;
            if dives {
                let before = (self.best.cost, self.best.penalty);
                self.dive(planning, round, budget);
                let is_idle = (self.best.cost, self.best.penalty) == before;
                idle = if is_idle && !self.look_around(budget) { idle + 1 } else { 0 };
            }
            if self.is_done() || budget.is_spent() {
                return round;
            }
            self.spare += (start - budget.left()) as i64 / SPARE;
            if tree.is_none() && !self.spans {
                self.spare = self.start.saturating_sub(budget.left()) as i64 / HEAD_START;
            }
            if self.branches {
                self.branch(tree.get_or_insert_with(|| Tree::new(bounding, budget)), budget);
            }
            if self.is_done() || budget.is_spent() {
                return round;
            }
            if dives && budget.left() == start {
                // Nothing is left to try here; further rounds would be the same. With other places for
                // pods there may be.
                let is_last = !self.spans || !self.options.patient;
                return if is_last { rounds.end } else { round + 1 };
            }
        }
        rounds.end
    }

    /// Branches on the bound, as far as that is the bound's turn.
    fn branch(&mut self, tree: &mut Tree<'_>, budget: &mut Budget) {
        for _ in 0..BRANCHES {
            if self.frugal && self.spare <= 0 || self.is_done() || budget.is_spent() {
                return;
            }
            let start = budget.left();
            let most = if self.frugal { self.spare.unsigned_abs() } else { start };
            let cost = self.best.cost as f64;
            let enough = cost * (1.0 - ENOUGH * f64::from(self.options.gap_ppm));
            let before = self.best.bound as f64;
            budget.lend_units(most, |own| tree.advance(self.best.cost, enough, own));
            self.raise(tree.bound());
            // What closes the gap may go on.
            let closed = (self.best.bound as f64 - before) / (cost - before).max(1.0);
            if closed < CLOSING {
                self.spare -= (start - budget.left()) as i64;
            }
        }
    }

    /// Looks for better plans near the best one for as long as there may be any.
    fn look_on(&mut self, budget: &mut Budget) {
        while self.may_look(budget) {
            self.look_around(budget);
        }
    }

    /// Whether there may be better plans near the best one, and room to look for them.
    fn may_look(&self, budget: &Budget) -> bool {
        self.spans && self.in_vain() < LONELY && !self.is_done() && !budget.is_spent()
    }

    /// How often nothing better was found near the best plan.
    fn in_vain(&self) -> u32 {
        let (cost, times) = self.lonely;
        if cost == self.best.total() { times } else { 0 }
    }

    /// Looks for better plans near the best one; whether there was any.
    fn look_around(&mut self, budget: &mut Budget) -> bool {
        if !self.may_look(budget) {
            return false;
        }
        let (problem, plan, random) = (self.prepared.problem, &*self.best, &mut self.random);
        let look = |own: &mut Budget| neighbourhood::better(problem, plan, random, own);
        if let Some(found) = budget.lend(LOOKING, look) {
            self.take(found);
            return true;
        }
        self.lonely = (self.best.total(), self.in_vain() + 1);
        false
    }

    /// Whether the best plan may be put together anew.
    fn has_few_nodes(&self) -> bool {
        self.best.nodes() <= RESTRICTED.0
    }

    /// Looks for the best plan over all columns that are known; whether it is a better one.
    fn put_together(&mut self, planning: &mut Planning<'_>, budget: &mut Budget) -> bool {
        if !self.has_few_nodes() {
            return false;
        }
        let root = planning.root;
        let spare = self.best.total().saturating_sub(planning.paid()) as f64 - root.bound;
        let enough = (f64::from(self.options.gap_ppm) * 0.5e-6, 0.999 * self.unit as f64);
        let spent = self.start.saturating_sub(budget.left());
        let mut own = budget.part(RESTRICTED.1.min(spent));
        let given = own.left();
        let found = planning.restricted.cheapest(root, spare, enough, &mut own);
        budget.join(&own, given);
        found.is_some_and(|plan| self.offer(planning.core, &planning.complete(&plan), budget))
    }

    /// One round of dives side by side; the best plan is kept.
    fn dive(&mut self, planning: &mut Planning<'_>, round: u32, budget: &mut Budget) {
        let cutoff = self.best.total().saturating_sub(planning.paid());
        let round = Round { number: round, seed: self.options.seed, may_slide: self.slides };
        let has_few_nodes = self.has_few_nodes();
        let mut plans = Vec::new();
        for (plan, columns) in round.dive(planning.root, cutoff, budget) {
            plans.extend(plan);
            if has_few_nodes {
                planning.restricted.add(columns);
            }
        }
        plans.sort_by_key(|plan| (!plan.whole, plan.cost));
        for plan in plans {
            if self.offer(planning.core, &planning.complete(&plan), budget) {
                planning.restricted.start = plan.nodes;
                return;
            }
        }
    }

    /// Turns a plan of the core into a solution of the problem and keeps it when it is better.
    fn offer(&mut self, core: &Core, plan: &Plan, budget: &mut Budget) -> bool {
        if plan.nodes.is_empty() {
            // A dive that ended before it decided anything: the greedy engine's own plan is known.
            return false;
        }
        let problem = self.prepared.problem;
        let spelled_out = plan.whole.then(|| {
            let unplaced = self.best.unplaced.clone();
            Solution { unplaced, ..expand(problem, core, plan) }
        });
        let is_free = core.items.iter().all(|item| item.place.is_none());
        let solution = match spelled_out {
            Some(solution) if check(problem, &solution).is_empty() => solution,
            wrong => wrong
                .filter(|_| is_free)
                .and_then(|wrong| self.arrange(&wrong, budget))
                // The greedy engine finds places for pods that are left out, or that constraints
                // object to.
                .unwrap_or_else(|| greedy::along(self.prepared, &wishes(core, plan))),
        };
        let solution = self.please(solution, budget);
        if rank(problem, &solution) >= rank(problem, self.best) {
            let is_second = self
                .second
                .as_ref()
                .is_none_or(|old| rank(problem, &solution) < rank(problem, old));
            if is_second && is_free && solution.unplaced == self.best.unplaced {
                self.second = Some(solution);
            }
            return false;
        }
        self.take(solution);
        true
    }

    /// The plan, or the same nodes with preferences met, where that may make it the best.
    fn please(&self, plan: Solution, budget: &mut Budget) -> Solution {
        let (problem, seed) = (self.prepared.problem, self.options.seed);
        if plan.cost >= self.best.total() {
            return plan;
        }
        domains::please(problem, &plan, seed, budget).unwrap_or(plan)
    }

    /// A right plan with the nodes of one that constraints between domains object to. Where there is
    /// none the next search begins with pods in the domains that they came to.
    fn arrange(&mut self, plan: &Solution, budget: &mut Budget) -> Option<Solution> {
        let problem = self.prepared.problem;
        self.arranged += 1;
        let seed = self.options.seed.wrapping_add(self.arranged);
        let arranged = domains::arrange(problem, plan, seed, budget)?;
        if arranged.moved == 0 && check(problem, &arranged.plan).is_empty() {
            return Some(arranged.plan);
        }
        let is_better = self.hoped.as_ref().is_none_or(|(cost, _)| plan.total() < *cost);
        if is_better {
            self.hoped = Some((plan.total(), arranged.plan));
        }
        None
    }

    /// Takes a better plan in the place of the best.
    fn take(&mut self, mut solution: Solution) {
        let problem = self.prepared.problem;
        let places_all = solution.unplaced.iter().all(|missing| {
            let old = self.best.unplaced.iter().find(|old| old.group == missing.group);
            old.is_some_and(|old| old.count >= missing.count)
        });
        // A bound for fewer pods holds for more; for others it says nothing.
        solution.bound = if places_all { self.best.bound } else { 0 };
        let weak = bound::resource_bound(problem, &solution);
        solution.bound = solution.bound.max(weak).min(solution.cost);
        let left = |solution: &Solution| -> Vec<(u32, u32)> {
            solution.unplaced.iter().map(|missing| (missing.group, missing.count)).collect()
        };
        self.has_moved |= self.restarts && left(&solution) != left(self.best);
        *self.best = solution;
        (self.tell)(progress(self.best));
    }
}

/// Works on a root, with one part in `parts` of the budget at most, so that there are plans whatever
/// becomes of it.
fn generate(root: &mut Root<'_>, limits: &Limits, parts: u64, budget: &mut Budget) {
    budget.lend(parts, |own| root.generate(limits, own));
}

/// Dives side by side.
struct Round {
    number: u32,
    seed: u64,
    /// Whether they may begin without the simplex.
    may_slide: bool,
}

impl Round {
    /// The plans of its dives that cost less than `cutoff`, and the columns that they came across.
    fn dive(
        &self,
        root: &Root<'_>,
        cutoff: Money,
        budget: &mut Budget,
    ) -> Vec<(Option<Plan>, Vec<Column>)> {
        let (first, count) = match self.number {
            0 => (0, DIVES.0),
            later => (DIVES.0 + u64::from(later - 1) * DIVES.1, DIVES.1),
        };
        let items = root.core.twins.items.len();
        let slides = self.may_slide && items > FEW_ITEMS;
        let pace = Pace { slides, hurries: slides || items > MANY_ITEMS };
        let styles: Vec<Style> =
            (first..first + count).map(|at| style(at, self.seed, pace)).collect();
        let given = budget.fork(count).left();
        let found: Vec<_> = styles
            .into_par_iter()
            .map(|style| {
                let mut own = budget.fork(count);
                (dive(root, style, cutoff, &mut own), own)
            })
            .collect();
        let joined = found.into_iter().map(|(found, own)| {
            budget.join(&own, given);
            found
        });
        joined.collect()
    }
}

/// How fast dives go.
#[derive(Clone, Copy)]
struct Pace {
    /// They begin without the simplex.
    slides: bool,
    /// The first ones are in a hurry.
    hurries: bool,
}

/// The styles of all dives, in order: plain ones first, then ever more left to chance.
fn style(at: u64, seed: u64, pace: Pace) -> Style {
    let of = |list: &[f64], every: u64| list[(at / every) as usize % list.len()];
    let first = at < DIVES.0;
    Style {
        counts: at.is_multiple_of(2) && !pace.slides,
        nodes: at % 4 != 3,
        // Where no kind is dear enough to be counted the first two would be the same.
        large: of(&[0.3, 0.6, 0.15], if pace.hurries { 1 } else { 2 }),
        kinds: of(&[0.97, 0.9, 0.94], 4),
        batch: match (first, pace.hurries) {
            (true, true) => BATCH.0 * LONG,
            (true, false) => BATCH.0,
            (false, _) => BATCH.1,
        },
        hasty: first && pace.hurries,
        slides: pace.slides,
        harmless: if first { 1e-4 } else { 1e-5 },
        noise: match at {
            // Without the simplex nothing else may be different, where all nodes cost the same.
            1..4 if pace.slides => 0.1,
            0..4 => 0.0,
            // Without any chance there would be the same dives again before long.
            4..16 => of(&[0.1, 0.3, 0.0, 0.6], 2),
            _ => of(&[0.1, 0.3, 0.03, 0.6], 2),
        },
        seed: at.wrapping_add(seed.wrapping_mul(0x9e37_79b9)),
        careful: at % 4 >= 2,
    }
}
