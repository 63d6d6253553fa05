//! The condition NodeRegistrationHealthy of node pools: for people to read, nobody acts on it.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{Api, ResourceExt, api::Patch};
use rustc_hash::FxHashMap;
use serde_json::json;

use super::work::{Context, Error, params};
use crate::{
    api::v1::{NodePool, set_condition},
    cloud::Cloud,
};

/// The condition.
const NODE_REGISTRATION_HEALTHY: &str = "NodeRegistrationHealthy";
/// How often it is written at most.
const EVERY: Duration = Duration::from_secs(10);

/// Keeps the condition of all pools.
pub(super) async fn report_forever<C: Cloud>(ctx: &Context<C>) {
    let mut generations: FxHashMap<String, Option<i64>> = FxHashMap::default();
    loop {
        for pool in ctx.world.pools() {
            let name = pool.name_any();
            let generation = pool.metadata.generation;
            let before = generations.insert(name.clone(), generation);
            if before.is_some_and(|before| before != generation) {
                ctx.health.reset(&name);
            }
            if let Err(error) = report(ctx, &pool).await {
                tracing::debug!(%error, pool = name, "pool's condition not written");
            }
        }
        tokio::time::sleep(EVERY).await;
    }
}

async fn report<C: Cloud>(ctx: &Context<C>, pool: &NodePool) -> Result<(), Error> {
    let Some(healthy) = ctx.health.is_healthy(&pool.name_any()) else { return Ok(()) };
    let mut conditions = pool.status.as_ref().map_or(vec![], |status| status.conditions.clone());
    let (status, reason, message) = if healthy {
        ("True", NODE_REGISTRATION_HEALTHY, "")
    } else {
        ("False", "RegistrationFailed", "Half of the latest nodes did not launch or register")
    };
    let now = Time(ctx.clock.now());
    let kind = NODE_REGISTRATION_HEALTHY;
    let generation = pool.metadata.generation;
    if !set_condition(&mut conditions, kind, status, reason, message, generation, &now) {
        return Ok(());
    }
    let patch = json!({
        "metadata": { "resourceVersion": pool.metadata.resource_version },
        "status": { "conditions": conditions },
    });
    let api = Api::<NodePool>::all(ctx.client.clone());
    api.patch_status(&pool.name_any(), &params(), &Patch::Merge(patch)).await?;
    Ok(())
}
