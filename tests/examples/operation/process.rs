//! The process that is measured, as Linux counts it.

use std::{fs, path::Path, time::Duration};

use tempfile::TempDir;
use tenon_tests::process::{Process, Program};

/// A running `tenon run`; ended when dropped, before its files go.
pub struct Tenon {
    process: Process,
    _folder: TempDir,
}

/// What `/proc/PID/stat` counts in: 1/100 s on every Linux of today.
const TICK: Duration = Duration::from_millis(10);
/// More than the caches of any cluster take.
const LONGEST_START: Duration = Duration::from_secs(600);

impl Tenon {
    /// Starts it, and waits until its caches are synced.
    pub async fn start(binary: &Path, kubeconfig: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let flags = ["--disable-leader-election"];
        let program = Program::new(binary, folder.path(), kubeconfig, &flags).unwrap();
        let mut process = program.start("tenon").unwrap();
        process.says("the caches are synced", LONGEST_START).await.unwrap();
        Self { process, _folder: folder }
    }

    /// Resident memory in MiB.
    pub fn resident(&self) -> u64 {
        self.status("VmRSS:")
    }

    /// The most resident memory so far in MiB.
    pub fn peak(&self) -> u64 {
        self.status("VmHWM:")
    }

    fn status(&self, key: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()));
        let status = status.unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(key));
        let kib = line.and_then(|line| line.split_whitespace().next());
        kib.map_or(0, |kib| kib.parse::<u64>().unwrap() / 1024)
    }

    /// Time on processors so far, its own and the kernel's for it.
    pub fn processor_time(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id())).unwrap();
        // The second field is a name in brackets; utime and stime are the 14th and the 15th.
        let (_, rest) = stat.rsplit_once(')').unwrap();
        let fields: Vec<&str> = rest.split_whitespace().collect();
        TICK * (fields[11].parse::<u32>().unwrap() + fields[12].parse::<u32>().unwrap())
    }
}
