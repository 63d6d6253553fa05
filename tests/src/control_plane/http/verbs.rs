//! What each verb does.

use std::{sync::Arc, time::Duration};

use hyper::Method;
use serde_json::{Value, json};

use super::{
    super::{
        Server,
        object::{Object, as_map, text, uid},
        patch::{self, Managed, Patch},
        scale,
        status::Refusal,
        write::{Changed, DeleteOptions, Deleted, Target, WriteOptions},
    },
    Call, discovery,
    path::Route,
    read,
    respond::{Answer, View},
    watch,
};

/// Answers a request.
pub fn answer(server: &Arc<Server>, call: &Call, cut_watch: Option<Duration>) -> Answer {
    let target = match &call.route {
        Route::Discovery(parts) => return discovery::answer(&server.kinds, parts),
        Route::Object(target) => target.as_ref(),
    };
    objects(server, call, target, cut_watch).unwrap_or_else(Answer::Refused)
}

fn objects(
    server: &Arc<Server>,
    call: &Call,
    target: &Target,
    cut_watch: Option<Duration>,
) -> Result<Answer, Refusal> {
    let subresource = target.subresource.as_str();
    let known = match subresource {
        "" => true,
        "status" => target.kind.status,
        "scale" => target.kind.scale.is_some(),
        "binding" | "eviction" => target.kind.is("", "pods"),
        "finalize" => target.kind.is("", "namespaces"),
        _ => false,
    };
    if !known {
        return Err(Refusal::no_such_path());
    }
    match (&call.method, subresource) {
        (&Method::GET, "") if call.watches() => watch::start(server, call, target, cut_watch),
        (&Method::GET, "") if target.name.is_empty() => read::list(server, call, target),
        (&Method::GET, "" | "status") => read::get(server, call, target),
        (&Method::GET, "scale") => {
            let found = server.find(target)?;
            Ok(Answer::value(200, &scale::show(&target.kind, &found.value)))
        }
        (&Method::PUT | &Method::PATCH, "scale") => write_scale(server, call, target),
        (&Method::POST, "binding") => {
            server.bind(target, &body(call)?, dry_run(call))?;
            Ok(success(201))
        }
        (&Method::POST, "eviction") => {
            server.evict(target, &body(call)?)?;
            Ok(success(201))
        }
        (&Method::PUT, "finalize") => finalize(server, call, target),
        (&Method::POST, "") if target.name.is_empty() => create(server, call, target),
        (&Method::PUT, "" | "status") if !target.name.is_empty() => update(server, call, target),
        (&Method::PATCH, "" | "status") if !target.name.is_empty() => {
            write_patch(server, call, target)
        }
        (&Method::DELETE, "") if target.name.is_empty() => read::delete_all(server, call, target),
        (&Method::DELETE, "") => delete(server, call, target),
        _ => Err(Refusal::method_not_allowed()),
    }
}

fn success(code: u16) -> Answer {
    Answer::value(
        code,
        &json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": code
        }),
    )
}

/// The request's body as an object.
pub fn body(call: &Call) -> Result<Value, Refusal> {
    match call.content_type.as_str() {
        "" | "application/json" => serde_json::from_slice(&call.body).map_err(|err| {
            Refusal::bad_request(format!("the object provided is unrecognized: {err}"))
        }),
        "application/yaml" => patch::json_or_yaml(&call.body),
        other => Err(Refusal::unsupported_media(other)),
    }
}

fn dry_run(call: &Call) -> bool {
    call.query("dryRun") == "All"
}

/// Options of a write; the manager is by default what stands before the `/` of the user agent.
fn write_options(call: &Call) -> WriteOptions {
    let agent = call.user_agent.split('/').next().unwrap_or_default();
    let manager = match call.query("fieldManager") {
        "" if agent.is_empty() => "unknown",
        "" => agent,
        given => given,
    };
    WriteOptions {
        dry_run: dry_run(call),
        manager: manager.to_owned(),
        force: call.flag("force"),
        strict: call.query("fieldValidation") == "Strict",
    }
}

fn shown(call: &Call, target: &Target, code: u16, object: &Object) -> Answer {
    let view = View::new(&target.kind, &target.version, &call.accept);
    Answer::Json(code, view.object(object))
}

fn create(server: &Server, call: &Call, target: &Target) -> Result<Answer, Refusal> {
    let mut value = body(call)?;
    with_type(target, &mut value);
    let object = server.create(target, value, &write_options(call))?;
    Ok(shown(call, target, 201, &object))
}

/// Clients may leave kind and version to the path.
fn with_type(target: &Target, value: &mut Value) {
    let map = as_map(value);
    map.entry("kind").or_insert_with(|| target.kind.kind.as_str().into());
    map.entry("apiVersion").or_insert_with(|| target.kind.api_version(&target.version).into());
}

fn update(server: &Server, call: &Call, target: &Target) -> Result<Answer, Refusal> {
    let mut value = body(call)?;
    with_type(target, &mut value);
    let given = text(&value, "/metadata/name");
    if given != target.name {
        return Err(Refusal::bad_request(format!(
            "the name of the object ({given}) does not match the name on the URL ({})",
            target.name
        )));
    }
    if target.kind.custom() && text(&value, "/metadata/resourceVersion").is_empty() {
        let cause = super::super::status::Cause::invalid(
            "metadata.resourceVersion",
            &"0x0".into(),
            "must be specified for an update",
        );
        let kind = &target.kind;
        return Err(Refusal::invalid(&kind.group, &kind.kind, given, &[cause]));
    }
    let object = server.change(target, &write_options(call), |_| {
        Ok(Changed { value: value.clone(), managed: Managed::Update })
    })?;
    Ok(shown(call, target, 200, &object))
}

fn write_patch(server: &Server, call: &Call, target: &Target) -> Result<Answer, Refusal> {
    let options = write_options(call);
    let patch = Patch::read(&call.content_type, &call.body)?;
    let Patch::Apply(config) = &patch else {
        let object = server.change(target, &options, |old| patch.make(&target.kind, old))?;
        return Ok(shown(call, target, 200, &object));
    };
    if call.query("fieldManager").is_empty() {
        return Err(Refusal::bad_request(
            "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required \
             for apply patch",
        ));
    }
    loop {
        if server.find(target).is_ok() || !target.subresource.is_empty() {
            let object = server
                .change(target, &options, |old| patch::apply(target, &options, config, old))?;
            return Ok(shown(call, target, 200, &object));
        }
        if !uid(config).is_empty() {
            return Err(Refusal::not_found(&target.kind.id(), &target.name));
        }
        match server.create_applied(target, config.clone(), &options) {
            // Somebody else was faster, so there is something to change now.
            Err(refusal) if refusal.reason == "AlreadyExists" => {}
            outcome => return outcome.map(|object| shown(call, target, 201, &object)),
        }
    }
}

fn write_scale(server: &Server, call: &Call, target: &Target) -> Result<Answer, Refusal> {
    let options = write_options(call);
    let scale = if call.method == Method::PUT {
        let wanted = body(call)?;
        server.scale(target, &options, |_| Ok(wanted.clone()))?
    } else {
        let patch = Patch::read(&call.content_type, &call.body)?;
        server.scale(target, &options, |old| match &patch {
            Patch::Json(_) => patch.make(&target.kind, old).map(|it| it.value),
            Patch::Merge(change) | Patch::Strategic(change) | Patch::Apply(change) => {
                let mut value = old.clone();
                as_map(&mut value["metadata"]).shift_remove("resourceVersion");
                json_patch::merge(&mut value, change);
                Ok(value)
            }
        })?
    };
    Ok(Answer::value(200, &scale))
}

fn finalize(server: &Server, call: &Call, target: &Target) -> Result<Answer, Refusal> {
    let wanted = body(call)?;
    let mut object = target.clone();
    object.subresource = String::new();
    let changed = server.change(&object, &write_options(call), |old| {
        let mut value = old.clone();
        value["spec"]["finalizers"] =
            wanted.pointer("/spec/finalizers").cloned().unwrap_or(json!([]));
        Ok(Changed { value, managed: Managed::Update })
    })?;
    Ok(shown(call, target, 200, &changed))
}

/// Reads options from the body, or from the query when there is no body.
pub fn delete_options(call: &Call) -> Result<DeleteOptions, Refusal> {
    let mut value = if call.body.is_empty() { json!({}) } else { body(call)? };
    if let Ok(grace) = call.query("gracePeriodSeconds").parse::<i64>() {
        value["gracePeriodSeconds"] = grace.into();
    }
    if !call.query("propagationPolicy").is_empty() {
        value["propagationPolicy"] = call.query("propagationPolicy").into();
    }
    let mut options = DeleteOptions::read(&value)?;
    options.dry_run |= dry_run(call);
    Ok(options)
}

fn delete(server: &Server, call: &Call, target: &Target) -> Result<Answer, Refusal> {
    let options = delete_options(call)?;
    match server.delete(target, &options)? {
        Deleted::Marked(object) => Ok(shown(call, target, 200, &object)),
        // Pods answer with themselves, everything else with a Status.
        Deleted::Gone(object) if target.kind.is("", "pods") => {
            Ok(shown(call, target, 200, &object))
        }
        Deleted::Gone(object) => {
            let mut details = json!({
                "name": target.name, "kind": target.kind.plural, "uid": uid(&object.value)
            });
            if !target.kind.group.is_empty() {
                details["group"] = target.kind.group.as_str().into();
            }
            Ok(Answer::value(
                200,
                &json!({
                    "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
                    "details": details
                }),
            ))
        }
    }
}
