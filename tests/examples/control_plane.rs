//! Runs an empty control plane until it is interrupted, and writes a kubeconfig for kubectl.
//!
//! ```console
//! $ cargo run -p tenon-tests --example control_plane -- /tmp/kubeconfig
//! $ KUBECONFIG=/tmp/kubeconfig kubectl get namespaces
//! ```

use tenon_tests::control_plane::{ControlPlane, Options};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let path = std::env::args().nth(1).unwrap_or_else(|| "kubeconfig".to_owned());
    let plane = ControlPlane::start(Options::default()).await?;
    std::fs::write(&path, plane.kubeconfig())?;
    println!("{} (kubeconfig in {path})", plane.url());
    std::future::pending().await
}
