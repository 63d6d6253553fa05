//! Amounts of resources by position, and what pods ask for.

use std::collections::BTreeMap;

use catalog::quantity;
use k8s_openapi::{
    api::core::v1::{Container, PodSpec},
    apimachinery::pkg::api::resource::Quantity,
};

/// Position of CPU, in thousandths of a core.
pub(super) const CPU: usize = 0;
/// Position of memory, in bytes.
pub(super) const MEMORY: usize = 1;
/// Position of the number of pods.
pub(super) const PODS: usize = 2;

/// What a container without a CPU request counts for when nodes are scored.
const SCORED_CPU: i64 = 100;
/// The same for memory.
const SCORED_MEMORY: i64 = 200 << 20;

/// The names of resources; their positions never change.
#[derive(Clone, Debug)]
pub(super) struct Names(Vec<String>);

impl Default for Names {
    fn default() -> Self {
        Self(["cpu", "memory", "pods"].map(str::to_owned).to_vec())
    }
}

impl Names {
    pub(super) fn position(&mut self, name: &str) -> usize {
        let known = self.0.iter().position(|known| known == name);
        known.unwrap_or_else(|| {
            self.0.push(name.to_owned());
            self.0.len() - 1
        })
    }

    pub(super) fn name(&self, position: usize) -> &str {
        &self.0[position]
    }
}

/// Amounts by position; what lies beyond the end is 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Amounts(Vec<i64>);

impl Amounts {
    pub(super) fn get(&self, position: usize) -> i64 {
        self.0.get(position).copied().unwrap_or(0)
    }

    pub(super) fn set(&mut self, position: usize, amount: i64) {
        if position >= self.0.len() {
            self.0.resize(position + 1, 0);
        }
        self.0[position] = amount;
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, i64)> + '_ {
        self.0.iter().copied().enumerate()
    }

    pub(super) fn add(&mut self, other: &Self) {
        for (position, amount) in other.iter() {
            self.set(position, self.get(position).saturating_add(amount));
        }
    }

    pub(super) fn subtract(&mut self, other: &Self) {
        for (position, amount) in other.iter() {
            self.set(position, self.get(position).saturating_sub(amount));
        }
    }

    fn raise(&mut self, other: &Self) {
        for (position, amount) in other.iter() {
            self.set(position, self.get(position).max(amount));
        }
    }

    /// What a node offers; what cannot be read is nothing.
    pub(super) fn offered(names: &mut Names, map: Option<&BTreeMap<String, Quantity>>) -> Self {
        let mut amounts = Self::default();
        for (name, quantity) in map.into_iter().flatten() {
            let amount = quantity::capacity(name, &quantity.0).unwrap_or(0);
            amounts.set(names.position(name), amount);
        }
        amounts
    }

    /// What is asked for; what cannot be read fits nowhere.
    fn asked(names: &mut Names, map: &BTreeMap<String, Quantity>) -> Self {
        let mut amounts = Self::default();
        for (name, quantity) in map {
            let amount = quantity::request(name, &quantity.0).unwrap_or(i64::MAX);
            amounts.set(names.position(name), amount);
        }
        amounts
    }
}

/// What a pod takes from a node, itself as one of its pods included.
pub(super) fn request(names: &mut Names, spec: &PodSpec) -> Amounts {
    let mut request = total(names, spec, false);
    request.set(PODS, 1);
    request
}

/// CPU and memory as LeastAllocated sees them: containers that ask for nothing count for a little.
pub(super) fn scored_request(names: &mut Names, spec: &PodSpec) -> [i64; 2] {
    let total = total(names, spec, true);
    [total.get(CPU), total.get(MEMORY)]
}

/// Containers and sidecars together, or the largest step of the initialisation if that is more
/// (KEP-753); amounts of the pod as a whole in their stead (KEP-2837); plus overhead (KEP-688).
fn total(names: &mut Names, spec: &PodSpec, scored: bool) -> Amounts {
    let mut running = Amounts::default();
    for container in &spec.containers {
        running.add(&container_request(names, container, scored));
    }
    let mut sidecars = Amounts::default();
    let mut largest_step = Amounts::default();
    for container in spec.init_containers.iter().flatten() {
        let own = container_request(names, container, scored);
        let mut step = sidecars.clone();
        step.add(&own);
        largest_step.raise(&step);
        if is_sidecar(container) {
            sidecars = step;
        }
    }
    running.add(&sidecars);
    running.raise(&largest_step);
    if let Some(resources) = &spec.resources {
        let mut of_pod = resources.limits.clone().unwrap_or_default();
        of_pod.extend(resources.requests.clone().unwrap_or_default());
        let given: Vec<_> = Amounts::asked(names, &of_pod).iter().collect();
        for (position, amount) in given {
            if of_pod.contains_key(names.name(position)) {
                running.set(position, amount);
            }
        }
    }
    if let Some(overhead) = &spec.overhead {
        running.add(&Amounts::asked(names, overhead));
    }
    running
}

/// Whether an init container keeps running.
pub(super) fn is_sidecar(container: &Container) -> bool {
    container.restart_policy.as_deref() == Some("Always")
}

/// The API server makes a limit without a request the request.
fn container_request(names: &mut Names, container: &Container, scored: bool) -> Amounts {
    let resources = container.resources.clone().unwrap_or_default();
    let mut all = resources.limits.unwrap_or_default();
    all.extend(resources.requests.unwrap_or_default());
    let mut amounts = Amounts::asked(names, &all);
    if scored && !all.contains_key("cpu") {
        amounts.set(CPU, SCORED_CPU);
    }
    if scored && !all.contains_key("memory") {
        amounts.set(MEMORY, SCORED_MEMORY);
    }
    amounts
}
