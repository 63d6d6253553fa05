//! The scenarios of `tests/scenarios`, each against the report beside it.
//!
//! `TENON_BLESS=1` writes the reports anew, `TENON_SCENARIO=name` plays one alone. On the real cluster
//! of `TENON_TEST_KUBECONFIG` they are played one after the other, against the same reports.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use futures::{StreamExt, future::ready, stream};
use tenon_tests::{
    cluster::{self, Cluster, Options},
    engine::Engine,
    scenario,
};

/// Scenarios that are played side by side; they mostly wait.
const AT_ONCE: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn scenarios_end_as_they_did() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let only = std::env::var("TENON_SCENARIO").ok();
    let mut files: Vec<PathBuf> = (fs::read_dir(&folder).expect("the folder is there"))
        .map(|entry| entry.expect("it can be read").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
        .filter(|path| only.as_ref().is_none_or(|only| path.file_stem() == Some(only.as_ref())))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no scenario in {}", folder.display());
    let plays = files.iter().map(|file| async move {
        play(file).await.map_err(|problem| format!("{}: {problem}", file.display()))
    });
    let plays = stream::iter(plays.collect::<Vec<_>>()).buffered(AT_ONCE);
    let wrong: Vec<String> = plays.filter_map(|played| ready(played.err())).collect().await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

async fn play(file: &Path) -> Result<(), String> {
    let golden_file = file.with_extension("txt");
    let blessing = std::env::var_os("TENON_BLESS").is_some();
    let golden = fs::read_to_string(&golden_file).ok().filter(|_| !blessing);
    let report = report(file, golden.as_deref()).await?;
    if blessing {
        return fs::write(&golden_file, report).map_err(|error| error.to_string());
    }
    match golden {
        Some(golden) if same(&golden, &report) => Ok(()),
        Some(golden) => Err(format!("expected:\n{golden}\nfound:\n{report}")),
        None => Err("it has no report yet; write it with TENON_BLESS=1".to_owned()),
    }
}

fn same(golden: &str, report: &str) -> bool {
    scenario::continues(golden, report) && scenario::continues(report, golden)
}

async fn report(file: &Path, golden: Option<&str>) -> Result<String, String> {
    let scenario = scenario::read(file).map_err(|error| error.to_string())?;
    if let Some(why) = scenario.embedded_only.as_ref().filter(|_| cluster::is_real()) {
        println!("{} is left out: {why}", file.display());
        return Ok(golden.unwrap_or_default().to_owned());
    }
    let options = scenario.options().map_err(|error| error.to_string())?;
    let mut setup = Options::seeded(1);
    // Pods of daemons go with their node instead of 40 s later.
    setup.control_plane.orphaned_pods_after = Duration::from_secs(1);
    let cluster = Cluster::open(setup).await.map_err(|error| error.to_string())?;
    let engine = Engine::start(&cluster, options).await;
    let engine = engine.map_err(|error| error.to_string())?;
    let report = scenario::run(&scenario, &cluster, golden).await;
    engine.stop().await;
    cluster.stop().await;
    report.map_err(|error| error.to_string())
}
