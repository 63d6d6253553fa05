//! What the process tells about itself: the log, and spans for OpenTelemetry.

mod outputs;
mod spans;

use tracing_subscriber::{
    EnvFilter, Layer, Registry, fmt, layer::SubscriberExt, util::SubscriberInitExt,
};

pub use self::{
    outputs::{OutputError, Outputs},
    spans::{Endpoint, EndpointError, SpanError, Spans},
};

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One object per line.
    Json,
    /// For people.
    Text,
}

/// Starts the log of this process, and the spans where there are any. `level` is that of our own
/// code: `debug`, `info`, `warn` or `error`; others' is one step quieter.
///
/// # Errors
/// When a log was started before.
pub fn start(
    level: &str,
    format: Format,
    outputs: Outputs,
    spans: Option<&Spans>,
) -> Result<(), tracing_subscriber::util::TryInitError> {
    let others = if level == "debug" { "info" } else { "warn" };
    let filter = EnvFilter::new(format!("{others},provisioner={level},tenon={level}"));
    let lines = fmt::layer().with_writer(outputs);
    let log: Box<dyn Layer<_> + Send + Sync> = match format {
        Format::Json => lines.json().flatten_event(true).boxed(),
        Format::Text => lines.boxed(),
    };
    Registry::default().with(log.with_filter(filter)).with(spans.map(Spans::layer)).try_init()
}
