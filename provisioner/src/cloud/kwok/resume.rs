//! Machines that an earlier process bought and whose node is still to come. Their claims say all
//! there is to know about them, so a restart forgets none.

use jiff::SignedDuration;
use kube::{Api, ResourceExt, api::ListParams};

use super::{Kwok, amounts, pages::for_each, shape};
use crate::{
    api::v1::{NodeClaim, is_true},
    cloud::{CloudError, Instance},
};

impl Kwok {
    /// Takes up, once in a process, what was started before.
    ///
    /// # Errors
    ///
    /// When the API server does not answer; the next call tries again.
    pub(super) async fn resume(&self) -> Result<(), CloudError> {
        self.resumed.get_or_try_init(|| self.take_up()).await.copied()
    }

    async fn take_up(&self) -> Result<(), CloudError> {
        let claims = Api::<NodeClaim>::all(self.client.clone());
        let mut coming = vec![];
        for_each(&claims, ListParams::default(), |claim| {
            coming.extend(is_coming(&claim).then_some(claim));
        })
        .await?;
        for claim in &coming {
            let delay = match self.registration_delay(claim).await {
                // The machine is bought; its class does not matter any more.
                Err(CloudError::NodeClassNotReady { .. }) => self.settings.node_registration_delay,
                known => known?,
            };
            let left = delay.saturating_sub(self.age(claim)).max(SignedDuration::ZERO);
            let machine = machine(claim);
            tracing::info!(machine = machine.provider_id, ?left, "machine taken up again");
            let node = shape::node(claim, &machine);
            self.start(machine, node, left);
        }
        Ok(())
    }

    /// How long ago a claim's machine was bought.
    fn age(&self, claim: &NodeClaim) -> SignedDuration {
        let launched = claim.conditions().iter().find(|one| one.type_ == "Launched");
        launched.map_or(SignedDuration::ZERO, |launched| {
            self.clock.now().duration_since(launched.last_transition_time.0)
        })
    }
}

/// Whether a claim has a machine of this cloud and no node yet.
fn is_coming(claim: &NodeClaim) -> bool {
    let conditions = claim.conditions();
    claim.provider_id() == Some(&shape::provider_id(&claim.name_any()))
        && claim.metadata.deletion_timestamp.is_none()
        && is_true(conditions, "Launched")
        && !is_true(conditions, "Registered")
}

/// The machine as its claim describes it: labels and amounts are those that the launch wrote down.
fn machine(claim: &NodeClaim) -> Instance {
    let status = claim.status.as_ref();
    Instance {
        claim: Some(claim.name_any()),
        provider_id: shape::provider_id(&claim.name_any()),
        image_id: None,
        labels: claim.labels().clone(),
        capacity: amounts(status.map(|status| &status.capacity)),
        allocatable: amounts(status.map(|status| &status.allocatable)),
        deleting: false,
    }
}
