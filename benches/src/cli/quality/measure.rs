//! One instance, solved in stages.

use std::time::Duration;

use provisioner::{
    instance::{Answer, Instance, Unit},
    report::status_name,
    timer,
};
use serde_json::{Value, json};
use solver::{Engine, Options};
use tenon_bench::{first_fit, sets::Set};

use crate::{
    clock::{Clock, Limit, Watch},
    memory::peak_of,
};

/// The baseline takes time with the number of nodes; from this many pods on it is left out.
const MOST_BASELINE: u64 = 200_000;

/// What a solve may take.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// For each stage.
    pub time: Duration,
    /// Which seconds.
    pub clock: Clock,
    /// Where a plan counts as certified, in parts per million.
    pub gap_ppm: u32,
}

/// What came of an instance.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Of the set.
    pub name: String,
    /// What costs count.
    pub unit: Unit,
    /// Pods of the problem that was answered.
    pub pods: u64,
    /// Its groups.
    pub groups: usize,
    /// Its offerings.
    pub offerings: usize,
    /// Those that presolve keeps.
    pub kept: usize,
    /// What each solve might take, in seconds.
    pub limit: f64,
    /// Which seconds.
    pub clock: Clock,
    /// Of the last stage.
    pub cost: i64,
    /// Of the last stage.
    pub bound: i64,
    /// Of the last stage.
    pub status: String,
    /// Nodes bought.
    pub nodes: u64,
    /// Pods without a place.
    pub unplaced: u64,
    /// By others.
    pub best_known: Option<i64>,
    /// Whether that is the optimum.
    pub is_optimum: bool,
    /// The baseline's cost.
    pub first_fit: Option<i64>,
    /// What each stage came to.
    pub stages: [Stage; 3],
    /// Beyond the instance.
    pub peak_mib: f64,
}

/// What one solve came to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stage {
    /// Of its plan.
    pub cost: i64,
    /// (cost − bound) / cost.
    pub gap: f64,
    /// From the start.
    pub seconds: f64,
    /// Whether the gap it was asked for is reached; the first plan is asked for none.
    pub reached: bool,
}

/// The gap of a good plan, in parts per million.
const GOOD_PPM: u32 = 10_000;

/// The stages: a first plan, a good one, and one with a certificate within the gap.
fn stages(gap_ppm: u32) -> [Options; 3] {
    [
        Options { engine: Engine::Greedy, gap_ppm: 1_000_000, ..Options::default() },
        Options { gap_ppm: gap_ppm.max(GOOD_PPM), ..Options::default() },
        Options { gap_ppm, ..Options::default() },
    ]
}

/// Runs all stages, each afresh.
pub fn measure(set: &Set, budget: Budget) -> Result<Measured, String> {
    let mut peak = 0;
    let mut measured = [Stage::default(); 3];
    let mut last = None;
    // Between a number of bins and one fewer there is nothing to be near to.
    let bins = set.instance.unit == Unit::Bins;
    let gap_ppm = if bins { 0 } else { budget.gap_ppm };
    for (at, options) in stages(gap_ppm).into_iter().enumerate() {
        if bins && at == 1 {
            continue;
        }
        let asked = f64::from(options.gap_ppm) / 1e6;
        let ((answer, seconds), live) =
            peak_of(|| timed(&set.instance, options, budget.clock, budget.time));
        peak = peak.max(live);
        if let Some(violation) = set.instance.check(&answer).first() {
            return Err(format!("{}: {violation}", set.name));
        }
        let (cost, gap) = (answer.solution.cost, answer.gap());
        measured[at] = Stage { cost, gap, seconds, reached: gap <= asked };
        last = Some(answer);
    }
    // There is at least one stage.
    let answer = last.ok_or("no stages")?;
    let peak_mib = peak as f64 / f64::from(1 << 20);
    let problem = set.instance.problem_of(&answer);
    let small = problem.pods() <= MOST_BASELINE;
    Ok(Measured {
        name: set.name.clone(),
        unit: set.instance.unit,
        pods: problem.pods(),
        groups: problem.groups.len(),
        offerings: problem.offerings.len(),
        kept: solver::offerings_kept(problem),
        limit: budget.time.as_secs_f64(),
        clock: budget.clock,
        cost: answer.solution.cost,
        bound: answer.solution.bound,
        status: status_name(answer.solution.status).to_owned(),
        nodes: answer.nodes(),
        unplaced: answer.unplaced(),
        best_known: set.best_known,
        is_optimum: set.is_optimum,
        first_fit: if small { first_fit::cost(problem) } else { None },
        stages: measured,
        peak_mib,
    })
}

/// Solves with a stop flag that is set when the time is over.
pub fn timed(instance: &Instance, options: Options, clock: Clock, time: Duration) -> (Answer, f64) {
    let limit = Limit::start(clock, time);
    let watch = Watch::start(clock);
    let (stop, effort) = (Some(limit.flag()), timer::effort(time));
    let options = Options { stop, effort, patient: true, ..options };
    let answer = instance.solve(&options);
    (answer, watch.elapsed().as_secs_f64())
}

impl Measured {
    /// (cost − bound) / cost.
    pub fn gap(&self) -> f64 {
        provisioner::instance::answer::gap(self.cost, self.bound)
    }

    /// What [`Self::json`] wrote; `None` when a field is missing or of another type.
    pub fn parse(line: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(line).ok()?;
        let money = |name: &str| value[name].as_i64();
        let count = |name: &str| value[name].as_u64();
        let text = |name: &str| value[name].as_str().map(str::to_owned);
        let stage = |at: usize| {
            Some(Stage {
                cost: value["stageCosts"][at].as_i64()?,
                gap: value["stageGaps"][at].as_f64()?,
                seconds: value["stageSeconds"][at].as_f64()?,
                reached: value["stageReached"][at].as_bool()?,
            })
        };
        let units = [Unit::MicroDollars, Unit::Bins, Unit::Nodes];
        Some(Self {
            name: text("name")?,
            unit: units.into_iter().find(|unit| Some(unit.name()) == value["unit"].as_str())?,
            pods: count("pods")?,
            groups: count("groups")? as usize,
            offerings: count("offerings")? as usize,
            kept: count("kept")? as usize,
            limit: value["limit"].as_f64()?,
            clock: if value["clock"] == "cpu" { Clock::Cpu } else { Clock::Wall },
            cost: money("cost")?,
            bound: money("bound")?,
            status: text("status")?,
            nodes: count("nodes")?,
            unplaced: count("unplaced")?,
            best_known: money("bestKnown"),
            is_optimum: value["bestKnownIsOptimum"].as_bool()?,
            first_fit: money("firstFit"),
            stages: [stage(0)?, stage(1)?, stage(2)?],
            peak_mib: value["peakMiB"].as_f64()?,
        })
    }

    /// One line.
    pub fn json(&self) -> String {
        json!({
            "name": self.name,
            "unit": self.unit.name(),
            "pods": self.pods,
            "groups": self.groups,
            "offerings": self.offerings,
            "kept": self.kept,
            "limit": self.limit,
            "clock": if self.clock == Clock::Cpu { "cpu" } else { "wall" },
            "cost": self.cost,
            "bound": self.bound,
            "gap": self.gap(),
            "status": self.status,
            "nodes": self.nodes,
            "unplaced": self.unplaced,
            "bestKnown": self.best_known,
            "bestKnownIsOptimum": self.is_optimum,
            "firstFit": self.first_fit,
            "stageCosts": self.stages.map(|stage| stage.cost),
            "stageGaps": self.stages.map(|stage| stage.gap),
            "stageSeconds": self.stages.map(|stage| stage.seconds),
            "stageReached": self.stages.map(|stage| stage.reached),
            "peakMiB": self.peak_mib,
        })
        .to_string()
    }
}
