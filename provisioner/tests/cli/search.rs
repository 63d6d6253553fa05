//! How hard `tenon plan` looks, and what becomes of it in a replay.

use std::fs;

use serde_json::Value;

use super::{plan, refuses, stdout, tenon};

const FARM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/ci-farm");
const PLAN: [&str; 7] = ["plan", "-f", FARM, "--region", "eastus", "-o", "json"];
const REPLAY: [&str; 4] = ["replay", "saved.json", "-o", "json"];

fn cost(plan: &Value) -> f64 {
    plan["totals"]["hourlyUsd"].as_f64().unwrap()
}

#[test]
fn the_optimiser_betters_the_greedy_plan_and_proves_more() {
    let folder = tempfile::tempdir().unwrap();
    let best = plan(folder.path(), &PLAN, "");
    let greedy = plan(folder.path(), &[PLAN.as_slice(), &["--engine", "greedy"]].concat(), "");
    assert!(cost(&best) < cost(&greedy), "{} and {}", cost(&best), cost(&greedy));
    let bound = |plan: &Value| plan["totals"]["lowerBoundUsd"].as_f64().unwrap();
    assert!(bound(&greedy) < bound(&best) && bound(&best) <= cost(&best));
    assert!(best["effort"]["pivots"].as_u64().unwrap() > 0, "{}", best["effort"]);
    assert_eq!(greedy["effort"]["pivots"], 0);
}

#[test]
fn what_was_asked_of_the_search_is_saved_and_replayed() {
    let folder = tempfile::tempdir().unwrap();
    for asked in [
        ["--engine", "greedy"].as_slice(),
        &["--engine", "cg", "--gap", "20%", "--seed", "7"],
        &["--effort", "2000"],
    ] {
        let first = [PLAN.as_slice(), &["--save", "saved.json"], asked].concat();
        let first = plan(folder.path(), &first, "");
        assert_eq!(plan(folder.path(), &REPLAY, ""), first, "{asked:?}");
    }
    let hasty = plan(folder.path(), &REPLAY, "");
    assert_eq!(hasty["totals"]["status"], "stopped");
    let longer = plan(folder.path(), &[REPLAY.as_slice(), &["--effort", "0"]].concat(), "");
    assert_ne!(longer["totals"]["status"], "stopped", "what a replay asks for comes first");
    assert!(cost(&longer) <= cost(&hasty));
}

#[test]
fn files_from_before_the_optimiser_are_replayed_by_the_greedy_engine() {
    let folder = tempfile::tempdir().unwrap();
    let saved = folder.path().join("saved.json");
    plan(folder.path(), &[PLAN.as_slice(), &["--save", "saved.json"]].concat(), "");
    let mut file: Value = serde_json::from_slice(&fs::read(&saved).unwrap()).unwrap();
    assert!(file["options"].as_object_mut().unwrap().remove("search").is_some());
    fs::write(&saved, file.to_string()).unwrap();
    let greedy = [PLAN.as_slice(), &["--engine", "greedy", "--gap", "0"]].concat();
    assert_eq!(plan(folder.path(), &REPLAY, ""), plan(folder.path(), &greedy, ""));
}

#[test]
fn a_saved_engine_that_does_not_exist_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let saved = folder.path().join("saved.json");
    plan(folder.path(), &[PLAN.as_slice(), &["--save", "saved.json"]].concat(), "");
    let text = fs::read_to_string(&saved).unwrap();
    assert!(text.contains(r#""engine":"auto""#));
    fs::write(&saved, text.replace(r#""engine":"auto""#, r#""engine":"oracle""#)).unwrap();
    super::refuses_in(folder.path(), "engine", &REPLAY, "", 65, &["saved.json", "oracle"]);
}

#[test]
fn a_plan_that_the_clock_stops_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let args = ["plan", "-f", FARM, "--region", "eastus", "--time", "0ms"];
    let text = stdout(&tenon(folder.path(), &args, ""));
    assert!(text.contains("Stopped by --time: no plan for the same pods costs less"), "{text}");
    let args = ["plan", "-f", FARM, "--region", "eastus", "--effort", "2000"];
    let text = stdout(&tenon(folder.path(), &args, ""));
    assert!(text.contains("Stopped when its effort was spent"), "{text}");
}

#[test]
fn wrong_limits_of_the_search_are_refused() {
    for (option, value) in
        [("--gap", "x%"), ("--gap", "200%"), ("--time", "2"), ("--effort", "a"), ("--engine", "x")]
    {
        let args = [PLAN.as_slice(), &[option, value]].concat();
        refuses(option, &args, "", 64, &[option]);
    }
}
