//! Requests and answers.

mod discovery;
mod path;
mod read;
mod respond;
mod verbs;
mod watch;

use std::{convert::Infallible, sync::Arc, time::Duration};

use futures::{StreamExt, stream};
use http_body_util::{BodyExt, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    Method, Request, Response,
    body::{Bytes, Frame, Incoming},
    header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, USER_AGENT},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, task::JoinSet};

use self::{path::Route, respond::Answer};
use super::{Server, audit::Record, faults::Fault, status::Refusal, trap::Fate, write::Target};

/// Bodies, which may be cut off with an error.
pub type Body = UnsyncBoxBody<Bytes, Cut>;

/// Why a connection ends without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is cut on purpose")]
pub struct Cut;

/// A request, read as a whole.
pub struct Call {
    method: Method,
    route: Route,
    query: Vec<(String, String)>,
    accept: String,
    content_type: String,
    user_agent: String,
    body: Bytes,
}

impl Call {
    /// A parameter of the query, empty when there is none.
    fn query(&self, name: &str) -> &str {
        self.query.iter().find(|it| it.0 == name).map_or("", |it| it.1.as_str())
    }

    fn flag(&self, name: &str) -> bool {
        ["true", "1"].contains(&self.query(name))
    }

    /// The verb in RBAC's terms.
    fn verb(&self) -> &'static str {
        let named = matches!(&self.route, Route::Object(target) if !target.name.is_empty());
        match (&self.method, named) {
            (&Method::GET, _) if self.watches() => "watch",
            (&Method::GET, true) => "get",
            (&Method::GET, false) => "list",
            (&Method::POST, _) => "create",
            (&Method::PUT, _) => "update",
            (&Method::PATCH, _) => "patch",
            (&Method::DELETE, true) => "delete",
            (&Method::DELETE, false) => "deletecollection",
            _ => "",
        }
    }

    fn watches(&self) -> bool {
        let on_list = matches!(&self.route, Route::Object(target) if target.subresource.is_empty());
        on_list && self.flag("watch")
    }
}

/// Accepts connections until the task is ended, which also ends its connections.
pub async fn serve(server: Arc<Server>, listener: TcpListener) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                // Answers are short; waiting to fill packets would only slow clients down.
                let _ = stream.set_nodelay(true);
                let server = server.clone();
                let service = service_fn(move |request| handle(server.clone(), request));
                connections.spawn(async move {
                    let connection =
                        http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                    if let Err(error) = connection.await {
                        tracing::debug!(%error, "connection ended");
                    }
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn handle(server: Arc<Server>, request: Request<Incoming>) -> Result<Response<Body>, Cut> {
    let call = match read(&server, request).await {
        Ok(call) => call,
        Err(refusal) => return Ok(respond::refuse(&refusal)),
    };
    let mut call = call;
    if let Err(refusal) = authorize(&server, &call) {
        return Ok(finish(&server, &call, Answer::Refused(refusal)));
    }
    if let Route::Object(target) = &call.route {
        match server.trap.pass(&call.user_agent, call.verb(), &target.kind.plural) {
            Fate::Answered => {}
            Fate::Lost => return std::future::pending().await,
            Fate::Unanswered => {
                let answer = verbs::answer(&server, &call, None);
                note(&server, &call, answer.into_response().status().as_u16());
                return std::future::pending().await;
            }
        }
    }
    let struck = match &call.route {
        Route::Object(target) => {
            server.faults.strike(&call.user_agent, call.verb(), &target.kind.plural)
        }
        _ => Vec::new(),
    };
    let mut cut_watch = None;
    let mut drop_after = false;
    for fault in struck {
        match fault {
            Fault::Latency(time) => tokio::time::sleep(time).await,
            Fault::Conflict => {
                if ["update", "patch", "create", "delete"].contains(&call.verb())
                    && let Route::Object(target) = &call.route
                {
                    let refusal = Refusal::stale(&target.kind.id(), &target.name);
                    return Ok(finish(&server, &call, Answer::Refused(refusal)));
                }
            }
            Fault::TooManyRequests(seconds) => {
                let message = "too many requests, please try again later";
                let refusal = Refusal::too_many(message, seconds);
                return Ok(finish(&server, &call, Answer::Refused(refusal)));
            }
            Fault::InternalError => {
                let refusal = Refusal::internal("injected fault");
                return Ok(finish(&server, &call, Answer::Refused(refusal)));
            }
            Fault::DropBefore => {
                note(&server, &call, 0);
                return Err(Cut);
            }
            Fault::DropAfter => drop_after = true,
            Fault::CutWatch(after) => cut_watch = Some(after),
            Fault::StaleRead(behind) => call.query.push(("stale".to_owned(), behind.to_string())),
        }
    }
    let answer = verbs::answer(&server, &call, cut_watch);
    if drop_after {
        note(&server, &call, 0);
        return Err(Cut);
    }
    Ok(finish(&server, &call, answer))
}

/// Whether the client may ask for this.
fn authorize(server: &Server, call: &Call) -> Result<(), Refusal> {
    // What is served may be known to all, as with the role system:discovery.
    let Route::Object(target) = &call.route else { return Ok(()) };
    server.authorizer.check(&call.user_agent, call.verb(), target)?;
    if matches!(call.verb(), "create" | "update" | "patch")
        && let Ok(written) = serde_json::from_slice(&call.body)
    {
        server.authorizer.check_owners(&call.user_agent, &server.kinds, &written)?;
    }
    Ok(())
}

async fn read(server: &Server, request: Request<Incoming>) -> Result<Call, Refusal> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await;
    let body = body.map_err(|err| Refusal::bad_request(err.to_string()))?.to_bytes();
    let query = path::query(parts.uri.query().unwrap_or_default());
    Ok(Call {
        route: path::route(&server.kinds, parts.uri.path())?,
        method: parts.method,
        query,
        accept: header(&parts.headers, &ACCEPT),
        content_type: header(&parts.headers, &CONTENT_TYPE)
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_owned(),
        user_agent: header(&parts.headers, &USER_AGENT),
        body,
    })
}

fn header(headers: &HeaderMap, name: &HeaderName) -> String {
    headers.get(name).and_then(|it| it.to_str().ok()).unwrap_or_default().to_owned()
}

fn finish(server: &Server, call: &Call, answer: Answer) -> Response<Body> {
    let response = answer.into_response();
    note(server, call, response.status().as_u16());
    response
}

fn note(server: &Server, call: &Call, code: u16) {
    let Route::Object(target) = &call.route else { return };
    let Target { kind, namespace, name, subresource, .. } = target.as_ref();
    server.audit.add(Record {
        verb: call.verb(),
        group: kind.group.clone(),
        resource: kind.plural.clone(),
        subresource: subresource.clone(),
        namespace: namespace.clone(),
        name: name.clone(),
        user_agent: call.user_agent.clone(),
        code,
    });
}

/// A body that is there as a whole.
fn whole(bytes: impl Into<Bytes>) -> Body {
    let full = http_body_util::Full::new(bytes.into());
    full.map_err(|never: Infallible| match never {}).boxed_unsync()
}

/// A body that comes piece by piece, and breaks off with an error if `cut` says so.
fn pieces(receiver: tokio::sync::mpsc::Receiver<Bytes>, cut: Option<Duration>) -> Body {
    let received = stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|bytes| (Ok(Frame::data(bytes)), receiver))
    });
    match cut {
        None => StreamBody::new(received).boxed_unsync(),
        Some(after) => {
            let end = stream::once(async move {
                tokio::time::sleep(after).await;
                Err(Cut)
            });
            // The first error ends the body, and with it the connection.
            let both = stream::select(received.boxed(), end.boxed());
            StreamBody::new(both).boxed_unsync()
        }
    }
}
