//! Spans for OpenTelemetry, sent to a collector over HTTP (OTLP, protobuf).

use std::{fmt, str::FromStr, time::Duration};

use async_trait::async_trait;
use axum::http::Uri;
use opentelemetry::{KeyValue, trace::TracerProvider};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response, hyper::HyperClient};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use tokio::runtime::Handle;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::{
    Layer,
    filter::{FilterExt, LevelFilter, filter_fn},
    registry::LookupSpan,
};

/// How long a collector may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where spans go: a collector's address, such as `http://collector:4318`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint(String);

/// Why spans cannot go there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// No URL with a host.
    #[error("{0:?} is no URL; give the collector's address, such as http://collector:4318")]
    Form(String),
    /// Another protocol.
    #[error("{0:?} is not http://; send spans to a collector in the cluster, which may use TLS")]
    Scheme(String),
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    /// Reads an address; the path of OTLP's traces is added where there is none.
    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let form = || EndpointError::Form(text.to_owned());
        let uri: Uri = text.parse().map_err(|_| form())?;
        if uri.host().is_none_or(str::is_empty) {
            return Err(form());
        }
        if uri.scheme_str() != Some("http") {
            return Err(EndpointError::Scheme(text.to_owned()));
        }
        match uri.path() {
            "" | "/" => Ok(Self(format!("{}/v1/traces", text.trim_end_matches('/')))),
            _ => Ok(Self(text.to_owned())),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why spans cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum SpanError {
    /// The exporter cannot be made.
    #[error("spans cannot be sent")]
    Exporter(#[from] ExporterBuildError),
}

/// The way of spans to a collector. They are sent in batches, every few seconds.
#[derive(Debug)]
pub struct Spans(SdkTracerProvider);

impl Spans {
    /// Opens the way; requests are made on `runtime`, which must have threads of its own.
    ///
    /// # Errors
    /// When the exporter refuses its settings, which may also come from OTEL_ variables.
    pub fn open(endpoint: &Endpoint, runtime: Handle) -> Result<Self, SpanError> {
        let client = HyperClient::with_default_connector(PATIENCE, None);
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(OnRuntime { client, runtime })
            .with_endpoint(endpoint.to_string())
            .build()?;
        let resource = Resource::builder()
            .with_service_name("tenon")
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource)
            .build();
        Ok(Self(provider))
    }

    /// Takes our own spans from `info` on, and the events in them, off the process.
    pub(super) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        let ours = filter_fn(|what: &Metadata<'_>| what.target().starts_with("provisioner"));
        tracing_opentelemetry::layer()
            .with_tracer(self.0.tracer("tenon"))
            .with_filter(ours.and(LevelFilter::INFO))
    }

    /// Sends what is left. A collector that does not answer only costs the last spans.
    pub fn close(self) {
        if let Err(error) = self.0.shutdown() {
            tracing::warn!(%error, "the last spans are not sent");
        }
    }
}

/// The exporter's thread knows no runtime, which the client needs.
#[derive(Debug)]
struct OnRuntime {
    client: HyperClient,
    runtime: Handle,
}

#[async_trait]
impl HttpClient for OnRuntime {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        self.runtime.spawn(async move { client.send_bytes(request).await }).await?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_get_the_path_of_traces() {
        for (text, sent) in [
            ("http://collector:4318", "http://collector:4318/v1/traces"),
            ("http://collector:4318/", "http://collector:4318/v1/traces"),
            ("http://collector/otlp/traces", "http://collector/otlp/traces"),
        ] {
            assert_eq!(text.parse(), Ok(Endpoint(sent.to_owned())), "{text}");
        }
        for text in ["", "collector", "/v1/traces", "https://collector:4318", "http://"] {
            assert!(text.parse::<Endpoint>().is_err(), "{text}");
        }
    }
}
