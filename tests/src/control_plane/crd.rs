//! Custom resources: their definitions and their schemas.

mod rules;
mod schema;

use serde_json::{Value, json};

pub use self::schema::{Schema, lost};
use super::patch::Managed;
use super::{
    Server,
    kind::{Kind, ScalePaths},
    object::{name, text},
    status::Refusal,
    write::{Changed, Target, WriteOptions},
};

/// The kind that a CustomResourceDefinition defines.
///
/// # Errors
/// 422 with what is wrong in it.
pub fn kind(definition: &Value) -> Result<Kind, Refusal> {
    let spec = definition.get("spec").unwrap_or(&Value::Null);
    let at = |pointer: &str| text(spec, pointer).to_owned();
    let texts = |pointer: &str| {
        let list = spec.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
        list.filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
    };
    let mut kind = Kind {
        group: at("/group"),
        plural: at("/names/plural"),
        singular: at("/names/singular"),
        kind: at("/names/kind"),
        list_kind: at("/names/listKind"),
        short_names: texts("/names/shortNames"),
        categories: texts("/names/categories"),
        namespaced: at("/scope") == "Namespaced",
        ..Kind::default()
    };
    if kind.singular.is_empty() {
        kind.singular = kind.kind.to_lowercase();
    }
    if kind.list_kind.is_empty() {
        kind.list_kind = format!("{}List", kind.kind);
    }
    let versions = spec.get("versions").and_then(Value::as_array).into_iter().flatten();
    for version in versions.filter(|it| it.get("served") == Some(&json!(true))) {
        add_version(&mut kind, version).map_err(|problem| {
            Refusal::new(
                422,
                "Invalid",
                format!(
                    "CustomResourceDefinition.apiextensions.k8s.io {:?} is invalid: {problem}",
                    name(definition)
                ),
            )
        })?;
    }
    Ok(kind)
}

fn add_version(kind: &mut Kind, version: &Value) -> Result<(), String> {
    let name = text(version, "/name").to_owned();
    // Objects are kept in the storage version, which therefore stands first.
    if version.get("storage") == Some(&json!(true)) {
        kind.versions.insert(0, name.clone());
    } else {
        kind.versions.push(name.clone());
    }
    kind.status |= version.pointer("/subresources/status").is_some();
    if let Some(scale) = version.pointer("/subresources/scale") {
        let pointer = |key: &str| text(scale, key).replace('.', "/");
        let selector = pointer("/labelSelectorPath");
        kind.scale = Some(ScalePaths {
            wanted: pointer("/specReplicasPath"),
            current: pointer("/statusReplicasPath"),
            selector: (!selector.is_empty()).then_some(selector),
        });
    }
    let fields = version.get("selectableFields").and_then(Value::as_array).into_iter().flatten();
    kind.selectable
        .extend(fields.map(|it| text(it, "/jsonPath").trim_start_matches('.').to_owned()));
    let schema = version.pointer("/schema/openAPIV3Schema").cloned().unwrap_or(json!({}));
    kind.schemas.insert(name, Schema::new(schema)?.into());
    Ok(())
}

impl Server {
    /// Serves what a CustomResourceDefinition defines and says so in its status.
    ///
    /// # Errors
    /// 422 when the definition is wrong.
    pub fn establish(&self, definition: &Value) -> Result<(), Refusal> {
        let kind = kind(definition)?;
        if self.kinds.get(&kind.group, &kind.plural).is_some_and(|it| !it.custom()) {
            return Ok(());
        }
        self.kinds.insert(kind);
        let Some(definitions) = self.kinds.get("apiextensions.k8s.io", "customresourcedefinitions")
        else {
            return Ok(());
        };
        let mut target = Target::of(&definitions, definition);
        target.subresource = "status".to_owned();
        let options =
            WriteOptions { manager: "kube-apiserver".to_owned(), ..WriteOptions::default() };
        let stamp = self.clock.stamp();
        self.change(&target, &options, |old| {
            let mut value = old.clone();
            if value.pointer("/status/conditions/0").is_none() {
                value["status"] = established(old, &stamp);
            }
            Ok(Changed { value, managed: Managed::Update })
        })?;
        Ok(())
    }
}

fn established(definition: &Value, stamp: &str) -> Value {
    let condition = |kind: &str, reason: &str, message: &str| {
        json!({
            "type": kind, "status": "True", "reason": reason, "message": message,
            "lastTransitionTime": stamp
        })
    };
    let versions = definition.pointer("/spec/versions").and_then(Value::as_array);
    let stored: Vec<_> = versions
        .into_iter()
        .flatten()
        .filter(|it| it.get("storage") == Some(&json!(true)))
        .filter_map(|it| it.get("name").cloned())
        .collect();
    json!({
        "acceptedNames": definition.pointer("/spec/names").cloned().unwrap_or_default(),
        "conditions": [
            condition("NamesAccepted", "NoConflicts", "no conflicts found"),
            condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
        ],
        "storedVersions": stored
    })
}
