//! Server-side apply.

use serde_json::{Map, Value, json};

use super::{
    super::{
        kind::Kind,
        object::{as_map, name, text},
        status::Refusal,
        write::{Changed, Target, WriteOptions},
    },
    fields::{Managed, changed, common, entries, fields_of, ownable, same_manager, step, subtract},
    lists::{ListType, item_key, list_type},
};

/// What an applied configuration makes of `old`.
///
/// # Errors
/// 409 with a cause per field when other managers own what it would change, unless forced.
pub fn apply(
    target: &Target,
    options: &WriteOptions,
    config: &Value,
    old: &Value,
) -> Result<Changed, Refusal> {
    let kind = &target.kind;
    let wanted = ownable(config);
    let fields = fields_of(kind, &wanted, &mut Vec::new());
    let mut value = old.clone();
    if let Some(meta) = value.get_mut("metadata") {
        as_map(meta).shift_remove("resourceVersion");
    }
    let version = text(config, "/metadata/resourceVersion");
    if !version.is_empty() {
        value["metadata"]["resourceVersion"] = version.into();
    }
    let entries = entries(Some(old));
    let mine = |entry: &&Value| same_manager(entry, &options.manager, "Apply", target);
    merge(kind, &mut value, &wanted, &mut Vec::new());
    if !options.force {
        let others: Vec<_> = entries.iter().filter(|it| !mine(it)).collect();
        refuse_conflicts(kind, &others, old, &value)?;
    }
    if let Some(before) = entries.iter().find(mine) {
        let mut gone = before.get("fieldsV1").cloned().unwrap_or_else(|| json!({}));
        subtract(&mut gone, &fields);
        for other in entries.iter().filter(|it| !mine(it)) {
            subtract(&mut gone, other.get("fieldsV1").unwrap_or(&Value::Null));
        }
        remove(kind, &mut value, &gone, &mut Vec::new());
    }
    Ok(Changed { value, managed: Managed::Apply(fields) })
}

/// How an applied configuration owns its fields.
pub fn applied(kind: &Kind, config: &Value) -> Managed {
    Managed::Apply(fields_of(kind, &ownable(config), &mut Vec::new()))
}

fn refuse_conflicts(
    kind: &Kind,
    others: &[&Value],
    old: &Value,
    new: &Value,
) -> Result<(), Refusal> {
    let (before, after) = (ownable(old), ownable(new));
    let Some(difference) = changed(kind, &before, &after, &mut Vec::new()) else { return Ok(()) };
    let mut causes = Vec::new();
    for entry in others {
        let shared = common(&difference, entry.get("fieldsV1").unwrap_or(&Value::Null));
        let mut paths = Vec::new();
        paths_of(&shared, String::new(), &mut paths);
        let who = format!(
            "conflict with {:?} using {}",
            text(entry, "/manager"),
            text(entry, "/apiVersion")
        );
        causes.extend(paths.into_iter().map(|path| (who.clone(), path)));
    }
    if causes.is_empty() {
        return Ok(());
    }
    let told: Vec<_> = causes.iter().map(|(who, path)| format!("{who}: {path}")).collect();
    let many = if causes.len() == 1 { "conflict" } else { "conflicts" };
    let message = format!("Apply failed with {} {many}: {}", causes.len(), told.join(", "));
    let mut refusal = Refusal::new(409, "Conflict", message).about(&kind.id(), name(old));
    let causes: Vec<_> = causes
        .into_iter()
        .map(|(who, path)| json!({"reason": "FieldManagerConflict", "message": who, "field": path}))
        .collect();
    refusal.details["causes"] = causes.into();
    Err(refusal)
}

fn paths_of(set: &Value, path: String, paths: &mut Vec<String>) {
    let map = set.as_object().filter(|it| !it.is_empty());
    let Some(map) = map else {
        if !path.is_empty() {
            paths.push(path);
        }
        return;
    };
    for (element, inner) in map {
        let step = match element.split_at_checked(2) {
            Some(("f:", name)) => format!(".{name}"),
            Some(("k:", key)) => {
                let key: Map<String, Value> = serde_json::from_str(key).unwrap_or_default();
                let key: Vec<_> = key.iter().map(|(name, it)| format!("{name}={it}")).collect();
                format!("[{}]", key.join(","))
            }
            Some(("v:", item)) => format!("[={item}]"),
            _ => String::new(),
        };
        paths_of(inner, format!("{path}{step}"), paths);
    }
}

fn merge<'c>(kind: &Kind, value: &mut Value, config: &'c Value, path: &mut Vec<&'c str>) {
    match config {
        Value::Object(fields) => {
            let map = as_map(value);
            for (key, field) in fields {
                path.push(key);
                merge(kind, map.entry(key).or_insert(Value::Null), field, path);
                path.pop();
            }
        }
        Value::Array(items) => merge_items(kind, value, items, path),
        plain => *value = plain.clone(),
    }
}

fn merge_items<'c>(kind: &Kind, value: &mut Value, items: &'c [Value], path: &mut Vec<&'c str>) {
    let list = list_type(kind, path);
    let Some(now) = value.as_array_mut().filter(|_| list != ListType::Atomic) else {
        *value = items.iter().cloned().collect();
        return;
    };
    for item in items {
        let ListType::Map(keys) = &list else {
            if !now.contains(item) {
                now.push(item.clone());
            }
            continue;
        };
        let key = item_key(item, keys);
        match now.iter_mut().find(|it| item_key(it, keys) == key) {
            Some(found) => merge(kind, found, item, path),
            None => now.push(item.clone()),
        }
    }
}

/// Takes fields out that their only owner no longer applies.
fn remove(kind: &Kind, value: &mut Value, gone: &Value, path: &mut Vec<String>) {
    for (element, inner) in gone.as_object().into_iter().flatten() {
        let names: Vec<&str> = path.iter().map(String::as_str).collect();
        let Some(found) = step(kind, element, value, &names).cloned() else { continue };
        let whole = inner.as_object().is_none_or(|it| it.is_empty() || it.contains_key("."));
        if let Some(name) = element.strip_prefix("f:") {
            if whole {
                as_map(value).shift_remove(name);
                continue;
            }
            path.push(name.to_owned());
            if let Some(field) = value.get_mut(name) {
                remove(kind, field, inner, path);
                if field.as_object().is_some_and(Map::is_empty) {
                    as_map(value).shift_remove(name);
                }
            }
            path.pop();
        } else if let Some(items) = value.as_array_mut() {
            let Some(place) = items.iter().position(|it| *it == found) else { continue };
            if whole {
                items.remove(place);
            } else {
                remove(kind, &mut items[place], inner, path);
            }
        }
    }
}
