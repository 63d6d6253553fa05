//! What admission plugins do to new objects: priorities, tolerations, service accounts.

use serde_json::{Value, json};

use super::{
    Server,
    kind::Kind,
    object::{Object, as_map, child, text},
    status::Refusal,
};

/// Seconds that a pod stays on a node that is not ready or not reachable.
const TOLERATED_SECONDS: i64 = 300;

impl Server {
    /// Changes a new object as the admission plugins that are on by default do.
    ///
    /// # Errors
    /// 403 when a plugin refuses it.
    pub fn admit(&self, kind: &Kind, value: &mut Value) -> Result<(), Refusal> {
        match kind.id().as_str() {
            "pods" => {
                self.set_priority(value)?;
                tolerate_lost_nodes(value);
                let spec = child(as_map(value), "spec");
                spec.entry("serviceAccountName").or_insert(json!("default"));
                spec.entry("enableServiceLinks").or_insert(json!(true));
                self.add_overhead(value)
            }
            "persistentvolumeclaims" => {
                self.set_storage_class(value);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The plugin Priority.
    fn set_priority(&self, pod: &mut Value) -> Result<(), Refusal> {
        let name = text(pod, "/spec/priorityClassName").to_owned();
        let class = match name.as_str() {
            "" => self.default_class("priorityclasses.scheduling.k8s.io", |it| {
                it.get("globalDefault") == Some(&json!(true))
            }),
            _ => {
                let found = self.store.get("priorityclasses.scheduling.k8s.io", "", &name);
                let Some(found) = found else {
                    let why = format!("no PriorityClass with name {name} was found");
                    let pod = text(pod, "/metadata/name");
                    return Err(Refusal::forbidden("pods", pod, why));
                };
                Some(found.value.clone())
            }
        };
        let spec = child(as_map(pod), "spec");
        let Some(class) = class else {
            spec.insert("priority".to_owned(), json!(0));
            spec.entry("preemptionPolicy").or_insert(json!("PreemptLowerPriority"));
            return Ok(());
        };
        spec.insert("priorityClassName".to_owned(), text(&class, "/metadata/name").into());
        spec.insert("priority".to_owned(), class.get("value").cloned().unwrap_or(json!(0)));
        if let Some(policy) = class.get("preemptionPolicy") {
            spec.entry("preemptionPolicy").or_insert(policy.clone());
        }
        Ok(())
    }

    fn default_class(&self, kind: &str, wanted: impl Fn(&Value) -> bool) -> Option<Value> {
        let all = self.store.all(kind);
        all.iter().map(|it: &std::sync::Arc<Object>| &it.value).find(|it| wanted(it)).cloned()
    }

    /// The plugin RuntimeClass.
    fn add_overhead(&self, pod: &mut Value) -> Result<(), Refusal> {
        let name = text(pod, "/spec/runtimeClassName").to_owned();
        if name.is_empty() {
            return Ok(());
        }
        let found = self.store.get("runtimeclasses.node.k8s.io", "", &name);
        let Some(class) = found else {
            let why = format!("pod rejected: RuntimeClass {name:?} not found");
            return Err(Refusal::forbidden("pods", text(pod, "/metadata/name"), why));
        };
        let spec = child(as_map(pod), "spec");
        if let Some(overhead) = class.value.pointer("/overhead/podFixed") {
            spec.insert("overhead".to_owned(), overhead.clone());
        }
        let selector = class.value.pointer("/scheduling/nodeSelector").and_then(Value::as_object);
        for (key, value) in selector.into_iter().flatten() {
            child(spec, "nodeSelector").insert(key.clone(), value.clone());
        }
        Ok(())
    }

    /// The plugin DefaultStorageClass.
    fn set_storage_class(&self, claim: &mut Value) {
        let note = "/metadata/annotations/storageclass.kubernetes.io~1is-default-class";
        let class =
            self.default_class("storageclasses.storage.k8s.io", |it| text(it, note) == "true");
        if let Some(class) = class {
            let spec = child(as_map(claim), "spec");
            spec.entry("storageClassName").or_insert(text(&class, "/metadata/name").into());
        }
    }
}

/// The plugin DefaultTolerationSeconds.
fn tolerate_lost_nodes(pod: &mut Value) {
    let spec = child(as_map(pod), "spec");
    let tolerations = spec.entry("tolerations").or_insert(json!([]));
    let Some(tolerations) = tolerations.as_array_mut() else { return };
    for key in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
        let covers = |it: &Value| {
            let same = text(it, "/key") == key || text(it, "/key").is_empty();
            same && ["", "NoExecute"].contains(&text(it, "/effect"))
        };
        if !tolerations.iter().any(covers) {
            tolerations.push(json!({
                "key": key, "operator": "Exists", "effect": "NoExecute",
                "tolerationSeconds": TOLERATED_SECONDS
            }));
        }
    }
}
