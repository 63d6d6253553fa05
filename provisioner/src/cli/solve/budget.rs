//! Limits on how long and how hard the solver looks.

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
pub(super) struct Timer {
    flag: Arc<AtomicBool>,
    /// Closed when the timer is dropped, which ends its thread.
    _alive: Sender<()>,
}

impl Timer {
    pub(super) fn start(time: Duration) -> Self {
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

    pub(super) fn flag(&self) -> Arc<AtomicBool> {
        self.flag.clone()
    }
}

/// `500ms`, `2s`, `1.5m`.
pub(super) fn time(text: &str) -> Result<Duration, String> {
    let wrong = || "expected a time such as 500ms, 2s or 1m".to_owned();
    let at = text.find(|sign: char| sign.is_ascii_alphabetic()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(at);
    let seconds = match unit {
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(wrong()),
    };
    let number = plain_number(number).ok_or_else(wrong)?;
    Duration::try_from_secs_f64(number * seconds).map_err(|_| wrong())
}

/// `0.5%` or `0.005`, in parts per million.
pub(super) fn parts_per_million(text: &str) -> Result<u32, String> {
    let wrong = || "expected a share such as 0.5% or 0.005, up to 100%".to_owned();
    let (number, scale) = match text.strip_suffix('%') {
        Some(percent) => (percent.trim_end(), 1e4),
        None => (text, 1e6),
    };
    let parts = plain_number(number).ok_or_else(wrong)? * scale;
    // A cast of what lies between 0 and a million is exact after rounding.
    if parts <= 1e6 { Ok(parts.round() as u32) } else { Err(wrong()) }
}

/// Digits with at most one point: no sign, no exponent, no infinity.
fn plain_number(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    text.parse().ok().filter(|_| plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        for (text, millis) in [("500ms", 500), ("2s", 2_000), ("1.5m", 90_000), ("0s", 0)] {
            assert_eq!(time(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "2", "s", "-1s", "1d", "1e99h", "infs", "nans", "999999999999999999999h"] {
            assert!(time(text).is_err(), "{text}");
        }
    }

    #[test]
    fn gaps_are_shares() {
        for (text, ppm) in [("0.5%", 5_000), ("0.005", 5_000), ("0", 0), ("100 %", 1_000_000)] {
            assert_eq!(parts_per_million(text), Ok(ppm), "{text}");
        }
        for text in ["", "%", "-1%", "101%", "1.1", "nan", "inf%", "1e-3"] {
            assert!(parts_per_million(text).is_err(), "{text}");
        }
    }

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
