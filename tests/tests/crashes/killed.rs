//! Killed (SIGKILL) at any moment and started again: no machine is bought twice or forgotten, no
//! budget is broken, and the end is the one without the kill.
//!
//! A moment is one of the product's writes: the server carries it out, or not, and answers nothing
//! any more; then the process is killed. `TENON_KILLS` says how many moments are tried (4),
//! `TENON_KILLS_SEED` which (1), `TENON_KILLS_AT_ONCE` how many clusters work side by side (4).

use futures::{StreamExt, stream};
use tenon_tests::{cluster::Error, generate::Rng, process::AGENT};

use super::shop::{Fleet, PODS, Shop};

pub const BINARY: &str = env!("CARGO_BIN_EXE_tenon-under-test");
/// One process at a time needs no election, and no moment has to wait for a lease to end.
pub const FLAGS: [&str; 2] = ["--disable-leader-election", "--batch-idle-duration=300ms"];

/// What a shop has come to in the end.
#[derive(Clone, Debug, PartialEq)]
pub struct End {
    /// With all its pods.
    morning: Fleet,
    /// After one of its nodes was drained.
    noon: Fleet,
    /// Machines bought in all.
    bought: usize,
}

/// The end of a day on which nothing goes wrong: two pods on each node, one node replaced.
pub fn usual() -> End {
    let node = ("c-4x-amd64-linux".to_owned(), "test-zone-a".to_owned(), 2);
    let fleet = vec![node; PODS / 2];
    End { morning: fleet.clone(), noon: fleet, bought: PODS / 2 + 1 }
}

/// When a process is killed.
#[derive(Clone, Copy, Debug)]
struct Moment {
    write: usize,
    carried_out: bool,
}

/// A number from the environment.
pub fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_moment_changes_nothing() {
    let shop = Shop::new(BINARY, &FLAGS, 1).await;
    let process = shop.program.start("tenon").expect("it can be started");
    let end = day(&shop).await.unwrap_or_else(|error| panic!("{error}\n{}", process.log()));
    assert_eq!(end, usual(), "without a kill");
    let writes = shop.writes();
    shop.cluster.stop().await;
    drop(process);

    let kills = number("TENON_KILLS", 4);
    let mut rng = Rng::new(number("TENON_KILLS_SEED", 1));
    let moments =
        (0..kills).map(|_| Moment { write: 1 + rng.below(writes), carried_out: rng.chance(50) });
    let days = moments.map(|moment| async move { (moment, killed(moment).await) });
    let at_once = number("TENON_KILLS_AT_ONCE", 4) as usize;
    let mut days = stream::iter(days.collect::<Vec<_>>()).buffer_unordered(at_once);
    let (mut sprung, mut wrong) = (0, vec![]);
    while let Some(done) = days.next().await {
        match done {
            (_, Ok((end, killed))) if end == usual() => sprung += usize::from(killed),
            (moment, Ok((end, _))) => wrong.push(format!("{moment:?}: {end:?}")),
            (moment, Err(problem)) => wrong.push(format!("{moment:?}: {problem}")),
        }
    }
    println!("killed {sprung} times in {kills} days of {writes} writes");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(sprung > 0);
}

/// A day in which the process is killed; whether it came to that.
async fn killed(moment: Moment) -> Result<(End, bool), String> {
    let shop = Shop::new(BINARY, &FLAGS, 1).await;
    let trap = shop.plane().trap();
    let springs = trap.set(AGENT, moment.write, moment.carried_out);
    let mut process = Some(shop.program.start("tenon").map_err(|error| error.to_string())?);
    let mut was_killed = false;
    let end = {
        let (process, was_killed) = (&mut process, &mut was_killed);
        let kill = async {
            if springs.await.is_ok() {
                let status = process.take().map(|process| process.kill());
                tracing::debug!(?status, ?moment, "killed");
                *was_killed = true;
                trap.remove();
                *process = shop.program.start("tenon").ok();
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            end = day(&shop) => Some(end),
            () = kill => None,
        }
    };
    let log = process.as_ref().map(|process| process.log()).unwrap_or_default();
    let end = end.ok_or("the day has no end")?.map_err(|error| format!("{error}\n{log}"));
    shop.cluster.stop().await;
    Ok((end?, was_killed))
}

/// Scales up, drains a node, scales down.
pub async fn day(shop: &Shop) -> Result<End, Error> {
    shop.scale(PODS).await?;
    let morning = shop.fleet().await?;
    let least = shop.drain_one().await?;
    assert!(least + 1 >= PODS, "the budget allows one pod at a time, and {least} ran");
    let noon = shop.fleet().await?;
    shop.scale(0).await?;
    let deleted: Vec<String> = shop.deleted().into_iter().collect();
    assert_eq!(deleted, ["nodeclaims", "nodes"], "pods are evicted, never deleted");
    Ok(End { morning, noon, bought: shop.bought() })
}
