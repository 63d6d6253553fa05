//! Whether the nodes of a pool tend to register: the last four launches of each pool.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use rustc_hash::FxHashMap;

/// How many launches are remembered (Karpenter: 4).
const REMEMBERED: usize = 4;
/// With so many failures among them a pool is not healthy (Karpenter: half).
const UNHEALTHY: usize = 2;

/// The last launches by pool, `true` for those that registered.
#[derive(Debug, Default)]
pub struct PoolHealth(Mutex<FxHashMap<String, VecDeque<bool>>>);

impl PoolHealth {
    /// A node registered. True when the pool became healthy by it.
    pub fn registered(&self, pool: &str) -> bool {
        self.push(pool, true)
    }

    /// A launch or a registration ran out of time. True when the pool ceased to be healthy by it.
    pub fn failed(&self, pool: &str) -> bool {
        self.push(pool, false)
    }

    /// What the condition NodeRegistrationHealthy should say; unknown before the first launch.
    pub fn is_healthy(&self, pool: &str) -> Option<bool> {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.get(pool).map(healthy)
    }

    /// Forgets a pool's past: it or its node class was changed.
    pub fn reset(&self, pool: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(pool);
    }

    fn push(&self, pool: &str, registered: bool) -> bool {
        if pool.is_empty() {
            return false;
        }
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = last.entry(pool.to_owned()).or_default();
        let before = (!last.is_empty()).then(|| healthy(last));
        if last.len() == REMEMBERED {
            last.pop_front();
        }
        last.push_back(registered);
        before != Some(healthy(last))
    }
}

fn healthy(last: &VecDeque<bool>) -> bool {
    last.iter().filter(|registered| !**registered).count() < UNHEALTHY
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_failures_in_four_make_a_pool_unhealthy() {
        let health = PoolHealth::default();
        assert_eq!(health.is_healthy("a"), None);
        let mut seen = vec![];
        for registered in [true, false, true, false, true, true, true, true] {
            health.push("a", registered);
            seen.push(health.is_healthy("a") == Some(true));
        }
        assert_eq!(seen, [true, true, true, false, false, true, true, true]);
        health.reset("a");
        assert_eq!(health.is_healthy("a"), None);
        assert!(!health.failed(""), "claims without a pool have no health");
    }
}
