//! Parts of schemas that several kinds share. Patterns and rules are those of Karpenter's
//! definitions, letter for letter, because what they let through decides what applies.

use serde_json::{Value, json};

const QUANTITY: &str = r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$";
const KEY: &str = r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*(\/))?([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$";
/// Label values.
pub(super) const VALUE: &str = r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$";
const CONDITION_TYPE: &str = r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$";
/// Durations in hours, minutes and seconds, or `Never`.
const LASTING: &str = r"^(([0-9]+(s|m|h))+|Never)$";

/// A rule in CEL.
pub(super) fn rule(message: &str, rule: &str) -> Value {
    json!({ "message": message, "rule": rule })
}

/// Amounts by resource.
pub(super) fn quantities(description: &str) -> Value {
    json!({
        "additionalProperties": {
            "anyOf": [{ "type": "integer" }, { "type": "string" }],
            "pattern": QUANTITY,
            "x-kubernetes-int-or-string": true,
        },
        "description": description,
        "type": "object",
    })
}

/// A duration, or `Never`.
pub(super) fn lasting(description: &str, default: &str) -> Value {
    json!({
        "default": default,
        "description": description,
        "pattern": LASTING,
        "type": "string",
    })
}

/// `terminationGracePeriod`.
pub(super) fn termination_grace_period() -> Value {
    json!({
        "description": "How long draining may take from the deletion on. Pods are deleted in time \
            for their own grace periods to end by then, whatever disruption budgets and the \
            annotation karpenter.sh/do-not-disrupt say. Draining waits without end when it is not \
            set.",
        "pattern": r"^([0-9]+(s|m|h))+$",
        "type": "string",
    })
}

/// `expireAfter`.
pub(super) fn expire_after() -> Value {
    lasting("How long a node may live, or Never.", "720h")
}

/// `taints`, `startupTaints`.
pub(super) fn taints(description: &str) -> Value {
    json!({
        "description": description,
        "items": {
            "properties": {
                "effect": {
                    "description": "What happens to pods that do not tolerate the taint.",
                    "enum": ["NoSchedule", "PreferNoSchedule", "NoExecute"],
                    "type": "string",
                },
                "key": {
                    "description": "The taint's key.",
                    "minLength": 1,
                    "pattern": KEY,
                    "type": "string",
                },
                "timeAdded": {
                    "description": "When the taint was added.",
                    "format": "date-time",
                    "type": "string",
                },
                "value": {
                    "description": "The taint's value.",
                    "pattern": KEY,
                    "type": "string",
                },
            },
            "required": ["effect", "key"],
            "type": "object",
        },
        "type": "array",
        "x-kubernetes-list-type": "atomic",
    })
}

/// `requirements`; a pool's may not name the pool itself.
pub(super) fn requirements(of_pool: bool) -> Value {
    let mut key_rules = vec![rule(
        r#"label domain "karpenter.sh" is restricted"#,
        r#"self in ["karpenter.sh/capacity-type", "karpenter.sh/nodepool"] || !self.find("^([^/]+)").endsWith("karpenter.sh")"#,
    )];
    if of_pool {
        let message = r#"label "karpenter.sh/nodepool" is restricted"#;
        key_rules.push(rule(message, r#"self != "karpenter.sh/nodepool""#));
    }
    let message = r#"label "kubernetes.io/hostname" is restricted"#;
    key_rules.push(rule(message, r#"self != "kubernetes.io/hostname""#));
    json!({
        "description": "What the labels of nodes must be.",
        "items": {
            "properties": {
                "key": {
                    "description": "The label's key.",
                    "maxLength": 316,
                    "pattern": KEY,
                    "type": "string",
                    "x-kubernetes-validations": key_rules,
                },
                "minValues": {
                    "description": "How many distinct values must stay possible (alpha).",
                    "maximum": 50,
                    "minimum": 1,
                    "type": "integer",
                },
                "operator": {
                    "description": "How key and values relate.",
                    "enum": ["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt", "Gte", "Lte"],
                    "type": "string",
                },
                "values": {
                    "description": "At least one for In, none for Exists and DoesNotExist, one \
                        whole number for Gt, Lt, Gte and Lte.",
                    "items": { "type": "string" },
                    "maxLength": 63,
                    "pattern": VALUE,
                    "type": "array",
                    "x-kubernetes-list-type": "atomic",
                },
            },
            "required": ["key", "operator"],
            "type": "object",
        },
        "maxItems": 100,
        "type": "array",
        "x-kubernetes-list-type": "atomic",
        "x-kubernetes-validations": requirement_rules(),
    })
}

fn requirement_rules() -> Vec<Value> {
    vec![
        rule(
            "requirements with operator 'In' must have a value defined",
            "self.all(x, x.operator == 'In' ? x.values.size() != 0 : true)",
        ),
        rule(
            "requirements operator 'Gt', 'Lt', 'Gte', or 'Lte' must have a single positive integer value",
            "self.all(x, (x.operator == 'Gt' || x.operator == 'Lt' || x.operator == 'Gte' || x.operator == 'Lte') ? (x.values.size() == 1 && int(x.values[0]) >= 0) : true)",
        ),
        rule(
            "requirements with 'minValues' must have at least that many values specified in the 'values' field",
            "self.all(x, (x.operator == 'In' && has(x.minValues)) ? x.values.size() >= x.minValues : true)",
        ),
    ]
}

/// `nodeClassRef`; a pool's keeps its kind.
pub(super) fn node_class_ref(of_pool: bool) -> Value {
    let named = |what: &str| {
        json!({
            "description": format!("The node class's {what}."),
            "type": "string",
            "x-kubernetes-validations": [rule(&format!("{what} may not be empty"), "self != ''")],
        })
    };
    let mut group = named("group");
    group["pattern"] = json!("^[^/]*$");
    let mut schema = json!({
        "description": "The node class, which holds what is particular to a cloud.",
        "properties": { "group": group, "kind": named("kind"), "name": named("name") },
        "required": ["group", "kind", "name"],
        "type": "object",
    });
    if of_pool {
        schema["x-kubernetes-validations"] = json!([
            rule("nodeClassRef.group is immutable", "self.group == oldSelf.group"),
            rule("nodeClassRef.kind is immutable", "self.kind == oldSelf.kind"),
        ]);
    }
    schema
}

/// `status.conditions`; claims may have conditions without reason and message.
pub(super) fn conditions(strict: bool) -> Value {
    let mut reason = json!({ "maxLength": 1024, "type": "string" });
    let mut required = vec!["lastTransitionTime", "status", "type"];
    if strict {
        reason["minLength"] = json!(1);
        reason["pattern"] = json!("^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$");
        required = vec!["lastTransitionTime", "message", "reason", "status", "type"];
    } else {
        reason["pattern"] = json!("^([A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?|)$");
    }
    json!({
        "description": "What is true of the object, and since when.",
        "items": {
            "properties": {
                "lastTransitionTime": { "format": "date-time", "type": "string" },
                "message": { "maxLength": 32768, "type": "string" },
                "observedGeneration": { "format": "int64", "minimum": 0, "type": "integer" },
                "reason": reason,
                "status": { "enum": ["True", "False", "Unknown"], "type": "string" },
                "type": { "maxLength": 316, "pattern": CONDITION_TYPE, "type": "string" },
            },
            "required": required,
            "type": "object",
        },
        "type": "array",
        "x-kubernetes-list-map-keys": ["type"],
        "x-kubernetes-list-type": "map",
    })
}
