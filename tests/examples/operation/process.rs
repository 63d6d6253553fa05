//! The process that is measured, as Linux counts it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::sleep,
};

/// A running `tenon run`; ended when dropped.
pub struct Tenon {
    child: Child,
    folder: PathBuf,
}

/// What `/proc/PID/stat` counts in: 1/100 s on every Linux of today.
const TICK: Duration = Duration::from_millis(10);

impl Tenon {
    /// Starts it, and waits until its caches are synced.
    pub async fn start(binary: &Path, kubeconfig: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("tenon-operation-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("kubeconfig"), kubeconfig).unwrap();
        let (metrics, health) = (free_port().await, free_port().await);
        let child = Command::new(binary)
            .args(["run", "--disable-leader-election"])
            .env("KUBECONFIG", folder.join("kubeconfig"))
            .env("METRICS_PORT", metrics.to_string())
            .env("HEALTH_PROBE_PORT", health.to_string())
            .stdout(fs::File::create(folder.join("log")).unwrap())
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let mut tenon = Self { child, folder };
        while !answers(health).await {
            if let Some(status) = tenon.child.try_wait().unwrap() {
                let log = fs::read_to_string(tenon.folder.join("log")).unwrap_or_default();
                panic!("it has ended with {status}: {log}");
            }
            sleep(Duration::from_millis(20)).await;
        }
        tenon
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
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(key));
        let kib = line.and_then(|line| line.split_whitespace().next());
        kib.map_or(0, |kib| kib.parse::<u64>().unwrap() / 1024)
    }

    /// Time on processors so far, its own and the kernel's for it.
    pub fn processor_time(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        // The second field is a name in brackets; utime and stime are the 14th and the 15th.
        let (_, rest) = stat.rsplit_once(')').unwrap();
        let fields: Vec<&str> = rest.split_whitespace().collect();
        TICK * (fields[11].parse::<u32>().unwrap() + fields[12].parse::<u32>().unwrap())
    }
}

impl Drop for Tenon {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

async fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    listener.local_addr().unwrap().port()
}

/// Whether `/readyz` says yes.
async fn answers(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)).await else { return false };
    let request = "GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let mut answer = String::new();
    let sent = stream.write_all(request.as_bytes()).await;
    sent.is_ok() && stream.read_to_string(&mut answer).await.is_ok() && answer.contains(" 200 ")
}
