//! What tenon asks of a cloud: machines made, listed and deleted (karpenter.md, section 5.1).

pub mod kwok;

use std::{collections::BTreeMap, future::Future};

use catalog::{Resources, quantity, resources::CPU};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use crate::api::v1::{NodeClaim, OfferingRef};

/// A cloud. All calls may be repeated: the claim's name is the machine's identity.
pub trait Cloud: Send + Sync + 'static {
    /// `kwok`, `azure`.
    fn name(&self) -> &'static str;

    /// Makes the machine of a claim from one offering, or finds the one that was made before.
    ///
    /// # Errors
    ///
    /// [`CloudError::is_refusal`] tells whether another offering might be had instead.
    fn create(
        &self,
        claim: &NodeClaim,
        offering: &OfferingRef,
    ) -> impl Future<Output = Result<Instance, CloudError>> + Send;

    /// Asks for a machine's end; it is gone when the answer is [`CloudError::NotFound`].
    ///
    /// # Errors
    ///
    /// As above; `Ok` means that the end is on its way.
    fn delete(&self, provider_id: &str) -> impl Future<Output = Result<(), CloudError>> + Send;

    /// Looks one machine up.
    ///
    /// # Errors
    ///
    /// [`CloudError::NotFound`] when there is none of that id.
    fn get(&self, provider_id: &str) -> impl Future<Output = Result<Instance, CloudError>> + Send;

    /// All machines that were made for claims of this cluster.
    ///
    /// # Errors
    ///
    /// When the cloud does not answer; a partial list is never given.
    fn list(&self) -> impl Future<Output = Result<Vec<Instance>, CloudError>> + Send;
}

/// A machine.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Instance {
    /// The claim it was made for, when the machine carries it.
    pub claim: Option<String>,
    /// `spec.providerID` of its node.
    pub provider_id: String,
    /// Its image, where the cloud has such.
    pub image_id: Option<String>,
    /// Labels that follow from what was bought.
    pub labels: BTreeMap<String, String>,
    /// What it has.
    pub capacity: Resources,
    /// What of it pods may use.
    pub allocatable: Resources,
    /// Whether its end is on its way.
    pub deleting: bool,
}

/// Why a cloud did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CloudError {
    /// The offering is sold out for now.
    #[error("no capacity for {offering}: {message}")]
    InsufficientCapacity {
        /// Which.
        offering: String,
        /// The cloud's words.
        message: String,
    },
    /// The subscription's quota does not allow it.
    #[error("quota does not allow {offering}: {message}")]
    Quota {
        /// Which.
        offering: String,
        /// The cloud's words.
        message: String,
    },
    /// The cloud does not sell this here, or not to this subscription.
    #[error("{offering} is not available: {message}")]
    NotAvailable {
        /// Which.
        offering: String,
        /// The cloud's words.
        message: String,
    },
    /// The claim's node class is missing or not ready.
    #[error("node class {name} is not ready: {message}")]
    NodeClassNotReady {
        /// Which.
        name: String,
        /// Why.
        message: String,
    },
    /// There is no such machine.
    #[error("no machine {0}")]
    NotFound(String),
    /// The claim cannot be served in this form.
    #[error("{reason}: {message}")]
    Rejected {
        /// A reason for the condition, in CamelCase.
        reason: String,
        /// A sentence.
        message: String,
    },
    /// Everything that may pass: time-outs, throttling, lost connections.
    #[error("{0}")]
    Transient(String),
}

impl CloudError {
    /// Whether the next offering should be tried at once.
    pub fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::InsufficientCapacity { .. } | Self::Quota { .. } | Self::NotAvailable { .. }
        )
    }
}

/// Amounts as the API server writes them.
pub fn quantities(amounts: &Resources) -> BTreeMap<String, Quantity> {
    let shown = |name: &str, amount: i64| {
        if name == CPU {
            quantity::Quantity::from_milli(amount).to_string()
        } else {
            quantity::Quantity::binary(amount).to_string()
        }
    };
    let pairs =
        amounts.0.iter().map(|(name, amount)| (name.to_string(), Quantity(shown(name, *amount))));
    pairs.collect()
}
