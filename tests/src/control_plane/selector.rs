//! Label and field selectors, in the syntax of query parameters and in that of objects.

use serde_json::{Map, Value};

use super::{kind::Kind, object::text, status::Refusal};

/// One requirement on a label.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Absent(String),
    Above(String, i64),
    Below(String, i64),
}

/// Requirements on labels, all of which must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels(Vec<Requirement>);

impl Labels {
    /// Reads `a=b,c!=d,e in (x,y),f notin (z),g,!h,i>1`.
    ///
    /// # Errors
    /// 400 with what could not be read.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let parts = split_outside_brackets(text);
        let parts = parts.into_iter().map(str::trim).filter(|it| !it.is_empty());
        parts.map(requirement).collect::<Result<_, _>>().map(Self)
    }

    /// Reads a `LabelSelector`; `null` selects nothing, `{}` everything.
    pub fn of_object(selector: &Value) -> Option<Self> {
        let mut all = Vec::new();
        for (key, value) in selector
            .as_object()?
            .get("matchLabels")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            let value = value.as_str().unwrap_or_default().to_owned();
            all.push(Requirement::In(key.clone(), vec![value]));
        }
        let expressions = selector.get("matchExpressions").and_then(Value::as_array);
        for expression in expressions.into_iter().flatten() {
            let key = text(expression, "/key").to_owned();
            let values = expression.get("values").and_then(Value::as_array).into_iter().flatten();
            let values = values.filter_map(Value::as_str).map(str::to_owned).collect();
            all.push(match text(expression, "/operator") {
                "In" => Requirement::In(key, values),
                "NotIn" => Requirement::NotIn(key, values),
                "Exists" => Requirement::Exists(key),
                "DoesNotExist" => Requirement::Absent(key),
                _ => return None,
            });
        }
        Some(Self(all))
    }

    /// Whether an object's labels meet all requirements.
    pub fn matches(&self, object: &Value) -> bool {
        let labels = object.pointer("/metadata/labels").and_then(Value::as_object);
        self.0.iter().all(|it| it.holds(labels))
    }
}

impl Requirement {
    fn holds(&self, labels: Option<&Map<String, Value>>) -> bool {
        let of = |key: &String| labels.and_then(|it| it.get(key)).and_then(Value::as_str);
        let number = |key| of(key).and_then(|it| it.parse::<i64>().ok());
        match self {
            Self::In(key, values) => of(key).is_some_and(|it| values.iter().any(|v| v == it)),
            Self::NotIn(key, values) => of(key).is_none_or(|it| values.iter().all(|v| v != it)),
            Self::Exists(key) => of(key).is_some(),
            Self::Absent(key) => of(key).is_none(),
            Self::Above(key, bound) => number(key).is_some_and(|it| it > *bound),
            Self::Below(key, bound) => number(key).is_some_and(|it| it < *bound),
        }
    }
}

fn requirement(part: &str) -> Result<Requirement, Refusal> {
    let wrong = || Refusal::bad_request(format!("unable to parse requirement: {part:?}"));
    let key = |text: &str| {
        let text = text.trim();
        let fine = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
        if text.is_empty() || !text.chars().all(fine) { Err(wrong()) } else { Ok(text.to_owned()) }
    };
    if let Some(rest) = part.strip_prefix('!') {
        return Ok(Requirement::Absent(key(rest)?));
    }
    if let Some((left, right)) = part.split_once('(') {
        let values = right.trim_end().strip_suffix(')').ok_or_else(wrong)?;
        let values = values.split(',').map(|it| it.trim().to_owned()).collect();
        return match left.trim().rsplit_once(char::is_whitespace) {
            Some((left, "in")) => Ok(Requirement::In(key(left)?, values)),
            Some((left, "notin")) => Ok(Requirement::NotIn(key(left)?, values)),
            _ => Err(wrong()),
        };
    }
    if let Some((left, right)) = part.split_once("!=") {
        return Ok(Requirement::NotIn(key(left)?, vec![right.trim().to_owned()]));
    }
    if let Some((left, right)) = part.split_once("==").or_else(|| part.split_once('=')) {
        return Ok(Requirement::In(key(left)?, vec![right.trim().to_owned()]));
    }
    let bound = |text: &str| text.trim().parse().map_err(|_| wrong());
    if let Some((left, right)) = part.split_once('>') {
        return Ok(Requirement::Above(key(left)?, bound(right)?));
    }
    if let Some((left, right)) = part.split_once('<') {
        return Ok(Requirement::Below(key(left)?, bound(right)?));
    }
    Ok(Requirement::Exists(key(part)?))
}

fn split_outside_brackets(text: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    text.split(move |c| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    })
    .collect()
}

/// Requirements on fields, all of which must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields(Vec<(String, bool, String)>);

/// What may be selected by besides name and namespace: kind, field, and what the field is when the
/// object does not have it.
const SELECTABLE: [(&str, &str, &str); 28] = [
    ("pods", "spec.nodeName", ""),
    ("pods", "spec.restartPolicy", ""),
    ("pods", "spec.schedulerName", ""),
    ("pods", "spec.serviceAccountName", ""),
    ("pods", "spec.hostNetwork", "false"),
    ("pods", "status.phase", ""),
    ("pods", "status.podIP", ""),
    ("pods", "status.nominatedNodeName", ""),
    ("nodes", "spec.unschedulable", "false"),
    ("namespaces", "status.phase", ""),
    ("replicasets.apps", "status.replicas", "0"),
    ("replicationcontrollers", "status.replicas", "0"),
    ("jobs.batch", "status.successful", "0"),
    ("secrets", "type", ""),
    ("services", "spec.clusterIP", ""),
    ("services", "spec.type", ""),
    ("events", "involvedObject.kind", ""),
    ("events", "involvedObject.namespace", ""),
    ("events", "involvedObject.name", ""),
    ("events", "involvedObject.uid", ""),
    ("events", "involvedObject.apiVersion", ""),
    ("events", "involvedObject.resourceVersion", ""),
    ("events", "involvedObject.fieldPath", ""),
    ("events", "reason", ""),
    ("events", "reportingComponent", ""),
    ("events", "source", ""),
    ("events", "type", ""),
    ("volumeattachments.storage.k8s.io", "spec.nodeName", ""),
];

impl Fields {
    /// Reads `metadata.name=a,spec.nodeName!=b`.
    ///
    /// # Errors
    /// 400 when the text is wrong or the kind cannot be selected by the field.
    pub fn parse(kind: &Kind, text: &str) -> Result<Self, Refusal> {
        let mut all = Vec::new();
        for part in text.split(',').filter(|it| !it.is_empty()) {
            let (left, equal, right) = if let Some((left, right)) = part.split_once("!=") {
                (left, false, right)
            } else if let Some((left, right)) =
                part.split_once("==").or_else(|| part.split_once('='))
            {
                (left, true, right)
            } else {
                let message = format!("invalid selector: {text:?}; can't understand {part:?}");
                return Err(Refusal::bad_request(message));
            };
            let field = alias(left);
            if !selectable(kind, field) {
                return Err(Refusal::bad_request(format!("field label not supported: {left}")));
            }
            all.push((field.to_owned(), equal, right.to_owned()));
        }
        Ok(Self(all))
    }

    /// Whether an object's fields meet all requirements.
    pub fn matches(&self, kind: &Kind, object: &Value) -> bool {
        self.0
            .iter()
            .all(|(field, equal, wanted)| (field_text(kind, object, field) == *wanted) == *equal)
    }
}

/// The newer group of events calls the same fields by other names.
fn alias(field: &str) -> &str {
    match field {
        "regarding.kind" => "involvedObject.kind",
        "regarding.namespace" => "involvedObject.namespace",
        "regarding.name" => "involvedObject.name",
        "regarding.uid" => "involvedObject.uid",
        "regarding.apiVersion" => "involvedObject.apiVersion",
        "regarding.resourceVersion" => "involvedObject.resourceVersion",
        "regarding.fieldPath" => "involvedObject.fieldPath",
        "reportingController" => "reportingComponent",
        other => other,
    }
}

fn selectable(kind: &Kind, field: &str) -> bool {
    match field {
        "metadata.name" => true,
        "metadata.namespace" => kind.namespaced,
        _ => {
            let id = kind.id();
            SELECTABLE.iter().any(|it| it.0 == id && it.1 == field)
                || kind.selectable.iter().any(|it| it == field)
        }
    }
}

fn field_text(kind: &Kind, object: &Value, field: &str) -> String {
    let pointer = format!("/{}", field.replace('.', "/"));
    match object.pointer(&pointer) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Object(source)) => {
            source.get("component").and_then(Value::as_str).unwrap_or_default().to_owned()
        }
        Some(Value::Null) | None => {
            let id = kind.id();
            let missing = SELECTABLE.iter().find(|it| it.0 == id && it.1 == field);
            missing.map_or("", |it| it.2).to_owned()
        }
        Some(other) => other.to_string(),
    }
}
