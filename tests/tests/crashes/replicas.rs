//! Two replicas: one leads, the other waits, keeps up with the cluster, and takes over.

use std::time::Duration;

use k8s_openapi::{api::coordination::v1::Lease, jiff::Timestamp};
use kube::Api;
use provisioner::{
    api::v1::{NodeClaim, is_true},
    leader::{Candidate, End, Timing},
};
use tenon_tests::{control_plane::Record, process::AGENT};
use tokio::sync::oneshot;

use super::shop::{PODS, SOON, Shop};

const BINARY: &str = env!("CARGO_BIN_EXE_tenon-under-test");
const FLAGS: [&str; 2] = ["--leader-election-namespace=kube-system", "--batch-idle-duration=300ms"];
const NAMESPACE: &str = "kube-system";
const LEASE: &str = "karpenter-leader-election";
/// How long nobody may lead.
const GAP: f64 = 15.0;
/// Looks at the lease, one each 2 s, while a replica waits: longer than the period of any controller
/// that has something to do in such a cluster.
const LOOKS: usize = 6;

/// A claim that somebody made by hand, for a leader to make a node of.
const CLAIM: &str = "
apiVersion: karpenter.sh/v1
kind: NodeClaim
metadata: {name: by-hand}
spec:
  nodeClassRef: {group: karpenter.kwok.sh, kind: KWOKNodeClass, name: default}
  requirements: [{key: karpenter.sh/capacity-type, operator: In, values: [spot]}]
";

/// Who holds the lease, since when, and when that was last renewed.
struct Leader {
    name: String,
    since: Timestamp,
    renewed: Timestamp,
}

async fn leader(shop: &Shop) -> Option<Leader> {
    let leases = Api::<Lease>::namespaced(shop.cluster.client(), NAMESPACE);
    let spec = leases.get_opt(LEASE).await.ok()??.spec?;
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

/// What the processes have asked for.
fn asked(shop: &Shop, of_interest: impl Fn(&Record) -> bool) -> Vec<Record> {
    let mut records = shop.plane().audit().records();
    records.retain(|one| one.user_agent.starts_with(AGENT) && of_interest(one));
    records
}

fn is_look_at_lease(one: &Record) -> bool {
    one.verb == "get" && one.resource == "leases"
}

/// Somebody else has the lease and does nothing with it, so that all work is left undone: pods
/// without a node, a claim without a machine, a pool without a status.
#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_the_lease_only_reads_and_is_ready_to_lead() {
    let flags = [FLAGS[0], FLAGS[1], "--disable-controller-warmup=false"];
    let shop = Shop::new(BINARY, &flags, 1).await;
    let long = Duration::from_secs(3600);
    let timing = Timing { lease_duration: long, renew_deadline: long, ..Timing::default() };
    let leases = Api::namespaced(shop.plane().client("somebody-else"), NAMESPACE);
    let mut other = Candidate::new(leases, LEASE.to_owned(), "other_1".to_owned(), timing);
    other.acquire().await;
    let (give_back, given_back) = oneshot::channel::<()>();
    let held = tokio::spawn(other.lead(async {
        // A test that has failed gives nothing back.
        let _ = given_back.await;
    }));

    let mut process = shop.program.start("alpha").expect("it can be started");
    process.says("the caches are synced", SOON).await.expect("it reads while it waits");
    shop.cluster.apply(CLAIM).await.expect("the claim is valid");
    shop.cluster.scale("web", PODS).await.expect("the shop is there");
    let looks = asked(&shop, is_look_at_lease).len() + LOOKS;
    let waits = shop.cluster.wait_until("it has waited for long", SOON, |_| async {
        Ok(asked(&shop, is_look_at_lease).len() >= looks)
    });
    waits.await.unwrap_or_else(|error| panic!("{error}\n{}", process.log()));
    let written = asked(&shop, |one| !matches!(one.verb, "get" | "list" | "watch"));
    assert_eq!(written, [], "{}", process.log());

    let lists = || asked(&shop, |one| one.verb == "list" && one.resource == "pods").len();
    let read_before = lists();
    give_back.send(()).expect("somebody else holds it");
    assert_eq!(held.await.expect("it does not panic"), End::Done);
    shop.scale(PODS).await.unwrap_or_else(|error| panic!("{error}\n{}", process.log()));
    let claim = Api::<NodeClaim>::all(shop.cluster.client()).get("by-hand").await;
    assert!(is_true(claim.expect("it is left").conditions(), "Initialized"));
    assert_eq!(shop.bought(), PODS / 2 + 1);
    assert_eq!(lists(), read_before, "what was read while it waited is not read again");
    drop(process);
    shop.cluster.stop().await;
}
