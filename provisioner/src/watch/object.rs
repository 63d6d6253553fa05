//! Objects as they arrive: whatever the server sends is taken in, so that one bad object does not
//! spoil the list it stands in.

mod trim;

use std::{
    borrow::Cow,
    sync::{Arc, OnceLock},
};

use k8s_openapi::api::core::v1::Node;
use kube::{
    Resource,
    core::{ApiResource, DynamicResourceScope, ObjectMeta},
};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::snapshot::{error::Fault, nomination, typed::typed};

/// An object of any kind and any form.
#[derive(Clone, Debug, Default)]
pub struct Object {
    /// As sent, but for what nobody looks at; of `metadata.managedFields` only what tells of tenon's
    /// nomination.
    pub value: Value,
    /// Name, namespace, uid and resource version, as far as they can be read.
    meta: ObjectMeta,
    /// The node that it is, once somebody has asked.
    node: OnceLock<Arc<Node>>,
}

impl Object {
    /// Takes in an object.
    pub fn new(mut value: Value) -> Self {
        if let Some(meta) = value.get_mut("metadata").and_then(Value::as_object_mut) {
            nomination::keep_only(meta);
        }
        let text = |key: &str| {
            let text = value.get("metadata").and_then(|meta| meta.get(key)).and_then(Value::as_str);
            text.filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let meta = ObjectMeta {
            name: text("name"),
            namespace: text("namespace"),
            uid: text("uid"),
            resource_version: text("resourceVersion"),
            ..ObjectMeta::default()
        };
        Self { value, meta, node: OnceLock::new() }
    }

    /// Namespace (empty for objects that have none) and name.
    pub fn key(&self) -> (&str, &str) {
        let text = Option::as_deref;
        (text(&self.meta.namespace).unwrap_or_default(), text(&self.meta.name).unwrap_or_default())
    }

    /// The object as a node; there are thousands, and all who ask share one.
    pub fn node(&self) -> Result<Arc<Node>, Fault> {
        if let Some(node) = self.node.get() {
            return Ok(Arc::clone(node));
        }
        let node = Arc::new(typed(&self.value)?);
        Ok(Arc::clone(self.node.get_or_init(|| node)))
    }

    /// metadata.uid, may be empty.
    pub fn uid(&self) -> &str {
        self.meta.uid.as_deref().unwrap_or_default()
    }

    /// metadata.resourceVersion, may be empty.
    pub fn version(&self) -> &str {
        self.meta.resource_version.as_deref().unwrap_or_default()
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        trim::read(deserializer).map(Self::new)
    }
}

impl Resource for Object {
    type DynamicType = ApiResource;
    type Scope = DynamicResourceScope;

    fn kind(of: &ApiResource) -> Cow<'_, str> {
        of.kind.as_str().into()
    }

    fn group(of: &ApiResource) -> Cow<'_, str> {
        of.group.as_str().into()
    }

    fn version(of: &ApiResource) -> Cow<'_, str> {
        of.version.as_str().into()
    }

    fn plural(of: &ApiResource) -> Cow<'_, str> {
        of.plural.as_str().into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.meta
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.meta
    }
}
