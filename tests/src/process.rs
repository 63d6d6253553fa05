//! The product as a process of its own, which can be killed.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use tokio::time::{Instant, sleep};

/// What its requests begin their `User-Agent` with.
pub const AGENT: &str = "tenon";
/// Between two looks at a process or its log.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How to start one.
#[derive(Clone, Debug)]
pub struct Program {
    /// The binary.
    pub path: PathBuf,
    /// Where the kubeconfig is, and the logs go.
    pub folder: PathBuf,
    /// Flags of `tenon run` besides those that every test needs.
    pub flags: Vec<String>,
}

/// A running `tenon run`; killed when it is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Program {
    /// Writes a kubeconfig into `folder`, for processes that `path` is the binary of.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn new(
        path: impl Into<PathBuf>,
        folder: &Path,
        kubeconfig: &str,
        flags: &[&str],
    ) -> io::Result<Self> {
        std::fs::write(folder.join("kubeconfig"), kubeconfig)?;
        let flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
        Ok(Self { path: path.into(), folder: folder.to_owned(), flags })
    }

    /// Starts a process, which as a candidate for the leadership calls itself `name`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(&self, name: &str) -> io::Result<Process> {
        let log = self.folder.join(format!("{name}.log"));
        let output = File::options().create(true).append(true).open(&log)?;
        let child = Command::new(&self.path)
            .args(["run", "--metrics-port=0", "--health-probe-port=0", "--log-format=text"])
            .args(&self.flags)
            .env("KUBECONFIG", self.folder.join("kubeconfig"))
            .env("HOSTNAME", name)
            .stdin(Stdio::null())
            .stderr(output.try_clone()?)
            .stdout(output)
            .spawn()?;
        Ok(Process { child, log })
    }
}

impl Process {
    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL: it has no time for anything.
    ///
    /// # Errors
    /// When it cannot be killed, or waited for.
    pub fn kill(mut self) -> io::Result<ExitStatus> {
        self.child.kill()?;
        self.child.wait()
    }

    /// SIGTERM: it is asked to end, and has this long.
    ///
    /// # Errors
    /// When it cannot be signalled, or does not end.
    pub async fn terminate(mut self, within: Duration) -> io::Result<ExitStatus> {
        let pid = self.child.id();
        let signalled = Command::new("sh").arg("-c").arg(format!("kill -TERM {pid}")).status()?;
        if !signalled.success() {
            return Err(io::Error::other(format!("process {pid} cannot be signalled")));
        }
        let start = Instant::now();
        while start.elapsed() < within {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            sleep(LOOK_EVERY).await;
        }
        Err(io::Error::other(format!("process {pid} does not end")))
    }

    /// Waits until its log has a line with `text`.
    ///
    /// # Errors
    /// When it has ended before, or does not say so `within` this time; what it did say is told.
    pub async fn says(&mut self, text: &str, within: Duration) -> io::Result<()> {
        let start = Instant::now();
        loop {
            // Looked at before the log, so that last words count.
            let ended = self.child.try_wait()?;
            let log = self.log();
            if log.contains(text) {
                return Ok(());
            }
            let never = |why: String| {
                Err(io::Error::other(format!("it never said {text:?}, {why}:\n{log}")))
            };
            if let Some(status) = ended {
                return never(format!("and ended with {status}"));
            }
            if start.elapsed() > within {
                return never(format!("after {within:?}"));
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// What it and its predecessors of the same name have said so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
