//! As much of an API server as the controller needs: lists, watches, creation and merge patches,
//! in this process and without a socket.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{Method, StatusCode},
    response::{IntoResponse, Response},
};
use futures::{StreamExt, channel::mpsc};
use kube::Client;
use serde_json::{Value, json};

/// A cluster's objects, and who watches them.
#[derive(Clone, Default)]
pub struct Server(Arc<Mutex<Objects>>);

#[derive(Default)]
struct Objects {
    version: u64,
    /// By plural, namespace and name.
    all: BTreeMap<[String; 3], Value>,
    watchers: Vec<(String, mpsc::UnboundedSender<Value>)>,
    refused: Vec<(String, StatusCode)>,
}

/// What a path names.
#[derive(Debug, Default)]
struct Target {
    plural: String,
    namespace: String,
    name: String,
}

impl Server {
    /// A client of this server.
    pub fn client(&self) -> Client {
        let router = Router::new().fallback(answer).with_state(self.clone());
        Client::new(router, "default")
    }

    /// Stores an object of that plural and tells its watchers.
    pub fn put(&self, plural: &str, object: Value) -> Value {
        self.0.lock().unwrap().put(plural, object)
    }

    /// All objects of that plural, by name.
    pub fn objects(&self, plural: &str) -> Vec<Value> {
        let objects = self.0.lock().unwrap();
        let of = objects.all.iter().filter(|([kind, ..], _)| kind == plural);
        of.map(|(_, object)| object.clone()).collect()
    }

    /// Answers requests for that plural with an error from now on.
    pub fn refuse(&self, plural: &str, status: StatusCode) {
        self.0.lock().unwrap().refused.push((plural.to_owned(), status));
    }
}

impl Objects {
    fn put(&mut self, plural: &str, mut object: Value) -> Value {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let text = |key: &str| object["metadata"][key].as_str().unwrap_or_default().to_owned();
        let key = [plural.to_owned(), text("namespace"), text("name")];
        let known = self.all.insert(key, object.clone()).is_some();
        let event = json!({"type": if known { "MODIFIED" } else { "ADDED" }, "object": object});
        self.watchers
            .retain(|(of, watcher)| of != plural || watcher.unbounded_send(event.clone()).is_ok());
        object
    }

    fn watch(&mut self, target: &Target) -> Response {
        let (sender, events) = mpsc::unbounded();
        self.watchers.push((target.plural.clone(), sender));
        let lines = events.map(|event: Value| Ok::<_, Infallible>(format!("{event}\n")));
        Body::from_stream(lines).into_response()
    }

    fn list(&self, target: &Target) -> Response {
        let of = self.all.iter().filter(|([plural, ..], _)| *plural == target.plural);
        let items: Vec<&Value> = of.map(|(_, object)| object).collect();
        let version = self.version.to_string();
        json_body(&json!({"metadata": {"resourceVersion": version}, "items": items}))
    }

    fn create(&mut self, target: &Target, mut object: Value) -> Response {
        let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let key = [target.plural.clone(), target.namespace.clone(), name.clone()];
        if self.all.contains_key(&key) {
            return failure(StatusCode::CONFLICT, "AlreadyExists");
        }
        object["metadata"]["uid"] = json!(format!("uid-{name}"));
        object["metadata"]["creationTimestamp"] = json!("2026-01-01T00:00:00Z");
        json_body(&self.put(&target.plural, object))
    }

    fn patch(&mut self, target: &Target, patch: &Value) -> Response {
        let key = [target.plural.clone(), target.namespace.clone(), target.name.clone()];
        let Some(mut object) = self.all.get(&key).cloned() else {
            return failure(StatusCode::NOT_FOUND, "NotFound");
        };
        let asked = patch["metadata"]["resourceVersion"].as_str();
        if asked.is_some_and(|asked| object["metadata"]["resourceVersion"] != asked) {
            return failure(StatusCode::CONFLICT, "Conflict");
        }
        merge(&mut object, patch);
        json_body(&self.put(&target.plural, object))
    }
}

async fn answer(State(server): State<Server>, request: Request) -> Response {
    let target = target(request.uri().path());
    let watched = request.uri().query().is_some_and(|query| query.contains("watch=true"));
    let method = request.method().clone();
    let bytes = to_bytes(request.into_body(), 16 << 20).await.unwrap();
    let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let mut objects = server.0.lock().unwrap();
    if let Some((_, status)) = objects.refused.iter().find(|(of, _)| *of == target.plural) {
        return failure(*status, "Refused");
    }
    match method {
        Method::GET if watched => objects.watch(&target),
        Method::GET if target.name.is_empty() => objects.list(&target),
        Method::GET => {
            let key = [target.plural, target.namespace, target.name];
            let found = objects.all.get(&key).map(json_body);
            found.unwrap_or_else(|| failure(StatusCode::NOT_FOUND, "NotFound"))
        }
        Method::POST => objects.create(&target, body),
        Method::PATCH => objects.patch(&target, &body),
        _ => failure(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed"),
    }
}

/// `/api/v1/namespaces/shop/pods/web-0/status` and the like.
fn target(path: &str) -> Target {
    let mut words = path.split('/').filter(|word| !word.is_empty());
    let skipped = if words.next() == Some("apis") { 2 } else { 1 };
    let words: Vec<&str> = words.skip(skipped).collect();
    let word = |at: usize| words.get(at).copied().unwrap_or_default().to_owned();
    match words.first() {
        Some(&"namespaces") if words.len() > 2 => {
            Target { plural: word(2), namespace: word(1), name: word(3) }
        }
        _ => Target { plural: word(0), namespace: String::new(), name: word(1) },
    }
}

fn json_body(value: &Value) -> Response {
    ([("content-type", "application/json")], value.to_string()).into_response()
}

fn failure(status: StatusCode, reason: &str) -> Response {
    let code = status.as_u16();
    let body = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure",
                      "message": reason, "reason": reason, "code": code});
    (status, [("content-type", "application/json")], body.to_string()).into_response()
}

/// RFC 7386.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let target = target.as_object_mut().unwrap();
    for (key, value) in patch {
        if value.is_null() {
            target.remove(key);
        } else {
            merge(target.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}
