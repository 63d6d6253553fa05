//! A cloud of pretended machines (karpenter.md, section 5.2): making a machine means creating its
//! Node object, and kwok or another controller plays the kubelet.
//!
//! Compatible with Karpenter's kwok provider: the same catalog, labels, taint and provider ids
//! `kwok://<node>`, so that either can take over the other's nodes. Better in three ways: a node
//! has its type's capacity, not the sum of its claim's requests; its name is its claim's, so that
//! making it twice makes one; and it can be sold out, slow, or lost ([`Faults`]).

mod faults;
mod pages;
mod resume;
mod shape;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use catalog::{InstanceType, Offering, quantity, well_known};
use jiff::SignedDuration;
use k8s_openapi::{api::core::v1::Node, apimachinery::pkg::api::resource::Quantity};
use kube::{
    Api, Client, ResourceExt,
    api::{ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams},
};
use serde_json::json;
use tokio::{sync::OnceCell, task::AbortHandle};

pub use self::faults::{FaultError, Faults, Lose, Refuse, Slow};
use self::{
    pages::for_each,
    shape::{FAKE, GONE, KWOK_NODE},
};
use super::{Cloud, CloudError, Instance};
use crate::{
    api::{
        duration, names,
        v1::{NodeClaim, OfferingRef},
    },
    clock::Clock,
    source::Catalog,
};

/// The node class of Karpenter's kwok provider.
const NODE_CLASS: (&str, &str, &str) = ("karpenter.kwok.sh", "v1alpha1", "KWOKNodeClass");

/// Until the node of a machine that has started is tried to be made again.
const RETRY: Duration = Duration::from_millis(500);

/// The cloud.
pub struct Kwok {
    client: Client,
    types: BTreeMap<Arc<str>, Arc<InstanceType>>,
    settings: Settings,
    clock: Clock,
    /// Machines whose node has not come up yet, by provider id.
    starting: Arc<Mutex<BTreeMap<String, Starting>>>,
    /// Whether the machines of an earlier process are among them.
    resumed: OnceCell<()>,
}

/// How the cloud behaves.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Time from a launch to its node, where the node class says nothing else.
    pub node_registration_delay: SignedDuration,
    /// What goes wrong.
    pub faults: Faults,
}

struct Starting {
    machine: Instance,
    task: AbortHandle,
}

impl Kwok {
    /// A cloud that sells what `catalog` has.
    pub fn new(client: Client, catalog: &Catalog, settings: Settings, clock: Clock) -> Self {
        let types = catalog.instance_types(&catalog::azure::NodeSettings::default());
        let types = types.iter().map(|one| (one.name.clone(), Arc::clone(one))).collect();
        Self { client, types, settings, clock, starting: Arc::default(), resumed: OnceCell::new() }
    }

    fn starting(&self) -> MutexGuard<'_, BTreeMap<String, Starting>> {
        // Whoever panicked left whole entries behind.
        self.starting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn nodes(&self) -> Api<Node> {
        Api::all(self.client.clone())
    }

    fn offering(&self, wanted: &OfferingRef) -> Option<(&InstanceType, &Offering)> {
        let one = self.types.get(wanted.instance_type.as_str())?;
        let mut offerings = one.offerings.iter();
        let found = offerings.find(|offering| {
            offering.available
                && *offering.zone == *wanted.zone
                && offering.capacity_type.as_str() == wanted.capacity_type
        })?;
        Some((one, found))
    }

    /// How long the node of a claim takes; the claim's node class has the last word.
    async fn registration_delay(&self, claim: &NodeClaim) -> Result<SignedDuration, CloudError> {
        let class = &claim.spec.node_class_ref;
        let (group, version, kind) = NODE_CLASS;
        if (class.group.as_str(), class.kind.as_str()) != (group, kind) {
            return Ok(self.settings.node_registration_delay);
        }
        let gvk = kube::core::GroupVersionKind::gvk(group, version, kind);
        let resource = ApiResource::from_gvk_with_plural(&gvk, "kwoknodeclasses");
        let api = Api::<DynamicObject>::all_with(self.client.clone(), &resource);
        let Some(object) = api.get_opt(&class.name).await.map_err(transient)? else {
            let message = format!("there is no {kind} of this name");
            return Err(CloudError::NodeClassNotReady { name: class.name.clone(), message });
        };
        let delay = object.data["spec"]["nodeRegistrationDelay"].as_str();
        Ok(delay.and_then(duration::parse).unwrap_or(self.settings.node_registration_delay))
    }

    /// Starts a machine whose node comes up after `delay`. Its record is dropped with the node.
    fn start(&self, machine: Instance, node: Node, delay: SignedDuration) {
        let (api, starting, id) =
            (self.nodes(), Arc::clone(&self.starting), machine.provider_id.clone());
        let own = id.clone();
        // Locked for as long as it takes to note the machine, for its task strikes it off again.
        let mut noted = self.starting();
        let task = tokio::spawn(async move {
            tokio::time::sleep(delay.unsigned_abs()).await;
            while let Err(error) = create(&api, &node).await {
                tracing::warn!(%error, node = node.name_any(), "the node does not come up yet");
                tokio::time::sleep(RETRY).await;
            }
            starting.lock().unwrap_or_else(PoisonError::into_inner).remove(&own);
        });
        noted.insert(id, Starting { machine, task: task.abort_handle() });
    }

    /// Takes the machine from under a node: the kubelet falls silent.
    async fn lose(&self, node: &Node) -> Result<(), CloudError> {
        let name = node.name_any();
        tracing::info!(node = name, "losing a machine");
        let annotations = json!({ KWOK_NODE: null, GONE: "lost" });
        let patch = json!({ "metadata": { "annotations": annotations } });
        patched(self.nodes().patch(&name, &params(), &Patch::Merge(patch)).await)?;
        let mut conditions: Vec<_> =
            node.status.as_ref().and_then(|it| it.conditions.clone()).unwrap_or_default();
        for condition in &mut conditions {
            condition.status = "Unknown".to_owned();
            condition.reason = Some("NodeStatusUnknown".to_owned());
            condition.message = Some("Kubelet stopped posting node status.".to_owned());
        }
        let patch = json!({ "status": { "conditions": conditions } });
        patched(self.nodes().patch_status(&name, &params(), &Patch::Merge(patch)).await)
    }

    fn is_due_to_be_lost(&self, node: &Node) -> bool {
        let labels = node.labels();
        let label = |key: &str| labels.get(key).cloned().unwrap_or_default();
        let offering = OfferingRef {
            instance_type: label(well_known::INSTANCE_TYPE),
            zone: label(well_known::ZONE),
            capacity_type: label(well_known::CAPACITY_TYPE),
        };
        let claim = label(well_known::HOSTNAME);
        let created = node.metadata.creation_timestamp.as_ref().map(|time| time.0);
        let (Some(age), Some(created)) = (self.settings.faults.lost_at(&claim, &offering), created)
        else {
            return false;
        };
        self.clock.now().duration_since(created) >= age
    }
}

impl Cloud for Kwok {
    fn name(&self) -> &'static str {
        "kwok"
    }

    async fn create(
        &self,
        claim: &NodeClaim,
        offering: &OfferingRef,
    ) -> Result<Instance, CloudError> {
        let name = claim.name_any();
        let id = shape::provider_id(&name);
        match self.get(&id).await {
            Err(CloudError::NotFound(_)) => {}
            known => return known,
        }
        if name.len() > 63 {
            // It becomes the value of the label kubernetes.io/hostname.
            let message = format!("the claim's name {name:?} is longer than a label may be");
            return Err(CloudError::Rejected { reason: "NameTooLong".to_owned(), message });
        }
        let shown =
            format!("{}/{}/{}", offering.instance_type, offering.zone, offering.capacity_type);
        let Some((one, sold)) = self.offering(offering) else {
            let message = "the catalog does not have it".to_owned();
            return Err(CloudError::NotAvailable { offering: shown, message });
        };
        let delay = self.registration_delay(claim).await?;
        tokio::time::sleep(self.settings.faults.delay(offering).unsigned_abs()).await;
        if self.settings.faults.refuses(&name, offering) {
            let message = "refused by a rule for faults".to_owned();
            return Err(CloudError::InsufficientCapacity { offering: shown, message });
        }
        let machine = shape::machine(claim, one, sold);
        let node = shape::node(claim, &machine);
        if delay.is_zero() {
            create(&self.nodes(), &node).await.map_err(transient)?;
        } else {
            self.start(machine.clone(), node, delay);
        }
        Ok(machine)
    }

    async fn delete(&self, provider_id: &str) -> Result<(), CloudError> {
        self.resume().await?;
        if let Some(starting) = self.starting().remove(provider_id) {
            starting.task.abort();
        }
        let node = self.live_node(provider_id).await?;
        let name = node.name_any();
        let patch = json!({ "metadata": { "annotations": { GONE: "deleted" } } });
        patched(self.nodes().patch(&name, &params(), &Patch::Merge(patch)).await)?;
        if node.metadata.deletion_timestamp.is_none() {
            match self.nodes().delete(&name, &DeleteParams::default()).await {
                Err(error) if !is_not_found(&error) => return Err(transient(error)),
                _ => {}
            }
        }
        Ok(())
    }

    async fn get(&self, provider_id: &str) -> Result<Instance, CloudError> {
        self.resume().await?;
        if let Some(starting) = self.starting().get(provider_id) {
            return Ok(starting.machine.clone());
        }
        self.live_node(provider_id).await.map(|node| instance(&node))
    }

    async fn list(&self) -> Result<Vec<Instance>, CloudError> {
        self.resume().await?;
        let selected = ListParams::default().labels(&format!("{KWOK_NODE}={FAKE}"));
        let (mut machines, mut lost) = (vec![], vec![]);
        for_each(&self.nodes(), selected, |node| {
            if is_live(&node) && self.is_due_to_be_lost(&node) {
                lost.push(node);
            } else if is_live(&node) {
                machines.push(instance(&node));
            }
        })
        .await?;
        for node in lost {
            self.lose(&node).await?;
        }
        let listed: Vec<&str> = machines.iter().map(|one| one.provider_id.as_str()).collect();
        let mut starting: Vec<Instance> = self
            .starting()
            .values()
            .filter(|one| !listed.contains(&one.machine.provider_id.as_str()))
            .map(|one| one.machine.clone())
            .collect();
        machines.append(&mut starting);
        Ok(machines)
    }
}

impl Kwok {
    /// The node of a machine that is there.
    async fn live_node(&self, provider_id: &str) -> Result<Node, CloudError> {
        let gone = || CloudError::NotFound(provider_id.to_owned());
        let name = provider_id.strip_prefix("kwok://").ok_or_else(gone)?;
        let node = self.nodes().get_opt(name).await.map_err(transient)?;
        node.filter(is_live).ok_or_else(gone)
    }
}

/// Whether a node has a machine.
fn is_live(node: &Node) -> bool {
    let id = crate::lifecycle::provider_id(node);
    id.is_some_and(|id| id.starts_with("kwok://")) && !node.annotations().contains_key(GONE)
}

/// The machine under a node. Karpenter's kwok provider puts the claim's name into the label
/// `kubernetes.io/hostname` too.
fn instance(node: &Node) -> Instance {
    let status = node.status.as_ref();
    Instance {
        claim: node.labels().get(well_known::HOSTNAME).cloned(),
        provider_id: crate::lifecycle::provider_id(node).unwrap_or_default().to_owned(),
        image_id: None,
        labels: node.labels().clone(),
        capacity: amounts(status.and_then(|status| status.capacity.as_ref())),
        allocatable: amounts(status.and_then(|status| status.allocatable.as_ref())),
        deleting: false,
    }
}

/// Amounts as the API server has them; what cannot be read counts as nothing.
fn amounts(all: Option<&BTreeMap<String, Quantity>>) -> catalog::Resources {
    let mut amounts = catalog::Resources::default();
    for (name, text) in all.into_iter().flatten() {
        amounts.set(name, quantity::capacity(name, &text.0).unwrap_or(0));
    }
    amounts
}

/// Creates a node, or finds the one that was created before.
async fn create(api: &Api<Node>, node: &Node) -> Result<(), kube::Error> {
    match api.create(&PostParams::default(), node).await {
        // Kubernetes takes a node's status at creation, for kubelets write it so.
        Ok(made) if made.status.as_ref().is_some_and(|it| it.capacity.is_some()) => return Ok(()),
        Ok(_) => {}
        // A conflict may have nothing to do with the name; then there is no node yet.
        Err(kube::Error::Api(status)) if status.is_already_exists() => return Ok(()),
        Err(error) => return Err(error),
    }
    let patch = json!({ "status": node.status });
    match api.patch_status(&node.name_any(), &params(), &Patch::Merge(patch)).await {
        Err(error) if !is_not_found(&error) => Err(error),
        _ => Ok(()),
    }
}

fn params() -> PatchParams {
    PatchParams { field_manager: Some(names::FIELD_MANAGER.to_owned()), ..PatchParams::default() }
}

fn is_not_found(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404)
}

/// A node that is gone meanwhile needs no patch.
fn patched(answer: Result<Node, kube::Error>) -> Result<(), CloudError> {
    match answer {
        Err(error) if !is_not_found(&error) => Err(transient(error)),
        _ => Ok(()),
    }
}

fn transient(error: kube::Error) -> CloudError {
    CloudError::Transient(format!("API server: {error}"))
}
