//! The embedded API server, as clients see it.

#[path = "api_server/custom.rs"]
mod custom;
#[path = "api_server/deletion.rs"]
mod deletion;
#[path = "api_server/karpenter.rs"]
mod karpenter;
#[path = "api_server/patches.rs"]
mod patches;
#[path = "api_server/watches.rs"]
mod watches;
#[path = "api_server/writes.rs"]
mod writes;

use k8s_openapi::api::core::v1::Pod;
use kube::{Api, Client, api::PostParams, core::Status};
use serde_json::{Value, json};
use tenon_tests::control_plane::{ControlPlane, Options};

async fn start() -> (ControlPlane, Client) {
    let plane = ControlPlane::start(Options::default()).await.expect("a free port");
    let client = plane.client("test/1");
    (plane, client)
}

/// Reads an object from JSON.
fn object<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).expect("the object has its type's form")
}

fn pod(name: &str, labels: Value) -> Pod {
    object(json!({
        "metadata": {"name": name, "labels": labels},
        "spec": {"containers": [{"name": "main", "image": "app:1"}]}
    }))
}

/// The Status that a refused request got.
fn refused<T: std::fmt::Debug>(outcome: kube::Result<T>) -> Status {
    match outcome.expect_err("the server refuses") {
        kube::Error::Api(status) => *status,
        other => panic!("no Status: {other}"),
    }
}

async fn create(pods: &Api<Pod>, pod: &Pod) -> Pod {
    pods.create(&PostParams::default(), pod).await.expect("the pod is accepted")
}
