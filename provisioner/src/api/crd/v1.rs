//! The kinds: `karpenter.sh/v1` NodePool and NodeClaim, `karpenter.kwok.sh/v1alpha1` KWOKNodeClass.

use serde_json::{Value, json};

use super::{
    Crd,
    parts::{
        VALUE, conditions, expire_after, lasting, node_class_ref, quantities, requirements, rule,
        taints, termination_grace_period,
    },
};

const READY: &str = r#".status.conditions[?(@.type=="Ready")].status"#;
const AGE: (&str, &str, &str, u8) = ("Age", ".metadata.creationTimestamp", "date", 0);

pub(super) fn node_pool() -> Crd {
    Crd {
        group: "karpenter.sh",
        version: "v1",
        kind: "NodePool",
        plural: "nodepools",
        short_names: vec![],
        categories: vec!["karpenter"],
        columns: vec![
            ("NodeClass", ".spec.template.spec.nodeClassRef.name", "string", 0),
            ("Nodes", ".status.nodes", "string", 0),
            ("Ready", READY, "string", 0),
            AGE,
            ("Weight", ".spec.weight", "integer", 1),
            ("CPU", ".status.resources.cpu", "string", 1),
            ("Memory", ".status.resources.memory", "string", 1),
        ],
        description: "NodePool says which nodes may be made, and how they may be disrupted.",
        spec: node_pool_spec(),
        status: json!({
            "description": "What has become of the pool.",
            "properties": {
                "conditions": conditions(true),
                "nodeClassObservedGeneration": {
                    "description": "Generation of the node class that the conditions speak of.",
                    "format": "int64",
                    "type": "integer",
                },
                "nodes": {
                    "default": 0,
                    "description": "How many nodes the pool has.",
                    "format": "int64",
                    "type": "integer",
                },
                "resources": quantities("What the pool's nodes have in sum."),
            },
            "type": "object",
        }),
        needs_spec: true,
        scale: Some((".spec.replicas", ".status.nodes")),
    }
}

fn node_pool_spec() -> Value {
    json!({
        "description": "What is wanted.",
        "properties": {
            "disruption": disruption(),
            "limits": quantities("What the pool's nodes may have in sum; nodes counts them."),
            "replicas": {
                "description": "Static pool: how many nodes it keeps, whatever the pods ask for \
                    (alpha).",
                "format": "int64",
                "minimum": 0,
                "type": "integer",
            },
            "template": {
                "description": "What the pool's claims look like.",
                "properties": { "metadata": template_metadata(), "spec": template_spec() },
                "required": ["spec"],
                "type": "object",
            },
            "weight": {
                "description": "Pools of more weight are used first; 0 when not set.",
                "format": "int32",
                "maximum": 100,
                "minimum": 1,
                "type": "integer",
            },
        },
        "required": ["template"],
        "type": "object",
        "x-kubernetes-validations": [
            rule(
                "Cannot transition NodePool between static (replicas set) and dynamic (replicas unset) provisioning modes",
                "has(self.replicas) == has(oldSelf.replicas)",
            ),
            rule(
                "only 'limits.nodes' is supported on static NodePools",
                "!has(self.replicas) || (!has(self.limits) || size(self.limits) == 0 || (size(self.limits) == 1 && 'nodes' in self.limits))",
            ),
            rule(
                "'weight' is not supported on static NodePools",
                "!has(self.replicas) || !has(self.weight)",
            ),
        ],
    })
}

fn disruption() -> Value {
    json!({
        "default": { "consolidateAfter": "0s" },
        "description": "How the pool's nodes may be disrupted.",
        "properties": {
            "budgets": {
                "default": [{ "nodes": "10%" }],
                "description": "How many nodes may go at once. The strictest budget in force counts.",
                "items": budget(),
                "maxItems": 50,
                "type": "array",
                "x-kubernetes-list-type": "atomic",
                "x-kubernetes-validations": [rule(
                    "'schedule' must be set with 'duration'",
                    "self.all(x, has(x.schedule) == has(x.duration))",
                )],
            },
            "consolidateAfter":
                lasting("How long a node must have been quiet before consolidation, or Never.", "0s"),
            "consolidationPolicy": {
                "default": "WhenEmptyOrUnderutilized",
                "description": "Which nodes consolidation may take.",
                "enum": ["WhenEmpty", "WhenEmptyOrUnderutilized", "Balanced"],
                "type": "string",
            },
        },
        "type": "object",
    })
}

fn budget() -> Value {
    json!({
        "properties": {
            "duration": {
                "description": "How long the budget holds from each time of the schedule on.",
                "pattern": r"^((([0-9]+(h|m))|([0-9]+h[0-9]+m))(0s)?)$",
                "type": "string",
            },
            "nodes": {
                "default": "10%",
                "description": "A number, or a share of the pool's nodes.",
                "pattern": "^((100|[0-9]{1,2})%|[0-9]+)$",
                "type": "string",
            },
            "reasons": {
                "description": "For which reasons the budget holds; for all when not set.",
                "items": { "enum": ["Underutilized", "Empty", "Drifted"], "type": "string" },
                "maxItems": 50,
                "type": "array",
                "x-kubernetes-list-type": "set",
            },
            "schedule": {
                "description": "When the budget holds, as cron in UTC; always when not set.",
                "pattern": r"^(@(annually|yearly|monthly|weekly|daily|midnight|hourly))|((.+)\s(.+)\s(.+)\s(.+)\s(.+))$",
                "type": "string",
            },
        },
        "required": ["nodes"],
        "type": "object",
    })
}

fn template_metadata() -> Value {
    json!({
        "properties": {
            "annotations": {
                "additionalProperties": { "type": "string" },
                "description": "Annotations of claims and nodes.",
                "type": "object",
                "x-kubernetes-map-type": "granular",
            },
            "labels": {
                "additionalProperties": { "maxLength": 63, "pattern": VALUE, "type": "string" },
                "description": "Labels of claims and nodes.",
                "maxProperties": 100,
                "type": "object",
                "x-kubernetes-map-type": "atomic",
                "x-kubernetes-validations": [
                    rule(
                        r#"label domain "karpenter.sh" is restricted"#,
                        r#"self.all(x, x in ["karpenter.sh/capacity-type", "karpenter.sh/nodepool"] || !x.find("^([^/]+)").endsWith("karpenter.sh"))"#,
                    ),
                    rule(
                        r#"label "karpenter.sh/nodepool" is restricted"#,
                        r#"self.all(x, x != "karpenter.sh/nodepool")"#,
                    ),
                    rule(
                        r#"label "kubernetes.io/hostname" is restricted"#,
                        r#"self.all(x, x != "kubernetes.io/hostname")"#,
                    ),
                ],
            },
        },
        "type": "object",
    })
}

fn template_spec() -> Value {
    json!({
        "description": "What the pool's claims ask for.",
        "properties": {
            "expireAfter": expire_after(),
            "nodeClassRef": node_class_ref(true),
            "requirements": requirements(true),
            "startupTaints": taints("Taints that something takes off after the start."),
            "taints": taints("Taints that stay."),
            "terminationGracePeriod": termination_grace_period(),
        },
        "required": ["nodeClassRef", "requirements"],
        "type": "object",
    })
}

pub(super) fn node_claim() -> Crd {
    let label = r".metadata.labels.node\.kubernetes\.io/instance-type";
    Crd {
        group: "karpenter.sh",
        version: "v1",
        kind: "NodeClaim",
        plural: "nodeclaims",
        short_names: vec![],
        categories: vec!["karpenter"],
        columns: vec![
            ("Type", label, "string", 0),
            ("Capacity", r".metadata.labels.karpenter\.sh/capacity-type", "string", 0),
            ("Zone", r".metadata.labels.topology\.kubernetes\.io/zone", "string", 0),
            ("Node", ".status.nodeName", "string", 0),
            ("Ready", READY, "string", 0),
            AGE,
            ("ImageID", ".status.imageID", "string", 1),
            ("ID", ".status.providerID", "string", 1),
            ("NodePool", r".metadata.labels.karpenter\.sh/nodepool", "string", 1),
            ("NodeClass", ".spec.nodeClassRef.name", "string", 1),
            ("Drifted", r#".status.conditions[?(@.type=="Drifted")].status"#, "string", 1),
        ],
        description: "NodeClaim is a node that is wanted, and what has become of the wish.",
        spec: json!({
            "description": "What is wanted; it never changes.",
            "properties": {
                "expireAfter": expire_after(),
                "nodeClassRef": node_class_ref(false),
                "requirements": requirements(false),
                "resources": {
                    "description": "What the node must hold.",
                    "properties": {
                        "requests": quantities("The least that the node must have."),
                    },
                    "type": "object",
                },
                "startupTaints": taints("Taints that something takes off after the start."),
                "taints": taints("Taints that stay."),
                "terminationGracePeriod": termination_grace_period(),
            },
            "required": ["nodeClassRef", "requirements"],
            "type": "object",
            "x-kubernetes-validations": [rule("spec is immutable", "self == oldSelf")],
        }),
        status: node_claim_status(),
        needs_spec: true,
        scale: None,
    }
}

fn node_claim_status() -> Value {
    let text = |description: &str| json!({ "description": description, "type": "string" });
    json!({
        "description": "What has become of the claim.",
        "properties": {
            "allocatable": quantities("What of the node pods may use."),
            "capacity": quantities("What the node has."),
            "conditions": conditions(false),
            "imageID": text("The machine's image."),
            "lastPodEventTime": {
                "description": "When a pod last came to the node or left it.",
                "format": "date-time",
                "type": "string",
            },
            "nodeName": text("The node."),
            "providerID": text("The machine."),
        },
        "type": "object",
    })
}

pub(super) fn kwok_node_class() -> Crd {
    Crd {
        group: "karpenter.kwok.sh",
        version: "v1alpha1",
        kind: "KWOKNodeClass",
        plural: "kwoknodeclasses",
        short_names: vec!["kwoknc", "kwokncs"],
        categories: vec!["karpenter"],
        columns: vec![],
        description: "KWOKNodeClass is the node class of pretended machines.",
        spec: json!({
            "description": "How the machines behave.",
            "properties": {
                "nodeRegistrationDelay": {
                    "description": "Time from a launch to its node.",
                    "pattern": r"^([0-9]+(s|m|h))+$",
                    "type": "string",
                },
            },
            "type": "object",
        }),
        status: json!({
            "default": { "conditions": [{
                "lastTransitionTime": "2024-01-01T01:01:01Z",
                "message": "",
                "reason": "Ready",
                "status": "True",
                "type": "Ready",
            }] },
            "description": "Ready from the start.",
            "properties": { "conditions": conditions(true) },
            "type": "object",
        }),
        needs_spec: false,
        scale: None,
    }
}
