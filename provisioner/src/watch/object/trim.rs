//! Leaves out, while an object is being read, what nobody looks at: environments, probes and
//! commands of containers, lists of images, who wrote which field. That is most of a pod and of a
//! node, and what is never taken in needs no memory for even a moment.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};

/// What becomes of a value.
#[derive(Clone, Copy, Debug)]
enum Rule {
    /// It stays as it is.
    Keep,
    /// It is left out.
    Drop,
    /// Of a map only these fields stay.
    Only(&'static [(&'static str, Rule)]),
    /// Of a map all fields stay but for what is said of these.
    Except(&'static [(&'static str, Rule)]),
    /// The rule of every item of a list.
    Each(&'static Rule),
}

use Rule::{Drop, Each, Except, Keep, Only};

/// What a plan may depend on is what [`snapshot`](crate::snapshot) reads; the lifecycle looks at no
/// more of a container than that.
const CONTAINERS: Rule =
    Each(&Only(&[("name", Keep), ("ports", Keep), ("resources", Keep), ("restartPolicy", Keep)]));
const POD_SPEC: &[(&str, Rule)] = &[
    ("containers", CONTAINERS),
    ("initContainers", CONTAINERS),
    ("ephemeralContainers", Drop),
    ("template", Except(&[("spec", Except(TEMPLATE_SPEC))])),
];
/// Of a workload's pods.
const TEMPLATE_SPEC: &[(&str, Rule)] =
    &[("containers", CONTAINERS), ("initContainers", CONTAINERS), ("ephemeralContainers", Drop)];
const CONTAINER_STATUSES: Rule =
    Each(&Only(&[("name", Keep), ("allocatedResources", Keep), ("resources", Keep)]));
const STATUS: &[(&str, Rule)] = &[
    ("containerStatuses", CONTAINER_STATUSES),
    ("initContainerStatuses", CONTAINER_STATUSES),
    ("ephemeralContainerStatuses", Drop),
    ("images", Drop),
    ("volumesAttached", Drop),
    ("volumesInUse", Drop),
];
/// Of who wrote what, only a nomination is asked for.
const WRITTEN: Rule = Each(&Only(&[
    ("manager", Keep),
    ("time", Keep),
    ("fieldsV1", Only(&[("f:status", Only(&[("f:nominatedNodeName", Keep)]))])),
]));
const METADATA: &[(&str, Rule)] = &[
    ("managedFields", WRITTEN),
    ("annotations", Except(&[("kubectl.kubernetes.io/last-applied-configuration", Drop)])),
];
const OBJECT: Rule = Except(&[
    ("metadata", Except(METADATA)),
    ("spec", Except(POD_SPEC)),
    ("status", Except(STATUS)),
]);

/// Reads an object of any kind without what nobody looks at.
pub fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    OBJECT.deserialize(deserializer)
}

impl Rule {
    /// What becomes of a field of a map that this is the rule of.
    fn of_field(self, name: &str) -> Self {
        let find = |fields: &[(&str, Self)]| {
            fields.iter().find(|(field, _)| *field == name).map(|(_, rule)| *rule)
        };
        match self {
            Only(fields) => find(fields).unwrap_or(Drop),
            Except(fields) => find(fields).unwrap_or(Keep),
            Keep | Drop | Each(_) => Keep,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Rule {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        match self {
            Keep => Value::deserialize(deserializer),
            Drop => IgnoredAny::deserialize(deserializer).map(|_| Value::Null),
            Only(_) | Except(_) | Each(_) => deserializer.deserialize_any(self),
        }
    }
}

/// What is neither a map nor a list where one is expected stays as it is: to say what is wrong with
/// it is for those who read it.
impl<'de> Visitor<'de> for Rule {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(name) = access.next_key::<String>()? {
            match self.of_field(&name) {
                Drop => drop(access.next_value::<IgnoredAny>()?),
                rule => drop(map.insert(name, access.next_value_seed(rule)?)),
            }
        }
        Ok(Value::Object(map))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let rule = if let Each(rule) = self { *rule } else { Keep };
        let mut items = vec![];
        while let Some(item) = access.next_element_seed(rule)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn trimmed(object: &Value) -> Value {
        let text = object.to_string();
        read(&mut serde_json::Deserializer::from_str(&text)).expect("JSON")
    }

    #[test]
    fn a_pod_keeps_what_somebody_looks_at() {
        let ours = json!({"manager": "tenon", "time": "2026-01-01T00:00:00Z", "operation": "Update",
            "fieldsV1": {"f:status": {"f:nominatedNodeName": {}, "f:phase": {}}, "f:spec": {}}});
        let pod = json!({
            "metadata": {
                "labels": {"env": "prod", "image": "x"},
                "annotations": {"a": "b", "kubectl.kubernetes.io/last-applied-configuration": "{}"},
                "managedFields": [ours],
            },
            "spec": {
                "nodeName": "n",
                "containers": [{"name": "c", "env": [{"name": "A"}], "command": ["run"],
                                "resources": {"requests": {"cpu": 1}}}],
                "ephemeralContainers": [{"name": "debug"}],
            },
            "status": {"phase": "Running", "containerStatuses": [
                {"name": "c", "imageID": "sha", "resources": {"requests": {"cpu": "1"}}}]},
        });
        let kept = json!({
            "metadata": {
                "labels": {"env": "prod", "image": "x"},
                "annotations": {"a": "b"},
                "managedFields": [{"manager": "tenon", "time": "2026-01-01T00:00:00Z",
                    "fieldsV1": {"f:status": {"f:nominatedNodeName": {}}}}],
            },
            "spec": {
                "nodeName": "n",
                "containers": [{"name": "c", "resources": {"requests": {"cpu": 1}}}],
            },
            "status": {"phase": "Running",
                "containerStatuses": [{"name": "c", "resources": {"requests": {"cpu": "1"}}}]},
        });
        assert_eq!(trimmed(&pod), kept);
    }

    #[test]
    fn a_workload_is_trimmed_within_and_what_is_malformed_stays() {
        for (object, kept) in [
            (
                json!({"spec": {"template": {"spec": {"containers": [{"name": "c", "args": []}]}}}}),
                json!({"spec": {"template": {"spec": {"containers": [{"name": "c"}]}}}}),
            ),
            (json!({"spec": {"containers": "none"}}), json!({"spec": {"containers": "none"}})),
            (
                json!({"spec": {"containers": [1, null]}}),
                json!({"spec": {"containers": [1, null]}}),
            ),
            (json!({"spec": [1.5, -1, true]}), json!({"spec": [1.5, -1, true]})),
            (
                json!({"status": {"images": [{}], "nodeInfo": 1}}),
                json!({"status": {"nodeInfo": 1}}),
            ),
            (json!("text"), json!("text")),
        ] {
            assert_eq!(trimmed(&object), kept);
        }
    }
}
