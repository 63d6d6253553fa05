//! Standard output and standard error.

use std::{
    io::{self, IsTerminal, Write},
    time::Duration,
};

use anstream::AutoStream;
use anstyle::AnsiColor;
use indicatif::{ProgressBar, ProgressStyle};

use super::{
    args::Colour,
    exit::{Exit, Failure},
};

/// Where results and errors go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Console {
    colour: Colour,
}

impl Console {
    pub(super) fn new(colour: Colour) -> Self {
        Self { colour }
    }

    /// Writes a result.
    pub(super) fn print(&self, text: &str) -> Result<(), Failure> {
        let mut out = AutoStream::new(io::stdout().lock(), self.colour.into());
        written(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
    }

    /// One line on standard error.
    pub(super) fn fail(&self, failure: &Failure) {
        let red = AnsiColor::Red.on_default().bold();
        let mut out = AutoStream::new(io::stderr().lock(), self.colour.into());
        // There is nowhere left to tell that this failed.
        let _ = writeln!(out, "{red}error:{red:#} {failure}");
    }

    /// A spinner for work that takes long, on a terminal only.
    pub(super) fn progress(&self, long: bool, message: String) -> Progress {
        if !long || !io::stderr().is_terminal() {
            return Progress(None);
        }
        let style = ProgressStyle::with_template("{spinner} {msg} {elapsed}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner());
        let bar = ProgressBar::new_spinner().with_style(style).with_message(message);
        bar.enable_steady_tick(Duration::from_millis(100));
        Progress(Some(bar))
    }
}

/// Something is being worked on until this is dropped.
pub(super) struct Progress(Option<ProgressBar>);

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

/// What became of writing to standard output. A reader that has gone away (`| head`) has seen
/// enough: no error.
pub(super) fn written(result: io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => {
            result.map_err(|error| Failure::new(Exit::Io, format!("standard output: {error}")))
        }
    }
}
