//! The constraints that tie nodes together: spreads, affinities, exclusions over zones and the
//! like.
//!
//! Nodes are closed one after the other. A rule keeps what it must know of the closed ones in a few
//! cells, in a form as coarse as it can be: states with equal cells and equal pods left have the
//! same futures. From the cells and the pods left a rule also says what can no longer be avoided.

mod affinity;
mod company;
mod exclusion;
mod spread;

use crate::exact::local::{Masks, is_local, is_local_exclusion};
use crate::exact::model::{Host, Kind, Model};
use crate::problem::{Affinity, Money, NODE_KEY, Problem};

use affinity::{Preferred, Required};
use company::{Company, Crowd, Lean};
use exclusion::{Avoidance, Separation};
use spread::{DomainSpread, NodeSpread};

/// More domains of a key, of those that matter, are not looked at.
const MOST_DOMAINS: usize = 64;

/// A node that nothing more is put on.
pub(super) struct Closed<'a> {
    /// Index into the places.
    pub place: usize,
    /// (group of the model, pods), ascending.
    pub pods: &'a [(u8, u32)],
}

/// What is still to come.
pub(super) struct Ahead<'a> {
    /// The existing nodes from here on are still open.
    pub stage: usize,
    /// Pods left per group of the model.
    pub left: &'a [u32],
    /// Their sum.
    pub pods: u32,
}

/// A constraint that spans nodes.
trait Rule {
    /// The cells while all nodes are open.
    fn start(&self) -> Vec<u32>;

    /// Closes a node; returns what has become due, or `None` when the constraint is broken.
    fn close(&self, cells: &mut [u32], node: &Closed<'_>) -> Option<Money>;

    /// What will be due on top, whatever becomes of the pods left; `None` when the constraint
    /// cannot be kept. Exact for required constraints when no pods are left.
    fn outlook(&self, cells: &[u32], ahead: &Ahead<'_>) -> Option<Money>;
}

/// Hosts that no rule tells apart.
pub(super) struct Places<'a> {
    model: &'a Model<'a>,
    /// One host for each place: the existing nodes in order, then one launch of each kind.
    hosts: Vec<&'a Host>,
    /// The place of each launch.
    of_launch: Vec<u32>,
}

impl<'a> Places<'a> {
    pub(super) fn new(model: &'a Model<'a>) -> Self {
        let mut hosts: Vec<&Host> = model.nodes.iter().collect();
        let mut of_launch = Vec::new();
        for launch in &model.launches {
            let known = hosts[model.nodes.len()..]
                .iter()
                .position(|host| !differ(model.problem, host, launch));
            let at = known.map_or(hosts.len(), |at| at + model.nodes.len());
            if at == hosts.len() {
                hosts.push(launch);
            }
            of_launch.push(at as u32);
        }
        Self { model, hosts, of_launch }
    }

    /// The place of each launch.
    pub(super) fn of_launches(&self) -> &[u32] {
        &self.of_launch
    }

    /// Numbers the domains of a key that the places have; the slot of each place.
    fn slots(&self, key: u8) -> Option<(Vec<u32>, Vec<Option<usize>>)> {
        let domain = |host: &&Host| host.domain(self.model.problem, key);
        let mut domains: Vec<u32> = self.hosts.iter().filter_map(domain).collect();
        domains.sort_unstable();
        domains.dedup();
        let slot = |host: &&Host| domains.binary_search(&domain(host)?).ok();
        let slots = self.hosts.iter().map(slot).collect();
        (domains.len() <= MOST_DOMAINS).then_some((domains, slots))
    }

    /// Whether a spread counts the pods of each place.
    fn counted(&self, spread: usize) -> Vec<bool> {
        let spread = &self.model.problem.spreads[spread];
        let counts = |host: &&Host| match host.kind {
            Kind::Node(node) => spread.counted_nodes.contains(node as usize),
            Kind::Launch(offering) => spread.counted_offerings.contains(offering as usize),
        };
        self.hosts.iter().map(counts).collect()
    }

    /// Pods of a set bound on each place.
    fn bound(&self, set: u32) -> Vec<u32> {
        self.hosts.iter().map(|host| host.bound(self.model.problem, set)).collect()
    }

    fn is_launch(&self, place: usize) -> bool {
        place >= self.model.nodes.len()
    }

    /// Where the pods of each group can still go, by stage: one bit per slot.
    fn reach(&self, slots: &[Option<usize>]) -> Reach {
        let groups = self.model.groups.len();
        let mut stage = vec![0u64; groups];
        let add = |stage: &mut [u64], place: usize, host: &Host| {
            if let Some(slot) = slots[place] {
                for (group, reached) in stage.iter_mut().enumerate() {
                    *reached |= (host.accepts >> group & 1) << slot;
                }
            }
        };
        for (launch, &place) in self.model.launches.iter().zip(&self.of_launch) {
            add(&mut stage, place as usize, launch);
        }
        let mut stages = vec![stage.clone()];
        for (place, node) in self.model.nodes.iter().enumerate().rev() {
            add(&mut stage, place, node);
            stages.push(stage.clone());
        }
        stages.reverse();
        Reach { stages }
    }
}

/// Where the pods of each group can still go.
struct Reach {
    stages: Vec<Vec<u64>>,
}

impl Reach {
    /// How many of the pods left that are in `set` could come to a slot.
    fn members(&self, ahead: &Ahead<'_>, set: u64, slot: usize) -> u32 {
        let groups = ahead.left.iter().zip(&self.stages[ahead.stage]).enumerate();
        let reaching =
            groups.filter(|(g, (_, slots))| set >> g & 1 == 1 && *slots >> slot & 1 == 1);
        reaching.map(|(_, (left, _))| *left).sum()
    }
}

/// Whether some rule tells two offerings apart.
pub(super) fn differ(problem: &Problem, a: &Host, b: &Host) -> bool {
    let stated = |groups: &[u32]| groups.iter().any(|&g| problem.groups[g as usize].count > 0);
    let apart = |key: u8| a.domain(problem, key) != b.domain(problem, key);
    let counts = |counted: &crate::BitSet, host: &Host| match host.kind {
        Kind::Node(_) => false,
        Kind::Launch(offering) => counted.contains(offering as usize),
    };
    let spreads = problem.spreads.iter().filter(|spread| stated(&spread.groups));
    let affinities = problem.affinities.iter().filter(|a| stated(&a.groups));
    // On the node itself, other keys matter only by being there.
    let strays = |affinity: &Affinity| {
        let has = |host: &Host, key: u8| host.domain(problem, key).is_some();
        let by_node = affinity.keys.contains(&NODE_KEY);
        (affinity.keys.iter())
            .any(|&key| if by_node { has(a, key) != has(b, key) } else { apart(key) })
    };
    let exclusions = problem.exclusions.iter().filter(|e| stated(&e.groups));
    spreads.into_iter().any(|spread| {
        let counted = &spread.counted_offerings;
        apart(spread.key) || counts(counted, a) != counts(counted, b)
    }) || affinities.into_iter().any(strays)
        || exclusions.into_iter().any(|exclusion| apart(exclusion.key))
}

/// All rules, and where each has its cells.
pub(super) struct Span {
    rules: Vec<(Box<dyn Rule>, std::ops::Range<usize>)>,
    start: Vec<u32>,
    company: Option<Company>,
}

impl Span {
    /// `None` when a key has too many domains that matter.
    pub(super) fn new(places: &Places<'_>) -> Option<Self> {
        let model = places.model;
        let problem = model.problem;
        let mut span = Self { rules: Vec::new(), start: Vec::new(), company: None };
        for (index, spread) in problem.spreads.iter().enumerate() {
            let masks = Masks::new(model, spread.set, &spread.groups);
            if masks.subjects == 0 {
                continue;
            }
            if spread.key == NODE_KEY {
                span.add(Box::new(NodeSpread::new(places, index, masks)));
            } else {
                span.add(Box::new(DomainSpread::new(places, index, masks)?));
            }
        }
        for exclusion in problem.exclusions.iter().filter(|e| !is_local_exclusion(e)) {
            let masks = Masks::new(model, exclusion.set, &exclusion.groups);
            match exclusion.cost {
                _ if masks.subjects == 0 => {}
                None => span.add(Box::new(Separation::new(places, exclusion.key, masks)?)),
                Some(cost) => {
                    span.add(Box::new(Avoidance::new(places, exclusion, masks, cost)?));
                }
            }
        }
        let mut leans = Vec::new();
        for affinity in problem.affinities.iter().filter(|affinity| !is_local(affinity)) {
            let masks = Masks::new(model, affinity.set, &affinity.groups);
            let keys = keys(affinity);
            match (affinity.cost, &keys[..]) {
                _ if masks.subjects == 0 => {}
                (Some(cost), &[key]) => {
                    span.add(Box::new(Preferred::new(places, affinity.set, key, masks, cost)?));
                }
                (Some(_), _) => {
                    let seen = masks.set | masks.subjects;
                    span.add(Box::new(Crowd::new(places, &keys, seen, u32::MAX)?));
                }
                (None, _) => {
                    span.add(Box::new(Required::new(places, affinity.set, &keys, masks)?));
                    leans.push(Lean::new(places, affinity.set, keys, masks));
                }
            }
        }
        if !leans.is_empty() {
            let company = Company::new(places, leans)?;
            span.start.extend(company.start());
            span.company = Some(company);
        }
        Some(span)
    }

    fn add(&mut self, rule: Box<dyn Rule>) {
        let first = self.start.len();
        self.start.extend(rule.start());
        self.rules.push((rule, first..self.start.len()));
    }

    /// Whether there is no rule at all.
    pub(super) fn is_empty(&self) -> bool {
        self.rules.is_empty() && self.company.is_none()
    }

    /// What it takes to close a node, in units of work.
    pub(super) fn work(&self) -> u64 {
        4 + 4 * self.rules.len() as u64 + self.start.len() as u64
    }

    /// The cells while all nodes are open.
    pub(super) fn start(&self) -> Vec<u32> {
        self.start.clone()
    }

    /// Closes a node; returns what has become due, or `None` when a constraint is broken. The
    /// cells may grow.
    pub(super) fn close(&self, cells: &mut Vec<u32>, node: &Closed<'_>) -> Option<Money> {
        let mut due: Money = 0;
        for (rule, range) in &self.rules {
            due = due.saturating_add(rule.close(&mut cells[range.clone()], node)?);
        }
        if let Some(company) = &self.company {
            let first = self.rules.last().map_or(0, |(_, range)| range.end);
            company.close(cells, first, node)?;
        }
        Some(due)
    }

    /// What will be due on top; `None` when a constraint cannot be kept any more.
    pub(super) fn outlook(&self, cells: &[u32], ahead: &Ahead<'_>) -> Option<Money> {
        let mut due: Money = 0;
        for (rule, range) in &self.rules {
            due = due.saturating_add(rule.outlook(&cells[range.clone()], ahead)?);
        }
        Some(due)
    }
}

/// The keys of an affinity, each once, ascending. Pods of one node share its other domains too, so
/// the node stands for all.
fn keys(affinity: &Affinity) -> Vec<u8> {
    if affinity.keys.contains(&NODE_KEY) {
        return vec![NODE_KEY];
    }
    let mut keys = affinity.keys.clone();
    keys.sort_unstable();
    keys.dedup();
    keys
}
