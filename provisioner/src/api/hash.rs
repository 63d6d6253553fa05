//! The hash of a node pool's template, bit for bit Karpenter's, so that claims which Karpenter made
//! do not look drifted to tenon, nor the other way round.
//!
//! Karpenter hashes `spec.template` with Go's `mitchellh/hashstructure` 2.0.2, FormatV2: FNV-1 of
//! 64 bits, slices as sets, zero values left out. That hash depends on the names and the order of
//! fields in Karpenter's Go structs, which therefore appear here. `requirements` are excluded: a
//! change there is drift only for the nodes that no longer satisfy them.

use std::collections::BTreeMap;

use k8s_openapi::{api::core::v1::Taint, apimachinery::pkg::apis::meta::v1::Time};

use super::{
    duration,
    v1::{NodeClaimTemplateSpec, NodeClassReference, NodePool, TemplateMeta},
};

/// Which way of hashing [`node_pool_hash`] is. Claims whose annotation names another version get
/// the hash written anew instead of being called drifted.
pub const NODE_POOL_HASH_VERSION: &str = "v3";

/// The value of `karpenter.sh/nodepool-hash`: a decimal number.
pub fn node_pool_hash(pool: &NodePool) -> String {
    let template = &pool.spec.template;
    Struct::new("NodeClaimTemplate")
        .field("ObjectMeta", metadata(&template.metadata))
        .field("Spec", Some(spec(&template.spec)))
        .0
        .to_string()
}

fn metadata(metadata: &TemplateMeta) -> Option<u64> {
    if metadata.labels.is_none() && metadata.annotations.is_none() {
        return None;
    }
    let hash = Struct::new("ObjectMeta")
        .field("Labels", metadata.labels.as_ref().map(map))
        .field("Annotations", metadata.annotations.as_ref().map(map));
    Some(hash.0)
}

fn spec(spec: &NodeClaimTemplateSpec) -> u64 {
    Struct::new("NodeClaimTemplateSpec")
        .field("Taints", spec.taints.as_deref().map(taints))
        .field("StartupTaints", spec.startup_taints.as_deref().map(taints))
        .field("NodeClassRef", Some(node_class(&spec.node_class_ref)))
        .field("TerminationGracePeriod", spec.termination_grace_period.as_deref().and_then(grace))
        .field("ExpireAfter", spec.expire_after.as_deref().and_then(expiry))
        .0
}

/// A slice as a set: two equal entries cancel each other out, there as here, and an empty slice is
/// no zero value, unlike one that is not there.
fn taints(taints: &[Taint]) -> u64 {
    taints.iter().map(taint).fold(0, |all, one| all ^ one)
}

fn taint(taint: &Taint) -> u64 {
    Struct::new("Taint")
        .field("Key", text(&taint.key))
        .field("Value", taint.value.as_deref().and_then(text))
        .field("Effect", text(&taint.effect))
        .field("TimeAdded", taint.time_added.as_ref().map(time))
        .0
}

fn node_class(class: &NodeClassReference) -> u64 {
    Struct::new("NodeClassReference")
        .field("Kind", text(&class.kind))
        .field("Name", text(&class.name))
        .field("Group", text(&class.group))
        .0
}

/// A `metav1.Duration` holds the number itself, so zero is left out inside.
fn grace(text: &str) -> Option<u64> {
    let nanoseconds = nanoseconds(text)?;
    let inner = (nanoseconds != 0).then(|| fnv(&nanoseconds.to_le_bytes()));
    Some(Struct::new("Duration").field("Duration", inner).0)
}

/// A `NillableDuration` holds a pointer, so only `Never` is left out.
fn expiry(text: &str) -> Option<u64> {
    let nanoseconds = nanoseconds(text)?;
    let inner = Some(fnv(&nanoseconds.to_le_bytes()));
    Some(Struct::new("NillableDuration").field("Duration", inner).0)
}

/// A `metav1.Time`, as Go's `time.Time` marshals it in a container whose zone is UTC: version,
/// seconds since year 1, nanoseconds, offset in minutes, all big endian.
fn time(time: &Time) -> u64 {
    const YEAR_ONE_TO_1970: i64 = 62_135_596_800;
    let mut bytes = vec![1];
    bytes.extend((time.0.as_second() + YEAR_ONE_TO_1970).to_be_bytes());
    bytes.extend(time.0.subsec_nanosecond().to_be_bytes());
    bytes.extend(0_i16.to_be_bytes());
    Struct::new("Time").field("Time", Some(fnv(&bytes))).0
}

/// A duration in Go's unit; `Never` has none.
fn nanoseconds(text: &str) -> Option<i64> {
    i64::try_from(duration::parse(text)?.as_nanos()).ok()
}

/// A struct's hash while its fields are added, in the order in which Go declares them.
struct Struct(u64);

impl Struct {
    fn new(name: &str) -> Self {
        Self(fnv(name.as_bytes()))
    }

    /// Adds a field; none stands for a zero value, which is left out.
    fn field(self, name: &str, value: Option<u64>) -> Self {
        let Some(value) = value else { return self };
        Self(finish(self.0 ^ ordered(fnv(name.as_bytes()), value)))
    }
}

fn text(text: &str) -> Option<u64> {
    (!text.is_empty()).then(|| fnv(text.as_bytes()))
}

/// An empty map is no zero value to Go, unlike one that is not there.
fn map(map: &BTreeMap<String, String>) -> u64 {
    let entry =
        |(key, value): (&String, &String)| ordered(fnv(key.as_bytes()), fnv(value.as_bytes()));
    finish(map.iter().map(entry).fold(0, |all, one| all ^ one))
}

fn ordered(first: u64, second: u64) -> u64 {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&first.to_le_bytes());
    bytes[8..].copy_from_slice(&second.to_le_bytes());
    fnv(&bytes)
}

fn finish(unordered: u64) -> u64 {
    fnv(&unordered.to_le_bytes())
}

/// FNV-1, 64 bits: multiply, then mix the byte in.
fn fnv(bytes: &[u8]) -> u64 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    bytes.iter().fold(OFFSET, |hash, byte| hash.wrapping_mul(PRIME) ^ u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn hash(template: Value) -> String {
        let pool = json!({
            "apiVersion": "karpenter.sh/v1", "kind": "NodePool", "metadata": {"name": "default"},
            "spec": {"template": template},
        });
        node_pool_hash(&serde_json::from_value(pool).unwrap())
    }

    fn spec(fields: Value) -> Value {
        let mut spec = json!({
            "nodeClassRef": {"group": "karpenter.kwok.sh", "kind": "KWOKNodeClass", "name": "default"},
            "requirements": [{"key": "kubernetes.io/arch", "operator": "Exists"}],
            "expireAfter": "720h",
        });
        let fields = fields.as_object().unwrap().clone();
        spec.as_object_mut().unwrap().extend(fields);
        json!({"spec": spec})
    }

    /// The numbers come from Go's hashstructure 2.0.2 itself, run over structs of the same names.
    #[test]
    fn hashes_are_those_of_the_go_library() {
        let taints = json!([
            {"key": "dedicated", "value": "gpu", "effect": "NoSchedule"},
            {"key": "b", "effect": "NoExecute"},
        ]);
        let startup = json!([{"key": "cilium", "effect": "NoExecute"}]);
        let same = json!({"key": "a", "effect": "NoSchedule"});
        let added =
            json!({"key": "a", "effect": "NoSchedule", "timeAdded": "2026-08-20T12:30:15Z"});
        for (fields, golden) in [
            (json!({}), "12745407319442031341"),
            (json!({"expireAfter": "43200m"}), "12745407319442031341"),
            (json!({"expireAfter": "Never"}), "7428780003907761376"),
            (json!({"expireAfter": "0s"}), "13546070544088512816"),
            (json!({"taints": taints}), "18095147179027210280"),
            (json!({"taints": taints, "startupTaints": startup}), "9928193619451450193"),
            (
                json!({"taints": taints, "startupTaints": startup, "terminationGracePeriod": "1h30m"}),
                "4323019171554215999",
            ),
            (json!({"terminationGracePeriod": "0s"}), "16848824146983765585"),
            (json!({"taints": [same, same]}), "845502862369909111"),
            (json!({"taints": []}), "845502862369909111"),
            (json!({"taints": null, "startupTaints": null}), "12745407319442031341"),
            (json!({"taints": [added]}), "4616395715853469914"),
        ] {
            assert_eq!(hash(spec(fields.clone())), golden, "{fields}");
        }
    }

    #[test]
    fn labels_and_annotations_count() {
        let mut template = spec(json!({}));
        template["metadata"] = json!({});
        assert_eq!(hash(template.clone()), "12745407319442031341");
        template["metadata"] = json!({"labels": {}, "annotations": {}});
        assert_eq!(hash(template.clone()), "4194485230119281011");
        template["metadata"] = json!({"labels": {"team": "shop", "tier": ""}});
        assert_eq!(hash(template.clone()), "5054236738115138685");
        template["metadata"]["annotations"] = json!({"example.com/note": "a note", "other": "1"});
        assert_eq!(hash(template), "14904485288869066486");
    }

    #[test]
    fn the_template_of_upstreams_own_suite() {
        let taints = json!([{"key": "key", "effect": "NoExecute"}]);
        let template = json!({
            "metadata": {
                "labels": {"keyLabel": "valueLabel"},
                "annotations": {"keyAnnotation": "valueAnnotation", "keyAnnotation2": "valueAnnotation2"},
            },
            "spec": {
                "taints": taints, "startupTaints": taints, "requirements": [],
                "nodeClassRef": {"group": "karpenter.test.sh", "kind": "TestNodeClass", "name": "default"},
                "expireAfter": "5m", "terminationGracePeriod": "5m",
            },
        });
        assert_eq!(hash(template), "3811377905641173263");
    }
}
