//! Makes a plan come true: writes NodeClaims, tells claims and pods of each other, reports to
//! people. Every action can be repeated; what fails is left to the next round.

pub mod claim;
pub mod events;
mod orders;

use std::sync::Arc;

use futures::{StreamExt, stream};
use jiff::Timestamp;
use kube::{
    Api, Client,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde_json::json;

pub use self::orders::{Append, Orders, free_name, plan_orders};
use crate::{
    api::{
        names,
        v1::{NodeClaim, PodRef, write_pods},
    },
    nominate,
    watch::Stores,
};

/// What writes go through.
#[derive(Clone)]
pub struct Actor {
    /// The API server.
    pub client: Client,
    /// Where what was written is expected.
    pub stores: Arc<Stores>,
    /// Requests at a time.
    pub concurrency: usize,
}

/// What became of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Written {
    /// It is done.
    Done,
    /// Somebody has done it before.
    Already,
    /// The object has changed meanwhile, or is gone; the next round sees it.
    Stale,
    /// The server refused or did not answer.
    Failed,
}

impl Actor {
    /// Creates claims, as many at a time as is allowed. The answers are in order.
    pub async fn create(&self, claims: Vec<NodeClaim>) -> Vec<(NodeClaim, Written)> {
        let api: Api<NodeClaim> = Api::all(self.client.clone());
        let created = stream::iter(claims).map(|claim| {
            let (actor, api) = (self.clone(), api.clone());
            async move {
                let written = actor.create_one(&api, &claim).await;
                (claim, written)
            }
        });
        created.buffered(self.concurrency.max(1)).collect().await
    }

    async fn create_one(&self, api: &Api<NodeClaim>, claim: &NodeClaim) -> Written {
        let params = PostParams {
            field_manager: Some(names::FIELD_MANAGER.to_owned()),
            ..PostParams::default()
        };
        match api.create(&params, claim).await {
            Ok(created) => {
                self.stores.expect(&created, Timestamp::now());
                Written::Done
            }
            Err(error) => {
                let written = written(&error);
                if written == Written::Already {
                    self.stores.expect(claim, Timestamp::now());
                }
                report("NodeClaim cannot be created", claim_name(claim), written, &error);
                written
            }
        }
    }

    /// Adds pods to claims on their way.
    pub async fn append(&self, appends: Vec<Append>) -> Vec<Written> {
        let api: Api<NodeClaim> = Api::all(self.client.clone());
        let patched = stream::iter(appends).map(|append| {
            let (actor, api) = (self.clone(), api.clone());
            async move { actor.append_one(&api, append).await }
        });
        patched.buffered(self.concurrency.max(1)).collect().await
    }

    async fn append_one(&self, api: &Api<NodeClaim>, append: Append) -> Written {
        // With the version, so that nobody else's list is overwritten.
        let version = self.stores.version_of(&append.claim);
        let patch = json!({ "metadata": {
            "resourceVersion": version.as_deref(),
            "annotations": { names::PLANNED_PODS: write_pods(&append.pods) },
        } });
        let params = PatchParams {
            field_manager: Some(names::FIELD_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        match api.patch(&append.claim, &params, &Patch::Merge(patch)).await {
            Ok(patched) => {
                self.stores.expect(&patched, Timestamp::now());
                Written::Done
            }
            Err(error) => {
                let written = written(&error);
                report("pods cannot be added to NodeClaim", &append.claim, written, &error);
                written
            }
        }
    }

    /// Asks for the end of claims.
    pub async fn delete(&self, claims: Vec<String>) -> Vec<Written> {
        let api: Api<NodeClaim> = Api::all(self.client.clone());
        let deleted = stream::iter(claims).map(|name| {
            let (actor, api) = (self.clone(), api.clone());
            async move { actor.delete_one(&api, &name).await }
        });
        deleted.buffered(self.concurrency.max(1)).collect().await
    }

    async fn delete_one(&self, api: &Api<NodeClaim>, name: &str) -> Written {
        match api.delete(name, &DeleteParams::default()).await {
            Ok(answer) => {
                if let Some(claim) = answer.left() {
                    self.stores.expect(&claim, Timestamp::now());
                }
                Written::Done
            }
            Err(error) => {
                let written = written(&error);
                report("NodeClaim cannot be deleted", name, written, &error);
                written
            }
        }
    }

    /// Tells the scheduler which existing node each pod is meant for.
    pub async fn nominate(&self, nominations: Vec<(Arc<str>, Vec<PodRef>)>) {
        let done = stream::iter(nominations).map(|(node, pods)| {
            let client = self.client.clone();
            async move {
                let nominated = nominate::nominate(&client, &node, &pods).await;
                tracing::debug!(%node, %nominated, "pods nominated to a standing node");
            }
        });
        done.buffer_unordered(self.concurrency.max(1)).collect::<Vec<()>>().await;
    }
}

fn report(what: &str, name: &str, written: Written, error: &kube::Error) {
    match written {
        Written::Failed => tracing::warn!(name, %error, "{what}; the next round tries again"),
        _ => tracing::debug!(name, %error, "{what}"),
    }
}

fn claim_name(claim: &NodeClaim) -> &str {
    claim.metadata.name.as_deref().unwrap_or_default()
}

fn written(error: &kube::Error) -> Written {
    match error {
        kube::Error::Api(status) if status.is_already_exists() => Written::Already,
        kube::Error::Api(status) if matches!(status.code, 404 | 409) => Written::Stale,
        _ => Written::Failed,
    }
}
