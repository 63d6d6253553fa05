//! What is served: versions, groups and resources.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};

use super::{
    super::{
        kind::{Kind, Kinds},
        status::Refusal,
    },
    respond::Answer,
};

/// Answers requests that are not about objects.
pub fn answer(kinds: &Kinds, parts: &[String]) -> Answer {
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let value = match &parts[..] {
        ["version"] => version(),
        ["healthz" | "livez" | "readyz", ..] => return Answer::Json(200, "ok".into()),
        [] => json!({"paths": ["/api", "/apis", "/healthz", "/livez", "/readyz", "/version"]}),
        ["api"] => json!({
            "kind": "APIVersions", "versions": ["v1"],
            "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": ""}]
        }),
        ["apis"] => json!({
            "kind": "APIGroupList", "apiVersion": "v1",
            "groups": groups(kinds).iter().map(|(name, it)| group(name, it)).collect::<Vec<_>>()
        }),
        ["apis", name] => match groups(kinds).get(*name) {
            Some(versions) => {
                let mut group = group(name, versions);
                group["kind"] = json!("APIGroup");
                group["apiVersion"] = json!("v1");
                group
            }
            None => return Answer::Refused(Refusal::no_such_path()),
        },
        ["api", version] => resources(kinds, "", version),
        ["apis", group, version] => resources(kinds, group, version),
        ["openapi", "v2"] => json!({
            "swagger": "2.0", "info": {"title": "Kubernetes", "version": "v1.35.0"}, "paths": {},
            "definitions": {}
        }),
        ["openapi", "v3"] => json!({"paths": {}}),
        _ => return Answer::Refused(Refusal::no_such_path()),
    };
    if value.is_null() {
        return Answer::Refused(Refusal::no_such_path());
    }
    Answer::value(200, &value)
}

fn version() -> Value {
    json!({
        "major": "1", "minor": "35", "gitVersion": "v1.35.0+tenon", "gitCommit": "",
        "gitTreeState": "clean", "buildDate": "1970-01-01T00:00:00Z", "goVersion": "",
        "compiler": "rustc", "platform": "linux/amd64"
    })
}

/// Served versions per group, the preferred one first.
fn groups(kinds: &Kinds) -> BTreeMap<String, Vec<String>> {
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for kind in kinds.all().into_iter().filter(|it| !it.group.is_empty()) {
        let versions = groups.entry(kind.group.clone()).or_default();
        for version in &kind.versions {
            if !versions.contains(version) {
                versions.push(version.clone());
            }
        }
    }
    groups
}

fn group(name: &str, versions: &[String]) -> Value {
    let entry =
        |version: &String| json!({"groupVersion": format!("{name}/{version}"), "version": version});
    json!({
        "name": name, "versions": versions.iter().map(entry).collect::<Vec<_>>(),
        "preferredVersion": versions.first().map(entry)
    })
}

/// The resources of a group and version, `null` when there are none.
fn resources(kinds: &Kinds, group: &str, version: &str) -> Value {
    let served = |it: &Arc<Kind>| it.group == group && it.versions.iter().any(|v| v == version);
    let kinds: Vec<_> = kinds.all().into_iter().filter(served).collect();
    let Some(first) = kinds.first() else { return Value::Null };
    let api_version = first.api_version(version);
    let list: Vec<_> = kinds.iter().flat_map(|it| kind_resources(it)).collect();
    json!({
        "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": api_version,
        "resources": list
    })
}

fn kind_resources(kind: &Kind) -> Vec<Value> {
    let mut main = json!({
        "name": kind.plural, "singularName": kind.singular, "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": [
            "create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"
        ]
    });
    if !kind.short_names.is_empty() {
        main["shortNames"] = json!(kind.short_names);
    }
    if !kind.categories.is_empty() {
        main["categories"] = json!(kind.categories);
    }
    let sub = |name: &str, shown: &str, group: &str, verbs: Value| {
        let mut entry = json!({
            "name": format!("{}/{name}", kind.plural), "singularName": "",
            "namespaced": kind.namespaced, "kind": shown, "verbs": verbs
        });
        if !group.is_empty() {
            entry["group"] = group.into();
            entry["version"] = "v1".into();
        }
        entry
    };
    let mut all = vec![main];
    let change = json!(["get", "patch", "update"]);
    if kind.status {
        all.push(sub("status", &kind.kind, "", change.clone()));
    }
    if kind.scale.is_some() {
        all.push(sub("scale", "Scale", "autoscaling", change));
    }
    if kind.is("", "pods") {
        all.push(sub("binding", "Binding", "", json!(["create"])));
        all.push(sub("eviction", "Eviction", "policy", json!(["create"])));
    }
    if kind.is("", "namespaces") {
        all.push(sub("finalize", "Namespace", "", json!(["update"])));
    }
    all
}
