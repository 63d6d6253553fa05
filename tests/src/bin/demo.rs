//! `cargo demo`: the real controllers against the control plane in this process. A web shop scales
//! up, nodes appear, pods run; it scales down and the nodes leave.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    time::{Duration, Instant},
};

use catalog::{CapacityType, InstanceType, well_known};
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::{Api, ResourceExt, api::ListParams};
use provisioner::api::v1::NodeClaim;
use serde_json::json;
use tenon_tests::{
    cluster::{Cluster, Options, is_running},
    engine::{self, Engine},
    objects,
};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// What runs in the shop: name, replicas in the morning and at noon, CPU, memory.
const SHOP: [(&str, usize, usize, &str, &str); 4] = [
    ("frontend", 6, 40, "500m", "512Mi"),
    ("cart", 4, 16, "250m", "1Gi"),
    ("checkout", 3, 12, "900m", "2Gi"),
    ("search", 2, 10, "1500m", "6Gi"),
];

/// When a pod was first seen waiting, and how long it then took to run.
#[derive(Default)]
struct Waits {
    since: BTreeMap<String, Instant>,
    took: Vec<Duration>,
}

impl Waits {
    fn see(&mut self, pods: &[Pod]) {
        for pod in pods {
            let name = pod.name_any();
            if !is_running(pod) {
                self.since.entry(name).or_insert_with(Instant::now);
            } else if let Some(since) = self.since.remove(&name) {
                self.took.push(since.elapsed());
            }
        }
    }

    /// The wait that so many per cent of the pods did not exceed.
    fn percentile(&self, per_cent: usize) -> Duration {
        let mut took = self.took.clone();
        took.sort_unstable();
        let at = (took.len() * per_cent).div_ceil(100).saturating_sub(1);
        took.get(at).copied().unwrap_or_default()
    }
}

struct Demo {
    cluster: Cluster,
    engine: Engine,
    start: Instant,
    waits: Waits,
    /// Dollars per hour of the kwok catalog, by instance type, on demand.
    prices: BTreeMap<String, f64>,
    last: String,
}

#[tokio::main]
async fn main() -> Result<()> {
    let cluster = Cluster::start(Options::seeded(1)).await?;
    let plane = cluster.control_plane().ok_or("the control plane is not in this process")?;
    let kubeconfig: PathBuf = std::env::temp_dir().join("tenon-demo.kubeconfig");
    std::fs::write(&kubeconfig, plane.kubeconfig())?;
    println!("kubectl --kubeconfig {} get nodes,pods -A\n", kubeconfig.display());
    let engine = Engine::start(&cluster, engine::Options::default()).await?;
    cluster.apply(&objects::general_pool()).await?;
    for (name, _, _, cpu, memory) in SHOP {
        let (labels, requests) = (json!({ "app": name }), json!({ "cpu": cpu, "memory": memory }));
        cluster.apply(&objects::deployment(name, &labels, 0, &requests).to_string()).await?;
    }
    let (start, waits) = (Instant::now(), Waits::default());
    let mut demo = Demo { cluster, engine, start, waits, prices: prices(), last: String::new() };
    println!("{:>7}  {:<22} {:>7} {:>7} {:>7} {:>10}", "", "", "pods", "running", "nodes", "$/h");
    demo.act("morning", |shop| shop.1).await?;
    demo.act("noon", |shop| shop.2).await?;
    demo.landed(SHOP.iter().map(|shop| shop.2).sum()).await;
    let (planned, real) = (demo.planned().await?, demo.cost(&demo.nodes().await?));
    demo.act("night", |_| 0).await?;
    demo.summary(planned, real);
    std::fs::remove_file(&kubeconfig)?;
    demo.engine.stop().await;
    demo.cluster.stop().await;
    Ok(())
}

impl Demo {
    /// Scales the shop and watches until everything runs and no node is too many.
    async fn act(
        &mut self,
        name: &str,
        replicas: impl Fn(&(&str, usize, usize, &str, &str)) -> usize,
    ) -> Result<()> {
        let mut wanted = 0;
        for shop in &SHOP {
            wanted += replicas(shop);
            self.cluster.scale(shop.0, replicas(shop)).await?;
        }
        let deadline = Instant::now() + Duration::from_secs(120);
        loop {
            let (pods, running, nodes) = self.look(name).await?;
            if running == wanted && pods == wanted && (wanted > 0 || nodes == 0) {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(
                    format!("{name}: {running} of {wanted} pods run after two minutes").into()
                );
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Prints a line when anything has changed: pods, of these running, nodes.
    async fn look(&mut self, name: &str) -> Result<(usize, usize, usize)> {
        let pods = self.cluster.pods("app").await?;
        self.waits.see(&pods);
        let running = pods.iter().filter(|pod| is_running(pod)).count();
        let nodes = self.nodes().await?;
        let (cost, nodes) = (self.cost(&nodes), nodes.len());
        let line = format!("{name:<22} {:>7} {running:>7} {nodes:>7} {cost:>10.4}", pods.len());
        if line != self.last {
            println!("{:>6.1}s  {line}", self.start.elapsed().as_secs_f64());
            self.last = line;
        }
        Ok((pods.len(), running, nodes))
    }

    async fn nodes(&self) -> Result<Vec<Node>> {
        let nodes = Api::<Node>::all(self.cluster.client());
        Ok(nodes.list(&ListParams::default()).await?.items)
    }

    /// What nodes cost, dollars per hour.
    fn cost(&self, nodes: &[Node]) -> f64 {
        let price =
            |node: &Node| self.prices.get(node.labels().get(well_known::INSTANCE_TYPE)?).copied();
        nodes.iter().filter_map(price).fold(0.0, |sum, price| sum + price)
    }

    /// What the claims were planned to cost: the first offering of each.
    async fn planned(&self) -> Result<f64> {
        let claims = Api::<NodeClaim>::all(self.cluster.client());
        let claims = claims.list(&ListParams::default()).await?;
        let price = |claim: &NodeClaim| {
            let offerings = claim.offerings();
            self.prices.get(&offerings.first()?.instance_type).copied()
        };
        Ok(claims.iter().filter_map(price).fold(0.0, |sum, price| sum + price))
    }

    /// Waits until the landings of so many pods have been counted, which is done round by round; at
    /// most a quarter of a minute.
    async fn landed(&self, pods: usize) {
        let deadline = Instant::now() + Duration::from_secs(15);
        while self.engine.metric("tenon_pods_landed_total", None) < pods as f64
            && Instant::now() < deadline
        {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn summary(&self, planned: f64, real: f64) {
        let landed = |place| self.engine.metric("tenon_pods_landed_total", Some(("where", place)));
        println!("\nAt noon the shop cost ${real:.4} an hour; planned were ${planned:.4}.");
        println!(
            "From pending to running: {:.1} s for half of {} pods, {:.1} s for 99 %.",
            self.waits.percentile(50).as_secs_f64(),
            self.waits.took.len(),
            self.waits.percentile(99).as_secs_f64(),
        );
        println!(
            "{} pods landed where they were planned, {} elsewhere.",
            landed("planned"),
            landed("elsewhere")
        );
    }
}

/// Dollars per hour on demand, by instance type of the kwok catalog.
fn prices() -> BTreeMap<String, f64> {
    let price = |one: &InstanceType| {
        let mut offerings = one.offerings.iter();
        let regular = offerings.find(|one| one.capacity_type == CapacityType::OnDemand)?;
        Some((one.name.to_string(), regular.price? as f64 / 1e6))
    };
    catalog::kwok::instance_types().iter().filter_map(price).collect()
}
