//! Puts a solution into Kubernetes' words: groups become pods again, offerings become nodes with
//! names, labels and prices.

use std::{collections::BTreeMap, sync::Arc};

use catalog::Resources;
use rustc_hash::{FxHashMap, FxHashSet};
use solver::{
    BitSet, Problem, Solution,
    problem::NODE_KEY,
    solution::{self, Reason},
};

use super::{Alternative, ExistingNode, Launch, Plan, PodIndex, Totals, Unplaced, why};
use crate::{
    formulate::{ATTACHABLE, Formulation, OfferingRef},
    snapshot::Snapshot,
};

/// No provider takes more fall-backs than this for one node.
const MOST_ALTERNATIVES: usize = 60;

/// Makes a plan of a solution. Pods of a group go, in order, to existing nodes, then to launches;
/// the last ones stay without a place.
pub fn assemble(snapshot: &Snapshot, formulation: &Formulation, solution: &Solution) -> Plan {
    let mut hand_out = HandOut::new(&formulation.index.groups);
    let existing = existing(formulation, solution, &mut hand_out);
    let launches = launches(formulation, solution, &mut hand_out);
    let unplaced = unplaced(snapshot, formulation, solution, &mut hand_out);
    let priced = formulation.index.nodes.iter().filter(|node| !node.in_flight);
    let pods = formulation.index.groups.iter().map(Vec::len).sum();
    let totals = Totals {
        hourly: solution.cost,
        lower_bound: solution.bound,
        status: solution.status,
        out_of_time: false,
        effort: solution.effort,
        penalty: solution.penalty,
        existing_hourly: priced.clone().filter_map(|node| node.price).sum(),
        existing_unpriced: priced.filter(|node| node.price.is_none()).count(),
        pods,
        placed: pods - unplaced.len(),
        groups: formulation.problem.groups.len(),
        offerings: formulation.problem.offerings.len(),
    };
    let mut skipped = snapshot.skipped.clone();
    skipped.extend(formulation.skipped.iter().cloned());
    skipped.sort();
    skipped.dedup();
    let warnings = formulation.warnings.clone();
    Plan { launches, existing, unplaced, skipped, warnings, totals }
}

/// Hands out the pods of each group in order.
struct HandOut<'f> {
    groups: &'f [Vec<PodIndex>],
    next: Vec<usize>,
}

impl<'f> HandOut<'f> {
    fn new(groups: &'f [Vec<PodIndex>]) -> Self {
        Self { groups, next: vec![0; groups.len()] }
    }

    fn take(&mut self, group: u32, count: u32) -> &'f [PodIndex] {
        let pods = &self.groups[group as usize];
        let from = self.next[group as usize];
        let to = from.saturating_add(count as usize).min(pods.len());
        self.next[group as usize] = to;
        &pods[from..to]
    }

    fn take_all(&mut self, pods: &[(u32, u32)]) -> Vec<PodIndex> {
        let mut taken: Vec<PodIndex> = vec![];
        for &(group, count) in pods {
            taken.extend(self.take(group, count));
        }
        taken.sort_unstable();
        taken
    }
}

fn existing(
    formulation: &Formulation,
    solution: &Solution,
    hand_out: &mut HandOut<'_>,
) -> Vec<ExistingNode> {
    let rows = solution.placements.iter().map(|placement| {
        let node = &formulation.index.nodes[placement.node as usize];
        let pods = hand_out.take_all(&placement.pods);
        ExistingNode { node: node.name.clone(), in_flight: node.in_flight, pods }
    });
    let mut rows: Vec<ExistingNode> = rows.collect();
    rows.sort_by(|a, b| a.node.cmp(&b.node));
    rows
}

/// Explaining tries many places; beyond this many groups the short reason has to do.
const EXPLAINED: usize = 32;

fn unplaced(
    snapshot: &Snapshot,
    formulation: &Formulation,
    solution: &Solution,
    hand_out: &mut HandOut<'_>,
) -> Vec<Unplaced> {
    let mut rows = vec![];
    for (at, row) in solution.unplaced.iter().enumerate() {
        let mut detail = in_words(row.reason).to_owned();
        if at < EXPLAINED {
            for sentence in why::sentences(formulation, solution, row.group) {
                detail.push_str("; ");
                detail.push_str(&sentence);
            }
        }
        let detail: Arc<str> = Arc::from(detail);
        for &pod in hand_out.take(row.group, row.count) {
            rows.push(Unplaced { pod, reason: row.reason, detail: detail.clone() });
        }
    }
    let name = |row: &Unplaced| {
        let pod = &snapshot.pods[row.pod as usize];
        (pod.namespace.clone(), pod.name.clone())
    };
    rows.sort_by_cached_key(name);
    rows
}

/// A reason as a sentence.
fn in_words(reason: Reason) -> &'static str {
    match reason {
        Reason::Incompatible => {
            "no offering and no node meets its selectors, affinity, tolerations and volumes"
        }
        Reason::TooLarge => "it asks for more than any offering that accepts it can hold",
        Reason::Limit => "a limit of the node pool is used up",
        Reason::Variety => "the node pool has as many sizes or families as it may have",
        Reason::Flexibility => "too few alternatives remain for the minValues of the node pool",
        Reason::Spread => "a topology spread constraint forbids every place",
        Reason::Affinity => "no domain holds the pods that its pod affinity asks for",
        Reason::Exclusion => "a pod anti-affinity forbids every place",
        Reason::Conflict => "its host ports are taken on every place",
        Reason::Combination => "several constraints together exclude every place",
    }
}

fn launches(
    formulation: &Formulation,
    solution: &Solution,
    hand_out: &mut HandOut<'_>,
) -> Vec<Launch> {
    let offerings = &formulation.index.offerings;
    let mut turn = 0;
    let turns = solution.launches.iter().map(|launch| {
        turn += launch.copies;
        (turn - launch.copies, launch)
    });
    let mut order: Vec<(u32, &solution::Launch)> = turns.collect();
    order.sort_by_key(|(_, launch)| {
        let offering = &offerings[launch.offering as usize];
        let terms = offering.terms();
        let price = terms.price.unwrap_or(0);
        let pool = &formulation.node_pools[offering.pool].name;
        (pool, -price, &offering.instance_type.name, &terms.zone, terms.capacity_type, &launch.pods)
    });
    let mut fall_backs = FallBacks::new(formulation, solution);
    let mut numbers: FxHashMap<usize, usize> = FxHashMap::default();
    let mut found = vec![];
    for (first, launch) in order {
        let offering = &offerings[launch.offering as usize];
        let mut node = describe(formulation, offering);
        node.requests = requests(formulation, launch);
        node.alternatives = fall_backs.of(launch);
        for turn in first..first + launch.copies {
            let number = numbers.entry(offering.pool).or_insert(0);
            *number += 1;
            let name = format!("{}-{number}", node.node_pool);
            let pods = hand_out.take_all(&launch.pods);
            found.push(Launch { name, pods, turn, ..node.clone() });
        }
    }
    found
}

/// Everything about a new node that does not depend on its pods.
fn describe(formulation: &Formulation, offering: &OfferingRef) -> Launch {
    let pool = &formulation.node_pools[offering.pool];
    let terms = offering.terms();
    Launch {
        node_pool: Arc::from(pool.name.as_str()),
        instance_type: offering.instance_type.name.clone(),
        zone: terms.zone.clone(),
        capacity_type: terms.capacity_type.as_str(),
        price: terms.price.unwrap_or(0),
        labels: offering.labels(),
        taints: pool.taints.clone(),
        capacity: offering.instance_type.capacity.clone(),
        allocatable: offering.instance_type.allocatable(),
        daemon_requests: (*offering.daemon_requests).clone(),
        os_disk: os_disk(offering),
        ..Launch::default()
    }
}

fn os_disk(offering: &OfferingRef) -> String {
    match &offering.instance_type.os_disk {
        None => String::new(),
        Some(disk) if &*disk.placement == "managed" => format!("managed {} GiB", disk.gib),
        Some(disk) => format!("ephemeral ({})", disk.placement),
    }
}

fn load(problem: &Problem, launch: &solution::Launch) -> Vec<i64> {
    let mut load = vec![0_i64; problem.dims];
    for &(group, count) in &launch.pods {
        for (sum, amount) in load.iter_mut().zip(&problem.groups[group as usize].request) {
            *sum = sum.saturating_add(amount.saturating_mul(i64::from(count)));
        }
    }
    load
}

fn requests(formulation: &Formulation, launch: &solution::Launch) -> Resources {
    let load = load(&formulation.problem, launch);
    let named = formulation.index.dims.iter().zip(load);
    let amounts: BTreeMap<Arc<str>, i64> = named
        .filter(|(name, amount)| *amount > 0 && !name.starts_with(ATTACHABLE))
        .map(|(name, amount)| (name.clone(), amount))
        .collect();
    Resources(amounts)
}

/// Finds other offerings for the pods of a launch.
struct FallBacks<'f> {
    formulation: &'f Formulation,
    /// Offerings of each pool, cheapest first.
    by_price: FxHashMap<usize, Vec<u32>>,
    /// Topology keys that hard constraints of a group look at.
    keys: Vec<Vec<u8>>,
    /// Offerings that would bring a pool a size or a family that the plan does without.
    strange: BitSet,
}

impl<'f> FallBacks<'f> {
    fn new(formulation: &'f Formulation, solution: &Solution) -> Self {
        let mut by_price: FxHashMap<usize, Vec<u32>> = FxHashMap::default();
        for (number, offering) in formulation.index.offerings.iter().enumerate() {
            by_price.entry(offering.pool).or_default().push(number as u32);
        }
        let price = |number: u32| formulation.problem.offerings[number as usize].price;
        for list in by_price.values_mut() {
            list.sort_by_key(|&number| (price(number), number));
        }
        let keys = keys_looked_at(&formulation.problem);
        let strange = strange(&formulation.problem, solution);
        Self { formulation, by_price, keys, strange }
    }

    /// A fall-back must accept and hold the pods, and stand in the same domain wherever a hard
    /// constraint looks: another zone could break a spread that the launch keeps.
    fn of(&mut self, launch: &solution::Launch) -> Vec<Alternative> {
        let problem = &self.formulation.problem;
        let offerings = &self.formulation.index.offerings;
        let Some(first) = launch.pods.first() else { return vec![] };
        let mut accepted: BitSet = problem.class_of(first.0).offerings.clone();
        let mut pinned: Vec<u8> = vec![];
        for &(group, _) in &launch.pods {
            accepted.intersect_with(&problem.class_of(group).offerings);
            pinned.extend(&self.keys[group as usize]);
        }
        pinned.sort_unstable();
        pinned.dedup();
        let load = load(problem, launch);
        let chosen = &problem.offerings[launch.offering as usize];
        let suits = |number: u32| {
            let other = &problem.offerings[number as usize];
            accepted.contains(number as usize)
                && !self.strange.contains(number as usize)
                && pinned
                    .iter()
                    .all(|&key| other.domains[key as usize] == chosen.domains[key as usize])
                && load.iter().zip(&other.capacity).all(|(asked, room)| asked <= room)
        };
        let own = &offerings[launch.offering as usize];
        let mut seen = FxHashSet::default();
        seen.insert(identity(own));
        let list = self.by_price.get(&own.pool).into_iter().flatten().copied();
        list.filter(|&number| suits(number))
            .map(|number| &offerings[number as usize])
            .filter(|offering| seen.insert(identity(offering)))
            .take(MOST_ALTERNATIVES)
            .map(alternative)
            .collect()
    }
}

/// Where a pool may have so many sizes or families only, fall-backs are of those that the plan or the
/// pool's nodes have: two nodes that fall back each on their own could bring in one too many.
fn strange(problem: &Problem, solution: &Solution) -> BitSet {
    let mut strange = BitSet::empty(problem.offerings.len());
    for variety in &problem.varieties {
        let launches = solution.launches.iter();
        let planned: FxHashSet<u32> =
            launches.filter_map(|launch| variety.new_value(launch.offering)).collect();
        for &(offering, _) in &variety.values {
            if variety.new_value(offering).is_some_and(|value| !planned.contains(&value)) {
                strange.insert(offering as usize);
            }
        }
    }
    strange
}

/// Variants of a label are one thing to buy.
fn identity(offering: &OfferingRef) -> (usize, usize) {
    (Arc::as_ptr(&offering.instance_type) as usize, offering.offering)
}

fn alternative(offering: &OfferingRef) -> Alternative {
    let terms = offering.terms();
    Alternative {
        instance_type: offering.instance_type.name.clone(),
        zone: terms.zone.clone(),
        capacity_type: terms.capacity_type.as_str(),
        price: terms.price.unwrap_or(0),
    }
}

/// The topology keys that hard constraints on, or about, each group look at.
fn keys_looked_at(problem: &Problem) -> Vec<Vec<u8>> {
    let mut keys: Vec<Vec<u8>> = vec![vec![]; problem.groups.len()];
    let mut note = |groups: &[u32], set: u32, key: u8| {
        if key == NODE_KEY {
            return;
        }
        let members = problem.sets[set as usize].groups.iter().map(|group| group as u32);
        for group in groups.iter().copied().chain(members) {
            let list = &mut keys[group as usize];
            if !list.contains(&key) {
                list.push(key);
            }
        }
    };
    for spread in problem.spreads.iter().filter(|one| one.cost.is_none()) {
        note(&spread.groups, spread.set, spread.key);
    }
    for affinity in problem.affinities.iter().filter(|one| one.cost.is_none()) {
        for &key in &affinity.keys {
            note(&affinity.groups, affinity.set, key);
        }
    }
    for exclusion in problem.exclusions.iter().filter(|one| one.cost.is_none()) {
        note(&exclusion.groups, exclusion.set, exclusion.key);
    }
    keys
}
