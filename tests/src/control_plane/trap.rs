//! A moment in the life of a client, counted in its writes, at which the world stops for it.

use std::sync::{Mutex, PoisonError};

use tokio::sync::oneshot;

/// Nobody looks at what a lease or an event says, so they make no moment.
const OF_NO_MATTER: [&str; 2] = ["leases", "events"];
const WRITES: [&str; 4] = ["create", "update", "patch", "delete"];

/// Whether a request changes something that matters.
pub fn is_write(verb: &str, resource: &str) -> bool {
    WRITES.contains(&verb) && !OF_NO_MATTER.contains(&resource)
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is answered.
    Answered,
    /// It is carried out and never answered.
    Unanswered,
    /// It never arrives.
    Lost,
}

/// The trap of a server: at most one at a time.
#[derive(Debug, Default)]
pub struct Trap(Mutex<Option<Set>>);

#[derive(Debug)]
struct Set {
    user_agent: String,
    /// Writes that are still let through.
    left: usize,
    /// Whether the write that springs the trap is carried out.
    carried_out: bool,
    /// Taken when the trap springs.
    sprung: Option<oneshot::Sender<()>>,
}

impl Trap {
    /// Stops the world for `user_agent` at its `write`-th write from now (1 is the first), which is
    /// `carried_out` or not: neither it nor any later request of the client is answered. Tells when
    /// that has happened.
    pub fn set(&self, user_agent: &str, write: usize, carried_out: bool) -> oneshot::Receiver<()> {
        let (sprung, springs) = oneshot::channel();
        *self.lock() = Some(Set {
            user_agent: user_agent.to_owned(),
            left: write.saturating_sub(1),
            carried_out,
            sprung: Some(sprung),
        });
        springs
    }

    /// Takes the trap away.
    pub fn remove(&self) {
        *self.lock() = None;
    }

    /// What becomes of a request.
    pub(super) fn pass(&self, user_agent: &str, verb: &str, resource: &str) -> Fate {
        let mut trap = self.lock();
        let Some(set) = trap.as_mut().filter(|set| user_agent.starts_with(&set.user_agent)) else {
            return Fate::Answered;
        };
        if set.sprung.is_none() {
            return Fate::Lost;
        }
        if !is_write(verb, resource) {
            return Fate::Answered;
        }
        if set.left > 0 {
            set.left -= 1;
            return Fate::Answered;
        }
        // Nobody has to be there to be told.
        let _ = set.sprung.take().map(|sprung| sprung.send(()));
        if set.carried_out { Fate::Unanswered } else { Fate::Lost }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Set>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
