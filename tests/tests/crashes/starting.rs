//! Killed while a machine starts: it is bought, and its node is still to come.

use kube::{Api, ResourceExt, api::ListParams};
use provisioner::api::v1::{NodeClaim, is_true};
use tenon_tests::cluster::Error;

use super::{
    killed::{BINARY, FLAGS},
    shop::{SOON, Shop},
};

/// The node class of the shop, whose machines take so long to become nodes.
fn class(delay: &str) -> String {
    format!(
        "{{apiVersion: karpenter.kwok.sh/v1alpha1, kind: KWOKNodeClass, metadata: {{name: default}}, \
         spec: {{nodeRegistrationDelay: {delay}}}}}"
    )
}

async fn claims(shop: &Shop) -> Result<Vec<NodeClaim>, kube::Error> {
    let api = Api::<NodeClaim>::all(shop.cluster.client());
    Ok(api.list(&ListParams::default()).await?.items)
}

/// Waits for a claim whose machine is bought.
async fn bought(shop: &Shop) -> Result<NodeClaim, Error> {
    let launched = shop.cluster.wait_until("a machine is bought", SOON, |_| async {
        Ok(claims(shop).await?.iter().any(|claim| is_true(claim.conditions(), "Launched")))
    });
    launched.await?;
    let [claim] = <[NodeClaim; 1]>::try_from(claims(shop).await?).expect("two pods need one node");
    Ok(claim)
}

/// The delay outlasts the process by far, whatever else the machine is busy with, and is over when
/// the next one starts.
#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_starts_outlives_the_process_that_bought_it() {
    let shop = Shop::new(BINARY, &FLAGS, 1).await;
    shop.cluster.apply(&class("1h")).await.expect("the class is valid");
    let process = shop.program.start("tenon").expect("it can be started");
    shop.cluster.scale("web", 2).await.expect("the shop is there");
    let claim = bought(&shop).await;
    let claim = claim.unwrap_or_else(|error| panic!("{error}\n{}", process.log()));
    process.kill().expect("it runs");
    assert_eq!(shop.bought(), 0, "the node is still to come");
    assert!(!is_true(claim.conditions(), "Registered"));

    shop.cluster.apply(&class("1s")).await.expect("the class is valid");
    let process = shop.program.start("tenon").expect("it can be started");
    shop.scale(2).await.unwrap_or_else(|error| panic!("{error}\n{}", process.log()));
    let after = claims(&shop).await.expect("an answer");
    let names = |claims: &[NodeClaim]| claims.iter().map(ResourceExt::uid).collect::<Vec<_>>();
    assert_eq!(names(&after), names(&[claim]), "it is the same claim, and the only one");
    assert!(is_true(after[0].conditions(), "Initialized"));
    assert_eq!(shop.fleet().await.expect("an answer").len(), 1);
    assert_eq!(shop.bought(), 1, "the machine is bought once");
    drop(process);
    shop.cluster.stop().await;
}
