//! Pods from one place, sizes from another.

use std::collections::BTreeMap;

use ::catalog::{
    CapacityType, InstanceType,
    resources::{CPU, MEMORY, PODS},
};
use solver::{
    BitSet, Problem,
    problem::{Class, Group, Limit, Offering},
    validate::{LARGEST_AMOUNT, validate},
};

use super::{Fault, Instance, ReadError, Unit};

/// Pods, grouped by what they ask.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// In the order of their first pods.
    pub shapes: Vec<Shape>,
}

/// Pods that ask the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shape {
    /// Of the first of them.
    pub name: String,
    /// Thousandths of a core.
    pub cpu_milli: i64,
    /// In MiB.
    pub memory_mib: i64,
    /// Thousandths of a GPU. Pods that share GPUs are bounded by the node's GPUs together: that
    /// two of them may not fit on any single GPU is not modelled.
    pub gpu_milli: i64,
    /// The GPU models it accepts; empty is any.
    pub gpu_models: Vec<String>,
    /// How many.
    pub count: u32,
}

/// Sizes on sale.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Market {
    /// What the prices count.
    pub unit: Unit,
    /// In the order they were given.
    pub sizes: Vec<Size>,
}

/// One way to buy a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Of the size, and the capacity type where it is not on-demand.
    pub name: String,
    /// What pods can use, in thousandths of a core.
    pub cpu_milli: i64,
    /// What pods can use, in MiB.
    pub memory_mib: i64,
    /// How many pods; `None` is any number.
    pub pods: Option<i64>,
    /// How many GPUs.
    pub gpus: i64,
    /// Which GPUs.
    pub gpu_model: Option<String>,
    /// For one node.
    pub price: i64,
    /// How many nodes there are; `None` is any number.
    pub stock: Option<i64>,
}

impl Market {
    /// The sizes of a catalog, each once per capacity type, at the least price of its zones.
    /// Confidential sizes are left out, and spot where it is dearer than the regular price.
    pub fn of_catalog<'a>(
        types: impl IntoIterator<Item = &'a InstanceType>,
        capacity_types: &[CapacityType],
    ) -> Self {
        let types = types.into_iter().filter(|size| !size.only_if_asked);
        let sizes = types.flat_map(|size| {
            let regular = least_price(size, CapacityType::OnDemand);
            capacity_types.iter().filter_map(move |&capacity_type| {
                let price = least_price(size, capacity_type)?;
                let dearer = regular.is_some_and(|regular| price > regular);
                let dear_spot = capacity_type == CapacityType::Spot && dearer;
                (!dear_spot).then(|| Size::of_type(size, capacity_type, price))
            })
        });
        Self { unit: Unit::MicroDollars, sizes: sizes.collect() }
    }
}

fn least_price(size: &InstanceType, capacity_type: CapacityType) -> Option<i64> {
    let offerings = size.offerings.iter();
    let on_sale = offerings.filter(|one| one.available && one.capacity_type == capacity_type);
    on_sale.filter_map(|offering| offering.price).filter(|&price| price >= 0).min()
}

impl Size {
    fn of_type(size: &InstanceType, capacity_type: CapacityType, price: i64) -> Self {
        let room = size.allocatable();
        let gpus = room.0.iter().filter(|(name, _)| name.ends_with("/gpu"));
        let model = size.requirements.0.iter().find(|(key, _)| key.ends_with("gpu-name"));
        let model = model.filter(|(_, asked)| !asked.complement);
        let suffix = match capacity_type {
            CapacityType::OnDemand => String::new(),
            other => format!(" ({})", other.as_str()),
        };
        Self {
            name: format!("{}{suffix}", size.name),
            cpu_milli: room.get(CPU),
            memory_mib: room.get(MEMORY) >> 20,
            pods: room.0.get(PODS).copied(),
            gpus: gpus.map(|(_, count)| *count).sum(),
            gpu_model: model.and_then(|(_, asked)| asked.values.first()).map(|v| v.to_string()),
            price,
            stock: None,
        }
    }
}

/// The problem of buying nodes of a market for pods. Dimensions: CPU, memory, then the number of
/// pods where a size limits it, and thousandths of GPUs where a pod asks for them.
///
/// # Errors
///
/// When there is nothing to buy or nothing to place, or the sums do not fit.
pub fn join(demand: &Demand, market: &Market) -> Result<Instance, ReadError> {
    if demand.shapes.is_empty() {
        let hint = "the input must hold at least one row";
        return Err(ReadError::text(Fault::Nothing { what: "pods", hint }));
    }
    if market.sizes.is_empty() {
        let hint = "the catalog must offer at least one size at a known price";
        return Err(ReadError::text(Fault::Nothing { what: "sizes to buy", hint }));
    }
    let axes = Axes {
        pods: market.sizes.iter().any(|size| size.pods.is_some()),
        gpus: demand.shapes.iter().any(|shape| shape.gpu_milli > 0),
    };
    let mut classes = Classes::default();
    let mut limits = Vec::new();
    let groups = demand.shapes.iter().map(|shape| Group {
        request: axes.request(shape),
        count: shape.count,
        priority: 0,
        class: classes.of(&shape.gpu_models, market),
    });
    let groups = groups.collect();
    let offerings = market.sizes.iter().map(|size| Offering {
        capacity: axes.capacity(size),
        price: size.price,
        tier: 0,
        domains: Vec::new(),
        limits: size.stock.map(|stock| limit(&mut limits, stock)).into_iter().collect(),
    });
    let offerings = offerings.collect();
    let dims = axes.names().len();
    let classes = classes.rows;
    let problem = Problem { dims, groups, classes, offerings, limits, ..Problem::default() };
    validate(&problem).map_err(|error| ReadError::text(Fault::Problem(error)))?;
    Ok(Instance {
        unit: market.unit,
        dimensions: axes.names(),
        groups: demand.shapes.iter().map(|shape| shape.name.clone()).collect(),
        offerings: market.sizes.iter().map(|size| size.name.clone()).collect(),
        problems: vec![problem],
    })
}

fn limit(limits: &mut Vec<Limit>, remaining: i64) -> (u32, i64) {
    limits.push(Limit { remaining });
    (limits.len() as u32 - 1, 1)
}

/// Which dimensions there are beyond CPU and memory.
#[derive(Clone, Copy)]
struct Axes {
    pods: bool,
    gpus: bool,
}

impl Axes {
    fn names(self) -> Vec<String> {
        let mut names = vec!["cpu_milli", "memory_mib"];
        names.extend(self.pods.then_some("pods"));
        names.extend(self.gpus.then_some("gpu_milli"));
        names.into_iter().map(str::to_owned).collect()
    }

    fn request(self, shape: &Shape) -> Vec<i64> {
        let mut request = vec![shape.cpu_milli, shape.memory_mib];
        request.extend(self.pods.then_some(1));
        request.extend(self.gpus.then_some(shape.gpu_milli));
        request
    }

    fn capacity(self, size: &Size) -> Vec<i64> {
        let mut capacity = vec![size.cpu_milli, size.memory_mib];
        capacity.extend(self.pods.then_some(size.pods.unwrap_or(LARGEST_AMOUNT)));
        capacity.extend(self.gpus.then_some(size.gpus.saturating_mul(1_000)));
        capacity
    }
}

/// One class per list of GPU models.
#[derive(Default)]
struct Classes<'a> {
    known: BTreeMap<&'a [String], u32>,
    rows: Vec<Class>,
}

impl<'a> Classes<'a> {
    fn of(&mut self, models: &'a [String], market: &Market) -> u32 {
        *self.known.entry(models).or_insert_with(|| {
            let mut offerings = BitSet::empty(market.sizes.len());
            for (at, size) in market.sizes.iter().enumerate() {
                let model = size.gpu_model.as_deref();
                let accepted = models
                    .iter()
                    .any(|asked| model.is_some_and(|model| asked.eq_ignore_ascii_case(model)));
                if models.is_empty() || accepted {
                    offerings.insert(at);
                }
            }
            self.rows.push(Class { offerings, nodes: BitSet::empty(0) });
            self.rows.len() as u32 - 1
        })
    }
}
