//! Pricing for a certificate: not a good pattern, but why there is no better one.
//!
//! Best-first over the knapsack's linear relaxation as in pricing, but the whole tree is kept,
//! with the dual prices of every leaf. Without patterns to compare with, the search ends when the
//! branch with the highest bound is low enough, whole, or one too many.

use std::{cmp::Ordering, collections::BinaryHeap};

use super::{
    Ask, Exact, MARGIN, Pricer, Search,
    far::{self, Far},
    grid,
    outlook::Outlook,
    relaxation::Basis,
    walk::{self, Coarse},
};
use crate::certificate::Step;

/// Branches that are spent on finding a good pattern first.
const LOOK: u32 = 15;
/// A bound this close to a pattern that is there will do, relative.
const CLOSE: f64 = 1e-6;

/// What pods pay for room at a leaf.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shadow {
    /// Of the kind's whole room; by dimension of the problem, those that play a part.
    pub room: Vec<(u32, f64)>,
    /// Of all parts of each of the pricer's cuts, in their order; empty where no pattern is possible.
    pub cuts: Vec<f64>,
    /// (cap of the core, price).
    pub caps: Vec<(u32, f64)>,
}

/// No pattern worth more than `bound` is left after so many steps at these prices of room.
#[derive(Clone, Debug)]
pub(crate) struct Walk {
    pub prices: Shadow,
    pub bound: f64,
    pub views: Vec<View>,
    pub steps: u64,
}

/// Tables of what room can bring.
#[derive(Clone, Debug)]
pub(crate) struct View {
    /// (dimension of the problem, unit).
    pub axes: [(u32, i64); 2],
    /// Prices of what is not on the axes.
    pub rents: Shadow,
}

/// Why no pattern is worth more than `bound`.
#[derive(Clone, Debug)]
pub(crate) struct Proven {
    pub bound: f64,
    pub proof: Proof,
    /// Branches looked into.
    pub nodes: u32,
}

/// The three kinds of proof.
#[derive(Clone, Debug)]
pub(crate) enum Proof {
    /// Splits on items of the core, in pre-order.
    Tree(Vec<Step<Shadow>>),
    /// (dimension of the problem, unit).
    Grid(Vec<(u32, i64)>),
    /// By enumeration.
    Walk(Walk),
}

impl Pricer {
    /// Bounds the worth of every pattern and says why. `ask.keep` is of no account.
    pub(crate) fn prove(&self, ask: &Ask<'_>) -> Proven {
        // No proof brings the bound below a pattern that is there.
        let look = Ask { nodes: ask.nodes.min(LOOK), keep: 1, exact: Exact::No, ..*ask };
        let found = self.price(&look).patterns.first().map_or(0.0, |(worth, _)| *worth);
        let ask = &Ask { enough: ask.enough.max(found * (1.0 + CLOSE)), ..*ask };
        if self.coarse != Coarse::No
            && let Some(proven) = self.walk_proof(ask)
        {
            return proven;
        }
        let mut tree = Tree::new(self, ask);
        tree.grow();
        let bound = tree.bound();
        let nodes = tree.nodes.len() as u32;
        if ask.exact != Exact::No
            && bound > ask.enough
            && let Some(exact) = grid::best(self, ask)
            && exact.bound < bound
        {
            let axes = exact.axes.iter().map(|&(dim, unit)| (self.dimensions[dim], unit));
            return Proven { bound: exact.bound, proof: Proof::Grid(axes.collect()), nodes };
        }
        Proven { bound, proof: Proof::Tree(tree.write()), nodes }
    }
}

impl Pricer {
    /// A proof by enumeration, if that ends.
    fn walk_proof(&self, ask: &Ask<'_>) -> Option<Proven> {
        let ask = &Ask { keep: 0, ..*ask };
        let mut search = Search::new(self, ask);
        if search.chosen.is_empty() {
            return None;
        }
        let mut walked = search.walk();
        if walked.bound.is_none() && ask.exact == Exact::Briefly {
            let upper = search.relax();
            let (useful, steps) = (ask.enough, far::steps(ask.nodes));
            let far = Far { useful, floor: useful, futile: f64::INFINITY, steps };
            walked = walk::look_far(&search, &upper, &far);
        }
        let bound = walked.bound?;
        let views = walked.outlooks.iter().map(|outlook| self.view(outlook)).collect();
        let (prices, steps) = (shadow(&search), walked.steps);
        let proof = Proof::Walk(Walk { prices, bound, views, steps });
        Some(Proven { bound, proof, nodes: 1 })
    }

    fn view(&self, outlook: &Outlook) -> View {
        let axes = outlook.axes.map(|(dim, unit)| (self.dimensions[dim], unit));
        View { axes, rents: self.shadow(&outlook.rents) }
    }

    /// Prices by the pricer's dimension, as the problem names them.
    fn shadow(&self, prices: &[f64]) -> Shadow {
        let (room, cuts) = prices.split_at(self.dimensions.len());
        let room = self.dimensions.iter().copied().zip(room.iter().copied());
        Shadow { room: room.collect(), cuts: cuts.to_vec(), caps: Vec::new() }
    }
}

/// The prices at which a search's relaxation ended.
fn shadow(search: &Search<'_>) -> Shadow {
    let (room, caps) = search.relaxation.prices();
    Shadow { caps: caps.collect(), ..search.pricer.shadow(room) }
}

/// A branch that may be split further.
struct Open {
    bound: f64,
    node: usize,
    /// Lower, then upper bounds.
    bounds: Vec<u32>,
    /// Position of the item to split on, and the largest number of the lower branch.
    split: (usize, u32),
    basis: Basis,
}

impl PartialEq for Open {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Open {}
impl PartialOrd for Open {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Open {
    fn cmp(&self, other: &Self) -> Ordering {
        self.bound.total_cmp(&other.bound).then(other.node.cmp(&self.node))
    }
}

enum Node {
    Leaf(Shadow),
    /// Item, largest number of the lower branch, and the two branches.
    Split(u32, u32, [usize; 2]),
}

struct Tree<'a> {
    search: Search<'a>,
    nodes: Vec<Node>,
    open: BinaryHeap<Open>,
    closed: f64,
}

impl<'a> Tree<'a> {
    fn new(pricer: &'a Pricer, ask: &'a Ask<'a>) -> Self {
        let search = Search::new(pricer, ask);
        Self { search, nodes: Vec::new(), open: BinaryHeap::new(), closed: 0.0 }
    }

    fn bound(&self) -> f64 {
        let open = self.open.peek().map_or(0.0, |open| open.bound);
        open.max(self.closed) * (1.0 + MARGIN)
    }

    fn grow(&mut self) {
        let bounds = self.search.whole();
        self.look(bounds, None);
        while self.nodes.len() + 2 <= self.search.ask.nodes as usize {
            let useful = self.search.ask.enough.max(self.closed);
            let Some(open) = self.open.peek_mut().filter(|open| open.bound > useful) else {
                return;
            };
            let open = std::collections::binary_heap::PeekMut::pop(open);
            let n = self.search.chosen.len();
            let (on, at) = open.split;
            let mut below = open.bounds.clone();
            below[n + on] = at;
            let mut above = open.bounds;
            above[on] = at + 1;
            let basis = Some(&open.basis);
            let children = [self.look(below, basis), self.look(above, basis)];
            let position = self.search.chosen[on] as usize;
            self.nodes[open.node] = Node::Split(self.search.pricer.items[position], at, children);
        }
    }

    /// Solves a branch's relaxation; its number.
    fn look(&mut self, mut bounds: Vec<u32>, start: Option<&Basis>) -> usize {
        let node = self.nodes.len();
        self.nodes.push(Node::Leaf(Shadow::default()));
        let search = &mut self.search;
        let n = search.chosen.len();
        let (lower, upper) = bounds.split_at_mut(n);
        let mut room = search.pricer.capacity.clone();
        // A branch without patterns needs no prices.
        if n == 0 || !search.take_lower(lower, &mut room) || !search.tighten(lower, upper, &room) {
            return node;
        }
        let bound = search.relaxation.solve(lower, upper, &room, start);
        self.nodes[node] = Node::Leaf(shadow(&self.search));
        let search = &self.search;
        match search.relaxation.split(&bounds[..n]) {
            Some((on, value)) if bound > search.ask.enough => {
                let split = (on, value.floor() as u32);
                let basis = search.relaxation.basis();
                self.open.push(Open { bound, node, bounds, split, basis });
            }
            _ => self.closed = self.closed.max(bound),
        }
        node
    }

    /// The tree in pre-order.
    fn write(mut self) -> Vec<Step<Shadow>> {
        let mut steps = Vec::with_capacity(self.nodes.len());
        let mut next = vec![0];
        while let Some(at) = next.pop() {
            match std::mem::replace(&mut self.nodes[at], Node::Leaf(Shadow::default())) {
                Node::Leaf(shadow) => steps.push(Step::Leaf(shadow)),
                Node::Split(on, at, [below, above]) => {
                    steps.push(Step::Split { on, at });
                    next.extend([above, below]);
                }
            }
        }
        steps
    }
}
