//! What the server knows about each kind of object.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use serde_json::Value;

use super::crd::Schema;

/// Reads an object into its typed form and writes it out again, which drops unknown fields; an
/// error says which field has the wrong type.
pub type Typed = fn(Value) -> Result<Value, String>;

/// One kind, as discovery tells of it.
#[derive(Debug, Default)]
pub struct Kind {
    /// API group, empty for the core.
    pub group: String,
    /// Served versions, the preferred one first.
    pub versions: Vec<String>,
    /// Plural lower-case name, as in paths.
    pub plural: String,
    /// Singular lower-case name.
    pub singular: String,
    /// Kind in objects.
    pub kind: String,
    /// Kind of lists.
    pub list_kind: String,
    /// Abbreviations that kubectl knows.
    pub short_names: Vec<String>,
    /// Groups that kubectl knows, such as `all`.
    pub categories: Vec<String>,
    /// Fields of custom resources that may be selected by, such as `spec.colour`.
    pub selectable: Vec<String>,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// Whether status is written only through its subresource.
    pub status: bool,
    /// Where `scale` reads and writes.
    pub scale: Option<ScalePaths>,
    /// The built-in type; none for custom resources.
    pub typed: Option<Typed>,
    /// Per version, of custom resources.
    pub schemas: BTreeMap<String, Arc<Schema>>,
}

/// JSON pointers of what the subresource `scale` shows.
#[derive(Clone, Debug)]
pub struct ScalePaths {
    /// `spec.replicas`.
    pub wanted: String,
    /// `status.replicas`.
    pub current: String,
    /// Of the selector; may lead to a string or to a label selector.
    pub selector: Option<String>,
}

impl Kind {
    /// `plural.group`, or `plural` for the core: names the kind everywhere in the server.
    pub fn id(&self) -> String {
        if self.group.is_empty() {
            self.plural.clone()
        } else {
            format!("{}.{}", self.plural, self.group)
        }
    }

    /// Under which name its objects are kept: both groups of events share one place.
    pub fn table(&self) -> String {
        if self.is("events.k8s.io", "events") { self.plural.clone() } else { self.id() }
    }

    /// `group/version`, or `version` for the core.
    pub fn api_version(&self, version: &str) -> String {
        if self.group.is_empty() { version.to_owned() } else { format!("{}/{version}", self.group) }
    }

    /// The version that objects are kept in.
    pub fn stored(&self) -> &str {
        self.versions.first().map_or("v1", String::as_str)
    }

    /// `apiVersion` of kept objects.
    pub fn stored_api_version(&self) -> String {
        self.api_version(self.stored())
    }

    /// Whether the kind comes from a CustomResourceDefinition.
    pub fn custom(&self) -> bool {
        self.typed.is_none()
    }

    /// The schema of a version, for custom resources.
    pub fn schema(&self, version: &str) -> Option<&Arc<Schema>> {
        self.schemas.get(version)
    }

    /// Whether this is the kind of that group and plural.
    pub fn is(&self, group: &str, plural: &str) -> bool {
        self.group == group && self.plural == plural
    }
}

/// All kinds served at this moment.
#[derive(Debug)]
pub struct Kinds {
    kinds: RwLock<BTreeMap<(String, String), Arc<Kind>>>,
}

impl Kinds {
    /// The kinds of the beginning.
    pub fn new(kinds: Vec<Kind>) -> Self {
        let kinds = kinds.into_iter().map(|it| (key(&it), Arc::new(it))).collect();
        Self { kinds: RwLock::new(kinds) }
    }

    /// Serves another kind, or another form of it.
    pub fn insert(&self, kind: Kind) -> Arc<Kind> {
        let kind = Arc::new(kind);
        let mut kinds = self.kinds.write().unwrap_or_else(PoisonError::into_inner);
        kinds.insert(key(&kind), kind.clone());
        kind
    }

    /// Stops serving a kind.
    pub fn remove(&self, group: &str, plural: &str) {
        let mut kinds = self.kinds.write().unwrap_or_else(PoisonError::into_inner);
        kinds.remove(&(group.to_owned(), plural.to_owned()));
    }

    /// The kind of a group and plural.
    pub fn get(&self, group: &str, plural: &str) -> Option<Arc<Kind>> {
        let kinds = self.kinds.read().unwrap_or_else(PoisonError::into_inner);
        kinds.get(&(group.to_owned(), plural.to_owned())).cloned()
    }

    /// The kind of an object's group and kind.
    pub fn of_object(&self, group: &str, kind: &str) -> Option<Arc<Kind>> {
        self.all().into_iter().find(|it| it.group == group && it.kind == kind)
    }

    /// All kinds, by group and plural.
    pub fn all(&self) -> Vec<Arc<Kind>> {
        let kinds = self.kinds.read().unwrap_or_else(PoisonError::into_inner);
        kinds.values().cloned().collect()
    }
}

fn key(kind: &Kind) -> (String, String) {
    (kind.group.clone(), kind.plural.clone())
}
