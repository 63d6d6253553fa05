//! What `tenon run` refuses before it does anything: no cluster is needed to be told.

use std::process::Command;

/// A configuration that is wrong: flags, variables, the exit code, and what the one line says.
type Row = (
    &'static [&'static str],
    &'static [(&'static str, &'static str)],
    i32,
    &'static [&'static str],
);

const ROWS: &[Row] = &[
    (&["--no-such-flag"], &[], 64, &["--no-such-flag"]),
    (&["--cloud", "moon"], &[], 64, &["moon", "--cloud", "kwok"]),
    (&["--region", "nowhere"], &[], 65, &["nowhere"]),
    (&["--region", "westeurope", "--instance-types-file-path", "x"], &[], 64, &["--region"]),
    (&["--instance-types-file-path", "no-such-file"], &[], 66, &["no-such-file"]),
    (&["--instance-types-file-path", "broken.json"], &[], 65, &["broken.json"]),
    (&["--batch-idle-duration", "10"], &[], 64, &["--batch-idle-duration", "500ms"]),
    (&["--batch-max-duration", "0s"], &[], 64, &["--batch-max-duration"]),
    (
        &["--batch-idle-duration", "20s"],
        &[],
        64,
        &["--batch-idle-duration", "--batch-max-duration"],
    ),
    (&[], &[("BATCH_MAX_DURATION", "soon")], 64, &["--batch-max-duration", "soon"]),
    (&["--metrics-port", "70000"], &[], 64, &["--metrics-port", "70000"]),
    (&["--metrics-port", "8081"], &[], 64, &["--metrics-port", "--health-probe-port"]),
    (&["--leader-election-name", ""], &[], 64, &["--leader-election-name"]),
    (&["--disable-leader-election=maybe"], &[], 64, &["--disable-leader-election", "maybe"]),
    (&["--log-level", "loud"], &[], 64, &["--log-level", "loud"]),
    (&["--log-format", "xml"], &[], 64, &["--log-format", "xml"]),
    (&["--log-output-paths", ""], &[], 64, &["--log-output-paths", "stdout"]),
    (&["--log-output-paths", "no/such/folder/log"], &[], 73, &["--log-output-paths", "folder"]),
    (&[], &[("LOG_ERROR_OUTPUT_PATHS", "/log")], 64, &["--log-error-output-paths", "stderr"]),
    (&["--otel-endpoint", "collector"], &[], 64, &["--otel-endpoint", "collector"]),
    (&["--otel-endpoint", "https://collector:4318"], &[], 64, &["--otel-endpoint", "http://"]),
    (&["--feature-gates", "Drift=true"], &[], 64, &["--feature-gates", "Drift"]),
    (&["--feature-gates", "NodeRepair"], &[], 64, &["--feature-gates", "NodeRepair"]),
    (&["--feature-gates", "NodeRepair=true"], &[], 64, &["--feature-gates", "NodeRepair=false"]),
    (&[], &[("FEATURE_GATES", "NodeOverlay=true")], 64, &["--feature-gates", "NodeOverlay"]),
    (&["--feature-gates", "SpotToSpotConsolidation=true"], &[], 64, &["SpotToSpotConsolidation"]),
    (&["--feature-gates", "CapacityBuffer=true"], &[], 64, &["CapacityBuffer=false"]),
    (&["--feature-gates", "ReservedCapacity=false"], &[], 64, &["ReservedCapacity=true"]),
    (&["--preference-policy", "ignore"], &[], 64, &["--preference-policy", "Ignore"]),
    (&[], &[("MIN_VALUES_POLICY", "Relaxed")], 64, &["--min-values-policy", "BestEffort"]),
    (&["--ignore-dra-requests=false"], &[], 64, &["--ignore-dra-requests", "leave it true"]),
    (&["--scheduler-config", "a: b"], &[], 64, &["--scheduler-config", "leave it empty"]),
    (&["--disable-controller-warmup=no"], &[], 64, &["--disable-controller-warmup"]),
    (&[], &[("CPU_REQUESTS", "0")], 64, &["--cpu-requests", "0"]),
    (&["--cpu-requests", "1.5"], &[], 64, &["--cpu-requests", "1.5"]),
    (&["--memory-limit", "much"], &[], 64, &["--memory-limit", "much"]),
    (&["--kube-client-qps", "-1"], &[], 64, &["-1"]),
    (&["--enable-profiling=sometimes"], &[], 64, &["--enable-profiling", "sometimes"]),
    (&["--threads", "many"], &[], 64, &["--threads", "many"]),
    (&["--rounds-dir", "broken.json"], &[], 73, &["--rounds-dir", "broken.json"]),
    (&["--rounds-dir", ".", "--rounds-keep", "0"], &[], 64, &["--rounds-keep", "--rounds-dir"]),
    (&["--kubernetes-version", "new"], &[], 64, &["--kubernetes-version", "new"]),
    (&["--max-pods", "0"], &[], 64, &["--max-pods", "0"]),
    (&["--os-disk-price", "free"], &[], 64, &["--os-disk-price", "free"]),
    (&["--gap", "200%"], &[], 64, &["--gap", "200%"]),
    (&["--time", "2"], &[], 64, &["--time", "500ms"]),
    (&["--kwok-refuse", "*=2"], &[], 64, &["--kwok-refuse", "*=2"]),
    (&["--kwok-slow", "*"], &[], 64, &["--kwok-slow"]),
    (&["--kwok-lose", "*=2@1m"], &[], 64, &["--kwok-lose"]),
    // Nothing is wrong with these; without a cluster they end one step later.
    (&[], &[], 66, &["cluster", "KUBECONFIG"]),
    (
        &[
            "--preference-policy=Ignore",
            "--min-values-policy=BestEffort",
            "--memory-limit=-1",
            "--enable-profiling",
            "--disable-cluster-state-observability=true",
            "--disable-controller-warmup=false",
            "--log-output-paths=stdout,stderr",
            "--otel-endpoint=http://127.0.0.1:1",
            "--feature-gates=StaticCapacity=true",
        ],
        &[("IGNORE_DRA_REQUESTS", "true"), ("CPU_REQUESTS", "2000"), ("KUBE_CLIENT_QPS", "50")],
        66,
        &["cluster", "KUBECONFIG"],
    ),
];

#[test]
fn whatever_is_wrong_is_refused_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("broken.json"), "[{").unwrap();
    for (flags, variables, code, words) in ROWS {
        let output = Command::new(env!("CARGO_BIN_EXE_tenon"))
            .arg("run")
            .args(["--metrics-port", "0", "--health-probe-port", "0"].iter().filter(|_| {
                // Two free ports, where the row is not about ports.
                !flags.iter().any(|flag| flag.ends_with("-port"))
            }))
            .args(*flags)
            .current_dir(folder.path())
            .env_clear()
            .env("KUBECONFIG", folder.path().join("none"))
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        let line = String::from_utf8(output.stderr).unwrap();
        let told: Vec<&str> = line.lines().filter(|line| line.starts_with("error")).collect();
        let row = format!("{flags:?} {variables:?}: {line}");
        assert_eq!(output.status.code(), Some(*code), "{row}");
        assert_eq!(told.len(), 1, "{row}");
        assert!(words.iter().all(|word| told[0].contains(word)), "{row}");
        assert!(*code == 66 || line.lines().count() == 1, "{row}");
    }
}
