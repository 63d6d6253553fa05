//! Strategic merge patches.

use serde_json::{Map, Value};

use super::{
    super::{kind::Kind, object::as_map},
    lists::{ListType, list_type},
};

const DIRECTIVE: &str = "$patch";
const DELETE_FROM: &str = "$deleteFromPrimitiveList/";
const ORDER: &str = "$setElementOrder/";
const RETAIN: &str = "$retainKeys";

/// Merges `patch` into an object of a built-in kind.
pub fn merge(kind: &Kind, value: &mut Value, patch: &Value) {
    merge_value(kind, value, patch, &mut Vec::new());
}

fn merge_value<'p>(kind: &Kind, value: &mut Value, patch: &'p Value, path: &mut Vec<&'p str>) {
    let Some(patch) = patch.as_object() else {
        *value = patch.clone();
        return;
    };
    match patch.get(DIRECTIVE).and_then(Value::as_str) {
        Some("replace") => {
            *value = without_directives(patch);
            return;
        }
        Some("delete") => {
            *value = Value::Null;
            return;
        }
        _ => {}
    }
    let map = as_map(value);
    retain(map, patch);
    for (key, change) in patch {
        if let Some(list) = key.strip_prefix(DELETE_FROM) {
            delete_from(map, list, change);
        }
    }
    for (key, change) in patch.iter().filter(|(key, _)| !key.starts_with('$')) {
        path.push(key);
        merge_field(kind, map, key, change, path);
        path.pop();
    }
    for (key, order) in patch {
        if let Some(list) = key.strip_prefix(ORDER) {
            path.push(list);
            let by = list_type(kind, path);
            path.pop();
            reorder(map, list, order, &by);
        }
    }
}

fn merge_field<'p>(
    kind: &Kind,
    map: &mut Map<String, Value>,
    key: &str,
    change: &'p Value,
    path: &mut Vec<&'p str>,
) {
    if change.is_null() {
        map.shift_remove(key);
        return;
    }
    let slot = map.entry(key).or_insert(Value::Null);
    match change {
        Value::Object(_) => merge_value(kind, slot, change, path),
        Value::Array(items) => merge_list(kind, slot, items, path),
        plain => *slot = plain.clone(),
    }
    if slot.is_null() {
        map.shift_remove(key);
    }
}

fn merge_list<'p>(kind: &Kind, slot: &mut Value, items: &'p [Value], path: &mut Vec<&'p str>) {
    let replaces = |it: &Value| it.get(DIRECTIVE) == Some(&Value::from("replace"));
    let list = list_type(kind, path);
    if list == ListType::Atomic || !slot.is_array() || items.iter().any(replaces) {
        let plain = items.iter().filter(|it| it.get(DIRECTIVE).is_none());
        *slot = plain.map(strip).collect();
        return;
    }
    let Some(now) = slot.as_array_mut() else { return };
    for item in items {
        let ListType::Map(keys) = &list else {
            if !now.contains(item) {
                now.push(item.clone());
            }
            continue;
        };
        // Strategic merge knows items by one field only.
        let same = |it: &Value| keys.first().is_none_or(|key| it.get(key) == item.get(key));
        if item.get(DIRECTIVE) == Some(&Value::from("delete")) {
            now.retain(|it| !same(it));
        } else if let Some(found) = now.iter_mut().find(|it| same(it)) {
            merge_value(kind, found, item, path);
        } else {
            now.push(strip(item));
        }
    }
}

fn strip(item: &Value) -> Value {
    item.as_object().map_or_else(|| item.clone(), without_directives)
}

fn without_directives(patch: &Map<String, Value>) -> Value {
    let kept = patch.iter().filter(|(key, value)| !key.starts_with('$') && !value.is_null());
    kept.map(|(key, value)| (key.clone(), strip(value))).collect::<Map<_, _>>().into()
}

fn retain(map: &mut Map<String, Value>, patch: &Map<String, Value>) {
    if let Some(keys) = patch.get(RETAIN).and_then(Value::as_array) {
        map.retain(|key, _| keys.iter().any(|it| it == key));
    }
}

fn delete_from(map: &mut Map<String, Value>, list: &str, gone: &Value) {
    let Some(gone) = gone.as_array() else { return };
    if let Some(items) = map.get_mut(list).and_then(Value::as_array_mut) {
        items.retain(|it| !gone.contains(it));
    }
}

/// Puts the items that `order` names in its order; the others follow in theirs.
fn reorder(map: &mut Map<String, Value>, list: &str, order: &Value, by: &ListType) {
    let (Some(items), Some(order)) =
        (map.get_mut(list).and_then(Value::as_array_mut), order.as_array())
    else {
        return;
    };
    let place = |item: &Value| {
        let same = |wanted: &Value| match by {
            ListType::Map(keys) => keys.first().is_some_and(|key| wanted.get(key) == item.get(key)),
            _ => wanted == item,
        };
        order.iter().position(same).unwrap_or(order.len())
    };
    items.sort_by_key(place);
}
