//! What happens to an object between a request and the store.

mod delete;

use std::sync::Arc;

use serde_json::Value;

pub use self::delete::{DeleteOptions, Deleted};
use super::{
    Server, crd, defaults, events,
    kind::Kind,
    object::{Object, as_map, carry, deleting, finalizers, meta_mut, name, namespace, text, uid},
    patch::{self, Managed},
    quantity,
    status::{Cause, Refusal},
    strategy,
};

/// Which object a request is about, and how it is written.
#[derive(Clone, Debug)]
pub struct Target {
    /// Its kind.
    pub kind: Arc<Kind>,
    /// Version of the API in the request's path.
    pub version: String,
    /// Empty for cluster-wide kinds.
    pub namespace: String,
    /// Empty for requests about many.
    pub name: String,
    /// Such as `status`; empty for the object itself.
    pub subresource: String,
}

impl Target {
    /// The object itself.
    pub fn of(kind: &Arc<Kind>, object: &Value) -> Self {
        Self {
            kind: kind.clone(),
            version: kind.stored().to_owned(),
            namespace: namespace(object).to_owned(),
            name: name(object).to_owned(),
            subresource: String::new(),
        }
    }

    fn status(&self) -> bool {
        self.subresource == "status"
    }
}

/// How a request wants its object written.
#[derive(Clone, Debug, Default)]
pub struct WriteOptions {
    /// Only look what would happen.
    pub dry_run: bool,
    /// Who owns the fields written.
    pub manager: String,
    /// Take fields over from other managers.
    pub force: bool,
    /// Refuse unknown fields.
    pub strict: bool,
}

/// What a change makes of an object.
pub struct Changed {
    /// The object wanted.
    pub value: Value,
    /// How its fields are to be owned.
    pub managed: Managed,
}

impl Server {
    /// The newest version of the target.
    ///
    /// # Errors
    /// 404.
    pub fn find(&self, target: &Target) -> Result<Arc<Object>, Refusal> {
        let found = self.store.get(&target.kind.table(), &target.namespace, &target.name);
        found.ok_or_else(|| Refusal::not_found(&target.kind.id(), &target.name))
    }

    /// Creates an object.
    ///
    /// # Errors
    /// 400, 403, 404, 409 and 422, as a real server.
    pub fn create(
        &self,
        target: &Target,
        value: Value,
        options: &WriteOptions,
    ) -> Result<Arc<Object>, Refusal> {
        self.create_as(target, value, options, &Managed::Update)
    }

    /// Creates an object by server-side apply.
    ///
    /// # Errors
    /// As [`Server::create`].
    pub fn create_applied(
        &self,
        target: &Target,
        mut value: Value,
        options: &WriteOptions,
    ) -> Result<Arc<Object>, Refusal> {
        let given = meta_mut(&mut value).entry("name").or_insert(target.name.as_str().into());
        if *given != target.name {
            let message = "the name of the object does not match the name on the URL";
            return Err(Refusal::bad_request(message));
        }
        let managed = patch::applied(&target.kind, &value);
        self.create_as(target, value, options, &managed)
    }

    fn create_as(
        &self,
        target: &Target,
        mut value: Value,
        options: &WriteOptions,
        managed: &Managed,
    ) -> Result<Arc<Object>, Refusal> {
        let kind = &target.kind;
        check_type(target, &value)?;
        let meta = meta_mut(&mut value);
        if !text_of(meta, "resourceVersion").is_empty() {
            return Err(Refusal::bad_request(
                "resourceVersion should not be set on objects to be created",
            ));
        }
        self.name_new(target, &mut value)?;
        self.check_namespace(target)?;
        let mut value = self.read(target, value, options.strict)?;
        self.stamp_new(&mut value);
        strategy::create(kind, &mut value);
        self.admit(kind, &mut value)?;
        self.validate(target, None, &value)?;
        let stamp = self.clock.stamp();
        patch::record(None, &mut value, target, managed, &options.manager, &stamp);
        if options.dry_run {
            return Ok(Arc::new(Object::new(value, 0)));
        }
        let object = self.store.create(kind, value)?;
        self.created(kind, &object);
        Ok(object)
    }

    /// Changes an object by `make`, which may be called again when somebody else was faster.
    ///
    /// # Errors
    /// 400, 404, 409 and 422, as a real server, and whatever `make` refuses.
    pub fn change(
        &self,
        target: &Target,
        options: &WriteOptions,
        make: impl Fn(&Value) -> Result<Changed, Refusal>,
    ) -> Result<Arc<Object>, Refusal> {
        const ATTEMPTS: usize = 20;
        for _ in 0..ATTEMPTS {
            let old = self.find(target)?;
            let shown = self.shown(target, &old.value);
            let made = make(&shown)?;
            let given = text(&made.value, "/metadata/resourceVersion");
            if !given.is_empty() && given != old.revision.to_string() {
                return Err(Refusal::stale(&target.kind.id(), &target.name));
            }
            match self.put(target, &old, made, options) {
                // Somebody else was faster; whether the request insists on a version shows next.
                Err(refusal) if refusal.code == 409 && self.moved_on(target, &old) => {}
                outcome => return outcome,
            }
        }
        Err(Refusal::stale(&target.kind.id(), &target.name))
    }

    fn moved_on(&self, target: &Target, old: &Object) -> bool {
        self.find(target).is_ok_and(|now| now.revision != old.revision)
    }

    /// The object in the version of the request.
    fn shown(&self, target: &Target, value: &Value) -> Value {
        let mut shown = value.clone();
        if target.kind.group == events::GROUP {
            return events::from_core(shown);
        }
        as_map(&mut shown)
            .insert("apiVersion".to_owned(), target.kind.api_version(&target.version).into());
        shown
    }

    fn put(
        &self,
        target: &Target,
        old: &Arc<Object>,
        made: Changed,
        options: &WriteOptions,
    ) -> Result<Arc<Object>, Refusal> {
        let kind = &target.kind;
        check_type(target, &made.value)?;
        let mut new = self.read(target, made.value, options.strict)?;
        keep_metadata(kind, &old.value, &mut new)?;
        if target.status() {
            strategy::update_status(kind, &old.value, &mut new);
        } else {
            strategy::update(kind, &old.value, &mut new);
        }
        self.validate(target, Some(&old.value), &new)?;
        strategy::count_generation(kind, &old.value, &mut new);
        let stamp = self.clock.stamp();
        let (before, manager) = (Some(&old.value), &options.manager);
        patch::record(before, &mut new, target, &made.managed, manager, &stamp);
        if new == old.value {
            return Ok(old.clone());
        }
        if options.dry_run {
            return Ok(Arc::new(Object::new(new, old.revision)));
        }
        if deleting(&new) && finalizers(&new).is_empty() && delete::due(kind, &new) {
            let gone = self.store.remove(kind, old, new)?;
            self.removed(kind, &gone);
            return Ok(gone);
        }
        let object = self.store.replace(kind, old, new)?;
        self.changed(kind, &object);
        Ok(object)
    }

    /// Brings an object into the form in which it is kept: known fields only, defaults filled in.
    fn read(&self, target: &Target, mut value: Value, strict: bool) -> Result<Value, Refusal> {
        let kind = &target.kind;
        if kind.custom() {
            let api_version = kind.api_version(&target.version);
            let kept = kind.stored_api_version();
            let schema = kind.schema(&target.version);
            let unknown = schema.map(|it| it.prune(&mut value)).unwrap_or_default();
            refuse_unknown(strict, &unknown)?;
            if let Some(schema) = schema {
                schema.fill(&mut value);
            }
            if api_version != kept {
                as_map(&mut value).insert("apiVersion".to_owned(), kept.into());
            }
            return Ok(value);
        }
        let Some(typed) = kind.typed else { return Ok(value) };
        quantity::normalise(&mut value);
        let given = strict.then(|| value.clone());
        let mut value = typed(value).map_err(|problem| {
            let (version, kind) = (&target.version, &kind.kind);
            Refusal::bad_request(format!(
                "{kind} in version {version:?} cannot be handled as a {kind}: {problem}"
            ))
        })?;
        if let Some(given) = given {
            refuse_unknown(strict, &crd::lost(&given, &value))?;
        }
        if kind.group == events::GROUP {
            value = events::to_core(value);
        }
        defaults::fill(kind, &mut value);
        Ok(value)
    }

    fn validate(&self, target: &Target, old: Option<&Value>, new: &Value) -> Result<(), Refusal> {
        let kind = &target.kind;
        let mut causes = strategy::validate(kind, old, new, &target.subresource);
        if let Some(schema) = kind.schema(&target.version) {
            causes.extend(schema.validate(new, old));
        }
        if causes.is_empty() {
            return Ok(());
        }
        Err(Refusal::invalid(&kind.group, &kind.kind, name(new), &causes))
    }

    fn name_new(&self, target: &Target, value: &mut Value) -> Result<(), Refusal> {
        let meta = meta_mut(value);
        let prefix = text_of(meta, "generateName").to_owned();
        if text_of(meta, "name").is_empty() && !prefix.is_empty() {
            // As the real server, which keeps names within 63 characters.
            let kept: String = prefix.chars().take(58).collect();
            meta.insert("name".to_owned(), format!("{kept}{}", self.names.suffix()).into());
        }
        let given = text_of(meta, "namespace").to_owned();
        if !target.kind.namespaced {
            meta.shift_remove("namespace");
        } else if given.is_empty() {
            meta.insert("namespace".to_owned(), target.namespace.clone().into());
        } else if given != target.namespace {
            return Err(Refusal::bad_request(
                "the namespace of the provided object does not match the namespace sent on the \
                 request",
            ));
        }
        if !target.name.is_empty() && target.name != text_of(meta, "name") {
            let message = format!(
                "the name of the object ({}) does not match the name on the URL ({})",
                text_of(meta, "name"),
                target.name
            );
            return Err(Refusal::bad_request(message));
        }
        Ok(())
    }

    /// Objects cannot be made in namespaces that are not there or go away.
    fn check_namespace(&self, target: &Target) -> Result<(), Refusal> {
        if !target.kind.namespaced {
            return Ok(());
        }
        let found = self.store.get("namespaces", "", &target.namespace);
        let Some(found) = found else {
            return Err(Refusal::not_found("namespaces", &target.namespace));
        };
        if !deleting(&found.value) {
            return Ok(());
        }
        let why = format!(
            "unable to create new content in namespace {} because it is being terminated",
            target.namespace
        );
        Err(Refusal::forbidden(&target.kind.id(), &target.name, &why)
            .because("NamespaceTerminating", why))
    }

    fn stamp_new(&self, value: &mut Value) {
        let meta = meta_mut(value);
        for key in ["deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "managedFields"]
        {
            meta.shift_remove(key);
        }
        meta.insert("uid".to_owned(), self.names.uid().into());
        meta.insert("creationTimestamp".to_owned(), self.clock.stamp().into());
    }
}

fn text_of<'a>(map: &'a serde_json::Map<String, Value>, key: &str) -> &'a str {
    map.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn refuse_unknown(strict: bool, unknown: &[String]) -> Result<(), Refusal> {
    if !strict || unknown.is_empty() {
        return Ok(());
    }
    let list: Vec<_> = unknown.iter().map(|it| format!("unknown field {it:?}")).collect();
    Err(Refusal::bad_request(format!("strict decoding error: {}", list.join(", "))))
}

fn check_type(target: &Target, value: &Value) -> Result<(), Refusal> {
    let (kind, wanted) = (&target.kind, target.kind.api_version(&target.version));
    let Some(object) = value.as_object() else {
        return Err(Refusal::bad_request("the body must be a JSON object"));
    };
    let given = text_of(object, "apiVersion");
    if !given.is_empty() && given != wanted {
        return Err(Refusal::bad_request(format!(
            "the API version in the data ({given}) does not match the expected API version \
             ({wanted})"
        )));
    }
    let given = text_of(object, "kind");
    if given.is_empty() {
        return Err(Refusal::bad_request("Object 'Kind' is missing in the body"));
    }
    if given != kind.kind {
        return Err(Refusal::bad_request(format!(
            "the kind in the data ({given}) does not match the expected kind ({})",
            kind.kind
        )));
    }
    Ok(())
}

/// Restores what the server alone decides on.
fn keep_metadata(kind: &Kind, old: &Value, new: &mut Value) -> Result<(), Refusal> {
    let given = uid(new);
    if !given.is_empty() && given != uid(old) {
        let why = format!(
            "Precondition failed: UID in precondition: {given}, UID in object meta: {}",
            uid(old)
        );
        return Err(Refusal::conflict(&kind.id(), name(old), why));
    }
    let added: Vec<_> = {
        let before = finalizers(old);
        finalizers(new).into_iter().filter(|it| !before.contains(it)).map(str::to_owned).collect()
    };
    if deleting(old) && !added.is_empty() {
        let why = format!(
            "no new finalizers can be added if the object is being deleted, found new finalizers \
             []string{{{}}}",
            added.iter().map(|it| format!("{it:?}")).collect::<Vec<_>>().join(", ")
        );
        let cause = Cause::forbidden("metadata.finalizers", &why);
        return Err(Refusal::invalid(&kind.group, &kind.kind, name(old), &[cause]));
    }
    let was = old.get("metadata").unwrap_or(&Value::Null);
    let meta = meta_mut(new);
    for key in [
        "name",
        "generateName",
        "namespace",
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
        "resourceVersion",
        "selfLink",
    ] {
        carry(meta, was, key);
    }
    Ok(())
}
