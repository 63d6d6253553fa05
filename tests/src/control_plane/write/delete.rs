//! Deletion: graceful for pods, held up by finalizers, spreading to dependents.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::{
    super::{
        Server,
        clock::seconds,
        kind::Kind,
        object::{Object, deleting, finalizers, meta_mut, text, uid},
        status::Refusal,
    },
    Target,
};

/// `meta/v1` DeleteOptions.
#[derive(Clone, Debug, Default)]
pub struct DeleteOptions {
    /// Seconds until a pod is killed; the pod's own if none.
    pub grace: Option<i64>,
    /// `Background`, `Foreground` or `Orphan`.
    pub propagation: String,
    /// The object must have this uid.
    pub uid: String,
    /// The object must have this version.
    pub resource_version: String,
    /// Only look what would happen.
    pub dry_run: bool,
}

impl DeleteOptions {
    /// Reads the body or query of a request.
    ///
    /// # Errors
    /// 422 for an unknown propagation policy.
    pub fn read(body: &Value) -> Result<Self, Refusal> {
        let propagation = text(body, "/propagationPolicy").to_owned();
        if !["", "Background", "Foreground", "Orphan"].contains(&propagation.as_str()) {
            let message = format!("invalid propagationPolicy {propagation:?}");
            return Err(Refusal::new(422, "Invalid", message));
        }
        let orphan = body.get("orphanDependents").and_then(Value::as_bool) == Some(true);
        Ok(Self {
            grace: body.get("gracePeriodSeconds").and_then(Value::as_i64),
            propagation: if orphan { "Orphan".to_owned() } else { propagation },
            uid: text(body, "/preconditions/uid").to_owned(),
            resource_version: text(body, "/preconditions/resourceVersion").to_owned(),
            dry_run: body.get("dryRun").and_then(Value::as_array).is_some_and(|it| !it.is_empty()),
        })
    }
}

/// What a deletion did.
#[derive(Clone, Debug)]
pub enum Deleted {
    /// The object is gone.
    Gone(Arc<Object>),
    /// It has a deletion time and waits for a kubelet or for finalizers.
    Marked(Arc<Object>),
}

/// Whether an object whose deletion has begun may go, as far as grace is concerned.
pub fn due(kind: &Kind, value: &Value) -> bool {
    !kind.is("", "pods") || grace_left(value) == 0
}

fn grace_left(value: &Value) -> i64 {
    let left = value.pointer("/metadata/deletionGracePeriodSeconds");
    left.and_then(Value::as_i64).unwrap_or(0)
}

impl Server {
    /// Deletes one object.
    ///
    /// # Errors
    /// 404, and 409 when a precondition does not hold.
    pub fn delete(&self, target: &Target, options: &DeleteOptions) -> Result<Deleted, Refusal> {
        loop {
            let old = self.find(target)?;
            check_preconditions(target, &old, options)?;
            match self.delete_version(&target.kind, &old, options) {
                // Somebody else was faster; preconditions are checked again.
                Err(refusal) if refusal.reason == "Conflict" => {}
                outcome => return outcome,
            }
        }
    }

    fn delete_version(
        &self,
        kind: &Kind,
        old: &Arc<Object>,
        options: &DeleteOptions,
    ) -> Result<Deleted, Refusal> {
        let grace = grace(kind, &old.value, options.grace);
        let mut new = old.value.clone();
        hold(&mut new, &options.propagation);
        if kind.is("", "namespaces") && !new.pointer("/spec/finalizers").is_none_or(empty) {
            new["status"]["phase"] = "Terminating".into();
            mark(&mut new, self, 0);
            return self.keep_marked(kind, old, new, options);
        }
        if finalizers(&new).is_empty() && grace == 0 {
            if options.dry_run {
                return Ok(Deleted::Gone(old.clone()));
            }
            // The last version tells watchers that deletion was meant.
            mark_if_new(&mut new, self, kind);
            let gone = self.store.remove(kind, old, new)?;
            self.removed(kind, &gone);
            return Ok(Deleted::Gone(gone));
        }
        if !deleting(&new) {
            mark(&mut new, self, grace);
            let generation = new.pointer("/metadata/generation").and_then(Value::as_i64);
            if let Some(generation) = generation {
                meta_mut(&mut new).insert("generation".to_owned(), (generation + 1).into());
            }
        } else if grace < grace_left(&new) {
            shorten(&mut new, self, grace);
        }
        self.keep_marked(kind, old, new, options)
    }

    fn keep_marked(
        &self,
        kind: &Kind,
        old: &Arc<Object>,
        new: Value,
        options: &DeleteOptions,
    ) -> Result<Deleted, Refusal> {
        if options.dry_run || new == old.value {
            return Ok(Deleted::Marked(old.clone()));
        }
        let marked = self.store.replace(kind, old, new)?;
        self.changed(kind, &marked);
        Ok(Deleted::Marked(marked))
    }
}

fn empty(value: &Value) -> bool {
    value.as_array().is_none_or(Vec::is_empty)
}

fn check_preconditions(
    target: &Target,
    old: &Object,
    options: &DeleteOptions,
) -> Result<(), Refusal> {
    let revision = old.revision.to_string();
    let checks = [
        ("UID", &options.uid, uid(&old.value)),
        ("ResourceVersion", &options.resource_version, revision.as_str()),
    ];
    for (what, wanted, actual) in checks {
        if !wanted.is_empty() && wanted != actual {
            let why = format!(
                "Precondition failed: {what} in precondition: {wanted}, {what} in object meta: \
                 {actual}"
            );
            return Err(Refusal::conflict(&target.kind.id(), &target.name, why));
        }
    }
    Ok(())
}

/// Seconds that the object may still live: pods that run get some, everything else goes at once.
fn grace(kind: &Kind, value: &Value, asked: Option<i64>) -> i64 {
    if !kind.is("", "pods") {
        return 0;
    }
    let unscheduled = text(value, "/spec/nodeName").is_empty();
    if unscheduled || ["Succeeded", "Failed"].contains(&text(value, "/status/phase")) {
        return 0;
    }
    let own = value.pointer("/spec/terminationGracePeriodSeconds").and_then(Value::as_i64);
    asked.or(own).unwrap_or(30).max(0)
}

/// Sets or clears the finalizers by which dependents are waited for.
fn hold(value: &mut Value, propagation: &str) {
    let wanted = match propagation {
        "Foreground" => Some("foregroundDeletion"),
        "Orphan" => Some("orphan"),
        "Background" => None,
        _ => return,
    };
    let mut kept: Vec<Value> = finalizers(value)
        .into_iter()
        .filter(|it| !["foregroundDeletion", "orphan"].contains(it))
        .map(Value::from)
        .collect();
    kept.extend(wanted.map(Value::from));
    let meta = meta_mut(value);
    if kept.is_empty() {
        meta.shift_remove("finalizers");
    } else {
        meta.insert("finalizers".to_owned(), json!(kept));
    }
}

fn mark(value: &mut Value, server: &Server, grace: i64) {
    if deleting(value) {
        return;
    }
    let until = server.clock.now() + Duration::from_secs(grace.unsigned_abs());
    let meta = meta_mut(value);
    meta.insert("deletionTimestamp".to_owned(), seconds(until).into());
    meta.insert("deletionGracePeriodSeconds".to_owned(), grace.into());
}

/// Pods tell their watchers that they were deleted; other kinds go without a deletion time.
fn mark_if_new(value: &mut Value, server: &Server, kind: &Kind) {
    if kind.is("", "pods") {
        mark(value, server, 0);
        meta_mut(value).insert("deletionGracePeriodSeconds".to_owned(), 0.into());
    }
}

fn shorten(value: &mut Value, server: &Server, grace: i64) {
    meta_mut(value).shift_remove("deletionTimestamp");
    mark(value, server, grace);
}
