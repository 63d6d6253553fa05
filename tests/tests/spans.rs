//! Spans reach an OpenTelemetry collector, with the round that they belong to.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Bytes, extract::State, http::StatusCode, routing::post};
use kube::{Api, ResourceExt, api::ListParams};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value},
    trace::v1::Span,
};
use prost::Message;
use provisioner::{
    api::v1::NodeClaim,
    telemetry::{self, Format, Spans},
};
use serde_json::json;
use tenon_tests::{
    cluster::{Cluster, Options},
    engine::{self, Engine},
    objects,
};
use tokio::{net::TcpListener, runtime::Handle};

/// Generous, for a slow machine; nothing waits that long when all is well.
const SOON: Duration = Duration::from_secs(120);

/// What a collector has been sent.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<ExportTraceServiceRequest>>>);

impl Collector {
    /// Opens a port, and returns its address.
    async fn listen(&self) -> String {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let router = Router::new().route("/v1/traces", post(take)).with_state(self.clone());
        tokio::spawn(axum::serve(listener, router).into_future());
        format!("http://{address}")
    }

    fn spans(&self) -> Vec<Span> {
        let requests = self.0.lock().expect("nobody panics");
        let resources = requests.iter().flat_map(|request| &request.resource_spans);
        resources.flat_map(|one| &one.scope_spans).flat_map(|one| one.spans.clone()).collect()
    }

    /// The name of whoever has sent them.
    fn services(&self) -> Vec<String> {
        let requests = self.0.lock().expect("nobody panics");
        let resources = requests.iter().flat_map(|request| &request.resource_spans);
        let named =
            resources.filter_map(|one| text(&one.resource.as_ref()?.attributes, "service.name"));
        named.collect()
    }
}

async fn take(State(collector): State<Collector>, body: Bytes) -> StatusCode {
    match ExportTraceServiceRequest::decode(body) {
        Ok(request) => {
            collector.0.lock().expect("nobody panics").push(request);
            StatusCode::OK
        }
        Err(_) => StatusCode::BAD_REQUEST,
    }
}

fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
    let value = attributes.iter().find(|one| one.key == key)?.value.as_ref()?.value.clone()?;
    match value {
        Value::StringValue(text) => Some(text),
        _ => None,
    }
}

fn named<'s>(spans: &'s [Span], name: &str) -> impl Iterator<Item = &'s Span> {
    spans.iter().filter(move |span| span.name == name)
}

#[tokio::test(flavor = "multi_thread")]
async fn rounds_and_launches_are_told_to_a_collector() {
    let collector = Collector::default();
    let endpoint = collector.listen().await.parse().unwrap();
    let spans = Spans::open(&endpoint, Handle::current()).unwrap();
    let log = "stderr".parse().unwrap();
    telemetry::start("error", Format::Text, log, Some(&spans)).unwrap();

    let cluster = Cluster::start(Options::seeded(1)).await.unwrap();
    let engine = Engine::start(&cluster, engine::Options::default()).await.unwrap();
    cluster.apply(&objects::general_pool()).await.unwrap();
    let (labels, requests) = (json!({ "app": "web" }), json!({ "cpu": "700m" }));
    let web = objects::deployment("web", &labels, 3, &requests);
    cluster.apply(&web.to_string()).await.unwrap();
    cluster.pods_running("app=web", 3, SOON).await.unwrap();
    let claims =
        Api::<NodeClaim>::all(cluster.client()).list(&ListParams::default()).await.unwrap();
    engine.stop().await;
    tokio::task::spawn_blocking(move || spans.close()).await.unwrap();

    assert!(collector.services().iter().all(|name| name == "tenon"));
    let spans = collector.spans();
    let rounds: BTreeMap<String, &Span> = named(&spans, "round")
        .filter_map(|span| Some((text(&span.attributes, "id")?, span)))
        .collect();
    assert!(!claims.items.is_empty());
    for claim in &claims {
        let round = &claim.annotations()["tenon.sh/round"];
        let span = rounds[round];
        for name in ["plan", "act"] {
            let inner = named(&spans, name).find(|inner| inner.parent_span_id == span.span_id);
            let inner = inner.unwrap_or_else(|| panic!("round {round} has no span {name}"));
            assert_eq!(inner.trace_id, span.trace_id, "{name}");
            assert!(inner.start_time_unix_nano >= span.start_time_unix_nano, "{name}");
        }
        let name = claim.name_any();
        let mut launches = named(&spans, "launch");
        let launch = launches.find(|span| text(&span.attributes, "claim") == Some(name.clone()));
        let launch = launch.unwrap_or_else(|| panic!("{name} has no launch"));
        assert_eq!(text(&launch.attributes, "round").as_ref(), Some(round));
    }
    cluster.stop().await;
}
