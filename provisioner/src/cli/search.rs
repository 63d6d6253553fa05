//! How long and how hard the solver looks.

use std::time::Duration;

use clap::{Args, ValueEnum};
use solver::Engine;

use crate::pipeline::Search;

/// What a plan says about the search for it. What is not said is the default, or in a replay what
/// the saved plan was made with.
#[derive(Clone, Debug, Args)]
pub(super) struct SearchArgs {
    /// Who is to find the plan [default: auto, or as saved].
    #[arg(long, value_enum)]
    engine: Option<EngineArg>,
    /// Good enough: stop when at most this share of the cost could still be saved [default: 0.5%,
    /// or as saved].
    #[arg(long, value_name = "SHARE", value_parser = parts_per_million)]
    gap: Option<u32>,
    /// Stop after this much work, in the engine's units; 0 is the engine's own choice, a second or
    /// two [default: 0, or as saved].
    #[arg(long, value_name = "N")]
    effort: Option<u64>,
    /// Where random choices start [default: 0, or as saved].
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Stop the search for a plan after this time, e.g. 500ms or 2s. No clock is looked at without
    /// this; a plan that was stopped by the clock may differ from run to run.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(super) time: Option<Duration>,
}

impl SearchArgs {
    /// What is said, and `else_` for the rest.
    pub(super) fn or(&self, else_: Search) -> Search {
        Search {
            engine: self.engine.map_or(else_.engine, Engine::from),
            gap_ppm: self.gap.unwrap_or(else_.gap_ppm),
            effort: self.effort.unwrap_or(else_.effort),
            seed: self.seed.unwrap_or(else_.seed),
        }
    }
}

/// `--engine`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum EngineArg {
    /// Whoever suits the problem.
    #[default]
    Auto,
    /// A plan in milliseconds.
    Greedy,
    /// Column generation: near the optimum, with a proof of how near.
    Cg,
    /// To the proven optimum, for small problems.
    Exact,
}

impl From<EngineArg> for Engine {
    fn from(engine: EngineArg) -> Self {
        match engine {
            EngineArg::Auto => Self::Auto,
            EngineArg::Greedy => Self::Greedy,
            EngineArg::Cg => Self::Columns,
            EngineArg::Exact => Self::Exact,
        }
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
}
