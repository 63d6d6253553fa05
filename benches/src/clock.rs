//! Seconds: of the clock on the wall, or of the processor.
//!
//! On a machine that others use too the wall clock says more about them than about a search. The
//! processor's time is what all threads of this process had of it together, so it is at least what
//! the wall clock would show on a free machine.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use clap::ValueEnum;
use provisioner::timer::Timer;

/// How often the processor's time is looked at.
const TICK: Duration = Duration::from_millis(1);

/// What counts as a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Clock {
    /// As people feel it.
    #[default]
    Wall,
    /// Time on a processor, all threads together (Linux).
    Cpu,
}

impl Clock {
    /// What is added to "seconds".
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Wall => "",
            Self::Cpu => " of CPU",
        }
    }
}

/// Runs from its creation on.
pub struct Watch {
    clock: Clock,
    start: Instant,
    /// Of the processor.
    before: Duration,
}

impl Watch {
    /// Counts from now.
    pub fn start(clock: Clock) -> Self {
        Self { clock, start: Instant::now(), before: processor_time() }
    }

    /// Time since the start.
    pub fn elapsed(&self) -> Duration {
        match self.clock {
            Clock::Wall => self.start.elapsed(),
            Clock::Cpu => processor_time().saturating_sub(self.before),
        }
    }
}

/// Sets a flag after a time.
pub struct Limit {
    flag: Arc<AtomicBool>,
    over: Arc<AtomicBool>,
    _timer: Option<Timer>,
}

impl Limit {
    /// Counts from now.
    pub fn start(clock: Clock, time: Duration) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        if clock == Clock::Wall {
            let timer = Timer::start(time);
            return Self { flag: timer.flag(), over, _timer: Some(timer) };
        }
        let flag = Arc::new(AtomicBool::new(false));
        let (set, end, watch) = (flag.clone(), over.clone(), Watch::start(clock));
        thread::spawn(move || {
            while !end.load(Ordering::Relaxed) {
                if watch.elapsed() >= time {
                    return set.store(true, Ordering::Relaxed);
                }
                thread::sleep(TICK);
            }
        });
        Self { flag, over, _timer: None }
    }

    /// What is set when the time is over.
    pub fn flag(&self) -> Arc<AtomicBool> {
        self.flag.clone()
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

/// What the threads that live had of the processor; nothing where the system does not tell. The
/// first number of a `schedstat` is nanoseconds on a processor (Linux, scheduler statistics).
fn processor_time() -> Duration {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let nanoseconds = tasks.filter_map(|task| {
        let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanoseconds.sum())
}
