use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use super::{object, refused, start};

async fn define(client: &Client) -> Api<DynamicObject> {
    let schema = json!({
        "type": "object",
        "required": ["spec"],
        "properties": {
            "spec": {
                "type": "object",
                "required": ["nodeClassRef"],
                "properties": {
                    "nodeClassRef": {
                        "type": "object", "required": ["name"],
                        "properties": {"name": {"type": "string", "minLength": 1}}
                    },
                    "weight": {"type": "integer", "minimum": 1, "maximum": 100},
                    "disruption": {
                        "type": "object", "default": {"consolidateAfter": "0s"},
                        "properties": {
                            "consolidateAfter": {
                                "type": "string", "pattern": "^(([0-9]+(s|m|h))+|Never)$"
                            },
                            "policy": {
                                "type": "string", "default": "WhenEmptyOrUnderutilized",
                                "enum": ["WhenEmpty", "WhenEmptyOrUnderutilized"]
                            }
                        }
                    }
                }
            },
            "status": {"type": "object", "properties": {"nodes": {"type": "integer"}}}
        }
    });
    let definition = object(json!({
        "metadata": {"name": "nodepools.karpenter.sh"},
        "spec": {
            "group": "karpenter.sh", "scope": "Cluster",
            "names": {"kind": "NodePool", "plural": "nodepools", "listKind": "NodePoolList"},
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": schema}, "subresources": {"status": {}}
            }]
        }
    }));
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    definitions.create(&PostParams::default(), &definition).await.expect("it is accepted");
    let made = definitions.get("nodepools.karpenter.sh").await.expect("it is there");
    let conditions = made.status.and_then(|it| it.conditions).unwrap_or_default();
    assert!(conditions.iter().any(|it| it.type_ == "Established" && it.status == "True"));
    let kind = GroupVersionKind::gvk("karpenter.sh", "v1", "NodePool");
    Api::all_with(client.clone(), &ApiResource::from_gvk(&kind))
}

fn pool(spec: Value) -> DynamicObject {
    object(json!({
        "apiVersion": "karpenter.sh/v1", "kind": "NodePool", "metadata": {"name": "default"},
        "spec": spec
    }))
}

#[tokio::test]
async fn custom_resources_get_defaults_and_lose_unknown_fields() {
    let (_plane, client) = start().await;
    let pools = define(&client).await;
    let new = pool(json!({"nodeClassRef": {"name": "a", "colour": "red"}, "weight": 5}));
    let made = pools.create(&PostParams::default(), &new).await.unwrap();
    let wanted = json!({
        "nodeClassRef": {"name": "a"}, "weight": 5,
        "disruption": {"consolidateAfter": "0s", "policy": "WhenEmptyOrUnderutilized"}
    });
    assert_eq!(made.data["spec"], wanted);
    assert_eq!(made.metadata.generation, Some(1));
    let both = Patch::Merge(json!({"spec": {"weight": 6}, "status": {"nodes": 3}}));
    let changed = pools.patch_status("default", &PatchParams::default(), &both).await.unwrap();
    assert_eq!(changed.data["spec"]["weight"], 5);
    assert_eq!(changed.data["status"]["nodes"], 3);
    let changed = pools.patch("default", &PatchParams::default(), &both).await.unwrap();
    assert_eq!(changed.metadata.generation, Some(2));
    let strategic = Patch::Strategic(json!({"spec": {"weight": 7}}));
    let refusal = refused(pools.patch("default", &PatchParams::default(), &strategic).await);
    assert_eq!(refusal.code, 415);
}

#[tokio::test]
async fn custom_resources_that_break_their_schema_are_invalid() {
    let (_plane, client) = start().await;
    let pools = define(&client).await;
    let class = json!({"name": "a"});
    for (spec, field, reason) in [
        (json!({}), "spec.nodeClassRef", "FieldValueRequired"),
        (json!({"nodeClassRef": class, "weight": 0}), "spec.weight", "FieldValueInvalid"),
        (json!({"nodeClassRef": class, "weight": "x"}), "spec.weight", "FieldValueTypeInvalid"),
        (
            json!({"nodeClassRef": class, "disruption": {"policy": "Often"}}),
            "spec.disruption.policy",
            "FieldValueNotSupported",
        ),
        (
            json!({"nodeClassRef": class, "disruption": {"consolidateAfter": "soon"}}),
            "spec.disruption.consolidateAfter",
            "FieldValueInvalid",
        ),
    ] {
        let refusal = refused(pools.create(&PostParams::default(), &pool(spec)).await);
        assert_eq!((refusal.code, refusal.reason.as_str()), (422, "Invalid"));
        let causes = refusal.details.unwrap().causes;
        assert_eq!((causes[0].field.as_str(), causes[0].reason.as_str()), (field, reason));
        assert!(refusal.message.starts_with("NodePool.karpenter.sh \"default\" is invalid: "));
    }
}
