//! Everything that all pools can buy.

use std::sync::Arc;

use catalog::{
    CapacityType, InstanceType, Requirements, Resources,
    azure::{NodeSettings, Os, OsDiskType},
};
use rustc_hash::FxHashMap;
use solver::problem::Flexibility;

use super::{
    Options,
    labels::Reads,
    nodes::Standing,
    offerings::{self, Buyer, Labels, Limits, OfferingRef},
    varieties::{self, Varieties},
    volumes::ZONE,
};
use crate::{
    api::{
        names,
        node_pool::{AksNodeClass, NodePool},
    },
    snapshot::{SkipReason, Skipped, Snapshot},
    source::Catalog,
};

/// What is on sale.
#[derive(Debug, Default)]
pub(super) struct Market {
    /// In order of pool, size, label variant and offering.
    pub offerings: Vec<OfferingRef>,
    /// Limits of the pools.
    pub limits: Limits,
    /// minValues of the pools.
    pub flexibilities: Vec<Flexibility>,
    /// Of how many sizes and families the pools may be.
    pub varieties: Varieties,
    /// Pools that can buy nothing.
    pub skipped: Vec<Skipped>,
    /// Sentences for the reader.
    pub warnings: Vec<String>,
}

/// Collects what the pools can buy, and the limits less what the standing nodes use.
pub(super) fn open(
    snapshot: &Snapshot,
    catalog: &Catalog,
    options: &Options,
    node_pools: &[NodePool],
    standing: &[Standing<'_>],
    reads: &Reads,
) -> Market {
    let mut market = Market::default();
    let mut types: FxHashMap<Configuration, Arc<[Arc<InstanceType>]>> = FxHashMap::default();
    let mut flexible = vec![];
    let refused = offerings::refused(snapshot);
    for (pool, node_pool) in node_pools.iter().enumerate() {
        if node_pool.replicas.is_some() {
            market.skip(node_pool, "is static: its number of nodes is fixed by spec.replicas");
            continue;
        }
        if let Some(why) = &node_pool.closed {
            market.skip(node_pool, why);
            continue;
        }
        let requirements = offerings::requirements_of(node_pool);
        let class = market.class_of(snapshot, catalog, node_pool);
        let configuration =
            Configuration { class: class.map(|one| one.name.clone()), os: os(&requirements) };
        let types = types.entry(configuration).or_insert_with_key(|configuration| {
            catalog.instance_types(&settings(options, class, configuration.os))
        });
        let before = market.offerings.len();
        let mut buyer = Buyer::new(pool, node_pool, &requirements, reads, &refused);
        for instance_type in types.iter() {
            buyer.add_type(instance_type, &mut market.offerings);
        }
        if market.offerings.len() == before {
            market.skip(node_pool, "finds no size on sale that meets its requirements");
            continue;
        }
        let (used, nodes) = usage(node_pool, standing);
        market.limits.add_pool(pool, node_pool, &used, nodes);
        flexible.push((pool, requirements));
    }
    market.flexibilities = offerings::flexibilities(&flexible, &market.offerings);
    market.varieties = varieties::of_pools(node_pools, standing, &market.offerings);
    market
}

/// What a pool can buy whatever runs there, cheapest first and each thing once.
pub(super) fn offers_of(
    node_pool: &NodePool,
    snapshot: &Snapshot,
    catalog: &Catalog,
    options: &Options,
) -> Vec<OfferingRef> {
    let (requirements, reads) = (offerings::requirements_of(node_pool), Reads::default());
    let refused = offerings::refused(snapshot);
    let class = Market::default().class_of(snapshot, catalog, node_pool);
    let types = catalog.instance_types(&settings(options, class, os(&requirements)));
    let mut buyer = Buyer::new(0, node_pool, &requirements, &reads, &refused);
    let mut found = vec![];
    for instance_type in types.iter() {
        buyer.add_type(instance_type, &mut found);
    }
    found.sort_by_cached_key(|offering| {
        let terms = offering.terms();
        let name = offering.instance_type.name.clone();
        (terms.price, name, terms.zone.clone(), terms.capacity_type)
    });
    found.dedup_by_key(|offering| (Arc::as_ptr(&offering.instance_type), offering.offering));
    found
}

#[derive(PartialEq, Eq, Hash)]
struct Configuration {
    class: Option<String>,
    os: Os,
}

/// Windows only for pools that leave no room for Linux.
fn os(requirements: &Requirements) -> Os {
    match requirements.get("kubernetes.io/os") {
        Some(os) if !os.has("linux") && os.has("windows") => Os::Windows,
        _ => Os::Linux,
    }
}

fn settings(options: &Options, class: Option<&AksNodeClass>, os: Os) -> NodeSettings {
    let mut settings = NodeSettings {
        os,
        kubernetes_version: options.kubernetes_version,
        network_plugin: options.network_plugin,
        max_pods: options.max_pods,
        managed_disk_price: options.managed_disk_price.clone(),
        ..NodeSettings::default()
    };
    if let Some(class) = class {
        settings.max_pods = class.max_pods.or(settings.max_pods);
        settings.os_disk_gib = class.os_disk_gib.unwrap_or(settings.os_disk_gib);
        settings.os_disk = match class.os_disk_type.as_deref() {
            Some("Ephemeral") => OsDiskType::Ephemeral,
            Some("Managed") => OsDiskType::Managed,
            _ => OsDiskType::Auto,
        };
        settings.image_family.clone_from(&class.image_family);
        settings.encryption_at_host = class.encryption_at_host;
        settings.trusted_launch = class.trusted_launch;
        settings.fips = class.fips;
        settings.artifact_streaming = class.artifact_streaming;
        settings.gpu_driver_none = class.gpu_driver_none;
    }
    settings
}

fn usage(node_pool: &NodePool, standing: &[Standing<'_>]) -> (Resources, i64) {
    let mut used = Resources::default();
    let mut nodes = 0;
    for node in standing.iter().filter(|node| node.pool() == Some(&node_pool.name)) {
        used.add(&node.capacity);
        nodes += 1;
    }
    (used, nodes)
}

impl Market {
    fn skip(&mut self, node_pool: &NodePool, why: &str) {
        self.skipped.push(Skipped {
            object: format!("NodePool {}", node_pool.name),
            reason: SkipReason::NodePool,
            detail: why.to_owned(),
        });
    }

    fn class_of<'s>(
        &mut self,
        snapshot: &'s Snapshot,
        catalog: &Catalog,
        node_pool: &NodePool,
    ) -> Option<&'s AksNodeClass> {
        let wanted = &node_pool.node_class;
        if !catalog.is_azure() || node_pool.default || wanted.name.is_empty() {
            return None;
        }
        let found = snapshot.node_classes.iter().find(|class| class.name == wanted.name);
        if found.is_none() {
            self.warnings.push(format!(
                "NodePool {}: {} {} is not in the input; the defaults of AKSNodeClass are used",
                node_pool.name, wanted.kind, wanted.name
            ));
        }
        found
    }
}

type Sizes<K> = FxHashMap<K, Arc<InstanceType>>;

/// Looks up what standing nodes cost.
pub(super) struct Prices<'m> {
    catalog: &'m Catalog,
    options: &'m Options,
    offerings: &'m [OfferingRef],
    /// Sizes by pool name and size name, as the pools would buy them.
    by_pool: Option<Sizes<(Arc<str>, Arc<str>)>>,
    /// Sizes by name, for nodes that no pool bought.
    others: Option<Sizes<Arc<str>>>,
}

impl<'m> Prices<'m> {
    /// Prefers the sizes as a pool has configured them, because the OS disk is part of the price.
    pub fn new(catalog: &'m Catalog, options: &'m Options, market: &'m Market) -> Self {
        Self { catalog, options, offerings: &market.offerings, by_pool: None, others: None }
    }

    /// The price of a node with these labels.
    pub fn of(&mut self, labels: &Labels) -> Option<i64> {
        let size = labels
            .get("node.kubernetes.io/instance-type")
            .or_else(|| labels.get("beta.kubernetes.io/instance-type"))?;
        let pool = labels.get(names::NODE_POOL);
        let known = pool.and_then(|pool| self.bought_by(pool, size));
        let instance_type = match known {
            Some(known) => known,
            None => self.others().get(size)?.clone(),
        };
        let spot = labels.get(names::CAPACITY_TYPE).map(|value| &**value) == Some("spot")
            || labels.get("kubernetes.azure.com/scalesetpriority").map(|value| &**value)
                == Some("spot");
        let zone = labels.get(ZONE);
        let candidates = || {
            instance_type
                .offerings
                .iter()
                .filter(move |offering| (offering.capacity_type == CapacityType::Spot) == spot)
        };
        let in_zone = candidates().find(|offering| Some(&offering.zone) == zone);
        in_zone.or_else(|| candidates().next()).and_then(|offering| offering.price)
    }

    /// A size as a pool would buy it.
    fn bought_by(&mut self, pool: &Arc<str>, size: &Arc<str>) -> Option<Arc<InstanceType>> {
        let offerings = self.offerings;
        let by_pool = self.by_pool.get_or_insert_with(|| {
            let mut by_pool = FxHashMap::default();
            for offering in offerings {
                if let Some(pool) = offering.shared_labels.get(names::NODE_POOL) {
                    by_pool
                        .entry((pool.clone(), offering.instance_type.name.clone()))
                        .or_insert_with(|| offering.instance_type.clone());
                }
            }
            by_pool
        });
        by_pool.get(&(pool.clone(), size.clone())).cloned()
    }

    fn others(&mut self) -> &Sizes<Arc<str>> {
        let (catalog, options) = (self.catalog, self.options);
        self.others.get_or_insert_with(|| {
            let types = catalog.instance_types(&settings(options, None, Os::Linux));
            types.iter().map(|one| (one.name.clone(), one.clone())).collect()
        })
    }
}
