//! Measures `tenon run` as a process of its own: memory, processor time at rest, and the time from
//! pods without a node to the claims for them. The API server runs in this process, over HTTP.
//!
//! ```console
//! $ cargo build --release --no-default-features -p provisioner --bin tenon
//! $ cargo run --release --no-default-features -p tenon-tests --example operation -- \
//!       target/release/tenon --nodes 1000 --pods 30000 --idle 60 --burst 1000 --times 5
//! ```
//!
//! `--nodes` nodes with a claim each hold `--pods` pods and have no room for more. The processor
//! time is taken over `--idle` seconds in which every node's status is written once per five
//! minutes, as kubelets do, and nothing else happens. Then `--burst` pods of 40 shapes are
//! released at once, `--times` times.

#![expect(clippy::unwrap_used, reason = "a measurement that fails has nothing to tell")]

mod fill;
mod process;

use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use provisioner::api::v1::NodeClaim;
use serde_json::{Value, json};
use tenon_tests::control_plane::{ControlPlane, Object, Options};

use self::{
    fill::{Filler, Owner, gated, release},
    process::Tenon,
};

/// When no claim has come for so long, it is looked at which pods do without.
const QUIET: Duration = Duration::from_secs(3);

/// What to measure.
struct Asked {
    binary: PathBuf,
    nodes: usize,
    pods: usize,
    idle: u64,
    burst: usize,
    times: usize,
}

fn asked() -> Option<Asked> {
    let mut words = std::env::args().skip(1);
    let mut asked =
        Asked { binary: words.next()?.into(), nodes: 0, pods: 0, idle: 0, burst: 0, times: 1 };
    while let Some(flag) = words.next() {
        let number: usize = words.next()?.parse().ok()?;
        match flag.as_str() {
            "--nodes" => asked.nodes = number,
            "--pods" => asked.pods = number,
            "--idle" => asked.idle = number as u64,
            "--burst" => asked.burst = number,
            "--times" => asked.times = number,
            _ => return None,
        }
    }
    Some(asked)
}

#[tokio::main]
async fn main() {
    let Some(asked) = asked() else {
        eprintln!("operation TENON [--nodes N] [--pods N] [--idle S] [--burst N] [--times N]");
        std::process::exit(64);
    };
    let options = Options { log_length: 4 * asked.pods.max(20_000), ..Options::default() };
    let plane = ControlPlane::start(options).await.unwrap();
    let filler = Filler::new(plane.client("operation"));
    filler.install().await;
    filler.fill(asked.nodes, asked.pods).await;
    println!("{} nodes, {} pods", asked.nodes, asked.pods);

    let start = Instant::now();
    let tenon = Tenon::start(&asked.binary, &plane.kubeconfig()).await;
    println!("ready after {:.1} s", start.elapsed().as_secs_f64());
    tokio::time::sleep(Duration::from_secs(15)).await;
    println!("resident {} MiB, at most {} MiB", tenon.resident(), tenon.peak());
    if asked.idle > 0 {
        rest(&filler, &tenon, &asked).await;
    }
    let owners = filler.shapes().await;
    let mut all = vec![];
    for _ in 0..asked.times.min(asked.burst) {
        all.push(burst(&plane, &filler, &owners, asked.burst).await);
    }
    all.sort();
    if let (Some(median), Some(worst)) = (all.get(all.len() / 2), all.last()) {
        let (least, median, worst) =
            (all[0].as_secs_f64(), median.as_secs_f64(), worst.as_secs_f64());
        println!(
            "{} pods, {} times: all claims after {least:.3} s at least, {median:.3} s in the \
             median, {worst:.3} s at most",
            asked.burst,
            all.len()
        );
        println!("resident {} MiB, at most {} MiB", tenon.resident(), tenon.peak());
    }
}

/// Pods that no claim lists and that are nominated to a node.
fn nominated(plane: &ControlPlane, claims: &[NodeClaim]) -> usize {
    let listed: BTreeSet<String> = (claims.iter().flat_map(NodeClaim::planned_pods))
        .map(|pod| format!("{}/{}", pod.namespace, pod.name))
        .collect();
    let is_spared = |pod: &&Arc<Object>| {
        let text = |path: &str| pod.value.pointer(path).and_then(Value::as_str).unwrap_or_default();
        let key = format!("{}/{}", text("/metadata/namespace"), text("/metadata/name"));
        !text("/status/nominatedNodeName").is_empty() && !listed.contains(&key)
    };
    plane.store().all("pods").iter().filter(is_spared).count()
}

/// Processor time while nothing happens but signs of life.
async fn rest(filler: &Filler, tenon: &Tenon, asked: &Asked) {
    let (time, start) = (tenon.processor_time(), Instant::now());
    let beats = asked.nodes as u64 * asked.idle / 300;
    for beat in 0..beats {
        filler.beat(beat as usize % asked.nodes).await;
        let due = Duration::from_secs_f64(asked.idle as f64 * (beat + 1) as f64 / beats as f64);
        tokio::time::sleep(due.saturating_sub(start.elapsed())).await;
    }
    tokio::time::sleep(Duration::from_secs(asked.idle).saturating_sub(start.elapsed())).await;
    let used = (tenon.processor_time() - time).as_secs_f64();
    let share = 100.0 * used / start.elapsed().as_secs_f64();
    println!("at rest for {} s, {beats} beats: {used:.2} s, {share:.2} % of a core", asked.idle);
}

/// From the first pod's release to the last claim for them; cleans up behind itself. A pod has what
/// it needs when a claim lists it, or when it is nominated to a node of an earlier round with room to
/// spare. Nobody binds it here, so it would get a claim after a minute.
async fn burst(plane: &ControlPlane, filler: &Filler, owners: &[Owner], count: usize) -> Duration {
    const CLAIMS: &str = "nodeclaims.karpenter.sh";
    let name = |claim: &Object| claim.value["metadata"]["name"].to_string();
    let before: BTreeSet<String> = plane.store().all(CLAIMS).iter().map(|it| name(it)).collect();
    filler.burst(owners, count).await;
    let gated = gated(plane);
    let start = Instant::now();
    release(plane, gated);
    let released = start.elapsed().as_secs_f64();
    let (mut known, mut took, mut looked) = (before.len(), Duration::ZERO, Duration::ZERO);
    loop {
        tokio::time::sleep(Duration::from_millis(2)).await;
        assert!(start.elapsed() < Duration::from_secs(120), "{}", json!({"claims": known}));
        let quiet = known > before.len() && start.elapsed() > looked + QUIET;
        if plane.store().count(CLAIMS) == known && !quiet {
            continue;
        }
        looked = start.elapsed();
        took = if quiet { took } else { looked };
        let claims = plane.store().all(CLAIMS);
        known = claims.len();
        let new = claims.iter().filter(|it| !before.contains(&name(it)));
        let new: Vec<NodeClaim> =
            new.map(|it| serde_json::from_value(it.value.clone()).unwrap()).collect();
        let planned: usize = new.iter().map(|claim| claim.planned_pods().len()).sum();
        let spared = if quiet { nominated(plane, &new) } else { 0 };
        if planned + spared == count {
            let (claims, seconds) = (new.len(), took.as_secs_f64());
            println!(
                "{count} pods released within {released:.3} s, {claims} claims after {seconds:.3} s, \
                 {spared} pods without"
            );
            filler.clean(owners, count, &new).await;
            while plane.store().count(CLAIMS) > before.len() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            // What the deletions have caused is over too.
            tokio::time::sleep(Duration::from_secs(5)).await;
            return took;
        }
    }
}
