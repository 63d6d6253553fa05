//! The objects of a scenario, from their short forms.

use serde_json::{Map, Value, json};

use super::{Pool, Workload};
use crate::objects;

/// The pool as an object.
pub(super) fn pool(pool: &Pool) -> Value {
    let mut object = objects::pool(&pool.name, &pool.requirements);
    object["metadata"]["annotations"] = json!(pool.annotations);
    // A static pool takes neither budgets nor a time.
    if pool.spec.contains_key("replicas") {
        object["spec"]["disruption"] = json!({});
    }
    merge(&mut object["spec"], &pool.spec);
    object
}

/// The workload as a Deployment without pods.
pub(super) fn deployment(workload: &Workload) -> Value {
    let labels = json!({ "app": workload.name });
    let requests = json!({ "cpu": workload.cpu, "memory": workload.memory });
    let mut deployment = objects::deployment(&workload.name, &labels, 0, &requests);
    let template = &mut deployment["spec"]["template"];
    template["metadata"]["annotations"] = json!(workload.annotations);
    template["spec"]["terminationGracePeriodSeconds"] = json!(1);
    merge(&mut template["spec"], &workload.pod);
    deployment
}

fn merge(value: &mut Value, patch: &Map<String, Value>) {
    json_patch::merge(value, &Value::Object(patch.clone()));
}
