//! Time, for a solver that knows none: a flag from outside, and what a time is worth in work.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, RecvTimeoutError, Sender},
    },
    thread,
    time::Duration,
};

/// Sets a flag after a time, unless it is dropped before.
pub struct Timer {
    flag: Arc<AtomicBool>,
    /// Closed when the timer is dropped, which ends its thread.
    _alive: Sender<()>,
}

impl Timer {
    /// Counts from now.
    pub fn start(time: Duration) -> Self {
        let flag = Arc::new(AtomicBool::new(false));
        let (alive, dropped) = mpsc::channel::<()>();
        let set = flag.clone();
        thread::spawn(move || {
            if dropped.recv_timeout(time) == Err(RecvTimeoutError::Timeout) {
                set.store(true, Ordering::Relaxed);
            }
        });
        Self { flag, _alive: alive }
    }

    /// What is set when the time is over: [`solver::Options::stop`].
    pub fn flag(&self) -> Arc<AtomicBool> {
        self.flag.clone()
    }
}

/// The units of work that a time is worth: a unit is about a microsecond of one thread, and two
/// work side by side. A search shares its work out between its phases, so it must know how much
/// there is.
pub fn effort(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX).saturating_mul(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_sets_its_flag_once_its_time_is_over() {
        let timer = Timer::start(Duration::ZERO);
        let flag = timer.flag();
        for _ in 0..1_000 {
            if flag.load(Ordering::Relaxed) {
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
        panic!("the flag was not set within five seconds");
    }
}
