//! What the API server's admission would have changed in pods that never went through it:
//! priorities, limit ranges, runtime classes.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use k8s_openapi::{
    api::{
        core::v1::{Container, LimitRange, LimitRangeItem, PodSpec},
        node::v1::RuntimeClass,
        scheduling::v1::PriorityClass,
    },
    apimachinery::pkg::api::resource::Quantity,
};
use rustc_hash::FxHashMap;

use super::{
    PodTemplate, SkipReason,
    store::{Key, Store},
};

/// The classes that every cluster has.
const SYSTEM_PRIORITIES: [(&str, i32); 2] =
    [("system-cluster-critical", 2_000_000_000), ("system-node-critical", 2_000_001_000)];

/// What decides over the pods of a cluster.
struct Rules {
    limit_ranges: BTreeMap<Key, LimitRange>,
    priority_classes: BTreeMap<String, PriorityClass>,
    runtime_classes: BTreeMap<String, RuntimeClass>,
    /// References to objects that are not in the input, by kind and name.
    missing: BTreeSet<(&'static str, String)>,
}

/// Runs every pod and daemon set through the rules. A pod with a uid comes from a server, which
/// has done all this; only a priority that it lacks is looked up.
pub fn admit(store: &mut Store) {
    let mut rules = Rules {
        limit_ranges: std::mem::take(&mut store.limit_ranges),
        priority_classes: std::mem::take(&mut store.priority_classes),
        runtime_classes: store.runtime_classes.clone(),
        missing: BTreeSet::new(),
    };
    // The templates before stay alive beside those after, so their addresses tell them apart.
    let mut done: FxHashMap<(usize, Arc<str>, bool), [Arc<PodTemplate>; 2]> = FxHashMap::default();
    for entry in store.pods.values_mut() {
        let pod = &mut entry.pod;
        let new = pod.uid.is_empty();
        if !new && pod.template.spec.priority.is_some() {
            continue;
        }
        let key = (Arc::as_ptr(&pod.template) as usize, pod.namespace.clone(), new);
        let [_, admitted] = done.entry(key).or_insert_with(|| {
            let mut template = PodTemplate::clone(&pod.template);
            rules.apply(&pod.namespace, &mut template.spec, new);
            [pod.template.clone(), store.interner.template(template)]
        });
        if !Arc::ptr_eq(&pod.template, admitted) {
            Arc::make_mut(pod).template = admitted.clone();
        }
    }
    for (name, template) in &mut store.daemon_sets {
        let namespace = name.split_once('/').map_or("default", |(namespace, _)| namespace);
        let mut admitted = PodTemplate::clone(template);
        rules.apply(namespace, &mut admitted.spec, true);
        *template = store.interner.template(admitted);
    }
    for (kind, name) in rules.missing {
        let detail = match kind {
            "PriorityClass" => "it is not in the input; its pods count with priority 0",
            _ => "it is not in the input; its pods are planned without overhead or selector",
        };
        store.skip(format!("{kind} {name}"), SkipReason::MissingReference, detail);
    }
}

impl Rules {
    fn apply(&mut self, namespace: &str, spec: &mut PodSpec, new: bool) {
        self.set_priority(spec, new);
        if !new {
            return;
        }
        self.set_requests(namespace, spec);
        self.set_runtime(spec);
    }

    fn set_priority(&mut self, spec: &mut PodSpec, new: bool) {
        if spec.priority.is_some() {
            return;
        }
        let Some(name) = spec.priority_class_name.as_deref().filter(|name| !name.is_empty()) else {
            let classes = self.priority_classes.values();
            // Of several defaults the server takes the lowest.
            let defaults = classes.filter(|class| new && class.global_default == Some(true));
            spec.priority = defaults.map(|class| class.value.unwrap_or(0)).min();
            return;
        };
        let system = SYSTEM_PRIORITIES.iter().find(|(class, _)| *class == name);
        let own = self.priority_classes.get(name).map(|class| class.value.unwrap_or(0));
        spec.priority = own.or(system.map(|(_, value)| *value));
        if spec.priority.is_none() {
            self.missing.insert(("PriorityClass", name.to_owned()));
        }
    }

    /// Default requests of the namespace's limit ranges, container by container.
    fn set_requests(&self, namespace: &str, spec: &mut PodSpec) {
        let from = (namespace.to_owned(), String::new());
        let ranges = self.limit_ranges.range(from..);
        let ranges = ranges.take_while(|((of, _), _)| of == namespace);
        let items = ranges.flat_map(|(_, range)| range.spec.iter().flat_map(|spec| &spec.limits));
        for item in items.filter(|item| item.type_ == "Container") {
            let init = spec.init_containers.iter_mut().flatten();
            for container in spec.containers.iter_mut().chain(init) {
                default_requests(container, item);
            }
        }
    }

    /// Overhead and scheduling of the runtime class (KEP-688).
    fn set_runtime(&mut self, spec: &mut PodSpec) {
        let Some(name) = spec.runtime_class_name.as_deref().filter(|name| !name.is_empty()) else {
            return;
        };
        let Some(class) = self.runtime_classes.get(name) else {
            self.missing.insert(("RuntimeClass", name.to_owned()));
            return;
        };
        let overhead = class.overhead.as_ref().and_then(|overhead| overhead.pod_fixed.as_ref());
        if spec.overhead.is_none() {
            spec.overhead = overhead.cloned();
        }
        let Some(scheduling) = &class.scheduling else { return };
        let selector = scheduling.node_selector.iter().flatten();
        for (key, value) in selector {
            spec.node_selector.get_or_insert_default().insert(key.clone(), value.clone());
        }
        for toleration in scheduling.tolerations.iter().flatten() {
            let tolerations = spec.tolerations.get_or_insert_default();
            if !tolerations.contains(toleration) {
                tolerations.push(toleration.clone());
            }
        }
    }
}

/// The server completes a limit range in this order: a default request is, when not given, the
/// default limit, else the maximum, else the minimum.
fn default_requests(container: &mut Container, item: &LimitRangeItem) {
    let amounts: [&Option<BTreeMap<String, Quantity>>; 4] =
        [&item.default_request, &item.default, &item.max, &item.min];
    for (name, amount) in amounts.into_iter().flatten().flatten() {
        let resources = container.resources.get_or_insert_default();
        let requests = resources.requests.get_or_insert_default();
        requests.entry(name.clone()).or_insert_with(|| amount.clone());
    }
}
