//! What bound pods mean to the planned ones: room, host ports, members of sets, and bans.

use std::collections::{BTreeMap, BTreeSet};

use catalog::Resources;
use rustc_hash::FxHashMap;
use solver::{BitSet, problem::NODE_KEY};

use super::{
    constraints::{Ban, Stated, Statements},
    nodes::Standing,
    places::{HOSTNAME, NO_VALUE, Places},
    ports::{self, Ports},
    requests,
    shapes::{BoundShape, Interned},
    volumes,
};
use crate::snapshot::Snapshot;

/// What the bound pods of each node take.
#[derive(Debug)]
pub(super) struct Taken<'a> {
    /// Requests of all of them.
    pub requests: Vec<Resources>,
    /// Requests of those that daemon sets own.
    pub daemons: Vec<Resources>,
    /// Host ports.
    pub ports: Vec<Ports<'a>>,
    /// (CSI driver, volume) of attached volumes.
    pub attached: Vec<BTreeSet<(String, String)>>,
}

/// Adds up what bound pods take.
pub(super) fn taken<'a>(
    snapshot: &'a Snapshot,
    shapes: &[BoundShape<'a>],
    nodes: usize,
) -> Taken<'a> {
    let mut taken = Taken {
        requests: vec![Resources::default(); nodes],
        daemons: vec![Resources::default(); nodes],
        ports: vec![vec![]; nodes],
        attached: vec![BTreeSet::new(); nodes],
    };
    for shape in shapes {
        let template = &shape.pod.template;
        let daemon = template.owner_kind.as_deref() == Some("DaemonSet");
        let mut own_ports = ports::of(&template.spec);
        own_ports.shrink_to_fit();
        let has_volumes = template.spec.volumes.as_ref().is_some_and(|list| !list.is_empty());
        for &(index, node) in &shape.places {
            let node = node as usize;
            let pod = &snapshot.pods[index as usize];
            let resized = pod.resized.as_ref();
            let resized = resized.map(|_| requests::of_pod(pod, &snapshot.runtime_classes));
            let request = resized.as_ref().unwrap_or(&shape.request);
            taken.requests[node].add(request);
            if daemon {
                taken.daemons[node].add(request);
            }
            taken.ports[node].extend(&own_ports);
            if has_volumes && let Ok(volumes) = volumes::of_pod(pod, snapshot) {
                let pairs = volumes.attached.into_iter();
                taken.attached[node]
                    .extend(pairs.map(|(driver, id)| (driver.into_owned(), id.into_owned())));
            }
        }
    }
    taken
}

impl Taken<'_> {
    /// Room left on a node in one dimension.
    pub fn free(
        &self,
        node: usize,
        standing: &Standing<'_>,
        expected: &Resources,
        name: &str,
    ) -> i64 {
        let coming = expected.get(name).saturating_sub(self.daemons[node].get(name)).max(0);
        standing
            .allocatable
            .get(name)
            .saturating_sub(self.requests[node].get(name))
            .saturating_sub(coming)
            .max(0)
    }
}

impl Taken<'_> {
    /// How many more volumes of a driver a node can attach.
    pub fn attachable(&self, node: usize, standing: &Standing<'_>, driver: &str) -> i64 {
        let attached = self.attached[node].iter().filter(|(name, _)| name == driver).count();
        standing
            .attachable
            .get(driver)
            .map_or(super::UNLIMITED_VOLUMES, |limit| limit.saturating_sub(attached as i64).max(0))
    }
}

/// The bound pods of each set. While a pod is being deleted it is there for anti-affinity, as
/// kube-scheduler has it; but nothing counts it and nobody leans on it, for it will be gone.
#[derive(Debug, Default)]
pub(super) struct Members {
    /// Those that stay: (node, how many).
    pub staying: Vec<Vec<(u32, u32)>>,
    /// Nodes of those that are being deleted.
    leaving: Vec<Vec<u32>>,
}

impl Members {
    /// Nodes with pods of a set, whether these stay or not; a node may come twice.
    fn nodes(&self, set: u32) -> impl Iterator<Item = u32> {
        let staying = self.staying[set as usize].iter().map(|&(node, _)| node);
        staying.chain(self.leaving[set as usize].iter().copied())
    }
}

/// Counts the bound pods of each set.
pub(super) fn members(
    snapshot: &Snapshot,
    shapes: &[BoundShape<'_>],
    stated: &Stated<'_>,
) -> Members {
    let sets = stated.selectors.sets();
    if sets == 0 {
        return Members::default();
    }
    let mut staying: Vec<BTreeMap<u32, u32>> = vec![BTreeMap::new(); sets];
    let mut leaving = vec![vec![]; sets];
    for shape in shapes {
        let pod = shape.pod;
        let matching = stated.selectors.matching(&pod.namespace, &pod.template.labels);
        for set in stated.selectors.sets_of(&matching) {
            for &(index, node) in &shape.places {
                if snapshot.pods[index as usize].deleting {
                    leaving[set as usize].push(node);
                } else {
                    *staying[set as usize].entry(node).or_insert(0) += 1;
                }
            }
        }
    }
    let staying = staying.into_iter().map(|nodes| nodes.into_iter().collect()).collect();
    Members { staying, leaving }
}

/// Domains that bound pods keep planned ones out of.
#[derive(Debug, Default)]
pub(super) struct Blocks<'a> {
    /// The places of each block.
    pub bits: Vec<BitSet>,
    /// Blocks against pods that a selector matches: what bound pods state.
    by_selector: FxHashMap<u32, Vec<u32>>,
    /// Blocks against pods that state an exclusion: (key, set).
    by_exclusion: FxHashMap<(u8, u32), u32>,
    names: Vec<&'a str>,
}

impl<'a> Blocks<'a> {
    /// Finds the domains that bound pods ban others from, and those whose bound pods the planned
    /// ones want to stay away from.
    pub fn find(
        bans: &[(Ban<'a>, Vec<u32>)],
        stated: &Stated<'a>,
        members: &Members,
        places: &mut Places,
    ) -> Self {
        let mut blocks = Self { names: stated.keys.clone(), ..Self::default() };
        for ((selector, key), nodes) in bans {
            let number = blocks.add(domains_of(key, nodes.iter().copied(), places));
            blocks.by_selector.entry(*selector).or_default().push(number);
        }
        for exclusion in stated.exclusions.list.iter().filter(|one| one.cost.is_none()) {
            let mut nodes = members.nodes(exclusion.set).peekable();
            let known = blocks.by_exclusion.contains_key(&(exclusion.key, exclusion.set));
            if nodes.peek().is_some() && !known {
                let name = match exclusion.key {
                    NODE_KEY => HOSTNAME,
                    key => blocks.names[key as usize],
                };
                let number = blocks.add(domains_of(name, nodes, places));
                blocks.by_exclusion.insert((exclusion.key, exclusion.set), number);
            }
        }
        blocks
    }

    fn add(&mut self, bits: BitSet) -> u32 {
        self.bits.push(bits);
        self.bits.len() as u32 - 1
    }

    /// The blocks against a shape that these selectors match and that states this.
    pub fn against(
        &self,
        matching: &[u32],
        statements: &Statements,
        stated: &Stated<'_>,
    ) -> Vec<u32> {
        let banned = matching.iter().filter_map(|selector| self.by_selector.get(selector));
        let mut found: Vec<u32> = banned.flatten().copied().collect();
        for &number in &statements.exclusions {
            let exclusion = stated.exclusions.get(number);
            if exclusion.cost.is_none() {
                found.extend(self.by_exclusion.get(&(exclusion.key, exclusion.set)));
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// The places that share a domain with one of the nodes.
fn domains_of(key: &str, nodes: impl Iterator<Item = u32>, places: &mut Places) -> BitSet {
    let first = places.offerings();
    let nodes = nodes.map(|node| first + node as usize);
    if catalog::well_known::normalise(key) == HOSTNAME {
        return BitSet::from_indices(places.len(), nodes);
    }
    let column = places.column(key);
    let values: BTreeSet<u32> =
        nodes.map(|place| column.of[place]).filter(|&value| value != NO_VALUE).collect();
    column.with_values(values)
}

/// The bans of all bound pods, each with the nodes it starts from.
pub(super) fn bans<'a>(
    shapes: &[BoundShape<'a>],
    stated: &mut Stated<'a>,
) -> Vec<(Ban<'a>, Vec<u32>)> {
    let mut found: BTreeMap<Ban<'a>, Vec<u32>> = BTreeMap::new();
    for shape in shapes {
        for ban in stated.bans(shape.pod) {
            found.entry(ban).or_default().extend(shape.places.iter().map(|&(_, node)| node));
        }
    }
    found.into_iter().collect()
}

/// Host ports of pairs of port lists that clash.
pub(super) fn clashes(interned: &Interned<'_>, users: &[(u32, u32)]) -> Vec<(u32, u32)> {
    let mut pairs = vec![];
    for (at, &(group, mine)) in users.iter().enumerate() {
        for &(other, theirs) in &users[at..] {
            if ports::clash(interned.ports.get(mine), interned.ports.get(theirs)) {
                pairs.push((group, other));
            }
        }
    }
    pairs.sort_unstable();
    pairs
}
