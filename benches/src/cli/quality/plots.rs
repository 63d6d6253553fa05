//! What was measured as plots.

use std::{fs, path::Path, time::Duration};

use solver::{Options, solution::Status};
use tenon_bench::{
    plot::{Axis, Chart, Rows, Series},
    sets,
};

use super::measure::{Budget, Measured, timed};

/// Whose gap is followed over time.
const FOLLOWED: [&str; 4] = [
    "web/1000x40/eastus/1",
    "web/5000x60/eastus/1",
    "web/5000x60/eastus-spot/1",
    "web/100000x60/eastus/1",
];
/// When it is looked at, in milliseconds.
const MOMENTS: [u64; 8] = [10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000];
/// Pod counts at 60 groups, and group counts at 10,000 pods.
const PODS: [u32; 6] = [200, 1_000, 5_000, 20_000, 100_000, 1_000_000];
const GROUPS: [u32; 5] = [20, 60, 100, 200, 300];
/// The least excess over the bound that the log axis shows, in per cent.
const LEAST_SHOWN: f64 = 0.01;
const STAGES: [&str; 3] = ["first plan", "good plan (1 %)", "certified"];

/// Draws all plots into a folder.
pub fn draw(folder: &Path, rows: &[Measured], budget: Budget) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let write = |name: &str, svg: String| {
        let path = folder.join(name);
        fs::write(&path, svg).map_err(|error| format!("{}: {error}", path.display()))
    };
    write("gap-over-time.svg", gap_over_time(budget)?)?;
    let by_pods = PODS.map(|pods| (f64::from(pods), format!("web/{pods}x60/eastus/1")));
    let title = "Time over pods (60 groups, Azure eastus, regular prices)";
    write("time-over-pods.svg", time_over(title, Axis::log("pods"), &by_pods, rows, budget)?)?;
    let by_groups =
        GROUPS.map(|groups| (f64::from(groups), format!("web/10000x{groups}/eastus/1")));
    let title = "Time over groups (10,000 pods, Azure eastus, regular prices)";
    let axis = Axis::linear("groups");
    write("time-over-groups.svg", time_over(title, axis, &by_groups, rows, budget)?)?;
    write("cost-over-bound.svg", cost_over_bound(rows))
}

fn gap_over_time(budget: Budget) -> Result<String, String> {
    let mut series = Vec::new();
    for name in FOLLOWED {
        let set = sets::load(name).map_err(|error| error.to_string())?;
        let mut points = Vec::new();
        for millis in MOMENTS {
            let time = Duration::from_millis(millis);
            if time > budget.time {
                break;
            }
            let (answer, seconds) = timed(&set.instance, Options::default(), budget.clock, time);
            points.push((seconds, answer.gap() * 100.0));
            if answer.solution.status != Status::Stopped && seconds < time.as_secs_f64() {
                // It ended of its own accord: more time changes nothing.
                break;
            }
        }
        series.push(Series { label: name.to_owned(), points });
    }
    let chart = Chart {
        title: "Gap over time".to_owned(),
        x: Axis::log(&seconds(budget)),
        y: Axis::linear("gap between cost and bound, %"),
        series,
    };
    Ok(chart.svg())
}

/// What the axis of time is called.
fn seconds(budget: Budget) -> String {
    format!("seconds{}", budget.clock.suffix())
}

/// Seconds to each stage that was reached for a row of sets, taken from what is measured already where it is there.
fn time_over(
    title: &str,
    x: Axis,
    sets: &[(f64, String)],
    rows: &[Measured],
    budget: Budget,
) -> Result<String, String> {
    let mut series: Vec<Series> = STAGES
        .iter()
        .map(|stage| Series { label: (*stage).to_owned(), points: Vec::new() })
        .collect();
    for (at, name) in sets {
        let stages = match rows.iter().find(|row| row.name == *name) {
            Some(row) => row.stages,
            None => {
                let set = sets::load(name).map_err(|error| error.to_string())?;
                super::measure::measure(&set, budget)?.stages
            }
        };
        for (series, stage) in series.iter_mut().zip(stages).filter(|(_, stage)| stage.reached) {
            series.points.push((*at, stage.seconds));
        }
    }
    Ok(Chart { title: title.to_owned(), x, y: Axis::log(&seconds(budget)), series }.svg())
}

/// For every priced set: our cost and that of first fit, as multiples of the bound.
fn cost_over_bound(rows: &[Measured]) -> String {
    let priced: Vec<&Measured> = rows
        .iter()
        .filter(|row| !row.name.starts_with("vbp/") && row.bound > 0 && row.first_fit.is_some())
        .collect();
    let share = |row: &Measured, cost: i64| {
        ((cost as f64 / row.bound as f64 - 1.0) * 100.0).max(LEAST_SHOWN)
    };
    let ours = priced.iter().map(|row| Some(share(row, row.cost))).collect();
    let greedy = priced.iter().map(|row| Some(share(row, row.stages[0].cost))).collect();
    let baseline = priced.iter().map(|row| row.first_fit.map(|cost| share(row, cost))).collect();
    let rows = Rows {
        title: "Cost above the bound".to_owned(),
        x: Axis::log("% above the lower bound; what is below 0.01 is drawn there"),
        labels: priced.iter().map(|row| row.name.clone()).collect(),
        marks: vec![
            ("tenon".to_owned(), ours),
            ("tenon, first plan".to_owned(), greedy),
            ("first fit decreasing".to_owned(), baseline),
        ],
    };
    rows.svg()
}
