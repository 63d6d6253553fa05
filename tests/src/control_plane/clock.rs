//! Time and names, which come from the caller and from a seed.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use k8s_openapi::jiff::{Timestamp, Unit};

use crate::generate::Rng;

/// Tells the time.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// A clock that asks `now`.
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The machine's clock.
    pub fn system() -> Self {
        Self::new(Timestamp::now)
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }

    /// In the form of `meta/v1` Time, whole seconds.
    pub fn stamp(&self) -> String {
        seconds(self.now())
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.now())
    }
}

/// A time in the form of `meta/v1` Time.
pub fn seconds(time: Timestamp) -> String {
    // Fails only for increments that do not divide a day.
    time.round(Unit::Second).unwrap_or(time).to_string()
}

/// Makes uids and the ends of generated names.
#[derive(Debug)]
pub struct Names(Mutex<Rng>);

impl Names {
    /// The names of a seed.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(Rng::new(seed)))
    }

    /// A uid in the form of a random UUID.
    pub fn uid(&self) -> String {
        let mut rng = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (high, low) = (rng.number(), rng.number());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xfff,
            low >> 48 & 0x3fff | 0x8000,
            low & 0xffff_ffff_ffff
        )
    }

    /// Five characters without vowels, as `generateName` gets.
    pub fn suffix(&self) -> String {
        const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
        let mut rng = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (0..5).map(|_| char::from(rng.pick(LETTERS))).collect()
    }
}
