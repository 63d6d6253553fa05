//! In-place resize (KEP-1287): between the wish and its fulfilment a pod counts with the larger of
//! the two.

use std::collections::BTreeMap;

use catalog::Resources;
use k8s_openapi::{
    api::core::v1::{Container, PodSpec},
    apimachinery::pkg::api::resource::Quantity,
};
use serde::Deserialize;
use serde_json::Value;

use super::{
    error::Fault,
    quantity::{Round, amount},
    requests::pod_requests,
    typed::typed,
};

type Amounts = BTreeMap<String, Quantity>;

/// The part of a container's status that tells what it has.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Has {
    name: String,
    allocated_resources: Option<Amounts>,
    resources: Option<HasRequests>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct HasRequests {
    requests: Option<Amounts>,
}

/// What the pod counts with, when that is not what its spec asks for. The scheduler takes, per
/// container, the largest of what is asked, allocated and in force; a wish that the node has found
/// infeasible does not count.
pub fn resized(spec: &PodSpec, status: &Value) -> Result<Option<Resources>, Fault> {
    let infeasible = is_infeasible(status);
    let mut counted = spec.clone();
    let mut differs = false;
    let lists = [
        ("containerStatuses", Some(&mut counted.containers)),
        ("initContainerStatuses", counted.init_containers.as_mut()),
    ];
    for (field, containers) in lists {
        let Some(statuses) = status.get(field).filter(|list| list.is_array()) else { continue };
        let fault = |fault: Fault| fault.within(&format!("status.{field}"));
        let statuses: Vec<Has> = typed(statuses).map_err(fault)?;
        for container in containers.into_iter().flatten() {
            let Some(has) = statuses.iter().find(|has| has.name == container.name) else {
                continue;
            };
            differs |= apply(container, has, infeasible).map_err(fault)?;
        }
    }
    if !differs {
        return Ok(None);
    }
    let asked = pod_requests(spec)?;
    let counted = pod_requests(&counted)?;
    Ok(Some(counted).filter(|counted| *counted != asked))
}

/// The condition `PodResizePending` with reason `Infeasible`, or the older field `resize`.
fn is_infeasible(status: &Value) -> bool {
    let conditions = status.get("conditions").and_then(Value::as_array);
    let pending = conditions.into_iter().flatten().any(|condition| {
        condition.get("type").and_then(Value::as_str) == Some("PodResizePending")
            && condition.get("reason").and_then(Value::as_str) == Some("Infeasible")
    });
    pending || status.get("resize").and_then(Value::as_str) == Some("Infeasible")
}

/// Changes the container's requests to what counts; tells whether that made a difference.
fn apply(container: &mut Container, has: &Has, infeasible: bool) -> Result<bool, Fault> {
    let Some(requests) = container.resources.as_mut().and_then(|it| it.requests.as_mut()) else {
        return Ok(false);
    };
    let in_force = has.resources.as_ref().and_then(|it| it.requests.as_ref());
    let mut differs = false;
    for (name, asked) in requests.iter_mut() {
        let lists = [has.allocated_resources.as_ref(), in_force];
        let found = lists.into_iter().flatten().filter_map(|list| list.get(name));
        let mut largest: Option<&Quantity> = None;
        for quantity in found {
            let more = match largest {
                Some(so_far) => value(name, quantity)? > value(name, so_far)?,
                None => true,
            };
            largest = if more { Some(quantity) } else { largest };
        }
        let Some(largest) = largest.filter(|largest| *largest != asked) else { continue };
        if infeasible || value(name, largest)? > value(name, asked)? {
            *asked = largest.clone();
            differs = true;
        }
    }
    Ok(differs)
}

fn value(name: &str, quantity: &Quantity) -> Result<i64, Fault> {
    amount(name, quantity, Round::Up)
}
