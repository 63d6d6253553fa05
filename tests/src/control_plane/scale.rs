//! The subresource `scale`, and binding pods to nodes.

use serde_json::{Value, json};

use super::{
    Server,
    kind::{Kind, ScalePaths},
    object::{as_map, deleting, meta_mut, name, namespace, text, uid},
    patch::Managed,
    status::Refusal,
    write::{Changed, Target, WriteOptions},
};

/// The `Scale` of an object.
pub fn show(kind: &Kind, object: &Value) -> Value {
    let Some(paths) = &kind.scale else { return Value::Null };
    let count = |pointer: &str| object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0);
    let meta = object.get("metadata").unwrap_or(&Value::Null);
    let field = |key: &str| meta.get(key).cloned().unwrap_or_default();
    let mut status = json!({"replicas": count(&paths.current)});
    if let Some(selector) = selector(paths, object) {
        status["selector"] = selector.into();
    }
    let mut shown = json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1",
        "metadata": {
            "name": field("name"), "uid": field("uid"),
            "resourceVersion": field("resourceVersion"),
            "creationTimestamp": field("creationTimestamp")
        },
        "spec": {"replicas": count(&paths.wanted)},
        "status": status
    });
    if kind.namespaced {
        meta_mut(&mut shown).insert("namespace".to_owned(), field("namespace"));
    }
    shown
}

/// The selector as text.
fn selector(paths: &ScalePaths, object: &Value) -> Option<String> {
    let found = object.pointer(paths.selector.as_deref()?)?;
    if let Some(text) = found.as_str() {
        return Some(text.to_owned());
    }
    let labels = found.get("matchLabels").unwrap_or(found).as_object()?;
    let mut parts: Vec<_> = labels
        .iter()
        .filter_map(|(key, value)| Some(format!("{key}={}", value.as_str()?)))
        .collect();
    for expression in found.get("matchExpressions").and_then(Value::as_array).into_iter().flatten()
    {
        let values = expression.get("values").and_then(Value::as_array).into_iter().flatten();
        let values: Vec<_> = values.filter_map(Value::as_str).collect();
        let (key, values) = (text(expression, "/key"), values.join(","));
        parts.push(match text(expression, "/operator") {
            "In" => format!("{key} in ({values})"),
            "NotIn" => format!("{key} notin ({values})"),
            "DoesNotExist" => format!("!{key}"),
            _ => key.to_owned(),
        });
    }
    Some(parts.join(","))
}

impl Server {
    /// Writes an object's number of replicas; `make` changes its `Scale`.
    ///
    /// # Errors
    /// 404, 409 and 422, as for the object itself.
    pub fn scale(
        &self,
        target: &Target,
        options: &WriteOptions,
        make: impl Fn(&Value) -> Result<Value, Refusal>,
    ) -> Result<Value, Refusal> {
        let kind = &target.kind;
        let Some(paths) = &kind.scale else { return Err(Refusal::no_such_path()) };
        let mut object = target.clone();
        object.subresource = String::new();
        let changed = self.change(&object, options, |old| {
            let scale = make(&show(kind, old))?;
            let wanted = scale.pointer("/spec/replicas").cloned().unwrap_or(json!(0));
            let mut value = old.clone();
            let version = text(&scale, "/metadata/resourceVersion").to_owned();
            meta_mut(&mut value).insert("resourceVersion".to_owned(), version.into());
            set(&mut value, &paths.wanted, wanted);
            Ok(Changed { value, managed: Managed::Update })
        })?;
        Ok(show(kind, &changed.value))
    }

    /// Binds a pod to a node.
    ///
    /// # Errors
    /// 404, and 409 when the pod is bound already, goes away or waits at a gate.
    pub fn bind(&self, target: &Target, binding: &Value, dry_run: bool) -> Result<(), Refusal> {
        let node = text(binding, "/target/name");
        if node.is_empty() {
            return Err(Refusal::bad_request("target.name: Required value"));
        }
        let mut pod = target.clone();
        pod.subresource = String::new();
        let options =
            WriteOptions { dry_run, manager: "kube-scheduler".to_owned(), ..Default::default() };
        let stamp = self.clock.stamp();
        self.bound(&pod, &options, binding, node, &stamp)
    }

    fn bound(
        &self,
        pod: &Target,
        options: &WriteOptions,
        binding: &Value,
        node: &str,
        stamp: &str,
    ) -> Result<(), Refusal> {
        loop {
            let old = self.find(pod)?;
            refuse_binding(&old.value, binding)?;
            let mut new = old.value.clone();
            new["spec"]["nodeName"] = node.into();
            let notes = binding.pointer("/metadata/annotations").and_then(Value::as_object);
            for (key, value) in notes.into_iter().flatten() {
                let mine = meta_mut(&mut new).entry("annotations").or_insert(json!({}));
                as_map(mine).insert(key.clone(), value.clone());
            }
            scheduled(&mut new, stamp);
            if options.dry_run {
                return Ok(());
            }
            match self.store.replace(&pod.kind, &old, new) {
                Ok(object) => {
                    self.changed(&pod.kind, &object);
                    return Ok(());
                }
                // Somebody else was faster, which may or may not have bound the pod.
                Err(refusal) if refusal.reason == "Conflict" => {}
                Err(refusal) => return Err(refusal),
            }
        }
    }
}

fn refuse_binding(pod: &Value, binding: &Value) -> Result<(), Refusal> {
    let wanted = uid(binding);
    let refuse = |why: String| Err(Refusal::conflict("pods/binding", name(pod), why));
    if !wanted.is_empty() && wanted != uid(pod) {
        return refuse(format!(
            "Precondition failed: UID in precondition: {wanted}, UID in object meta: {}",
            uid(pod)
        ));
    }
    let (name, space) = (name(pod), namespace(pod));
    if deleting(pod) {
        return refuse(format!(
            "pod {space}/{name} is being deleted, cannot be assigned to a host"
        ));
    }
    let node = text(pod, "/spec/nodeName");
    if !node.is_empty() {
        return refuse(format!("pod {name} is already assigned to node {node:?}"));
    }
    let gates = pod.pointer("/spec/schedulingGates").and_then(Value::as_array);
    if gates.is_some_and(|it| !it.is_empty()) {
        return refuse(format!("pod {space}/{name} has non-empty .spec.schedulingGates"));
    }
    Ok(())
}

/// What the server notes when a pod has got its node: the condition, and that no nomination is
/// needed any more.
fn scheduled(pod: &mut Value, stamp: &str) {
    let status = as_map(&mut pod["status"]);
    status.shift_remove("nominatedNodeName");
    let conditions = status.entry("conditions").or_insert(json!([]));
    let Some(conditions) = conditions.as_array_mut() else { return };
    conditions.retain(|it| text(it, "/type") != "PodScheduled");
    conditions.push(json!({
        "type": "PodScheduled", "status": "True", "lastProbeTime": null,
        "lastTransitionTime": stamp
    }));
}

/// Sets what a JSON pointer leads to, making maps on the way.
fn set(value: &mut Value, pointer: &str, new: Value) {
    let mut slot = value;
    for name in pointer.trim_start_matches('/').split('/') {
        slot = as_map(slot).entry(name).or_insert(Value::Null);
    }
    *slot = new;
}
