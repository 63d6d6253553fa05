//! What a terminal gets to see: colour, and a spinner that leaves nothing behind. What is no
//! terminal gets neither.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking, as tests do")]

use std::{
    fs::{self, File},
    io::Read,
    path::Path,
    process::{Command, Stdio},
};

use rustix::{
    fs::{Mode, OFlags, open},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
};

/// More pods than are planned without a spinner.
const MANY: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 10001
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, resources: {requests: {cpu: 500m}}}]
";

/// What came out of a run: standard output and standard error.
struct Seen {
    output: String,
    error: String,
}

/// One of the two streams is a terminal, the other a pipe.
fn run(folder: &Path, args: &[&str], output_is_terminal: bool) -> Seen {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY;
    let mut terminal = File::from(openpt(flags).unwrap());
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, vec![]).unwrap();
    let inner = open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
    let (output, error) = match output_is_terminal {
        true => (Stdio::from(inner), Stdio::piped()),
        false => (Stdio::piped(), Stdio::from(inner)),
    };
    let mut child = Command::new(env!("CARGO_BIN_EXE_tenon"))
        .args(args)
        .current_dir(folder)
        .env("TERM", "xterm")
        .env_remove("NO_COLOR")
        .stdout(output)
        .stderr(error)
        .spawn()
        .unwrap();
    let mut shown = Vec::new();
    // When the command has ended, nobody holds the other end, which reads as an error.
    let _ = terminal.read_to_end(&mut shown);
    let shown = String::from_utf8(shown).unwrap();
    let mut piped = String::new();
    if let Some(stdout) = &mut child.stdout {
        stdout.read_to_string(&mut piped).unwrap();
    }
    if let Some(stderr) = &mut child.stderr {
        stderr.read_to_string(&mut piped).unwrap();
    }
    assert!(child.wait().unwrap().success(), "{shown}{piped}");
    match output_is_terminal {
        true => Seen { output: shown, error: piped },
        false => Seen { output: piped, error: shown },
    }
}

fn plan(output_is_terminal: bool) -> Seen {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("many.yaml"), MANY).unwrap();
    run(folder.path(), &["plan", "-f", "many.yaml", "--catalog", "kwok"], output_is_terminal)
}

#[test]
fn the_spinner_is_for_terminals_and_wipes_its_line() {
    let seen = plan(false);
    assert!(seen.error.contains("planning 10001 pods"), "{:?}", seen.error);
    assert!(seen.error.ends_with("\r\u{1b}[2K"), "{:?}", seen.error);
    assert!(!seen.error.contains('\n'), "it stays on its line: {:?}", seen.error);
    assert!(seen.output.starts_with("Plan: "), "{:?}", seen.output);
    assert!(!seen.output.contains('\u{1b}'), "{:?}", seen.output);
}

#[test]
fn colour_is_for_terminals() {
    let seen = plan(true);
    assert!(seen.output.starts_with("\u{1b}[1mPlan:\u{1b}[0m "), "{:?}", seen.output);
    assert_eq!(seen.error, "", "no spinner into a pipe");
}
