//! How lists are merged: by the keys of their items, as sets, or as a whole.

use serde_json::Value;

use super::super::kind::Kind;

/// What a list is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListType {
    /// It is replaced as a whole.
    Atomic,
    /// Its items are plain values, each there once.
    Set,
    /// Its items are objects, each known by these fields.
    Map(Vec<String>),
}

/// Fields of built-in kinds that hold lists merged by keys, with the fields by which server-side
/// apply knows an item. Strategic merge uses the first of them. Taints, tolerations and terms of
/// affinity are not among them: a real server replaces those as a whole.
const KEYED: [(&str, &[&str]); 24] = [
    ("containers", &["name"]),
    ("initContainers", &["name"]),
    ("ephemeralContainers", &["name"]),
    ("env", &["name"]),
    ("volumes", &["name"]),
    ("volumeMounts", &["mountPath"]),
    ("volumeDevices", &["devicePath"]),
    ("conditions", &["type"]),
    ("ownerReferences", &["uid"]),
    ("addresses", &["type"]),
    ("hostAliases", &["ip"]),
    ("imagePullSecrets", &["name"]),
    ("schedulingGates", &["name"]),
    ("secrets", &["name"]),
    ("podIPs", &["ip"]),
    ("hostIPs", &["ip"]),
    ("resourceClaims", &["name"]),
    ("topologySpreadConstraints", &["topologyKey", "whenUnsatisfiable"]),
    ("drivers", &["name"]),
    ("versions", &["name"]),
    ("claims", &["name"]),
    ("resizePolicy", &["resourceName"]),
    ("containerStatuses", &["name"]),
    ("initContainerStatuses", &["name"]),
];

/// Lists that stay atomic although another list of their name is not.
const ATOMIC: [&str; 2] = ["containerStatuses", "initContainerStatuses"];

/// What the list at `path` (names of fields, without list items) is.
pub fn list_type(kind: &Kind, path: &[&str]) -> ListType {
    let Some((&last, parents)) = path.split_last() else { return ListType::Atomic };
    let in_metadata = parents.last() == Some(&"metadata");
    match (last, in_metadata) {
        ("finalizers", true) => return ListType::Set,
        ("ownerReferences", true) => return ListType::Map(vec!["uid".to_owned()]),
        _ => {}
    }
    if kind.custom() {
        return kind.schema(kind.stored()).map_or(ListType::Atomic, |it| it.list_type(path));
    }
    let keys: &[&str] = match (last, parents.last()) {
        ("ports", Some(&"containers" | &"initContainers")) => &["containerPort", "protocol"],
        ("ports", Some(&"spec")) if kind.plural == "services" => &["port", "protocol"],
        _ if ATOMIC.contains(&last) => &[],
        _ => KEYED.iter().find(|it| it.0 == last).map_or(&[], |it| it.1),
    };
    if keys.is_empty() {
        return ListType::Atomic;
    }
    ListType::Map(keys.iter().map(|&it| it.to_owned()).collect())
}

/// The fields by which an item is known; `protocol` may be left out and is TCP then.
pub fn item_key(item: &Value, keys: &[String]) -> Value {
    let of = |key: &String| match item.get(key) {
        Some(value) => value.clone(),
        None if key == "protocol" => "TCP".into(),
        None => Value::Null,
    };
    keys.iter().map(|key| (key.clone(), of(key))).collect::<serde_json::Map<_, _>>().into()
}
