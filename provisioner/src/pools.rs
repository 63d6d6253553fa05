//! What node pools show: whether they may be used (ValidationSucceeded, NodeClassReady, Ready), what
//! their nodes have in sum, and the hash of their template (karpenter.md, sections 1.1 and 1.2).

mod hashes;
mod status;

use std::{collections::BTreeMap, future::Future, sync::Arc, time::Duration};

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{
    Api, Client, ResourceExt,
    api::{ApiResource, DynamicObject, ListParams, Patch, PatchParams},
    core::GroupVersionKind,
    discovery,
};
use serde_json::{Value, json};

pub use self::status::{NodeClass, status};
use crate::{
    api::{
        names,
        v1::{NodeClaim, NodeClassReference, NodePool},
    },
    lifecycle::World,
};

/// How often all pools are looked at (Karpenter counts every 5 s).
pub const EVERY: Duration = Duration::from_secs(5);

/// The controller of all node pools.
pub struct Pools {
    client: Client,
    /// Where the claims are read: to list a thousand of them every time costs more than all else.
    world: Arc<World>,
    /// What is known of the kinds of node classes.
    kinds: BTreeMap<(String, String), ApiResource>,
}

impl Pools {
    /// A controller that is not running yet.
    pub fn new(client: Client, world: Arc<World>) -> Self {
        Self { client, world, kinds: BTreeMap::new() }
    }

    /// Looks at all pools again and again until `shutdown`.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) {
        let work = async {
            loop {
                if let Err(error) = self.pass(Timestamp::now()).await {
                    tracing::warn!(%error, "node pools not looked at; trying again");
                }
                tokio::time::sleep(EVERY).await;
            }
        };
        tokio::select! {
            () = shutdown => {}
            () = work => {}
        }
    }

    /// Looks at all pools once, if the claims have been read.
    ///
    /// # Errors
    /// When pools cannot be listed. A pool that cannot be written is logged and left to the next
    /// pass.
    pub async fn pass(&mut self, now: Timestamp) -> Result<(), kube::Error> {
        if !self.world.is_ready() {
            return Ok(());
        }
        let pools = Api::<DynamicObject>::all_with(self.client.clone(), &resource::<NodePool>());
        let pools = pools.list(&ListParams::default()).await?;
        let claims = self.world.claims();
        for object in pools {
            let name = object.name_any();
            let own = claims.iter().map(Arc::as_ref);
            let own: Vec<&NodeClaim> = own.filter(|claim| claim.pool() == Some(&name)).collect();
            if let Err(error) = self.look_at(object, &own, now).await {
                tracing::warn!(%error, pool = name, "the node pool's status is not written");
            }
        }
        Ok(())
    }

    async fn look_at(
        &mut self,
        object: DynamicObject,
        claims: &[&NodeClaim],
        now: Timestamp,
    ) -> Result<(), kube::Error> {
        // A pool that does not have the form at all cannot have come through the definition.
        let raw = serde_json::to_value(&object).map_err(kube::Error::SerdeError)?;
        let pool: NodePool =
            serde_json::from_value(raw.clone()).map_err(kube::Error::SerdeError)?;
        let version = hashes::keep(&self.client, &pool, claims).await?;
        let Some(version) = version else { return Ok(()) };
        let class = self.node_class(&pool.spec.template.spec.node_class_ref).await?;
        let fresh = status(&pool, &raw, claims, &class, &Time(now));
        if Some(&fresh) == pool.status.as_ref() {
            return Ok(());
        }
        // What JSON merge does not name it keeps: resources that are used no more must be named.
        let mut wire = serde_json::to_value(&fresh).map_err(kube::Error::SerdeError)?;
        let gone = pool.status.iter().flat_map(|status| status.resources.keys());
        for key in gone.filter(|key| !fresh.resources.contains_key(*key)) {
            wire["resources"][key] = Value::Null;
        }
        let patch = json!({
            "metadata": { "resourceVersion": version },
            "status": wire,
        });
        let api = Api::<NodePool>::all(self.client.clone());
        match api.patch_status(&pool.name_any(), &params(), &Patch::Merge(patch)).await {
            // Somebody else wrote meanwhile: the next pass sees it.
            Err(kube::Error::Api(error)) if matches!(error.code, 404 | 409) => Ok(()),
            answer => answer.map(|_| ()),
        }
    }

    /// The node class of a pool, whatever its kind.
    async fn node_class(&mut self, class: &NodeClassReference) -> Result<NodeClass, kube::Error> {
        let Some(kind) = self.kind(class).await? else { return Ok(NodeClass::Missing) };
        let api = Api::<DynamicObject>::all_with(self.client.clone(), &kind);
        match api.get_opt(&class.name).await {
            Ok(Some(class)) => Ok(NodeClass::Found(Box::new(class))),
            Ok(None) => Ok(NodeClass::Missing),
            // Classes of other clouds are not in the role. The pool must say so, or nobody knows.
            Err(kube::Error::Api(error)) if error.code == 403 => {
                Ok(NodeClass::Forbidden(format!("{}.{}", kind.plural, kind.group)))
            }
            Err(error) => Err(error),
        }
    }

    async fn kind(
        &mut self,
        class: &NodeClassReference,
    ) -> Result<Option<ApiResource>, kube::Error> {
        let key = (class.group.clone(), class.kind.clone());
        if let Some(known) = self.kinds.get(&key) {
            return Ok(Some(known.clone()));
        }
        let group = match discovery::group(&self.client, &class.group).await {
            Ok(group) => group,
            Err(kube::Error::Api(error)) if error.code == 404 => return Ok(None),
            Err(kube::Error::Discovery(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let found = group.recommended_kind(&class.kind).map(|(resource, _)| resource);
        if let Some(found) = &found {
            self.kinds.insert(key, found.clone());
        }
        Ok(found)
    }
}

fn resource<K: kube::Resource<DynamicType = ()>>() -> ApiResource {
    let (group, version, kind) = (K::group(&()), K::version(&()), K::kind(&()));
    let kind = GroupVersionKind::gvk(&group, &version, &kind);
    ApiResource::from_gvk_with_plural(&kind, &K::plural(&()))
}

fn params() -> PatchParams {
    PatchParams { field_manager: Some(names::FIELD_MANAGER.to_owned()), ..PatchParams::default() }
}
