//! From Kubernetes objects to a solver problem, pod for pod as kube-scheduler filters.
//!
//! Labels, taints and names end here: every yes/no question between a group of pods and an
//! offering or node becomes one bit, and what cannot be a bit stays structure. Pods are looked at
//! by template, questions are asked once, so the cost follows what is distinct and not how many
//! pods there are.

mod bound;
mod classes;
mod constraints;
mod daemons;
mod defaults;
mod groups;
mod held;
mod intern;
mod labels;
mod market;
mod nodes;
mod offerings;
mod pending;
mod places;
mod ports;
pub mod requests;
mod selectors;
mod shapes;
mod terms;
mod varieties;
mod volumes;
mod write;

use std::{borrow::Cow, sync::Arc};

use catalog::{
    Resources,
    azure::{ManagedDiskPrice, NetworkPlugin},
};
use rustc_hash::FxHashMap;
use solver::{
    Problem,
    problem::{Node, Offering},
};

pub use self::offerings::{Labels, OfferingRef, OwnLabels};
use self::{
    bound::{Blocks, Taken},
    classes::Classes,
    constraints::Stated,
    daemons::Daemons,
    groups::Groups,
    labels::Reads,
    market::{Market, Prices},
    nodes::Standing,
    places::{Place, Places},
    selectors::Namespaces,
    shapes::{Interned, Shape},
};
pub(crate) use self::{groups::ATTACHABLE, nodes::KEPT_SECONDS};
use crate::{
    api::node_pool::NodePool,
    plan::PodIndex,
    snapshot::{Skipped, Snapshot},
    source::Catalog,
};

/// More volumes than any node is asked to attach, for nodes that state no limit.
const UNLIMITED_VOLUMES: i64 = 1_000_000;
const AZURE_DISK: &str = "disk.csi.azure.com";

/// What the objects do not say about the cluster.
#[derive(Clone, Debug)]
pub struct Options {
    /// Major and minor version of Kubernetes.
    pub kubernetes_version: (u32, u32),
    /// Decides the number of pods per node on Azure.
    pub network_plugin: NetworkPlugin,
    /// Pods per node, where the node class does not say.
    pub max_pods: Option<u32>,
    /// Price of managed OS disks; the catalog's own figures when `None`.
    pub managed_disk_price: Option<ManagedDiskPrice>,
    /// Whether what pods prefer weighs in the cost; it is not looked at otherwise.
    pub preferences: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            kubernetes_version: (1, 34),
            network_plugin: NetworkPlugin::default(),
            max_pods: None,
            managed_disk_price: None,
            preferences: true,
        }
    }
}

/// A problem and the way back from it.
#[derive(Clone, Debug, Default)]
pub struct Formulation {
    /// For the solver.
    pub problem: Problem,
    /// What the problem's numbers stand for.
    pub index: Index,
    /// Objects that play no part, and why.
    pub skipped: Vec<Skipped>,
    /// Sentences for the reader.
    pub warnings: Vec<String>,
    /// The pools that were planned with, the default ones included.
    pub node_pools: Vec<NodePool>,
}

/// What the numbers of a problem stand for.
#[derive(Clone, Debug, Default)]
pub struct Index {
    /// Resource names, one per dimension.
    pub dims: Vec<Arc<str>>,
    /// The pods of each group, ascending.
    pub groups: Vec<Vec<PodIndex>>,
    /// One per offering.
    pub offerings: Vec<OfferingRef>,
    /// One per node.
    pub nodes: Vec<NodeRef>,
    /// What each limit is, in words.
    pub limits: Vec<String>,
    /// Which annotation of which pool each variety comes from, in words.
    pub varieties: Vec<String>,
    /// Topology key names.
    pub keys: Vec<Arc<str>>,
}

/// An existing node, or a claim on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeRef {
    /// Node name, or the claim's.
    pub name: Arc<str>,
    /// Whether it is a claim without a node.
    pub in_flight: bool,
    /// Its labels.
    pub labels: Arc<Labels>,
    /// Micro-dollars per hour, where its size, zone and capacity type are in the catalog.
    pub price: Option<i64>,
}

/// Turns a snapshot into a problem.
pub fn formulate(snapshot: &Snapshot, catalog: &Catalog, options: &Options) -> Formulation {
    let nodes = nodes::read(snapshot);
    let mut sorted = pending::sort(snapshot, &nodes);
    let mut interned = Interned::default();
    let shapes = shapes::of_planned(snapshot, &mut sorted, &mut interned);
    let node_pools = pools(snapshot, catalog, &shapes, &interned);
    let reads = reads(snapshot, &shapes, &interned);
    let standing = &nodes.standing;
    let mut market = market::open(snapshot, catalog, options, &node_pools, standing, &reads);
    let mut places = lay_out(&market, &node_pools, standing, &reads);
    let daemons = daemons::assign(snapshot, &mut places);

    let bound = shapes::of_bound(snapshot, &sorted.bound);
    let taken = bound::taken(snapshot, &bound, standing.len());
    let soft_taints = options.preferences
        && places.taints.iter().flatten().any(|one| one.effect == "PreferNoSchedule");
    let mut stated = Stated::new(Namespaces::of(snapshot), options.preferences, soft_taints);
    let statements = shapes.iter().map(|shape| stated.read(shape)).collect();
    let bans = bound::bans(&bound, &mut stated);
    let members = bound::members(snapshot, &bound, &stated);
    let blocks = Blocks::find(&bans, &stated, &members, &mut places);
    let domains = domains(&stated, &mut places);

    let dims = groups::dimensions(&shapes);
    let mut classes =
        Classes::new(&mut places, &interned, &daemons, &taken.ports, &stated.keys, &blocks.bits);
    let groups = groups::form(shapes, statements, &stated, &blocks, &mut classes, &dims);
    let spreads = write::spreads(&stated, &groups, &mut classes, &domains.of);
    let preferences = write::preferences(&stated, &groups, &mut classes);
    let classes = classes.finish();
    let problem = Problem {
        dims: dims.len(),
        keys: domains.counts.clone(),
        conflicts: conflicts(&groups, &interned),
        sets: write::sets(&groups, members.staying),
        spreads,
        affinities: write::affinities(&stated, &groups),
        exclusions: write::exclusions(&stated, &groups),
        preferences,
        classes,
        offerings: offerings(&mut market, &node_pools, &daemons, &dims, &domains),
        nodes: node_rows(standing, &taken, &daemons, market.offerings.len(), &dims, &domains),
        limits: std::mem::take(&mut market.limits.limits),
        flexibilities: std::mem::take(&mut market.flexibilities),
        varieties: std::mem::take(&mut market.varieties.varieties),
        groups: groups.groups,
    };
    let mut prices = Prices::new(catalog, options, &market);
    let nodes_of_index = node_refs(standing, &mut prices);
    let index = Index {
        dims,
        groups: groups.pods,
        offerings: market.offerings,
        nodes: nodes_of_index,
        limits: market.limits.names,
        varieties: market.varieties.names,
        keys: stated.keys.iter().map(|&key| Arc::from(key)).collect(),
    };
    let mut skipped = sorted.skipped;
    skipped.extend(nodes.skipped);
    skipped.extend(market.skipped);
    skipped.sort();
    let mut warnings = market.warnings;
    warnings.extend(stated.warnings);
    Formulation { problem, index, skipped, warnings, node_pools }
}

/// What a pool can buy whatever runs there, cheapest first: for nodes that are kept for their own
/// sake.
pub fn offers_of(
    node_pool: &NodePool,
    snapshot: &Snapshot,
    catalog: &Catalog,
    options: &Options,
) -> Vec<OfferingRef> {
    market::offers_of(node_pool, snapshot, catalog, options)
}

fn node_refs(standing: &[Standing<'_>], prices: &mut Prices<'_>) -> Vec<NodeRef> {
    let refs = standing.iter().map(|node| NodeRef {
        name: node.name.clone(),
        in_flight: node.in_flight,
        labels: node.labels.clone(),
        price: prices.of(&node.labels),
    });
    refs.collect()
}

fn pools(
    snapshot: &Snapshot,
    catalog: &Catalog,
    shapes: &[Shape<'_>],
    interned: &Interned<'_>,
) -> Vec<NodePool> {
    if !snapshot.node_pools.is_empty() {
        return snapshot.node_pools.clone();
    }
    let asks_windows = interned.terms.list.iter().any(defaults::names_windows);
    defaults::node_pools(catalog.is_azure(), shapes, asks_windows)
}

/// The labels that planned pods and daemons read.
fn reads(snapshot: &Snapshot, shapes: &[Shape<'_>], interned: &Interned<'_>) -> Reads {
    let mut reads = Reads::default();
    interned.terms.list.iter().for_each(|terms| reads.add_terms(terms));
    for alternatives in interned.volumes.list.iter().flatten() {
        for requirement in alternatives.iter().flat_map(|term| &term.0) {
            reads.add_requirement(requirement);
        }
    }
    for (_, template) in &snapshot.daemon_sets {
        reads.add_terms(&terms::NodeTerms::of(&template.spec));
    }
    for shape in shapes {
        reads.add_pod(&shape.pod.template.spec);
    }
    reads
}

fn lay_out(
    market: &Market,
    node_pools: &[NodePool],
    standing: &[Standing<'_>],
    reads: &Reads,
) -> Places {
    let mut places = Places::default();
    let pool_taints: Vec<u32> =
        node_pools.iter().map(|pool| places.intern_taints(Cow::Borrowed(&pool.taints))).collect();
    for offering in &market.offerings {
        places.push(Place {
            labels: offering.shared_labels.clone(),
            own: offering.own_labels.clone(),
            taints: pool_taints[offering.pool],
            name: None,
        });
    }
    let nothing = OwnLabels::default();
    for node in standing {
        let taints = places.intern_taints(Cow::Borrowed(&node.taints));
        // Nodes have the old label names already; the kubelet will add them to those on their way.
        let labels = match node.in_flight {
            true => Arc::new(reads.with_aliases((*node.labels).clone())),
            false => node.labels.clone(),
        };
        let own = nothing.clone();
        places.push(Place { labels, own, taints, name: Some(node.name.clone()) });
    }
    places
}

/// The domains of every topology key.
struct Domains {
    /// How many there are, per key.
    counts: Vec<u32>,
    /// The domain of every place, per key.
    of: Vec<Vec<u32>>,
}

impl Domains {
    fn at(&self, place: usize) -> Vec<u32> {
        self.of.iter().map(|of| of[place]).collect()
    }
}

fn domains(stated: &Stated<'_>, places: &mut Places) -> Domains {
    let mut domains = Domains { counts: vec![], of: vec![] };
    for key in &stated.keys {
        let column = places.column(key);
        domains.counts.push(column.values.len() as u32);
        domains.of.push(column.of.clone());
    }
    domains
}

/// Finishes the offerings: room after the daemons, tiers, limits and domains.
fn offerings(
    market: &mut Market,
    node_pools: &[NodePool],
    daemons: &Daemons<'_>,
    dims: &[Arc<str>],
    domains: &Domains,
) -> Vec<Offering> {
    let tiers = offerings::tiers(node_pools);
    let mut capacities: FxHashMap<(usize, u32), Vec<i64>> = FxHashMap::default();
    let mut found = Vec::with_capacity(market.offerings.len());
    for (place, offering) in market.offerings.iter_mut().enumerate() {
        let crew = daemons.of[place];
        offering.daemon_requests = daemons.crews[crew as usize].requests.clone();
        let of_type = Arc::as_ptr(&offering.instance_type) as usize;
        let capacity =
            capacities.entry((of_type, crew)).or_insert_with(|| capacity(offering, dims)).clone();
        found.push(Offering {
            capacity,
            // Offerings without a known price do not enter the market.
            price: offering.terms().price.unwrap_or(i64::MAX),
            tier: tiers[offering.pool],
            domains: domains.at(place),
            limits: market.limits.taken_by(offering),
        });
    }
    found
}

fn capacity(offering: &OfferingRef, dims: &[Arc<str>]) -> Vec<i64> {
    let instance_type = &offering.instance_type;
    let room = |name: &Arc<str>| match name.strip_prefix(ATTACHABLE) {
        Some(AZURE_DISK) => instance_type.max_data_disks.map_or(UNLIMITED_VOLUMES, i64::from),
        Some(_) => UNLIMITED_VOLUMES,
        None => {
            let daemons = offering.daemon_requests.get(name);
            instance_type.allocatable_of(name).saturating_sub(daemons).max(0)
        }
    };
    dims.iter().map(room).collect()
}

fn node_rows(
    standing: &[Standing<'_>],
    taken: &Taken<'_>,
    daemons: &Daemons<'_>,
    first: usize,
    dims: &[Arc<str>],
    domains: &Domains,
) -> Vec<Node> {
    let rows = standing.iter().enumerate().map(|(node, standing)| {
        let expected: &Resources = &daemons.crews[daemons.of[first + node] as usize].requests;
        let free = |name: &Arc<str>| match name.strip_prefix(ATTACHABLE) {
            Some(driver) => taken.attachable(node, standing, driver),
            None => taken.free(node, standing, expected, name),
        };
        Node { free: dims.iter().map(free).collect(), domains: domains.at(first + node) }
    });
    rows.collect()
}

fn conflicts(groups: &Groups, interned: &Interned<'_>) -> Vec<(u32, u32)> {
    let users = groups.ports.iter().enumerate();
    let users: Vec<(u32, u32)> = users
        .filter(|(_, ports)| !interned.ports.get(**ports).is_empty())
        .map(|(group, &ports)| (group as u32, ports))
        .collect();
    bound::clashes(interned, &users)
}
