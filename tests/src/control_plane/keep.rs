//! The controllers that live inside the server: garbage, disruption budgets, custom resources.

mod budgets;
mod garbage;

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;

use super::{
    Server,
    kind::Kind,
    object::{Object, deleting, finalizers, name, namespace, text, uid},
    store::owner_uids,
};

/// Something that a controller of the server must look at.
#[derive(Clone, Debug)]
pub enum Task {
    /// An object is gone; its dependents may have to follow.
    OwnerGone(String),
    /// An object waits for its dependents: kind, namespace, name.
    OwnerWaits(String, String, String),
    /// An object names owners that are not there: kind, namespace, name.
    Orphan(String, String, String),
    /// A namespace is to be emptied.
    EmptyNamespace(String),
    /// A namespace's or pod's budgets must be counted again: namespace.
    CountBudgets(String),
    /// A node is gone; its pods are nobody's.
    NodeGone(String),
}

impl Server {
    /// Follows up on a new object.
    pub fn created(&self, kind: &Kind, object: &Object) {
        let owners = owner_uids(&object.value);
        if !owners.is_empty() && !owners.iter().any(|it| self.store.lives(it)) {
            let (space, name) = (namespace(&object.value), name(&object.value));
            self.later(Task::Orphan(kind.table(), space.to_owned(), name.to_owned()));
        }
        self.changed(kind, object);
    }

    /// Follows up on another version of an object.
    pub fn changed(&self, kind: &Kind, object: &Object) {
        let value = &object.value;
        self.count_budgets(kind, value);
        if deleting(value) {
            let holds = finalizers(value);
            if holds.iter().any(|it| ["foregroundDeletion", "orphan"].contains(it)) {
                let (space, name) = (namespace(value).to_owned(), name(value).to_owned());
                self.later(Task::OwnerWaits(kind.table(), space, name));
            }
            if kind.is("", "namespaces") {
                self.later(Task::EmptyNamespace(name(value).to_owned()));
            }
        }
        if kind.is("apiextensions.k8s.io", "customresourcedefinitions")
            && let Err(refusal) = self.establish(value)
        {
            tracing::warn!(name = name(value), refusal.message, "definition is not served");
        }
    }

    /// Follows up on an object that is gone.
    pub fn removed(&self, kind: &Kind, object: &Object) {
        let value = &object.value;
        self.count_budgets(kind, value);
        self.later(Task::OwnerGone(uid(value).to_owned()));
        for (kind, (space, name)) in
            owner_uids(value).into_iter().filter_map(|it| self.store.find_waiting(it))
        {
            self.later(Task::OwnerWaits(kind, space, name));
        }
        if kind.is("", "nodes") {
            self.later(Task::NodeGone(name(value).to_owned()));
        }
        if kind.namespaced {
            let space = namespace(value);
            let found = self.store.get("namespaces", "", space);
            if found.is_some_and(|it| deleting(&it.value)) {
                self.later(Task::EmptyNamespace(space.to_owned()));
            }
        }
        if kind.is("apiextensions.k8s.io", "customresourcedefinitions") {
            self.withdraw(value);
        }
    }

    fn count_budgets(&self, kind: &Kind, value: &Value) {
        if kind.is("", "pods") || kind.is("policy", "poddisruptionbudgets") {
            self.later(Task::CountBudgets(namespace(value).to_owned()));
        }
    }

    /// Stops serving what a definition defined, and drops its objects.
    fn withdraw(&self, definition: &Value) {
        let (group, plural) =
            (text(definition, "/spec/group"), text(definition, "/spec/names/plural"));
        if let Some(kind) = self.kinds.get(group, plural).filter(|it| it.custom()) {
            self.kinds.remove(group, plural);
            self.store.forget(&kind.table());
        }
    }

    pub(super) fn later(&self, task: Task) {
        // Nobody listens only when the server stops.
        let _ = self.tasks.send(task);
    }
}

/// Works off tasks until the server stops.
pub async fn run(server: Arc<Server>, mut tasks: UnboundedReceiver<Task>) {
    while let Some(first) = tasks.recv().await {
        let mut batch = vec![first];
        while let Ok(next) = tasks.try_recv() {
            batch.push(next);
        }
        let mut spaces = std::collections::BTreeSet::new();
        for task in batch {
            match task {
                Task::CountBudgets(space) => {
                    spaces.insert(space);
                }
                Task::NodeGone(node) => {
                    let server = server.clone();
                    tokio::spawn(async move {
                        tokio::time::sleep(server.options.orphaned_pods_after).await;
                        server.remove_pods_of(&node);
                    });
                }
                other => server.collect(&other),
            }
        }
        for space in spaces {
            server.count(&space);
        }
    }
}

fn condition(kind: &str, status: bool, reason: &str, stamp: &str, generation: i64) -> Value {
    json!({
        "type": kind, "status": if status { "True" } else { "False" }, "reason": reason,
        "message": "", "lastTransitionTime": stamp, "observedGeneration": generation
    })
}
