//! A tenth of all calls fails or is late, and watches break off every few seconds: the end is that
//! of a day on which nothing goes wrong. `TENON_FAULT_SEEDS` says how many seeds are tried (2).

use std::time::Duration;

use tenon_tests::{
    control_plane::{Fault, Rule},
    process::AGENT,
};

use super::{
    killed::{BINARY, FLAGS, day, number, usual},
    shop::Shop,
};

/// Ten of a hundred calls, and every watch after three seconds.
fn faults() -> Vec<Rule> {
    let rule = |percent, verbs: &[&'static str], fault| Rule {
        user_agent: AGENT.to_owned(),
        verbs: verbs.to_vec(),
        resource: String::new(),
        percent,
        fault,
    };
    vec![
        rule(4, &[], Fault::Latency(Duration::from_millis(400))),
        rule(2, &[], Fault::InternalError),
        rule(1, &[], Fault::TooManyRequests(1)),
        rule(1, &[], Fault::DropBefore),
        rule(1, &[], Fault::DropAfter),
        rule(1, &[], Fault::Conflict),
        rule(100, &["watch"], Fault::CutWatch(Duration::from_secs(3))),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_of_faults_ends_like_any_other() {
    for seed in 1..=number("TENON_FAULT_SEEDS", 2) {
        let shop = Shop::new(BINARY, &FLAGS, seed).await;
        shop.plane().faults().set(faults());
        let process = shop.program.start("tenon").expect("it can be started");
        let end = day(&shop).await;
        let end = end.unwrap_or_else(|error| panic!("seed {seed}: {error}\n{}", process.log()));
        assert_eq!(end, usual(), "seed {seed}");
        drop(process);
        shop.cluster.stop().await;
    }
}
