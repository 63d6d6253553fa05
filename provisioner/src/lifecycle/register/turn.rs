//! Nodes that come up together are opened together, in the order of their turns, once
//! kube-scheduler knows which pods are for which.
//!
//! The scheduler reads pods and nodes in two streams. Were a node seen to be free before the
//! nominations, its own or those to other nodes of the same round, the room that the plan left on it
//! would go to whoever asks first.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep};

/// However many nodes keep coming, none waits for the others longer than so many times the pause.
const MOST_PAUSES: u32 = 10;
/// Between two looks at whether those before are open.
const LOOK: Duration = Duration::from_millis(2);

/// The nodes that are about to be opened.
#[derive(Debug, Default)]
pub struct Openings(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Round, turn and claim.
    waiting: BTreeSet<(String, u32, String)>,
    /// Until when the scheduler may not have read the latest nominations.
    unsettled: Option<Instant>,
}

/// A node's place among them, given up when it is dropped.
pub struct Opening<'a> {
    all: &'a Openings,
    own: (String, u32, String),
}

impl Openings {
    /// A node of a claim is about to be opened.
    pub fn enter(&self, (round, turn): (&str, u32), claim: &str) -> Opening<'_> {
        let own = (round.to_owned(), turn, claim.to_owned());
        self.lock().waiting.insert(own.clone());
        Opening { all: self, own }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Opening<'_> {
    /// Returns when it is the node's turn: `pause` after the latest nominations, and after the nodes
    /// of its round that come before. `took` is how long its own nominations have taken: where the
    /// API server is slow, the scheduler is behind by as much.
    pub async fn turn(&self, pause: Duration, took: Duration) {
        let start = Instant::now();
        let pause = pause + 2 * took;
        {
            let mut state = self.all.lock();
            let until = start + pause;
            state.unsettled = Some(state.unsettled.map_or(until, |known| known.max(until)));
        }
        while start.elapsed() < pause * MOST_PAUSES {
            let (unsettled, first) = {
                let state = self.all.lock();
                (state.unsettled, !state.waiting.iter().any(|other| self.comes_after(other)))
            };
            let left = unsettled.map_or(Duration::ZERO, |end| end - Instant::now().min(end));
            if left > Duration::ZERO {
                sleep(left).await;
            } else if first {
                return;
            } else {
                sleep(LOOK).await;
            }
        }
    }

    fn comes_after(&self, other: &(String, u32, String)) -> bool {
        self.own.0 == other.0 && *other < self.own
    }
}

impl Drop for Opening<'_> {
    fn drop(&mut self) {
        self.all.lock().waiting.remove(&self.own);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_millis(30);

    #[tokio::test]
    async fn the_last_nomination_opens_all_in_their_order() {
        let openings = Openings::default();
        let opened = Mutex::new(vec![]);
        let start = Instant::now();
        let open = async |turn: u32, name: &'static str, late: Duration| {
            let opening = openings.enter(("round", turn), name);
            sleep(late).await;
            opening.turn(PAUSE, Duration::ZERO).await;
            opened.lock().expect("nobody panics").push(name);
        };
        let half = PAUSE / 2;
        tokio::join!(
            open(2, "third", Duration::ZERO),
            open(0, "first", half),
            open(1, "second", Duration::ZERO),
        );
        assert_eq!(*opened.lock().expect("nobody panics"), ["first", "second", "third"]);
        assert!(start.elapsed() >= half + PAUSE, "{:?}", start.elapsed());
    }

    #[tokio::test]
    async fn who_is_stuck_or_of_another_round_holds_nobody_up_for_ever() {
        let openings = Openings::default();
        let _stuck = openings.enter(("round", 0), "stuck");
        let other = openings.enter(("other", 3), "other");
        other.turn(PAUSE, Duration::ZERO).await;
        drop(other);
        let own = openings.enter(("round", 1), "own");
        own.turn(PAUSE, Duration::ZERO).await;
        drop(own);
        assert_eq!(openings.lock().waiting.len(), 1, "only the one that is stuck is left");
    }
}
