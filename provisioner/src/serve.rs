//! Health, readiness and metrics over HTTP.

use std::{
    future::Future,
    io,
    net::{Ipv6Addr, SocketAddr},
    sync::Arc,
};

use axum::{Router, http::StatusCode, routing::get};
use prometheus::{Registry, TextEncoder};
use tokio::net::TcpListener;

/// Opens a port on all addresses.
///
/// # Errors
/// When it is taken.
pub async fn listen(port: u16) -> io::Result<TcpListener> {
    match TcpListener::bind(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))).await {
        // Hosts without IPv6 have only the other wildcard.
        Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
            TcpListener::bind(SocketAddr::from(([0, 0, 0, 0], port))).await
        }
        result => result,
    }
}

/// `/healthz` as long as the process answers, `/readyz` once `ready` says so.
pub fn probes(ready: impl Fn() -> bool + Send + Sync + 'static) -> Router {
    let ready = Arc::new(ready);
    let answer = move || {
        let ready = Arc::clone(&ready);
        async move {
            if ready() {
                (StatusCode::OK, "ok\n")
            } else {
                (StatusCode::SERVICE_UNAVAILABLE, "caches are not synced yet\n")
            }
        }
    };
    Router::new().route("/healthz", get(|| async { "ok\n" })).route("/readyz", get(answer))
}

/// `/metrics` in Prometheus' text format.
pub fn metrics(registry: Registry) -> Router {
    let answer = move || {
        let registry = registry.clone();
        async move {
            TextEncoder::new()
                .encode_to_string(&registry.gather())
                .map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))
        }
    };
    Router::new().route("/metrics", get(answer))
}

/// Serves until `shutdown`.
///
/// # Errors
/// When the listener breaks.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    axum::serve(listener, router).with_graceful_shutdown(shutdown).await
}
