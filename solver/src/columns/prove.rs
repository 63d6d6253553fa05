//! From dual prices to a certificate: prices are made whole numbers, and every kind is priced once
//! more at them, this time for the proof.

use std::sync::Arc;

use rayon::prelude::*;

use crate::{
    Problem, Solution,
    certificate::{
        self, Cap, Ceiling, Certificate, Fault, LARGEST_PRICE, Members, Outlook, Prices, Proof,
        Rents, Rule, Step, Walk, verify,
    },
    columns::{
        duals::{Duals, Profits},
        generate::Root,
        stock,
    },
    effort::Budget,
    pattern::{self, Ask, Exact, Pricer, Proven, Shadow, View},
    presolve::{self, Core, Item, Kind, Source, Usable},
    problem::Money,
};

/// A micro-dollar is split into two to this power, when prices are not too large for it.
const BITS: u8 = 20;
/// Prices stay below two to this power, so that floats hold them exactly.
const LARGEST_BITS: i32 = 50;
/// Steps that an enumeration may take more in whole numbers, and so many times as many: rounded prices,
/// and pods that the last plan leaves over, lead another way now and then.
const MORE_STEPS: (u64, u64) = (1 << 16, 2);
/// A kind is proven well enough when its worth is within this of its cost, relative.
const TOLERANCE: f64 = 1e-6;
/// Branches for the proof of any kind, and for those that hold the bound down.
const NODES: [u32; 3] = [7, 64, 1024];
/// Branches for the worst kinds when the search was stopped: a few of them, and more while all
/// proofs together take less than one part in so many of the search's branches.
const HURRIED: u32 = 384;
const HURRY: u64 = 20;
/// How many times as many there are where a proof falls short of the search by more than this share.
const INSIST: u32 = 8;
const SHORT: f64 = 1e-5;
/// Branches to find what an existing node is worth, and how near the proof is to come to it.
const GLANCE: u32 = 16;
const NEAR: f64 = 1e-3;
/// Where existing nodes are many, what they seem to be worth beyond what they are may be this share
/// of the gap: before they get the second number of branches, and before the last, which bring little.
const SLACK: [f64; 2] = [0.02, 0.2];
/// Kinds that are looked into further side by side.
const BATCH: usize = 4;

/// Dual prices that the bound of a branch rests on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Point {
    pub duals: Duals,
    /// What the search found a node's pods to be worth at most, per kind whose number is bounded;
    /// infinite for others, of which any number would do.
    pub worths: Vec<f64>,
    /// Kinds of which there is no node in the branch, ascending.
    pub closed: Vec<u32>,
    /// The bound that they give, in floats.
    pub bound: f64,
    /// Branches per pricing behind it.
    pub nodes: u32,
    /// How far the worth of what is for sale in any number was above its cost then, as a factor.
    pub above: f64,
}

impl Point {
    /// The prices that a root's bound rests on.
    pub(crate) fn of_root(root: &Root<'_>) -> Self {
        let is_bounded = |kind: usize| root.counted.iter().any(|of| of.counts(kind as u32));
        let sold = |kind: &usize| matches!(root.core.kinds[*kind].source, Source::Offerings(_));
        let free = (0..root.worth.len()).filter(|kind| sold(kind) && !is_bounded(*kind));
        let worths = (0..root.worth.len()).map(|kind| match is_bounded(kind) {
            true => root.worth[kind] * root.duals.cost(root.core, kind).max(1.0),
            false => f64::INFINITY,
        });
        Self {
            above: free.map(|kind| root.worth[kind]).fold(1.0, f64::max),
            duals: root.duals.clone(),
            worths: worths.collect(),
            closed: (0..root.worth.len() as u32).filter(|&kind| root.is_shut(kind)).collect(),
            bound: root.bound,
            nodes: root.nodes,
        }
    }
}

/// The branchings so far, and the best prices known in each branch.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    nodes: Vec<Node>,
    /// Kinds whose nodes are counted together.
    counted: Vec<Arc<[u32]>>,
}

#[derive(Clone, Debug)]
enum Node {
    Leaf(Arc<Point>),
    /// What is counted, largest number of the lower branch, and the two branches.
    Split(u32, u32, [usize; 2]),
}

impl Record {
    /// No branching: one branch, number 0.
    pub(crate) fn new(point: Arc<Point>) -> Self {
        Self { nodes: vec![Node::Leaf(point)], counted: Vec::new() }
    }

    /// Divides a branch: at most `at` nodes of some kinds together, or more. The numbers of the two
    /// branches, which keep the prices of their parent until they have better ones.
    pub(crate) fn split(&mut self, branch: usize, kinds: &Arc<[u32]>, at: u32) -> [usize; 2] {
        let known = self.counted.iter().position(|other| other == kinds);
        let on = known.unwrap_or(self.counted.len());
        if known.is_none() {
            self.counted.push(kinds.clone());
        }
        let below = self.nodes.len();
        let children = [below, below + 1];
        if let Node::Leaf(point) = &self.nodes[branch] {
            let point = point.clone();
            self.nodes.extend([Node::Leaf(point.clone()), Node::Leaf(point)]);
            self.nodes[branch] = Node::Split(on as u32, at, children);
        }
        children
    }

    /// Better prices for a branch.
    pub(crate) fn set(&mut self, branch: usize, point: Arc<Point>) {
        if let Node::Leaf(old) = &mut self.nodes[branch] {
            *old = point;
        }
    }

    /// The same for a core with `more` kinds of existing nodes instead of `nodes`, which come first.
    pub(crate) fn with_nodes(&self, nodes: usize, more: usize) -> Self {
        let kind = |kind: u32| (kind as usize - nodes + more) as u32;
        let mut known: Vec<(Arc<Point>, Arc<Point>)> = Vec::new();
        let mut point = |old: &Arc<Point>| {
            if let Some((_, new)) = known.iter().find(|(other, _)| Arc::ptr_eq(other, old)) {
                return new.clone();
            }
            // Numbers of existing nodes have no price of their own.
            let mut duals = old.duals.clone();
            duals.counts.splice(..nodes, std::iter::repeat_n(0.0, more));
            let mut worths = old.worths.clone();
            worths.splice(..nodes, std::iter::repeat_n(f64::INFINITY, more));
            let new = Arc::new(Point {
                duals,
                worths,
                // Existing nodes are never closed: there are only branches on what is bought.
                closed: old.closed.iter().map(|&old| kind(old)).collect(),
                bound: old.bound,
                nodes: old.nodes,
                above: old.above,
            });
            known.push((old.clone(), new.clone()));
            new
        };
        let nodes = self.nodes.iter().map(|node| match node {
            Node::Leaf(old) => Node::Leaf(point(old)),
            &Node::Split(on, at, children) => Node::Split(on, at, children),
        });
        let counted = self.counted.iter().map(|kinds| kinds.iter().map(|&old| kind(old)).collect());
        Self { nodes: nodes.collect(), counted: counted.collect() }
    }

    /// The tree in pre-order, and the prices at its leaves, each once.
    fn write(&self) -> (Vec<Step<u32>>, Vec<Arc<Point>>) {
        let mut steps = Vec::with_capacity(self.nodes.len());
        let mut points: Vec<Arc<Point>> = Vec::new();
        let mut next = vec![0];
        while let Some(at) = next.pop() {
            match &self.nodes[at] {
                &Node::Split(on, at, [below, above]) => {
                    steps.push(Step::Split { on, at });
                    next.extend([above, below]);
                }
                Node::Leaf(point) => {
                    let known = points.iter().position(|other| Arc::ptr_eq(other, point));
                    let at = known.unwrap_or(points.len());
                    if at == points.len() {
                        points.push(point.clone());
                    }
                    steps.push(Step::Leaf(at as u32));
                }
            }
        }
        (steps, points)
    }
}

/// Certifies what the record says, and raises the solution's bound to what is proven.
pub(crate) fn settle(
    problem: &Problem,
    core: &Core,
    pricers: &[Pricer],
    record: &Record,
    solution: &mut Solution,
    budget: &mut Budget,
) -> Option<Certificate> {
    let certificate = certificate(problem, core, pricers, record, solution.cost, budget);
    // A refusal would be a mistake of ours; the bound then stays the one that needs no proof.
    let bound = verify(problem, solution, &certificate);
    debug_assert!(matches!(bound, Ok(_) | Err(Fault::Overflow)), "refused: {bound:?}");
    let bound = bound.ok()?;
    debug_assert!(bound <= solution.cost, "a proof of what is not so: {bound}");
    solution.bound = solution.bound.max(bound).min(solution.cost);
    Some(certificate)
}

fn certificate(
    problem: &Problem,
    core: &Core,
    pricers: &[Pricer],
    record: &Record,
    cost: Money,
    budget: &mut Budget,
) -> Certificate {
    let (tree, points) = record.write();
    let bits = bits(core, &points);
    let least = points.iter().map(|point| point.bound).fold(f64::INFINITY, f64::min);
    let before = &*budget;
    let proven = points.par_iter().map(|point| {
        // The bound is the least of all; a branch that is better than that needs less care. What
        // carelessness costs is a part of what all pods are worth.
        let pods = point.duals.items.iter().zip(&core.items);
        let worth: f64 = pods.map(|(dual, item)| dual * f64::from(item.demand)).sum();
        let better = point.bound - least;
        let spare = better / (2.0 * worth.max(1.0));
        let tolerance = if spare > TOLERANCE { spare } else { TOLERANCE };
        let gap = (cost as f64 - least).max(0.0);
        let many = stock::existing(core) > stock::MANY;
        let slack = SLACK.map(|share| if many { share * gap } else { 0.0 } + better / 4.0);
        let hurry = before.done.prices / HURRY / points.len() as u64;
        let mut own = before.fork(1);
        (prices(&Task { core, pricers, point, bits, tolerance, slack, hurry }, &mut own), own)
    });
    let proven: Vec<(Prices, Budget)> = proven.collect();
    let given = budget.left();
    let prices = proven.into_iter().map(|(prices, own)| {
        budget.join(&own, given);
        prices
    });
    let prices = prices.collect();
    Certificate {
        bits,
        items: core.items.iter().map(groups).collect(),
        caps: caps(core),
        ceilings: core.ceilings.iter().map(ceiling).collect(),
        conflicts: conflicts(core),
        kinds: members(problem, core),
        cuts: pricers.iter().map(cuts).collect(),
        counted: record.counted.iter().map(|kinds| kinds.to_vec()).collect(),
        tree,
        prices,
        apart: Vec::new(),
    }
}

fn groups(item: &Item) -> Vec<u32> {
    item.groups.iter().map(|&(group, _)| group).collect()
}

/// The cuts that proofs of a kind rest on.
fn cuts(pricer: &Pricer) -> Vec<certificate::Cut> {
    let cuts = pricer.cuts().iter();
    cuts.map(|cut| certificate::Cut { dim: cut.dim, parts: cut.parts }).collect()
}

fn conflicts(core: &Core) -> Vec<(u32, u32)> {
    let pairs = (0u32..).zip(&core.conflicts);
    let pairs = pairs.flat_map(|(a, others)| others.iter().map(move |&b| (a, b)));
    pairs.filter(|(a, b)| a < b).collect()
}

/// The core's caps with the rules behind them.
fn caps(core: &Core) -> Vec<Cap> {
    let mut items = vec![Vec::new(); core.caps.len()];
    for (at, item) in (0u32..).zip(&core.items) {
        if let Some(cap) = item.cap {
            items[cap as usize].push(at);
        }
    }
    let caps = items.into_iter().zip(&core.rules);
    caps.map(|(items, &of)| Cap { rule: rule(of), items }).collect()
}

fn ceiling(of: &presolve::Ceiling) -> Ceiling {
    Ceiling { rule: rule(of.rule), domains: of.domains.clone(), items: of.items.clone() }
}

fn rule(of: presolve::Rule) -> Rule {
    match of {
        presolve::Rule::Exclusion(at) => Rule::Exclusion(at),
        presolve::Rule::Port(group) => Rule::Port(group),
        presolve::Rule::Spread(at) => Rule::Spread(at),
    }
}

/// What each kind stands for: its own offerings, and those that it replaces.
fn members(problem: &Problem, core: &Core) -> Vec<Members> {
    let mut kind_of = vec![None; problem.offerings.len()];
    for (at, kind) in core.kinds.iter().enumerate() {
        if let Source::Offerings(offerings) = &kind.source {
            offerings.iter().for_each(|&offering| kind_of[offering as usize] = Some(at));
        }
    }
    let mut members: Vec<Members> = core
        .kinds
        .iter()
        .map(|kind| match &kind.source {
            Source::Offerings(offerings) => Members::Offerings(offerings.clone()),
            Source::Nodes(nodes) => Members::Nodes(nodes.clone()),
        })
        .collect();
    let rest = (0..problem.offerings.len()).filter(|&at| kind_of[at].is_none());
    for offering in rest {
        if let Some(kind) = replacement(problem, core, offering)
            && let Members::Offerings(offerings) = &mut members[kind]
        {
            offerings.push(offering as u32);
        }
    }
    members
}

/// The kind that replaces an offering for every pattern; none when it holds nothing.
fn replacement(problem: &Problem, core: &Core, at: usize) -> Option<usize> {
    let offering = &problem.offerings[at];
    let fits = |item: &Item| {
        problem.classes[item.class as usize].offerings.contains(at)
            && item.request.iter().zip(&offering.capacity).all(|(&ask, &have)| ask <= have.max(0))
    };
    let held: Vec<usize> = (0..core.items.len()).filter(|&i| fits(&core.items[i])).collect();
    if held.is_empty() {
        return None;
    }
    let room = Usable::new(core.dims, &core.items).of(&offering.capacity);
    let region = core.region(&offering.domains);
    let replaces = |kind: &Kind| {
        matches!(kind.source, Source::Offerings(_))
            && Some(kind.region) == region
            && kind.price <= offering.price
            && room.iter().zip(&kind.capacity).all(|(need, have)| need <= have)
            && kind.limits.iter().all(|(limit, amount)| {
                offering.limits.iter().any(|(l, a)| l == limit && a >= amount)
            })
            && held.iter().all(|&item| kind.items.contains(item))
    };
    core.kinds.iter().position(replaces)
}

/// How finely money can be split without leaving what floats hold exactly.
fn bits(core: &Core, points: &[Arc<Point>]) -> u8 {
    let prices = core.kinds.iter().map(|kind| kind.price as f64);
    let duals = points.iter().flat_map(|point| {
        let limits = point.duals.limits.iter().zip(&core.limits);
        let limits = limits.map(|(dual, &left)| -dual * left.max(0) as f64);
        point.duals.items.iter().chain(&point.duals.ceilings).copied().chain(limits)
    });
    let largest = prices.chain(duals).fold(1.0, f64::max);
    (LARGEST_BITS - largest.log2().ceil() as i32).clamp(0, BITS.into()) as u8
}

/// What is to be proven.
struct Task<'a> {
    core: &'a Core,
    pricers: &'a [Pricer],
    point: &'a Point,
    bits: u8,
    /// How far a kind's worth may be above its cost, relative.
    tolerance: f64,
    /// How much all existing nodes together may seem to be worth beyond what they are, per step.
    slack: [f64; 2],
    /// Branches for the last step when the search was stopped.
    hurry: u64,
}

/// The prices of a point as whole numbers, and the proofs at these.
fn prices(task: &Task<'_>, budget: &mut Budget) -> Prices {
    let Task { core, pricers, point, .. } = *task;
    let unit = f64::from(1u32 << task.bits);
    // Items are rounded down and charges up, which leaves every pattern below its cost.
    let items = point.duals.items.iter().map(|dual| whole((dual * unit).floor()));
    let items: Vec<i64> = items.collect();
    let limits = point.duals.limits.iter().zip(&core.limits);
    let limits = limits.map(|(dual, &left)| whole((-dual * left.max(0) as f64 * unit).ceil()));
    let limits = limits.collect();
    let charges = point.duals.ceilings.iter();
    let ceilings: Vec<i64> = charges.map(|charge| whole((charge * unit).ceil())).collect();
    let back = |prices: &[i64]| prices.iter().map(|&price| price as f64 / unit).collect();
    let duals = Duals { items: back(&items), ceilings: back(&ceilings), ..Duals::nothing(core) };
    let proven = task.prove(&duals.profits(core), budget);
    let proofs = pricers.iter().zip(proven).map(|(pricer, proven)| {
        Tongue { dims: core.dims, cuts: pricer.cuts().len(), unit }.proof(proven.proof)
    });
    let proofs = proofs.collect();
    Prices { items, limits, ceilings, proofs }
}

impl Task<'_> {
    /// Proves all kinds: each with a little work, then those that stand furthest above their cost
    /// with more. All prices are divided by the worst of them, so the others need not be better.
    fn prove(&self, profits: &Profits<'_>, budget: &mut Budget) -> Vec<Proven> {
        let demand = self.core.demand();
        let kinds = (0..self.pricers.len()).into_par_iter();
        let goals: Vec<f64> = kinds.map(|kind| self.goal(kind, profits, &demand)).collect();
        let ask = |kind: usize, nodes: u32| {
            // Where the search enumerated patterns, what it found out will do.
            let far = nodes > NODES[1] && self.looked_far(kind);
            let above = if far && self.is_free(kind) { self.point.above } else { 1.0 };
            self.pricers[kind].prove(&Ask {
                profits: profits.on(&self.core.kinds[kind]),
                limits: &demand,
                enough: goals[kind] * above,
                nodes,
                keep: 0,
                exact: match far {
                    true => Exact::Briefly,
                    false if nodes > NODES[0] => Exact::Yes,
                    false => Exact::No,
                },
            })
        };
        let kinds = 0..self.pricers.len();
        let mut proven: Vec<Proven> =
            kinds.clone().into_par_iter().map(|k| ask(k, NODES[0])).collect();
        budget.prices(proven.iter().map(|proven| u64::from(proven.nodes)).sum());
        for (nodes, slack) in NODES[1..].iter().copied().zip(self.slack) {
            let over = |kind: usize, proven: &[Proven]| proven[kind].bound / goals[kind].max(1.0);
            let loose = self.loose_nodes(&goals, &proven, slack);
            let is_open = |&kind: &usize| {
                over(kind, &proven) > 1.0 && (!self.exists(kind) || loose.contains(&kind))
            };
            let mut open: Vec<usize> = kinds.clone().filter(is_open).collect();
            open.sort_by(|&a, &b| over(b, &proven).total_cmp(&over(a, &proven)).then(a.cmp(&b)));
            let mut settled: f64 = 0.0;
            // A bound without a proof is worth nothing, so the proof gets the work of a round of
            // pricing whatever the hour; a stop only cuts its refinement short.
            let last = nodes == NODES[2];
            let stopped = last && budget.is_stopped();
            let least = if stopped { HURRIED } else { nodes };
            let nodes = if last { least.max(self.point.nodes) } else { nodes };
            let mut left = if stopped { self.hurry } else { u64::MAX };
            for (at, batch) in open.chunks(BATCH).enumerate() {
                if over(batch[0], &proven) <= settled || at > 0 && left == 0 {
                    break;
                }
                let again: Vec<Proven> = batch.par_iter().map(|&kind| ask(kind, nodes)).collect();
                for (&kind, new) in batch.iter().zip(again) {
                    budget.prices(new.nodes.into());
                    left = left.saturating_sub(new.nodes.into());
                    proven[kind] = new;
                    if last && self.is_free(kind) {
                        settled = settled.max(over(kind, &proven));
                    }
                }
            }
        }
        if !budget.is_stopped() {
            self.insist(&mut proven, &goals, ask, budget);
        }
        proven
    }

    /// Proves those kinds once more that the search had seen to be worth less with as many branches:
    /// cuts that came since lead another way.
    fn insist(
        &self,
        proven: &mut [Proven],
        goals: &[f64],
        ask: impl Fn(usize, u32) -> Proven,
        budget: &mut Budget,
    ) {
        let nodes = NODES[2].max(self.point.nodes) * INSIST;
        for (kind, proven) in proven.iter_mut().enumerate().filter(|(kind, _)| !self.exists(*kind))
        {
            let seen = match self.is_free(kind) {
                true => self.point.duals.cost(self.core, kind) * self.point.above,
                false => 0.0,
            };
            if proven.bound > seen.max(goals[kind]) * (1.0 + SHORT) {
                *proven = ask(kind, nodes);
                budget.prices(proven.nodes.into());
            }
        }
    }

    /// The existing nodes that are proven least well: those that remain may be as they are.
    fn loose_nodes(&self, goals: &[f64], proven: &[Proven], slack: f64) -> Vec<usize> {
        let excess = |kind: usize| {
            (proven[kind].bound - goals[kind]) * f64::from(self.core.kinds[kind].most)
        };
        let nodes = (0..proven.len()).filter(|&kind| self.exists(kind) && excess(kind) > 0.0);
        let mut nodes: Vec<usize> = nodes.collect();
        nodes.sort_by(|&a, &b| excess(a).total_cmp(&excess(b)).then(a.cmp(&b)));
        let mut left = slack;
        let within = |kind: &&usize| {
            left -= excess(**kind);
            left >= 0.0
        };
        let well = nodes.iter().take_while(within).count();
        nodes.split_off(well)
    }

    /// Whether the search enumerated patterns of a kind for sale with tables of what is ahead.
    fn looked_far(&self, kind: usize) -> bool {
        !self.exists(kind) && self.pricers[kind].looks_far(self.point.nodes)
    }

    fn exists(&self, kind: usize) -> bool {
        matches!(self.core.kinds[kind].source, Source::Nodes(_))
    }

    /// How low a kind's worth is to be brought.
    fn goal(&self, kind: usize, profits: &Profits<'_>, limits: &[u32]) -> f64 {
        if self.point.closed.binary_search(&(kind as u32)).is_ok() {
            return f64::INFINITY;
        }
        if self.exists(kind) {
            // Existing nodes cost nothing, so each counts with what it is worth, and that is as
            // much as the best pattern found.
            let profits = profits.on(&self.core.kinds[kind]);
            let ask =
                Ask { profits, limits, enough: 0.0, nodes: GLANCE, keep: 1, exact: Exact::No };
            let found = self.pricers[kind].price(&ask).patterns;
            return found.first().map_or(0.0, |(worth, _)| worth * (1.0 + NEAR));
        }
        if self.is_free(kind) {
            let cost = self.point.duals.cost(self.core, kind).max(0.0);
            return cost * (1.0 + self.tolerance);
        }
        // Where numbers are bounded, what a node costs beyond its worth counts too.
        self.point.worths[kind] * (1.0 + TOLERANCE)
    }

    /// Whether any number of nodes would do at these prices. Where it would not, what one node is
    /// worth counts as often as there are nodes, and not as a factor of all prices.
    fn is_free(&self, kind: usize) -> bool {
        self.point.worths[kind].is_infinite() && !self.exists(kind)
    }
}

/// A float price as a whole number that a certificate may hold.
fn whole(price: f64) -> i64 {
    // A cast saturates; not-a-number becomes 0.
    (price as i64).clamp(0, LARGEST_PRICE)
}

/// What a proof's floats are written in.
struct Tongue {
    dims: usize,
    /// How many the kind has.
    cuts: usize,
    unit: f64,
}

impl Tongue {
    fn proof(&self, proof: pattern::Proof) -> Proof {
        match proof {
            pattern::Proof::Grid(axes) => Proof::Grid(axes),
            pattern::Proof::Walk(walk) => Proof::Walk(Walk {
                rents: self.rents(&walk.prices).room,
                enough: whole(walk.bound * self.unit),
                outlooks: walk.views.iter().map(|view| self.outlook(view)).collect(),
                steps: MORE_STEPS.0 + MORE_STEPS.1 * walk.steps,
            }),
            pattern::Proof::Tree(steps) => Proof::Tree(
                steps
                    .into_iter()
                    .map(|step| match step {
                        Step::Split { on, at } => Step::Split { on, at },
                        Step::Leaf(shadow) => Step::Leaf(self.rents(&shadow)),
                    })
                    .collect(),
            ),
        }
    }

    fn outlook(&self, view: &View) -> Outlook {
        Outlook { axes: view.axes, rents: self.rents(&view.rents).room }
    }

    fn rents(&self, shadow: &Shadow) -> Rents {
        let rent = |price: f64| whole((price * self.unit).round());
        let mut room = vec![0; self.dims + self.cuts];
        for &(dim, price) in &shadow.room {
            room[dim as usize] = rent(price);
        }
        for (part, &price) in room[self.dims..].iter_mut().zip(&shadow.cuts) {
            *part = rent(price);
        }
        let caps = shadow.caps.iter().map(|&(cap, price)| (cap, rent(price)));
        let mut caps: Vec<(u32, i64)> = caps.filter(|(_, rent)| *rent > 0).collect();
        caps.sort_unstable();
        Rents { room, caps }
    }
}
