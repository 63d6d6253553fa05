//! Two replicas: one leads, the other takes over.

use std::time::Duration;

use k8s_openapi::{api::coordination::v1::Lease, jiff::Timestamp};
use kube::Api;
use tenon_tests::process::AGENT;

use super::shop::{PODS, SOON, Shop};

const BINARY: &str = env!("CARGO_BIN_EXE_tenon-under-test");
const FLAGS: [&str; 2] = ["--leader-election-namespace=kube-system", "--batch-idle-duration=300ms"];
/// How long nobody may lead.
const GAP: f64 = 15.0;

/// Who holds the lease, since when, and when that was last renewed.
struct Leader {
    name: String,
    since: Timestamp,
    renewed: Timestamp,
}

async fn leader(shop: &Shop) -> Option<Leader> {
    let leases = Api::<Lease>::namespaced(shop.cluster.client(), "kube-system");
    let spec = leases.get_opt("karpenter-leader-election").await.ok()??.spec?;
    let name = spec.holder_identity?.split('_').next()?.to_owned();
    Some(Leader { name, since: spec.acquire_time?.0, renewed: spec.renew_time?.0 })
}

async fn until_leads(shop: &Shop, name: &str) -> Leader {
    let what = format!("{name} leads");
    let leads = shop.cluster.wait_until(&what, SOON, |_| async {
        Ok(leader(shop).await.is_some_and(|leader| leader.name == name))
    });
    leads.await.expect("the lease is free or ends");
    leader(shop).await.expect("somebody leads")
}

#[tokio::test(flavor = "multi_thread")]
async fn leadership_moves_and_nothing_is_done_twice() {
    let shop = Shop::new(BINARY, &FLAGS, 1).await;
    let alpha = shop.program.start("alpha").expect("it can be started");
    until_leads(&shop, "alpha").await;
    let beta = shop.program.start("beta").expect("it can be started");

    let springs = shop.plane().trap().set(AGENT, 20, true);
    let kill = async {
        springs.await.expect("a scale-up takes more than 20 writes");
        let last = leader(&shop).await.expect("alpha leads").renewed;
        alpha.kill().expect("it runs");
        shop.plane().trap().remove();
        last
    };
    let (last, up) = tokio::join!(kill, shop.scale(PODS));
    up.unwrap_or_else(|error| panic!("{error}\n{}", beta.log()));
    let next = until_leads(&shop, "beta").await;
    let gap = next.since.duration_since(last).as_secs_f64();
    assert!(gap <= GAP, "nobody led for {gap} s after the last renewal");
    assert_eq!(shop.fleet().await.expect("an answer").len(), PODS / 2);
    assert_eq!(shop.bought(), PODS / 2, "every machine is bought once");

    let mut gamma = shop.program.start("gamma").expect("it can be started");
    gamma.says("waiting for the lease", SOON).await.expect("it stands for election");
    let renewed = leader(&shop).await.expect("beta leads").renewed;
    let status = beta.terminate(Duration::from_secs(60)).await.expect("it ends when asked");
    assert!(status.success(), "{status}");
    let next = until_leads(&shop, "gamma").await;
    let gap = next.since.duration_since(renewed).as_secs_f64();
    println!("the lease that was given back was taken {gap:.1} s after its last renewal");
    shop.scale(0).await.unwrap_or_else(|error| panic!("{error}\n{}", gamma.log()));
    assert_eq!(shop.bought(), PODS / 2);
    shop.cluster.stop().await;
}
