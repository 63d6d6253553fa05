//! Dependents of objects that are gone, contents of namespaces that go, pods of lost nodes.

use serde_json::{Value, json};

use super::{
    super::{
        Server,
        object::{Key, deleting, finalizers, meta_mut, text, uid},
        store::owner_uids,
        write::{DeleteOptions, Target},
    },
    Task,
};

impl Server {
    /// Works off one task about garbage.
    pub(super) fn collect(&self, task: &Task) {
        match task {
            Task::OwnerGone(uid) => {
                for (kind, key) in self.store.dependents(uid) {
                    self.collect_if_orphan(&kind, &key);
                }
            }
            Task::Orphan(kind, space, name) => {
                self.collect_if_orphan(kind, &(space.clone(), name.clone()));
            }
            Task::OwnerWaits(kind, space, name) => self.release(kind, space, name),
            Task::EmptyNamespace(name) => self.empty(name),
            Task::CountBudgets(_) | Task::NodeGone(_) => {}
        }
    }

    /// Deletes an object none of whose owners lives; forgets single owners that are gone.
    fn collect_if_orphan(&self, table: &str, key: &Key) {
        let Some(object) = self.store.get(table, &key.0, &key.1) else { return };
        let owners = owner_uids(&object.value);
        if owners.is_empty() {
            return;
        }
        if owners.iter().any(|it| self.store.lives(it)) {
            self.disown(table, key, |uid| !self.store.lives(uid));
            return;
        }
        let Some(target) = self.target(table, key) else { return };
        let options = DeleteOptions {
            propagation: "Background".to_owned(),
            uid: uid(&object.value).to_owned(),
            ..DeleteOptions::default()
        };
        // Gone or another object by now: nothing is left to do.
        let _ = self.delete(&target, &options);
    }

    /// Takes owners out of an object's references.
    fn disown(&self, table: &str, key: &Key, gone: impl Fn(&str) -> bool) {
        let Some(target) = self.target(table, key) else { return };
        while let Ok(old) = self.find(&target) {
            let mut new = old.value.clone();
            let owners = new.pointer_mut("/metadata/ownerReferences").and_then(Value::as_array_mut);
            let Some(owners) = owners else { return };
            owners.retain(|it| !gone(text(it, "/uid")));
            if owners.is_empty() {
                meta_mut(&mut new).shift_remove("ownerReferences");
            }
            if new == old.value || self.store.replace(&target.kind, &old, new).is_ok() {
                return;
            }
        }
    }

    /// Deals with an object that is held back for its dependents.
    fn release(&self, table: &str, space: &str, name: &str) {
        let Some(object) = self.store.get(table, space, name) else { return };
        if !deleting(&object.value) {
            return;
        }
        let owner = uid(&object.value);
        let dependents = self.store.dependents(owner);
        if finalizers(&object.value).contains(&"orphan") {
            for (kind, key) in &dependents {
                self.disown(kind, key, |uid| uid == owner);
            }
            self.let_go(table, space, name, "orphan");
            return;
        }
        let mut blocked = false;
        for (kind, key) in &dependents {
            let Some(dependent) = self.store.get(kind, &key.0, &key.1) else { continue };
            blocked |= blocks(&dependent.value, owner);
            if !deleting(&dependent.value)
                && let Some(target) = self.target(kind, key)
            {
                let options = DeleteOptions {
                    propagation: "Foreground".to_owned(),
                    ..DeleteOptions::default()
                };
                // Gone by now is as good.
                let _ = self.delete(&target, &options);
            }
        }
        let left = self.store.dependents(owner);
        let still = left.iter().any(|(kind, key)| {
            self.store.get(kind, &key.0, &key.1).is_some_and(|it| blocks(&it.value, owner))
        });
        if !blocked || !still {
            self.let_go(table, space, name, "foregroundDeletion");
        }
    }

    fn let_go(&self, table: &str, space: &str, name: &str, finalizer: &str) {
        let key = (space.to_owned(), name.to_owned());
        let Some(target) = self.target(table, &key) else { return };
        while let Ok(old) = self.find(&target) {
            let kept: Vec<_> =
                finalizers(&old.value).into_iter().filter(|it| *it != finalizer).collect();
            let mut new = old.value.clone();
            meta_mut(&mut new).insert("finalizers".to_owned(), json!(kept));
            let last = kept.is_empty();
            let outcome = if last {
                meta_mut(&mut new).shift_remove("finalizers");
                self.store.remove(&target.kind, &old, new)
            } else {
                self.store.replace(&target.kind, &old, new)
            };
            if let Ok(object) = outcome {
                if last {
                    self.removed(&target.kind, &object);
                }
                return;
            }
        }
    }

    /// Deletes everything in a namespace, and the namespace when it is empty.
    fn empty(&self, space: &str) {
        let Some(object) = self.store.get("namespaces", "", space) else { return };
        if !deleting(&object.value) {
            return;
        }
        let mut left = false;
        for kind in self.kinds.all().into_iter().filter(|it| it.namespaced) {
            for object in self.store.within(&kind.table(), space) {
                let target = Target::of(&kind, &object.value);
                if !deleting(&object.value) {
                    // Gone by now is as good.
                    let _ = self.delete(&target, &DeleteOptions::default());
                }
                left |= self.find(&target).is_ok();
            }
        }
        if left || !finalizers(&object.value).is_empty() {
            return;
        }
        let Some(kind) = self.kinds.get("", "namespaces") else { return };
        let mut last = object.value.clone();
        last["spec"] = json!({});
        if let Ok(gone) = self.store.remove(&kind, &object, last) {
            self.removed(&kind, &gone);
        }
    }

    /// Removes the pods that were bound to a node which is gone.
    pub(super) fn remove_pods_of(&self, node: &str) {
        if self.store.get("nodes", "", node).is_some() {
            return;
        }
        let Some(kind) = self.kinds.get("", "pods") else { return };
        for pod in self.store.all("pods") {
            if text(&pod.value, "/spec/nodeName") == node {
                let options = DeleteOptions { grace: Some(0), ..DeleteOptions::default() };
                // Gone by now is as good.
                let _ = self.delete(&Target::of(&kind, &pod.value), &options);
            }
        }
    }

    fn target(&self, table: &str, key: &Key) -> Option<Target> {
        let (plural, group) = table.split_once('.').unwrap_or((table, ""));
        let kind = self.kinds.get(group, plural)?;
        let version = kind.stored().to_owned();
        let (namespace, name) = key.clone();
        Some(Target { kind, version, namespace, name, subresource: String::new() })
    }
}

/// Whether a dependent keeps its owner from going.
fn blocks(dependent: &Value, owner: &str) -> bool {
    let owners = dependent.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    owners
        .into_iter()
        .flatten()
        .any(|it| text(it, "/uid") == owner && it.get("blockOwnerDeletion") == Some(&json!(true)))
}
