//! Structural schemas: what they drop, fill in and refuse.

use std::collections::BTreeSet;

use regex::Regex;
use serde_json::{Map, Value, json};

use super::{
    super::{patch::ListType, status::Cause},
    rules::Rules,
};

/// The schema of one version of a custom resource, in the form of `openAPIV3Schema`.
#[derive(Debug)]
pub struct Schema {
    root: Value,
    rules: Rules,
}

/// Fields that every object has and no schema needs to name.
const ALWAYS: [&str; 3] = ["apiVersion", "kind", "metadata"];

impl Schema {
    /// A schema.
    ///
    /// # Errors
    /// What is wrong with it: a pattern that is no regular expression, a rule that is no CEL.
    pub fn new(root: Value) -> Result<Self, String> {
        check_patterns(&root)?;
        let rules = Rules::new(&root)?;
        Ok(Self { root, rules })
    }

    /// Drops fields that the schema does not know and returns their paths.
    pub fn prune(&self, object: &mut Value) -> Vec<String> {
        let mut dropped = Vec::new();
        if let Some(map) = object.as_object_mut() {
            prune_map(&self.root, map, "", true, &mut dropped);
        }
        dropped
    }

    /// Fills in defaults.
    pub fn fill(&self, object: &mut Value) {
        fill(&self.root, object);
    }

    /// What is wrong with an object.
    pub fn validate(&self, object: &Value, old: Option<&Value>) -> Vec<Cause> {
        let mut causes = Vec::new();
        validate(&self.root, object, "", &mut causes);
        // Rules may rely on the form, so that they wait until it is right.
        if causes.is_empty() {
            causes = self.rules.check(&self.root, object, old);
        }
        causes
    }

    /// What the list at `path` is.
    pub fn list_type(&self, path: &[&str]) -> ListType {
        let mut schema = &self.root;
        for name in path {
            if let Some(items) = schema.get("items") {
                schema = items;
            }
            let next = schema.get("properties").and_then(|it| it.get(name));
            let Some(next) = next.or_else(|| schema.get("additionalProperties")) else {
                return ListType::Atomic;
            };
            schema = next;
        }
        match schema.get("x-kubernetes-list-type").and_then(Value::as_str) {
            Some("set") => ListType::Set,
            Some("map") => {
                let keys = schema.get("x-kubernetes-list-map-keys").and_then(Value::as_array);
                let keys = keys.into_iter().flatten().filter_map(Value::as_str);
                ListType::Map(keys.map(str::to_owned).collect())
            }
            _ => ListType::Atomic,
        }
    }
}

fn flag(schema: &Value, key: &str) -> bool {
    schema.get(key) == Some(&json!(true))
}

fn check_patterns(schema: &Value) -> Result<(), String> {
    match schema {
        Value::Object(map) => {
            if let Some(pattern) = map.get("pattern").and_then(Value::as_str) {
                Regex::new(pattern).map_err(|err| format!("pattern {pattern:?}: {err}"))?;
            }
            map.values().try_for_each(check_patterns)
        }
        Value::Array(items) => items.iter().try_for_each(check_patterns),
        _ => Ok(()),
    }
}

fn prune_map(
    schema: &Value,
    map: &mut Map<String, Value>,
    path: &str,
    root: bool,
    dropped: &mut Vec<String>,
) {
    if flag(schema, "x-kubernetes-preserve-unknown-fields") && schema.get("properties").is_none() {
        return;
    }
    let keep = flag(schema, "x-kubernetes-preserve-unknown-fields");
    map.retain(|key, value| {
        if (root || flag(schema, "x-kubernetes-embedded-resource"))
            && ALWAYS.contains(&key.as_str())
        {
            return true;
        }
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        let known = schema.get("properties").and_then(|it| it.get(key));
        let inner = known
            .or_else(|| schema.get("additionalProperties").filter(|it| it.is_object()))
            .or_else(|| schema.get("additionalProperties").filter(|it| **it == json!(true)));
        match inner {
            Some(inner) => {
                prune_value(inner, value, &path, dropped);
                true
            }
            None if keep => true,
            None => {
                dropped.push(path);
                false
            }
        }
    });
}

fn prune_value(schema: &Value, value: &mut Value, path: &str, dropped: &mut Vec<String>) {
    match value {
        Value::Object(map) if schema.is_object() => {
            prune_map(schema, map, path, false, dropped);
        }
        Value::Array(items) => {
            let Some(inner) = schema.get("items") else { return };
            for (nth, item) in items.iter_mut().enumerate() {
                prune_value(inner, item, &format!("{path}[{nth}]"), dropped);
            }
        }
        _ => {}
    }
}

fn fill(schema: &Value, value: &mut Value) {
    match value {
        Value::Object(map) => {
            let properties = schema.get("properties").and_then(Value::as_object);
            for (key, inner) in properties.into_iter().flatten() {
                if let Some(default) = inner.get("default") {
                    let nullable = flag(inner, "nullable");
                    let slot = map.entry(key.clone()).or_insert_with(|| default.clone());
                    // Null is dropped for a default unless the field may be null.
                    if slot.is_null() && !nullable {
                        *slot = default.clone();
                    }
                }
                if let Some(value) = map.get_mut(key) {
                    fill(inner, value);
                }
            }
            if let Some(inner) = schema.get("additionalProperties").filter(|it| it.is_object()) {
                let known = |key: &str| properties.is_some_and(|it| it.contains_key(key));
                map.iter_mut().filter(|(key, _)| !known(key)).for_each(|(_, it)| fill(inner, it));
            }
        }
        Value::Array(items) => {
            if let Some(inner) = schema.get("items") {
                items.iter_mut().for_each(|it| fill(inner, it));
            }
        }
        _ => {}
    }
}

fn validate(schema: &Value, value: &Value, path: &str, causes: &mut Vec<Cause>) {
    if value.is_null() && flag(schema, "nullable") {
        return;
    }
    if let Some(problem) = wrong_type(schema, value) {
        causes.push(Cause {
            reason: "FieldValueTypeInvalid",
            field: shown(path),
            message: problem,
        });
        return;
    }
    if let Some(allowed) = schema.get("enum").and_then(Value::as_array)
        && !allowed.contains(value)
    {
        let allowed: Vec<_> = allowed
            .iter()
            .map(|it| it.as_str().map_or_else(|| it.to_string(), str::to_owned))
            .collect();
        causes.push(Cause::unsupported(shown(path), value, &allowed));
    }
    match value {
        Value::Object(map) => validate_map(schema, map, path, causes),
        Value::Array(items) => validate_list(schema, items, path, causes),
        Value::String(text) => validate_text(schema, text, path, causes),
        Value::Number(number) => {
            validate_number(schema, number.as_f64().unwrap_or(0.0), value, path, causes);
        }
        _ => {}
    }
    for (word, check) in [("allOf", true), ("anyOf", false), ("oneOf", false)] {
        let Some(parts) = schema.get(word).and_then(Value::as_array) else { continue };
        let fits = |part: &Value| {
            let mut found = Vec::new();
            validate(part, value, path, &mut found);
            found.is_empty()
        };
        let count = parts.iter().filter(|it| fits(it)).count();
        let fine = match word {
            "allOf" => count == parts.len(),
            "anyOf" => count > 0,
            _ => count == 1,
        };
        if !fine {
            let field = shown(path);
            let why = format!(
                "{field:?} must validate {} schema ({word})",
                if check { "all the schemas" } else { "one and only one or at least one" }
            );
            causes.push(Cause::invalid(field, value, why));
        }
    }
    if let Some(not) = schema.get("not") {
        let mut found = Vec::new();
        validate(not, value, path, &mut found);
        if found.is_empty() {
            let field = shown(path);
            let why = format!("{field:?} must not validate the schema (not)");
            causes.push(Cause::invalid(field, value, why));
        }
    }
}

fn shown(path: &str) -> String {
    if path.is_empty() { "<nil>".to_owned() } else { path.to_owned() }
}

fn wrong_type(schema: &Value, value: &Value) -> Option<String> {
    if flag(schema, "x-kubernetes-int-or-string") {
        let fine = value.is_string() || value.is_i64() || value.is_u64();
        let name = type_name(value);
        return (!fine).then(|| {
            format!("Invalid value: {name:?}: must be of type integer or string: {name:?}")
        });
    }
    let wanted = schema.get("type").and_then(Value::as_str)?;
    let fine = match wanted {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => {
            value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|it| it.fract() == 0.0)
        }
        "number" => value.is_number(),
        _ => true,
    };
    let name = type_name(value);
    (!fine).then(|| format!("Invalid value: {name:?}: must be of type {wanted}: {name:?}"))
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn validate_map(schema: &Value, map: &Map<String, Value>, path: &str, causes: &mut Vec<Cause>) {
    let child = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    for key in required.filter_map(Value::as_str).filter(|key| !map.contains_key(*key)) {
        causes.push(Cause::required(child(key), ""));
    }
    let count = |word: &str| schema.get(word).and_then(Value::as_u64);
    let whole = || Value::Object(map.clone());
    if let Some(most) = count("maxProperties").filter(|it| map.len() as u64 > *it) {
        let why = format!("must have at most {most} items");
        causes.push(Cause::invalid(shown(path), &whole(), why));
    }
    if let Some(least) = count("minProperties").filter(|it| (map.len() as u64) < *it) {
        let why = format!("{:?} in body should have at least {least} properties", shown(path));
        causes.push(Cause::invalid(shown(path), &whole(), why));
    }
    for (key, value) in map {
        let known = schema.get("properties").and_then(|it| it.get(key));
        if let Some(inner) = known {
            validate(inner, value, &child(key), causes);
        } else if let Some(inner) = schema.get("additionalProperties").filter(|it| it.is_object()) {
            validate(inner, value, &child(key), causes);
        }
    }
}

fn validate_list(schema: &Value, items: &[Value], path: &str, causes: &mut Vec<Cause>) {
    let count = |word: &str| schema.get(word).and_then(Value::as_u64);
    let whole = || Value::Array(items.to_vec());
    if let Some(most) = count("maxItems").filter(|it| items.len() as u64 > *it) {
        let message = format!("Too many: {}: must have at most {most} items", items.len());
        let field = shown(path);
        causes.push(Cause { reason: "FieldValueTooMany", field, message });
    }
    if let Some(least) = count("minItems").filter(|it| (items.len() as u64) < *it) {
        let why = format!("{} in body should have at least {least} items", shown(path));
        causes.push(Cause::invalid(shown(path), &whole(), why));
    }
    validate_unique(schema, items, path, causes);
    if let Some(inner) = schema.get("items") {
        for (nth, item) in items.iter().enumerate() {
            validate(inner, item, &format!("{path}[{nth}]"), causes);
        }
    }
}

fn validate_unique(schema: &Value, items: &[Value], path: &str, causes: &mut Vec<Cause>) {
    let keys = schema.get("x-kubernetes-list-map-keys").and_then(Value::as_array);
    let identity = |item: &Value| match schema.get("x-kubernetes-list-type")?.as_str()? {
        "set" => Some(item.clone()),
        "map" => {
            let keys = keys.into_iter().flatten().filter_map(Value::as_str);
            let key = keys.map(|it| (it.to_owned(), item.get(it).cloned().unwrap_or_default()));
            Some(key.collect::<Map<_, _>>().into())
        }
        _ => None,
    };
    let mut seen = BTreeSet::new();
    for (nth, item) in items.iter().enumerate() {
        if let Some(identity) = identity(item)
            && !seen.insert(identity.to_string())
        {
            causes.push(Cause::duplicate(format!("{path}[{nth}]"), &identity));
        }
    }
}

fn validate_text(schema: &Value, text: &str, path: &str, causes: &mut Vec<Cause>) {
    let value = Value::from(text);
    let count = |word: &str| schema.get(word).and_then(Value::as_u64);
    let length = text.chars().count() as u64;
    if let Some(most) = count("maxLength").filter(|it| length > *it) {
        let message = format!("Too long: may not be more than {most} bytes");
        causes.push(Cause { reason: "FieldValueTooLong", field: shown(path), message });
    }
    if let Some(least) = count("minLength").filter(|it| length < *it) {
        let why = format!("{} in body should be at least {least} chars long", shown(path));
        causes.push(Cause::invalid(shown(path), &value, why));
    }
    if let Some(pattern) = schema.get("pattern").and_then(Value::as_str)
        && let Ok(regex) = Regex::new(pattern)
        && !regex.is_match(text)
    {
        let why = format!("{} in body should match '{pattern}'", shown(path));
        causes.push(Cause::invalid(shown(path), &value, why));
    }
    if schema.get("format").and_then(Value::as_str) == Some("date-time")
        && text.parse::<k8s_openapi::jiff::Timestamp>().is_err()
    {
        let why = format!("{} in body must be of type datetime: {value}", shown(path));
        causes.push(Cause::invalid(shown(path), &value, why));
    }
}

fn validate_number(
    schema: &Value,
    number: f64,
    value: &Value,
    path: &str,
    causes: &mut Vec<Cause>,
) {
    let bound = |word: &str| schema.get(word).and_then(Value::as_f64);
    if let Some(most) = bound("maximum") {
        let strict = flag(schema, "exclusiveMaximum");
        if number > most || (strict && number >= most) {
            let than = if strict { "less than" } else { "less than or equal to" };
            let why = format!("{} in body should be {than} {most}", shown(path));
            causes.push(Cause::invalid(shown(path), value, why));
        }
    }
    if let Some(least) = bound("minimum") {
        let strict = flag(schema, "exclusiveMinimum");
        if number < least || (strict && number <= least) {
            let than = if strict { "greater than" } else { "greater than or equal to" };
            let why = format!("{} in body should be {than} {least}", shown(path));
            causes.push(Cause::invalid(shown(path), value, why));
        }
    }
    if let Some(step) = bound("multipleOf").filter(|it| *it != 0.0 && (number / it).fract() != 0.0)
    {
        let why = format!("{} in body should be a multiple of {step}", shown(path));
        causes.push(Cause::invalid(shown(path), value, why));
    }
}

/// Paths of fields that `given` has and `kept` has not.
pub fn lost(given: &Value, kept: &Value) -> Vec<String> {
    let mut paths = Vec::new();
    compare(given, kept, "", &mut paths);
    paths
}

fn compare(given: &Value, kept: &Value, path: &str, paths: &mut Vec<String>) {
    match (given, kept) {
        (Value::Object(given), Value::Object(kept)) => {
            for (key, value) in given.iter().filter(|(_, value)| !value.is_null()) {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                match kept.get(key) {
                    Some(kept) => compare(value, kept, &path, paths),
                    None => paths.push(path),
                }
            }
        }
        (Value::Array(given), Value::Array(kept)) => {
            for (nth, (given, kept)) in given.iter().zip(kept).enumerate() {
                compare(given, kept, &format!("{path}[{nth}]"), paths);
            }
        }
        _ => {}
    }
}
