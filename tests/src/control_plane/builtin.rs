//! The kinds that are there without any CustomResourceDefinition.

use k8s_openapi::{
    api::{
        apps::v1 as apps, batch::v1 as batch, coordination::v1 as coordination, core::v1 as core,
        events::v1 as events, node::v1 as node, policy::v1 as policy, rbac::v1 as rbac,
        scheduling::v1 as scheduling, storage::v1 as storage,
    },
    apiextensions_apiserver::pkg::apis::apiextensions::v1 as extensions,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::kind::{Kind, ScalePaths, Typed};

/// Cluster-wide kinds without status.
const PLAIN: Scope = Scope { namespaced: false, status: false };
/// Cluster-wide kinds with a status subresource.
const PLAIN_STATUS: Scope = Scope { namespaced: false, status: true };
/// Kinds in namespaces without status.
const NAMESPACED: Scope = Scope { namespaced: true, status: false };
/// Kinds in namespaces with a status subresource.
const NAMESPACED_STATUS: Scope = Scope { namespaced: true, status: true };

#[derive(Clone, Copy)]
struct Scope {
    namespaced: bool,
    status: bool,
}

/// All built-in kinds.
pub fn kinds() -> Vec<Kind> {
    let mut kinds = core_kinds();
    kinds.extend(workload_kinds());
    kinds.extend(cluster_kinds());
    kinds
}

fn core_kinds() -> Vec<Kind> {
    let group = "";
    vec![
        make(group, "pods", "Pod", "po", NAMESPACED_STATUS, typed::<core::Pod>),
        make(group, "nodes", "Node", "no", PLAIN_STATUS, typed::<core::Node>),
        make(group, "namespaces", "Namespace", "ns", PLAIN_STATUS, typed::<core::Namespace>),
        make(group, "services", "Service", "svc", NAMESPACED_STATUS, typed::<core::Service>),
        make(group, "endpoints", "Endpoints", "ep", NAMESPACED, typed::<core::Endpoints>),
        make(group, "configmaps", "ConfigMap", "cm", NAMESPACED, typed::<core::ConfigMap>),
        make(group, "secrets", "Secret", "", NAMESPACED, typed::<core::Secret>),
        make(
            group,
            "serviceaccounts",
            "ServiceAccount",
            "sa",
            NAMESPACED,
            typed::<core::ServiceAccount>,
        ),
        make(group, "events", "Event", "ev", NAMESPACED, typed::<core::Event>),
        make(group, "limitranges", "LimitRange", "limits", NAMESPACED, typed::<core::LimitRange>),
        make(
            group,
            "resourcequotas",
            "ResourceQuota",
            "quota",
            NAMESPACED_STATUS,
            typed::<core::ResourceQuota>,
        ),
        make(
            group,
            "persistentvolumes",
            "PersistentVolume",
            "pv",
            PLAIN_STATUS,
            typed::<core::PersistentVolume>,
        ),
        make(
            group,
            "persistentvolumeclaims",
            "PersistentVolumeClaim",
            "pvc",
            NAMESPACED_STATUS,
            typed::<core::PersistentVolumeClaim>,
        ),
        make(group, "podtemplates", "PodTemplate", "", NAMESPACED, typed::<core::PodTemplate>),
        scaled(make(
            group,
            "replicationcontrollers",
            "ReplicationController",
            "rc",
            NAMESPACED_STATUS,
            typed::<core::ReplicationController>,
        )),
    ]
}

fn workload_kinds() -> Vec<Kind> {
    let (apps, batch) = ("apps", "batch");
    vec![
        scaled(make(
            apps,
            "deployments",
            "Deployment",
            "deploy",
            NAMESPACED_STATUS,
            typed::<apps::Deployment>,
        )),
        scaled(make(
            apps,
            "replicasets",
            "ReplicaSet",
            "rs",
            NAMESPACED_STATUS,
            typed::<apps::ReplicaSet>,
        )),
        scaled(make(
            apps,
            "statefulsets",
            "StatefulSet",
            "sts",
            NAMESPACED_STATUS,
            typed::<apps::StatefulSet>,
        )),
        make(apps, "daemonsets", "DaemonSet", "ds", NAMESPACED_STATUS, typed::<apps::DaemonSet>),
        make(
            apps,
            "controllerrevisions",
            "ControllerRevision",
            "",
            NAMESPACED,
            typed::<apps::ControllerRevision>,
        ),
        make(batch, "jobs", "Job", "", NAMESPACED_STATUS, typed::<batch::Job>),
        make(batch, "cronjobs", "CronJob", "cj", NAMESPACED_STATUS, typed::<batch::CronJob>),
        make(
            "policy",
            "poddisruptionbudgets",
            "PodDisruptionBudget",
            "pdb",
            NAMESPACED_STATUS,
            typed::<policy::PodDisruptionBudget>,
        ),
        make(
            "coordination.k8s.io",
            "leases",
            "Lease",
            "",
            NAMESPACED,
            typed::<coordination::Lease>,
        ),
    ]
}

fn cluster_kinds() -> Vec<Kind> {
    let (storage, rbac) = ("storage.k8s.io", "rbac.authorization.k8s.io");
    vec![
        make(
            "scheduling.k8s.io",
            "priorityclasses",
            "PriorityClass",
            "pc",
            PLAIN,
            typed::<scheduling::PriorityClass>,
        ),
        make("events.k8s.io", "events", "Event", "ev", NAMESPACED, typed::<events::Event>),
        make(
            "node.k8s.io",
            "runtimeclasses",
            "RuntimeClass",
            "",
            PLAIN,
            typed::<node::RuntimeClass>,
        ),
        make(
            storage,
            "storageclasses",
            "StorageClass",
            "sc",
            PLAIN,
            typed::<storage::StorageClass>,
        ),
        make(storage, "csinodes", "CSINode", "", PLAIN, typed::<storage::CSINode>),
        make(storage, "csidrivers", "CSIDriver", "", PLAIN, typed::<storage::CSIDriver>),
        make(
            storage,
            "csistoragecapacities",
            "CSIStorageCapacity",
            "",
            NAMESPACED,
            typed::<storage::CSIStorageCapacity>,
        ),
        make(
            storage,
            "volumeattachments",
            "VolumeAttachment",
            "",
            PLAIN_STATUS,
            typed::<storage::VolumeAttachment>,
        ),
        make(rbac, "clusterroles", "ClusterRole", "", PLAIN, typed::<rbac::ClusterRole>),
        make(
            rbac,
            "clusterrolebindings",
            "ClusterRoleBinding",
            "",
            PLAIN,
            typed::<rbac::ClusterRoleBinding>,
        ),
        make(rbac, "roles", "Role", "", NAMESPACED, typed::<rbac::Role>),
        make(rbac, "rolebindings", "RoleBinding", "", NAMESPACED, typed::<rbac::RoleBinding>),
        make(
            "apiextensions.k8s.io",
            "customresourcedefinitions",
            "CustomResourceDefinition",
            "crd",
            PLAIN_STATUS,
            typed::<extensions::CustomResourceDefinition>,
        ),
    ]
}

fn make(group: &str, plural: &str, kind: &str, short: &str, scope: Scope, typed: Typed) -> Kind {
    Kind {
        group: group.to_owned(),
        versions: vec!["v1".to_owned()],
        plural: plural.to_owned(),
        singular: kind.to_lowercase(),
        kind: kind.to_owned(),
        list_kind: format!("{kind}List"),
        short_names: [short].into_iter().filter(|it| !it.is_empty()).map(str::to_owned).collect(),
        categories: Vec::new(),
        namespaced: scope.namespaced,
        status: scope.status,
        scale: None,
        selectable: Vec::new(),
        typed: Some(typed),
        schemas: Default::default(),
    }
}

fn scaled(mut kind: Kind) -> Kind {
    kind.scale = Some(ScalePaths {
        wanted: "/spec/replicas".to_owned(),
        current: "/status/replicas".to_owned(),
        selector: Some("/spec/selector".to_owned()),
    });
    kind
}

fn typed<T: Serialize + DeserializeOwned>(value: Value) -> Result<Value, String> {
    let typed: T = serde_json::from_value(value).map_err(|err| err.to_string())?;
    serde_json::to_value(typed).map_err(|err| err.to_string())
}
