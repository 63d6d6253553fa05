//! Looks for a solution that ranks better than a claimed one, by trying all of them node by node.
//!
//! Nothing is shared with the engine. A branch is cut only where its sums so far (unplaced pods,
//! prices, nodes), which never fall, are no better than the claim, where a rule that more pods
//! cannot repair is broken, or where the same pods were left before, with the same on all nodes as
//! far as any rule can see, at no higher price. What is complete is judged by [`World`], pod by pod.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;
use solver::problem::{NODE_KEY, Offering};
use solver::{Problem, Solution};

use crate::oracle::{Assignment, Seat, World};

/// Less is better, part by part: unplaced pods by priority, highest first; what is spent on each
/// tier but the first, the last tier first; prices and penalties; nodes.
pub type Rank = Vec<i64>;

pub fn rank(problem: &Problem, solution: &Solution) -> Rank {
    let scorer = Scorer::new(problem);
    let mut rank = scorer.nothing();
    for unplaced in &solution.unplaced {
        scorer.leave(&mut rank, unplaced.group as usize, unplaced.count.into());
    }
    for launch in &solution.launches {
        for _ in 0..launch.copies {
            scorer.launch(&mut rank, &problem.offerings[launch.offering as usize]);
        }
    }
    scorer.charge(&mut rank, solution.penalty);
    rank
}

struct Scorer<'a> {
    problem: &'a Problem,
    priorities: Vec<i32>,
    tiers: Vec<u16>,
}

impl<'a> Scorer<'a> {
    fn new(problem: &'a Problem) -> Self {
        let mut priorities: Vec<i32> = problem.groups.iter().map(|g| g.priority).collect();
        priorities.sort_unstable_by_key(|&priority| std::cmp::Reverse(priority));
        priorities.dedup();
        let mut tiers: Vec<u16> = problem.offerings.iter().map(|o| o.tier).collect();
        tiers.sort_unstable_by_key(|&tier| std::cmp::Reverse(tier));
        tiers.dedup();
        tiers.pop();
        Self { problem, priorities, tiers }
    }

    fn nothing(&self) -> Rank {
        vec![0; self.priorities.len() + self.tiers.len() + 2]
    }

    fn money(&self) -> usize {
        self.priorities.len() + self.tiers.len()
    }

    fn leave(&self, rank: &mut Rank, group: usize, pods: i64) {
        let priority = self.problem.groups[group].priority;
        let at = self.priorities.iter().position(|&other| other == priority);
        rank[at.expect("every priority is listed")] += pods;
    }

    fn launch(&self, rank: &mut Rank, offering: &Offering) {
        if let Some(tier) = self.tiers.iter().position(|&tier| tier == offering.tier) {
            rank[self.priorities.len() + tier] += offering.price;
        }
        let money = self.money();
        rank[money] += offering.price;
        rank[money + 1] += 1;
    }

    fn charge(&self, rank: &mut Rank, penalty: i64) {
        let money = self.money();
        rank[money] += penalty;
    }
}

/// What came of the attempt to do better.
pub enum Verdict {
    /// Nothing is better.
    Holds,
    /// This is.
    Refuted(Box<Solution>),
    /// There is too much to try.
    TooLarge,
}

/// Whether something ranks better than `claim`, by looking at everything in at most `steps` steps.
pub fn refute(problem: &Problem, claim: &Rank, steps: u64) -> Verdict {
    let mut refuter = Refuter::new(problem, claim, steps);
    let left: Vec<u32> = problem.groups.iter().map(|group| group.count).collect();
    let state = State { node: 0, left, rank: refuter.scorer.nothing() };
    match refuter.visit(&state) {
        None => Verdict::TooLarge,
        Some(()) => refuter.better.map_or(Verdict::Holds, |better| Verdict::Refuted(better.into())),
    }
}

#[derive(Clone, Copy)]
enum Host {
    Node(usize),
    Launch(usize),
}

type Load = Vec<(usize, u32)>;

#[derive(Clone)]
struct State {
    /// The existing nodes before this one are dealt with.
    node: usize,
    left: Vec<u32>,
    rank: Rank,
}

struct Refuter<'a> {
    problem: &'a Problem,
    scorer: Scorer<'a>,
    claim: &'a Rank,
    steps: u64,
    /// What rules over domains, and over nodes, can see.
    seen_by_domain: Vec<bool>,
    seen_by_node: Vec<bool>,
    any_by_node: bool,
    /// Equal numbers: the same domains, counted by the same spreads.
    looks: Vec<u32>,
    closed: Vec<(Host, Load)>,
    known: FxHashMap<Vec<u32>, Vec<Rank>>,
    better: Option<Solution>,
}

impl<'a> Refuter<'a> {
    fn new(problem: &'a Problem, claim: &'a Rank, steps: u64) -> Self {
        let mut seen_by_domain = vec![false; problem.groups.len()];
        let mut seen_by_node = seen_by_domain.clone();
        let mut any_by_node = false;
        let mut see = |groups: &[u32], set: u32, keys: &[u8]| {
            let set = problem.sets[set as usize].groups.iter();
            for group in groups.iter().map(|&group| group as usize).chain(set) {
                seen_by_domain[group] |= keys.iter().any(|&key| key != NODE_KEY);
                seen_by_node[group] |= keys.contains(&NODE_KEY);
            }
            any_by_node |= keys.contains(&NODE_KEY);
        };
        for spread in &problem.spreads {
            see(&spread.groups, spread.set, &[spread.key]);
        }
        for affinity in &problem.affinities {
            see(&affinity.groups, affinity.set, &affinity.keys);
        }
        for exclusion in &problem.exclusions {
            see(&exclusion.groups, exclusion.set, &[exclusion.key]);
        }
        let (known, better) = (FxHashMap::default(), None);
        Self {
            scorer: Scorer::new(problem),
            looks: looks(problem),
            closed: Vec::new(),
            problem,
            claim,
            steps,
            seen_by_domain,
            seen_by_node,
            any_by_node,
            known,
            better,
        }
    }

    /// Tries everything from here on; `None` when the steps are used up.
    fn visit(&mut self, state: &State) -> Option<()> {
        self.steps = self.steps.checked_sub(1)?;
        if self.better.is_some() || self.is_hopeless(state) || self.was_here(state) {
            return Some(());
        }
        if state.node < self.problem.nodes.len() {
            return self.fill(state);
        }
        let Some(first) = state.left.iter().position(|&left| left > 0) else {
            self.judge(&state.rank);
            return Some(());
        };
        for offering in 0..self.problem.offerings.len() {
            let mut loads = Vec::new();
            let host = Host::Launch(offering);
            self.loads(host, &state.left, first, &mut Vec::new(), &mut loads);
            self.steps = self.steps.checked_sub(loads.len() as u64)?;
            for load in loads.into_iter().filter(|load| load.first().is_some_and(|l| l.0 == first))
            {
                let mut next = state.clone();
                self.scorer.launch(&mut next.rank, &self.problem.offerings[offering]);
                self.close(host, load, next)?;
            }
        }
        let mut next = state.clone();
        self.scorer.leave(&mut next.rank, first, next.left[first].into());
        next.left[first] = 0;
        self.visit(&next)
    }

    fn fill(&mut self, state: &State) -> Option<()> {
        let mut loads = vec![Load::new()];
        let host = Host::Node(state.node);
        self.loads(host, &state.left, 0, &mut Vec::new(), &mut loads);
        self.steps = self.steps.checked_sub(loads.len() as u64)?;
        loads.into_iter().try_for_each(|load| {
            self.close(host, load, State { node: state.node + 1, ..state.clone() })
        })
    }

    fn close(&mut self, host: Host, load: Load, mut next: State) -> Option<()> {
        for &(group, count) in &load {
            next.left[group] -= count;
        }
        self.closed.push((host, load));
        let done = if self.still_right() { self.visit(&next) } else { Some(()) };
        self.closed.pop();
        done
    }

    /// All loads that a host bears, with pods of groups from `from` on.
    fn loads(&self, host: Host, left: &[u32], from: usize, load: &mut Load, loads: &mut Vec<Load>) {
        for group in from..left.len() {
            for count in 1..=left[group] {
                load.push((group, count));
                let bears = self.bears(host, load);
                if bears {
                    loads.push(load.clone());
                    self.loads(host, left, group + 1, load, loads);
                }
                load.pop();
                if !bears {
                    break;
                }
            }
        }
    }

    fn bears(&self, host: Host, load: &Load) -> bool {
        let room = match host {
            Host::Node(node) => &self.problem.nodes[node].free,
            Host::Launch(offering) => &self.problem.offerings[offering].capacity,
        };
        let accepted = load.iter().all(|&(group, _)| {
            let class = self.problem.class_of(group as u32);
            match host {
                Host::Node(node) => class.nodes.contains(node),
                Host::Launch(offering) => class.offerings.contains(offering),
            }
        });
        let conflict = |a: usize, b: usize| {
            self.problem.conflicts.contains(&(a.min(b) as u32, a.max(b) as u32))
        };
        accepted
            && room.iter().enumerate().all(|(dim, &room)| {
                let asks =
                    |&(g, n): &(usize, u32)| self.problem.groups[g].request[dim] * i64::from(n);
                let asked: i64 = load.iter().map(asks).sum();
                asked == 0 || asked <= room
            })
            && load.iter().enumerate().all(|(at, &(a, count))| {
                !(count > 1 && conflict(a, a)) && load[..at].iter().all(|&(b, _)| !conflict(a, b))
            })
    }

    /// Whether nothing is broken that more pods would leave broken.
    fn still_right(&self) -> bool {
        let limits = self.problem.limits.iter().enumerate().all(|(at, limit)| {
            let offerings = self.closed.iter().filter_map(|(host, _)| match host {
                Host::Launch(offering) => Some(&self.problem.offerings[*offering]),
                Host::Node(_) => None,
            });
            let amounts = offerings.flat_map(|o| &o.limits).filter(|(l, _)| *l as usize == at);
            let used: i64 = amounts.map(|(_, amount)| amount).sum();
            used == 0 || used <= limit.remaining
        });
        let hard = self.problem.exclusions.iter().any(|exclusion| exclusion.cost.is_none());
        let is_more = hard || !self.problem.varieties.is_empty();
        limits
            && (!is_more || {
                let assignment = self.assignment();
                let world = World::new(self.problem, &assignment);
                world.exclusions_hold() && world.varieties_hold()
            })
    }

    fn assignment(&self) -> Assignment {
        let mut assignment = Assignment::default();
        let mut left: Vec<u32> = self.problem.groups.iter().map(|group| group.count).collect();
        for (host, load) in &self.closed {
            let seat = match *host {
                Host::Node(node) => Seat::Node(node),
                Host::Launch(offering) => {
                    assignment.launches.push(offering);
                    Seat::Launch(assignment.launches.len() - 1)
                }
            };
            for &(group, count) in load {
                left[group] -= count;
                assignment.pods.extend((0..count).map(|_| (group, seat)));
            }
        }
        for (group, &count) in left.iter().enumerate() {
            assignment.pods.extend((0..count).map(|_| (group, Seat::Nowhere)));
        }
        assignment.pods.sort_by_key(|pod| pod.0);
        assignment
    }

    /// Whether nothing better than the claim can come of this.
    fn is_hopeless(&self, state: &State) -> bool {
        let mut rank = state.rank.clone();
        let pods = &self.scorer.priorities.len();
        if state.node == self.problem.nodes.len() && rank[..*pods] == self.claim[..*pods] {
            // All that is left must be launched for now.
            let dearest = state.left.iter().enumerate().filter(|(_, left)| **left > 0);
            let cheapest = |group: usize| {
                let accepting = self.problem.class_of(group as u32).offerings.iter();
                let bears = |at: &usize| self.bears(Host::Launch(*at), &vec![(group, 1)]);
                accepting.filter(bears).map(|at| self.problem.offerings[at].price).min()
            };
            let mut least = 0;
            for (group, _) in dearest {
                match cheapest(group) {
                    None => return true,
                    Some(price) => least = price.max(least),
                }
            }
            self.scorer.charge(&mut rank, least);
        }
        rank >= *self.claim
    }

    /// Whether no rule can tell this from what was tried before, at no better rank.
    fn was_here(&mut self, state: &State) -> bool {
        let mut key: Vec<u32> = vec![state.node as u32];
        key.extend(&state.left);
        let groups = self.problem.groups.len();
        let mut by_look = vec![0u32; (self.looks.len() + 1) * groups];
        let mut records: Vec<Vec<u32>> = Vec::new();
        let mut used = vec![0; self.problem.limits.len()];
        for (host, load) in &self.closed {
            let (at, name) = match *host {
                Host::Node(node) => (node, node as u32),
                Host::Launch(offering) => {
                    for &(limit, amount) in &self.problem.offerings[offering].limits {
                        used[limit as usize] += amount as u32;
                    }
                    let at = self.problem.nodes.len() + offering;
                    (at, (self.problem.nodes.len() + self.looks.len()) as u32 + self.looks[at])
                }
            };
            let mut record = vec![name];
            for &(group, count) in load {
                if self.seen_by_domain[group] {
                    by_look[self.looks[at] as usize * groups + group] += count;
                }
                if self.seen_by_node[group] {
                    record.extend([group as u32, count]);
                }
            }
            if self.any_by_node {
                records.push(record);
            }
        }
        records.sort_unstable();
        let counted = (0u32..).zip(by_look).filter(|(_, count)| *count > 0);
        key.extend(counted.flat_map(|(at, count)| [at, count]));
        key.push(u32::MAX);
        key.extend(used);
        for variety in &self.problem.varieties {
            let launched = |offering: usize| {
                let is_launch = |host: &Host| matches!(host, Host::Launch(at) if *at == offering);
                self.closed.iter().any(|(host, _)| is_launch(host))
            };
            let values = variety.values.iter().filter(|(offering, _)| launched(*offering as usize));
            let values: BTreeSet<u32> = values.map(|(_, value)| *value).collect();
            key.push(u32::MAX);
            key.extend(values);
        }
        key.push(u32::MAX);
        for record in records {
            key.push(u32::MAX);
            key.extend(record);
        }
        let ranks = self.known.entry(key).or_default();
        if ranks.iter().any(|known| *known <= state.rank) {
            return true;
        }
        ranks.push(state.rank.clone());
        false
    }

    fn judge(&mut self, rank: &Rank) {
        let assignment = self.assignment();
        let world = World::new(self.problem, &assignment);
        let mut rank = rank.clone();
        self.scorer.charge(&mut rank, world.penalty());
        if rank < *self.claim && world.is_feasible() {
            self.better = Some(world.solution());
        }
    }
}

/// Numbers nodes and offerings such that equal numbers mean: the same domains, and counted by the
/// same spreads.
fn looks(problem: &Problem) -> Vec<u32> {
    let nodes = problem.nodes.iter().enumerate().map(|(at, node)| {
        let counted: Vec<bool> =
            problem.spreads.iter().map(|spread| spread.counted_nodes.contains(at)).collect();
        (&node.domains, counted)
    });
    let offerings = problem.offerings.iter().enumerate().map(|(at, offering)| {
        let counted: Vec<bool> =
            problem.spreads.iter().map(|spread| spread.counted_offerings.contains(at)).collect();
        (&offering.domains, counted)
    });
    let all: Vec<_> = nodes.chain(offerings).collect();
    all.iter().map(|one| all.iter().position(|other| other == one).unwrap_or(0) as u32).collect()
}
