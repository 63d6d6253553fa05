//! Depth-first branch and bound over nodes, one closed after the other.
//!
//! First every existing node gets its pods, in order; then launches are made, each for the first
//! group that has pods left (hardest first), until that group is done with; what is left of it may
//! also stay without a place. So every set of nodes is seen, most of them in one order only. A
//! branch ends where the relaxed table says that it cannot beat what is known, where a constraint
//! cannot be kept any more, and where the same pods were left before with the same cells at no
//! higher price.

use rustc_hash::FxHashMap;

use crate::check::check;
use crate::exact::lattice::Lattice;
use crate::exact::model::{Kind, Model, Scale};
use crate::exact::pattern::Book;
use crate::exact::relaxed::Relaxed;
use crate::exact::span::{Ahead, Closed, Places, Span};
use crate::exact::{Budget, assemble};
use crate::problem::Money;
use crate::solution::Solution;

/// Units of work that a look at a finished solution takes.
const CHECK: u64 = 300;

/// States remembered; each takes some hundred bytes.
const MOST_STATES: usize = 1 << 20;

/// Pods on a node: where, and which pattern (`None`: nothing on an existing node).
#[derive(Clone, Copy)]
pub(super) struct Step {
    pub host: Kind,
    pub pattern: u32,
}

/// All that a search looks up.
pub(super) struct Tables<'a> {
    pub model: &'a Model<'a>,
    pub lattice: Lattice,
    pub scale: Scale,
    pub book: Book,
    pub relaxed: Relaxed,
    pub places: &'a Places<'a>,
    pub span: Span,
}

pub(super) struct Search<'a, 'b, 'f> {
    tables: &'a Tables<'a>,
    budget: &'b mut Budget<'f>,
    /// The best known score; only better ones are of interest.
    pub best: u128,
    pub found: Option<Solution>,
    pub nodes: u64,
    path: Vec<Step>,
    seen: FxHashMap<Box<[u32]>, Vec<Visit>>,
    visits: usize,
    /// Buffers for cells and keys, used over and over.
    pool: Vec<Vec<u32>>,
    key: Vec<u32>,
}

/// A state: nodes before `stage` are closed.
#[derive(Clone, Copy)]
struct State {
    stage: usize,
    word: u128,
    number: u32,
    score: u128,
}

/// At which price a state was looked at, and with what left of the limits.
struct Visit {
    score: u128,
    limits: Vec<i64>,
}

/// What to do next, with the least score that can come of it.
#[derive(Clone, Copy)]
struct Branch {
    least: u128,
    next: State,
    /// Index into the choices for a launch; the pattern for an existing node.
    what: Option<u32>,
}

impl<'a, 'b, 'f> Search<'a, 'b, 'f> {
    pub(super) fn new(tables: &'a Tables<'a>, budget: &'b mut Budget<'f>) -> Self {
        Self {
            tables,
            budget,
            best: u128::MAX,
            found: None,
            nodes: 0,
            path: Vec::new(),
            seen: FxHashMap::default(),
            visits: 0,
            pool: Vec::new(),
            key: Vec::new(),
        }
    }

    /// No solution has a lower score.
    pub(super) fn least(&self) -> u128 {
        let (_, number) = self.tables.lattice.full();
        self.hopeless() + self.tables.relaxed.least(0, number)
    }

    /// What the pods that nothing accepts count for.
    fn hopeless(&self) -> u128 {
        let Tables { model, scale, .. } = self.tables;
        let groups = (0u32..).zip(&model.problem.groups);
        let hopeless = groups.filter(|(at, _)| !model.groups.contains(at));
        hopeless.map(|(at, group)| scale.unplaced[at as usize] * u128::from(group.count)).sum()
    }

    /// Looks at everything; `None` when the budget ended before.
    pub(super) fn run(&mut self) -> Option<()> {
        if self.least() >= self.best {
            return Some(());
        }
        let (word, number) = self.tables.lattice.full();
        let limits = self.tables.model.problem.limits.iter();
        let limits = limits.map(|limit| limit.remaining.max(0)).collect();
        let state = State { stage: 0, word, number, score: self.hopeless() };
        self.visit(state, &self.tables.span.start(), limits)
    }

    fn visit(&mut self, state: State, cells: &[u32], limits: Vec<i64>) -> Option<()> {
        self.nodes += 1;
        self.budget.spend(16 + cells.len() as u64 / 2)?;
        if self.is_known(state, cells, &limits) {
            return Some(());
        }
        if state.stage == self.tables.model.nodes.len() && state.word == 0 {
            return self.leaf(state.score);
        }
        let mut branches = self.branches(state)?;
        branches.sort_by_key(|branch| branch.least);
        for branch in branches {
            if branch.least >= self.best {
                break;
            }
            self.follow(state, branch, cells, &limits)?;
        }
        Some(())
    }

    fn branches(&mut self, state: State) -> Option<Vec<Branch>> {
        let mut branches = Vec::new();
        let mut add = |next: State, extra: u128, what: Option<u32>| {
            let least = next.score + extra + self.tables.relaxed.least(next.stage, next.number);
            if least < self.best {
                branches.push(Branch { least, next, what });
            }
        };
        if let Some(fills) = self.tables.book.fills.get(state.stage) {
            self.budget.spend(fills.len() as u64 / 4)?;
            let stage = state.stage + 1;
            add(State { stage, ..state }, 0, None);
            for fill in fills.iter().filter(|fill| self.tables.lattice.fits(fill.word, state.word))
            {
                let (word, number) = (state.word - fill.word, state.number - fill.number);
                let score = state.score + fill.score;
                add(State { stage, word, number, score }, fill.extra, Some(fill.pattern));
            }
        } else if let Some(first) = self.tables.lattice.first(state.word) {
            let patterns = &self.tables.book.by_first[first];
            self.budget.spend(patterns.len() as u64 / 4)?;
            let left = self.tables.lattice.get(state.word, first);
            let score = self.tables.scale.unplaced[self.tables.model.groups[first] as usize]
                * u128::from(left);
            let word = state.word - self.tables.lattice.unit(first) * u128::from(left);
            let number = state.number - self.tables.lattice.stride(first) * left;
            add(State { stage: state.stage, word, number, score: state.score + score }, 0, None);
            for pattern in patterns.iter().filter(|p| self.tables.lattice.fits(p.word, state.word))
            {
                let (word, number) = (state.word - pattern.word, state.number - pattern.number);
                let (from, to) = self.tables.book.ranges[pattern.pattern as usize];
                for at in from..to {
                    let choice = &self.tables.book.choices[at as usize];
                    let score = state.score + choice.score;
                    add(State { stage: state.stage, word, number, score }, choice.extra, Some(at));
                }
            }
        }
        Some(branches)
    }

    fn follow(
        &mut self,
        state: State,
        branch: Branch,
        cells: &[u32],
        limits: &[i64],
    ) -> Option<()> {
        self.budget.spend(8 + cells.len() as u64)?;
        let mut next_cells = self.pool.pop().unwrap_or_default();
        next_cells.clear();
        next_cells.extend_from_slice(cells);
        let done = self.step(state, branch, &mut next_cells, limits.to_vec());
        self.pool.push(next_cells);
        done
    }

    /// As [`Self::follow`], on cells of its own.
    fn step(
        &mut self,
        state: State,
        branch: Branch,
        cells: &mut Vec<u32>,
        mut limits: Vec<i64>,
    ) -> Option<()> {
        let mut due: Money = 0;
        let mut step = None;
        if state.stage < self.tables.model.nodes.len() {
            let pods =
                branch.what.map_or(&[][..], |at| &self.tables.book.patterns[at as usize].pods);
            let closed = Closed { place: state.stage, pods };
            let Some(now) = self.tables.span.close(cells, &closed) else { return Some(()) };
            due = now;
            let host = self.tables.model.nodes[state.stage].kind;
            step = branch.what.map(|pattern| Step { host, pattern });
        } else if let Some(at) = branch.what {
            let choice = self.tables.book.choices[at as usize];
            let host = &self.tables.model.launches[choice.host as usize];
            let pods = self.tables.lattice.sum(branch.next.word);
            let most = self.tables.model.most_limits();
            for ((left, &amount), &most) in limits.iter_mut().zip(&host.limits).zip(most) {
                *left -= amount;
                if *left < 0 {
                    return Some(());
                }
                // More than all pods left could use is as good as that.
                *left = most.saturating_mul(pods.into()).min(*left);
            }
            let place = self.tables.places.of_launches()[choice.host as usize] as usize;
            let pods = &self.tables.book.patterns[choice.pattern as usize].pods;
            let Some(now) = self.tables.span.close(cells, &Closed { place, pods }) else {
                return Some(());
            };
            due = now;
            step = Some(Step { host: host.kind, pattern: choice.pattern });
        }
        let due = self.tables.scale.penalty(due);
        let next = State { score: branch.next.score + due, ..branch.next };
        let Some(more) = self.outlook(next, cells) else { return Some(()) };
        let rest = self.tables.relaxed.least(next.stage, next.number);
        if next.score + more + rest >= self.best {
            return Some(());
        }
        self.path.extend(step);
        let done = self.visit(next, cells, limits);
        if step.is_some() {
            self.path.pop();
        }
        done
    }

    /// What will be due on top, as a score.
    fn outlook(&self, state: State, cells: &[u32]) -> Option<u128> {
        if self.tables.span.is_empty() {
            return Some(0);
        }
        let left: Vec<u32> = (0..self.tables.lattice.fields())
            .map(|group| self.tables.lattice.get(state.word, group))
            .collect();
        let ahead = Ahead { stage: state.stage, left: &left, pods: left.iter().sum() };
        Some(self.tables.scale.penalty(self.tables.span.outlook(cells, &ahead)?))
    }

    /// Whether the same was seen before at no higher score and with no less left of the limits; else
    /// it is seen now.
    fn is_known(&mut self, state: State, cells: &[u32], limits: &[i64]) -> bool {
        let no_worse = |visit: &Visit| {
            let enough = visit.limits.iter().zip(limits).all(|(theirs, mine)| theirs >= mine);
            visit.score <= state.score && enough
        };
        let key = &mut self.key;
        key.clear();
        key.extend([state.stage as u32, state.number]);
        key.extend(cells);
        let known = self.seen.get_mut(&key[..]);
        if known.as_ref().is_some_and(|visits| visits.iter().any(no_worse)) {
            return true;
        }
        if self.visits < MOST_STATES {
            self.visits += 1;
            let visit = Visit { score: state.score, limits: limits.to_vec() };
            match known {
                Some(visits) => visits.push(visit),
                None => drop(self.seen.insert(key[..].into(), vec![visit])),
            }
        }
        false
    }

    /// All pods are dealt with: keeps the solution if it is right and better.
    fn leaf(&mut self, score: u128) -> Option<()> {
        if score >= self.best {
            return Some(());
        }
        self.budget.spend(CHECK)?;
        let solution = assemble(self.tables.model, &self.tables.book, &self.path);
        let score = self.tables.scale.of(self.tables.model.problem, &solution);
        if score < self.best && check(self.tables.model.problem, &solution).is_empty() {
            self.best = score;
            self.found = Some(solution);
        }
        Some(())
    }
}
