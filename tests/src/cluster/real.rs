//! A real cluster, used as a guest would: one test at a time, in a namespace of its own, as the
//! account that `deploy/` makes for the product, and nothing is left behind.

use std::{fs::File, path::Path, time::Duration};

use k8s_openapi::api::{
    authentication::v1::{TokenRequest, TokenRequestSpec},
    core::v1::{Namespace, Node, Pod, ServiceAccount},
    rbac::v1::{ClusterRole, ClusterRoleBinding},
};
use kube::{
    Api, Client, Config, Resource, ResourceExt,
    api::{ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams},
    config::{AuthInfo, KubeConfigOptions, Kubeconfig},
    core::GroupVersionKind,
};
use provisioner::engine;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Error, until};
use crate::kubelet;

/// Label of everything the tests make themselves, so that it is found after a crash too.
pub(super) const OURS: &str = "tenon.sh/test";
/// What is made by others in consequence: group, version, kind, plural.
const CUSTOM: [(&str, &str, &str, &str); 3] = [
    ("karpenter.sh", "v1", "NodePool", "nodepools"),
    ("karpenter.sh", "v1", "NodeClaim", "nodeclaims"),
    ("karpenter.kwok.sh", "v1alpha1", "KWOKNodeClass", "kwoknodeclasses"),
];
/// The product's account and roles, as they are installed.
const MANIFESTS: &str = include_str!("../../../deploy/manifests/tenon.yaml");
/// Long enough for a slow server to make or to delete a handful of objects.
const PATIENCE: Duration = Duration::from_secs(60);

/// One stay in a cluster; it ends with [`Guest::leave`] or, when a test fails, with a drop.
pub(super) struct Guest {
    config: Config,
    namespace: String,
    gone: bool,
    /// Held as long as the cluster is used, by this process or another of this machine.
    _lock: File,
}

impl Guest {
    /// Waits until nobody else uses the cluster, and makes a namespace there.
    pub(super) async fn enter(path: &Path) -> Result<Self, Error> {
        let unusable = |source: Box<dyn std::error::Error + Send + Sync>| Error::Kubeconfig {
            path: path.display().to_string(),
            source,
        };
        let lock = lock(path.to_owned()).await.map_err(|error| unusable(error.into()))?;
        let file = Kubeconfig::read_from(path).map_err(|error| unusable(error.into()))?;
        let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await;
        let config = config.map_err(|error| unusable(error.into()))?;
        let client = Client::try_from(config.clone()).map_err(|error| unusable(error.into()))?;
        if own::<Namespace>(&client).await?.is_empty() {
            refuse_occupied(&client).await?;
        } else {
            // Somebody pulled the plug on an earlier test.
            sweep(&client).await?;
        }
        let namespace = make_namespace(&client).await?;
        Ok(Self { config, namespace, gone: false, _lock: lock })
    }

    pub(super) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// A client with all rights.
    pub(super) fn client(&self) -> Result<Client, Error> {
        Ok(Client::try_from(self.config.clone())?)
    }

    /// A client with the rights of the installed product and no others.
    pub(super) async fn product(&self) -> Result<Client, Error> {
        let client = self.client()?;
        let objects: Vec<Value> =
            serde_saphyr::from_multiple(MANIFESTS).map_err(|error| Error::Document {
                number: 1,
                problem: format!("deploy/manifests/tenon.yaml is no YAML: {error}"),
            })?;
        for object in objects {
            self.grant(&client, object).await?;
        }
        let accounts = Api::<ServiceAccount>::namespaced(client, &self.namespace);
        let request =
            TokenRequest { spec: Some(TokenRequestSpec::default()), ..TokenRequest::default() };
        let made = accounts.create_token_request("tenon", &PostParams::default(), &request).await?;
        let token = made.status.and_then(|status| status.token).map(Into::into);
        let mut config = self.config.clone();
        config.auth_info = AuthInfo { token, ..AuthInfo::default() };
        let product = engine::client(config)?;
        until("the product's roles are in force", PATIENCE, async || {
            Api::<Node>::all(product.clone()).list(&ListParams::default()).await.map(|_| true)
        })
        .await?;
        Ok(product)
    }

    /// Makes an account, role or binding under a name of our own; other objects are left out.
    async fn grant(&self, client: &Client, mut object: Value) -> Result<(), Error> {
        let kind = object["kind"].as_str().unwrap_or_default().to_owned();
        let (group, plural) = match kind.as_str() {
            "ServiceAccount" => ("", "serviceaccounts"),
            "Role" => ("rbac.authorization.k8s.io", "roles"),
            "RoleBinding" => ("rbac.authorization.k8s.io", "rolebindings"),
            "ClusterRole" => ("rbac.authorization.k8s.io", "clusterroles"),
            "ClusterRoleBinding" => ("rbac.authorization.k8s.io", "clusterrolebindings"),
            _ => return Ok(()),
        };
        object["metadata"]["labels"] = json!({ OURS: self.namespace });
        if let Some(subject) = object.pointer_mut("/subjects/0") {
            subject["namespace"] = json!(self.namespace);
        }
        let gvk = GroupVersionKind::gvk(group, "v1", &kind);
        let resource = ApiResource::from_gvk_with_plural(&gvk, plural);
        let api = if kind.starts_with("Cluster") {
            rename(&mut object, "/metadata/name", &self.namespace);
            rename(&mut object, "/roleRef/name", &self.namespace);
            Api::<DynamicObject>::all_with(client.clone(), &resource)
        } else {
            object["metadata"]["namespace"] = json!(self.namespace);
            Api::namespaced_with(client.clone(), &self.namespace, &resource)
        };
        let read = serde_json::from_value(object).map_err(kube::Error::SerdeError)?;
        api.create(&PostParams::default(), &read).await?;
        Ok(())
    }

    /// Removes everything, and waits until it is gone; the namespace itself may take longer.
    pub(super) async fn leave(mut self) -> Result<(), Error> {
        self.gone = true;
        sweep(&self.client()?).await
    }
}

impl Drop for Guest {
    /// A failed test cleans up as well. In a runtime of its own, for the test's may be ending.
    fn drop(&mut self) {
        if self.gone {
            return;
        }
        let config = self.config.clone();
        let swept = std::thread::spawn(move || -> Result<(), Error> {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(Error::Start)?;
            runtime.block_on(async { sweep(&Client::try_from(config)?).await })
        });
        if !matches!(swept.join(), Ok(Ok(()))) {
            eprintln!("namespace {} is left; the next test removes it", self.namespace);
        }
    }
}

fn rename(object: &mut Value, field: &str, prefix: &str) {
    if let Some(name) = object.pointer_mut(field) {
        *name = json!(format!("{prefix}-{}", name.as_str().unwrap_or_default()));
    }
}

/// The lock of a file. Other threads and other processes wait for it alike.
async fn lock(path: std::path::PathBuf) -> std::io::Result<File> {
    let locked = tokio::task::spawn_blocking(move || {
        let file = File::open(path)?;
        file.lock().map(|()| file)
    });
    locked.await.map_err(std::io::Error::other)?
}

/// Objects of somebody else would be changed and deleted by the tests; and on nodes of somebody
/// else the tests' pods would find room that no plan gave them.
async fn refuse_occupied(client: &Client) -> Result<(), Error> {
    let occupied = |what: String| Err(Error::Occupied { what });
    for custom in CUSTOM {
        if let Some(one) = list(&api_of(client, custom)).await?.first() {
            return occupied(format!("{} {}; delete it", custom.2, one.name_any()));
        }
    }
    for node in list(&Api::<Node>::all(client.clone())).await? {
        let name = node.name_any();
        if kubelet::is_fake(&node) {
            return occupied(format!("fake node {name}; delete it"));
        }
        if node.spec.is_none_or(|spec| spec.unschedulable != Some(true)) {
            return occupied(format!("node {name}, which takes pods; cordon it"));
        }
    }
    Ok(())
}

async fn make_namespace(client: &Client) -> Result<String, Error> {
    let mut namespace = Namespace::default();
    namespace.metadata.generate_name = Some("tenon-test-".to_owned());
    namespace.metadata.labels = Some([(OURS.to_owned(), String::new())].into());
    let namespaces = Api::<Namespace>::all(client.clone());
    let name = namespaces.create(&PostParams::default(), &namespace).await?.name_any();
    let accounts = Api::<ServiceAccount>::namespaced(client.clone(), &name);
    // Pods are refused before their account is there.
    until(&format!("namespace {name} has its account"), PATIENCE, async || {
        Ok(accounts.get_opt("default").await?.is_some())
    })
    .await?;
    Ok(name)
}

/// Removes what tests made and what was made because of it, whether or not anything is left that
/// would take off finalizers or stop pods.
async fn sweep(client: &Client) -> Result<(), Error> {
    let namespaces = own::<Namespace>(client).await?;
    for namespace in &namespaces {
        delete(&Api::<Namespace>::all(client.clone()), &namespace.name_any()).await?;
    }
    until("the tests' objects are gone", PATIENCE, async || {
        let mut left = 0;
        for custom in CUSTOM {
            let api = api_of(client, custom);
            let all = list(&api).await?;
            left += remove(&api, &all).await?;
        }
        let nodes = Api::<Node>::all(client.clone());
        let mut fake = list(&nodes).await?;
        fake.retain(kubelet::is_fake);
        left += remove(&nodes, &fake).await?;
        left += remove(&nodes, &own::<Node>(client).await?).await?;
        for namespace in &namespaces {
            let pods = Api::<Pod>::namespaced(client.clone(), &namespace.name_any());
            left += remove(&pods, &list(&pods).await?).await?;
        }
        left += remove(&Api::all(client.clone()), &own::<ClusterRole>(client).await?).await?;
        left +=
            remove(&Api::all(client.clone()), &own::<ClusterRoleBinding>(client).await?).await?;
        Ok(left == 0)
    })
    .await
}

fn api_of(client: &Client, custom: (&str, &str, &str, &str)) -> Api<DynamicObject> {
    let (group, version, kind, plural) = custom;
    let gvk = GroupVersionKind::gvk(group, version, kind);
    Api::all_with(client.clone(), &ApiResource::from_gvk_with_plural(&gvk, plural))
}

/// The objects of a kind that bear the tests' label.
async fn own<K>(client: &Client) -> Result<Vec<K>, kube::Error>
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::ClusterResourceScope>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug,
{
    let params = ListParams::default().labels(OURS);
    let all = Api::<K>::all(client.clone()).list(&params).await?;
    Ok(all.items.into_iter().filter(|one| one.meta().deletion_timestamp.is_none()).collect())
}

/// All objects; none when the server does not know the kind.
async fn list<K: Clone + DeserializeOwned + std::fmt::Debug>(
    api: &Api<K>,
) -> Result<Vec<K>, kube::Error> {
    match api.list(&ListParams::default()).await {
        Ok(all) => Ok(all.items),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(vec![]),
        Err(error) => Err(error),
    }
}

/// Deletes objects at once, without their finalizers; says how many there were.
async fn remove<K>(api: &Api<K>, objects: &[K]) -> Result<usize, kube::Error>
where
    K: Resource + Clone + DeserializeOwned + std::fmt::Debug,
{
    for object in objects {
        let name = object.name_any();
        if !object.finalizers().is_empty() {
            let free = Patch::Merge(json!({ "metadata": { "finalizers": null } }));
            there(api.patch(&name, &PatchParams::default(), &free).await)?;
        }
        delete(api, &name).await?;
    }
    Ok(objects.len())
}

async fn delete<K: Clone + DeserializeOwned + std::fmt::Debug>(
    api: &Api<K>,
    name: &str,
) -> Result<(), kube::Error> {
    there(api.delete(name, &DeleteParams::default().grace_period(0)).await).map(|_| ())
}

fn there<T>(answer: Result<T, kube::Error>) -> Result<Option<T>, kube::Error> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
        Err(error) => Err(error),
    }
}
