//! Custom resource definitions: the fields, defaults and rules of Karpenter's own, so that manifests
//! which apply there apply here, and the other way round.

mod parts;
mod v1;

use serde_json::{Value, json};

/// All definitions, each with the name of its file in `deploy/crds`.
pub fn all() -> Vec<(String, Value)> {
    [v1::node_pool(), v1::node_claim(), v1::kwok_node_class()]
        .into_iter()
        .map(|crd| {
            let file = format!("{}_{}.yaml", crd.group, crd.plural);
            (file, crd.write())
        })
        .collect()
}

/// The text of a definition's file: YAML, of which JSON strings are a part.
pub fn to_yaml(value: &Value) -> String {
    let mut text = "---\n".to_owned();
    write(&mut text, value, 0);
    text
}

/// Writes an object or a list as a block, its lines indented by `depth`.
fn write(text: &mut String, value: &Value, depth: usize) {
    let pad = "  ".repeat(depth);
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                text.push_str(&format!("{pad}{key}:"));
                below(text, value, depth + 1);
            }
        }
        Value::Array(items) => {
            for item in items {
                let mut block = String::new();
                below(&mut block, item, depth + 1);
                // The first line of a block stands behind its dash.
                let block = block.strip_prefix('\n').map_or(block.as_str(), str::trim_start);
                text.push_str(&format!("{pad}- {}", block.trim_start_matches(' ')));
            }
        }
        scalar => text.push_str(&format!("{pad}{scalar}\n")),
    }
}

/// Writes what stands below a key or a dash: behind it, or in lines of its own.
fn below(text: &mut String, value: &Value, depth: usize) {
    let is_block = match value {
        Value::Object(fields) => !fields.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    };
    if is_block {
        text.push('\n');
        write(text, value, depth);
    } else {
        text.push_str(&format!(" {value}\n"));
    }
}

/// A definition before it is written out.
struct Crd {
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    plural: &'static str,
    short_names: Vec<&'static str>,
    categories: Vec<&'static str>,
    /// Name, JSON path, type, priority.
    columns: Vec<(&'static str, &'static str, &'static str, u8)>,
    description: &'static str,
    spec: Value,
    status: Value,
    needs_spec: bool,
    /// Path of the wanted and the present number.
    scale: Option<(&'static str, &'static str)>,
}

impl Crd {
    fn write(&self) -> Value {
        let mut names = json!({
            "categories": self.categories,
            "kind": self.kind,
            "listKind": format!("{}List", self.kind),
            "plural": self.plural,
            "singular": self.kind.to_lowercase(),
        });
        if !self.short_names.is_empty() {
            names["shortNames"] = json!(self.short_names);
        }
        let mut version = json!({
            "name": self.version,
            "schema": { "openAPIV3Schema": self.schema() },
            "served": true,
            "storage": true,
            "subresources": self.subresources(),
        });
        if !self.columns.is_empty() {
            version["additionalPrinterColumns"] = json!(self.columns());
        }
        json!({
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": { "name": format!("{}.{}", self.plural, self.group) },
            "spec": {
                "group": self.group,
                "names": names,
                "scope": "Cluster",
                "versions": [version],
            },
        })
    }

    fn columns(&self) -> Vec<Value> {
        let column = |(name, path, kind, priority): &(&str, &str, &str, u8)| {
            let mut column = json!({ "jsonPath": path, "name": name, "type": kind });
            if *priority > 0 {
                column["priority"] = json!(priority);
            }
            column
        };
        self.columns.iter().map(column).collect()
    }

    fn schema(&self) -> Value {
        let mut schema = json!({
            "description": self.description,
            "properties": {
                "apiVersion": { "type": "string" },
                "kind": { "type": "string" },
                "metadata": { "type": "object" },
                "spec": self.spec,
                "status": self.status,
            },
            "type": "object",
        });
        if self.needs_spec {
            schema["required"] = json!(["spec"]);
        }
        schema
    }

    fn subresources(&self) -> Value {
        let mut subresources = json!({ "status": {} });
        if let Some((spec, status)) = self.scale {
            let scale = json!({ "specReplicasPath": spec, "statusReplicasPath": status });
            subresources["scale"] = scale;
        }
        subresources
    }
}
