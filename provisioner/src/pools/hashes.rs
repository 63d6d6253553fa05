//! The annotations `karpenter.sh/nodepool-hash` and `-version` of pools, and of claims that carry
//! another version.

use kube::{Api, Client, Resource, ResourceExt, api::Patch};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::params;
use crate::api::{
    hash::{NODE_POOL_HASH_VERSION, node_pool_hash},
    names,
    v1::{NodeClaim, NodePool},
};

/// Writes the pool's hash. When the version of the hash has changed, the claims' old hashes say
/// nothing, so theirs are written anew; a claim that has drifted already stays so. The answer is the
/// pool's resource version afterwards, none when the pool is gone.
pub(super) async fn keep(
    client: &Client,
    pool: &NodePool,
    claims: &[&NodeClaim],
) -> Result<Option<String>, kube::Error> {
    let hash = node_pool_hash(pool);
    if !is_current(pool) {
        for claim in claims.iter().filter(|claim| !is_current(**claim)) {
            let drifted = claim.conditions().iter().any(|condition| condition.type_ == "Drifted");
            let mut annotations = json!({ names::NODE_POOL_HASH_VERSION: NODE_POOL_HASH_VERSION });
            if !drifted {
                annotations[names::NODE_POOL_HASH] = json!(hash);
            }
            annotate::<NodeClaim>(client, &claim.name_any(), annotations).await?;
        }
    }
    if is_current(pool) && pool.annotations().get(names::NODE_POOL_HASH) == Some(&hash) {
        return Ok(pool.resource_version());
    }
    let annotations = json!({
        names::NODE_POOL_HASH: hash,
        names::NODE_POOL_HASH_VERSION: NODE_POOL_HASH_VERSION,
    });
    annotate::<NodePool>(client, &pool.name_any(), annotations).await
}

fn is_current(object: &impl ResourceExt) -> bool {
    let version = object.annotations().get(names::NODE_POOL_HASH_VERSION);
    version.is_some_and(|version| version == NODE_POOL_HASH_VERSION)
}

async fn annotate<K>(
    client: &Client,
    name: &str,
    annotations: Value,
) -> Result<Option<String>, kube::Error>
where
    K: Resource<DynamicType = (), Scope = kube::core::ClusterResourceScope>
        + Clone
        + std::fmt::Debug
        + DeserializeOwned,
{
    let patch = Patch::Merge(json!({ "metadata": { "annotations": annotations } }));
    match Api::<K>::all(client.clone()).patch(name, &params(), &patch).await {
        Err(kube::Error::Api(error)) if error.code == 404 => Ok(None),
        answer => answer.map(|object| object.resource_version()),
    }
}
