//! Sets of fields in the form of `fieldsV1`, and which manager owns which.
//!
//! A set is a tree: `f:name` leads into a field, `k:{…}` into the list item with this key, `v:…`
//! to an item of a set, and `.` stands for the item itself.

use serde_json::{Map, Value, json};

use super::{
    super::{
        kind::Kind,
        object::{meta_mut, text},
        write::Target,
    },
    lists::{ListType, item_key, list_type},
};

/// How a write is to be recorded.
#[derive(Clone, Debug)]
pub enum Managed {
    /// The manager owns what it changed.
    Update,
    /// The manager owns these fields and no others.
    Apply(Value),
}

/// Fields of metadata that nobody owns.
const UNOWNED: [&str; 11] = [
    "name",
    "namespace",
    "generateName",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "managedFields",
    "selfLink",
];

/// The parts of an object that may be owned.
pub fn ownable(object: &Value) -> Value {
    let mut kept = object.clone();
    if let Some(map) = kept.as_object_mut() {
        map.shift_remove("apiVersion");
        map.shift_remove("kind");
        if let Some(meta) = map.get_mut("metadata").and_then(Value::as_object_mut) {
            meta.retain(|key, _| !UNOWNED.contains(&key.as_str()));
        }
    }
    kept
}

/// All fields of a value.
pub fn fields_of<'v>(kind: &Kind, value: &'v Value, path: &mut Vec<&'v str>) -> Value {
    changed(kind, &Value::Null, value, path).unwrap_or_else(|| json!({}))
}

/// The fields of `new` that are not the same in `old`; none if all are.
pub fn changed<'v>(
    kind: &Kind,
    old: &Value,
    new: &'v Value,
    path: &mut Vec<&'v str>,
) -> Option<Value> {
    if old == new {
        return None;
    }
    let mut set = Map::new();
    match new {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                path.push(key);
                let before = old.get(key).unwrap_or(&Value::Null);
                if let Some(inner) = changed(kind, before, value, path) {
                    set.insert(format!("f:{key}"), inner);
                }
                path.pop();
            }
            if set.is_empty() {
                return None;
            }
        }
        Value::Array(items) if !items.is_empty() => {
            changed_items(kind, old, items, path, &mut set)?;
        }
        _ => {}
    }
    Some(set.into())
}

/// Returns none when no item that is there has changed.
fn changed_items<'v>(
    kind: &Kind,
    old: &Value,
    items: &'v [Value],
    path: &mut Vec<&'v str>,
    set: &mut Map<String, Value>,
) -> Option<()> {
    let before = old.as_array().map(Vec::as_slice).unwrap_or_default();
    match list_type(kind, path) {
        ListType::Atomic => return Some(()),
        ListType::Set => {
            for item in items.iter().filter(|it| !before.contains(it)) {
                set.insert(format!("v:{item}"), json!({}));
            }
        }
        ListType::Map(keys) => {
            for item in items {
                let key = item_key(item, &keys);
                let was = before.iter().find(|it| item_key(it, &keys) == key);
                if let Some(mut inner) = changed(kind, was.unwrap_or(&Value::Null), item, path) {
                    if was.is_none()
                        && let Some(inner) = inner.as_object_mut()
                    {
                        inner.insert(".".to_owned(), json!({}));
                    }
                    set.insert(format!("k:{key}"), inner);
                }
            }
        }
    }
    (!set.is_empty()).then_some(())
}

/// Whether a node of the tree owns its field as a whole.
fn leaf(set: &Value) -> bool {
    set.as_object().is_none_or(Map::is_empty)
}

/// Adds the fields of `other`.
pub fn unite(set: &mut Value, other: &Value) {
    let (Some(set), Some(other)) = (set.as_object_mut(), other.as_object()) else { return };
    for (key, inner) in other {
        match set.get_mut(key) {
            Some(mine) => unite(mine, inner),
            None => {
                set.insert(key.clone(), inner.clone());
            }
        }
    }
}

/// Takes out the fields of `other`. An empty map is a field of its own beside the fields in it.
pub fn subtract(set: &mut Value, other: &Value) {
    let (Some(set), Some(other)) = (set.as_object_mut(), other.as_object()) else { return };
    for (key, inner) in other {
        let Some(mine) = set.get_mut(key) else { continue };
        if leaf(mine) != leaf(inner) {
            continue;
        }
        subtract(mine, inner);
        if leaf(mine) {
            set.shift_remove(key);
        }
    }
}

/// The fields of both.
pub fn common(one: &Value, other: &Value) -> Value {
    let mut set = Map::new();
    let (Some(one), Some(other)) = (one.as_object(), other.as_object()) else {
        return set.into();
    };
    for (key, mine) in one {
        let Some(its) = other.get(key) else { continue };
        let inner = common(mine, its);
        if (leaf(mine) && leaf(its)) || !leaf(&inner) {
            set.insert(key.clone(), inner);
        }
    }
    set.into()
}

/// Keeps only fields that the object still has.
fn keep_existing(kind: &Kind, set: &mut Value, value: &Value, path: &mut Vec<String>) {
    let Some(map) = set.as_object_mut() else { return };
    map.retain(|key, inner| {
        if key == "." {
            return true;
        }
        let names: Vec<&str> = path.iter().map(String::as_str).collect();
        let Some(found) = step(kind, key, value, &names) else { return false };
        if leaf(inner) {
            return true;
        }
        let name = key.strip_prefix("f:").map(str::to_owned);
        let depth = path.len();
        path.extend(name);
        keep_existing(kind, inner, found, path);
        path.truncate(depth);
        !leaf(inner)
    });
}

/// Where an element of a set leads within a value.
pub fn step<'v>(kind: &Kind, element: &str, value: &'v Value, path: &[&str]) -> Option<&'v Value> {
    if let Some(name) = element.strip_prefix("f:") {
        return value.get(name);
    }
    let items = value.as_array()?;
    if let Some(item) = element.strip_prefix("v:") {
        let item: Value = serde_json::from_str(item).ok()?;
        return items.iter().find(|it| **it == item);
    }
    let wanted: Value = serde_json::from_str(element.strip_prefix("k:")?).ok()?;
    let ListType::Map(keys) = list_type(kind, path) else { return None };
    items.iter().find(|it| item_key(it, &keys) == wanted)
}

/// The entries of `metadata.managedFields`.
pub fn entries(object: Option<&Value>) -> Vec<Value> {
    let list = object.and_then(|it| it.pointer("/metadata/managedFields")?.as_array());
    list.cloned().unwrap_or_default()
}

/// Whether an entry is of this manager, operation and subresource.
pub fn same_manager(entry: &Value, manager: &str, operation: &str, target: &Target) -> bool {
    text(entry, "/manager") == manager
        && text(entry, "/operation") == operation
        && text(entry, "/subresource") == target.subresource
}

/// Writes `metadata.managedFields` of `new`.
pub fn record(
    old: Option<&Value>,
    new: &mut Value,
    target: &Target,
    managed: &Managed,
    manager: &str,
    stamp: &str,
) {
    let kind = &target.kind;
    let after = ownable(new);
    let before = old.map(ownable).unwrap_or_default();
    let difference = changed(kind, &before, &after, &mut Vec::new());
    let (operation, own) = match managed {
        Managed::Update => ("Update", difference.clone().unwrap_or_else(|| json!({}))),
        Managed::Apply(fields) => ("Apply", fields.clone()),
    };
    let mut found = false;
    let mut all = Vec::new();
    for mut entry in entries(old) {
        let mine = same_manager(&entry, manager, operation, target);
        let mut set = entry.get("fieldsV1").cloned().unwrap_or_else(|| json!({}));
        if mine {
            found = true;
            match managed {
                Managed::Update => unite(&mut set, &own),
                Managed::Apply(fields) => set = fields.clone(),
            }
        } else if let Some(difference) = &difference {
            subtract(&mut set, difference);
        }
        keep_existing(kind, &mut set, &after, &mut Vec::new());
        if leaf(&set) {
            continue;
        }
        // A value that is written over one's own is news too, though the set of fields stays.
        if mine && (!leaf(&own) || entry.get("fieldsV1") != Some(&set)) {
            entry["time"] = stamp.into();
        }
        entry["fieldsV1"] = set;
        all.push(entry);
    }
    if !found && !leaf(&own) {
        let mut entry = json!({
            "manager": manager, "operation": operation,
            "apiVersion": kind.api_version(&target.version), "time": stamp,
            "fieldsType": "FieldsV1", "fieldsV1": own
        });
        if !target.subresource.is_empty() {
            entry["subresource"] = target.subresource.as_str().into();
        }
        all.push(entry);
    }
    let meta = meta_mut(new);
    if all.is_empty() {
        meta.shift_remove("managedFields");
    } else {
        meta.insert("managedFields".to_owned(), all.into());
    }
}
