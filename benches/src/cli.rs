//! The commands of `tenon-bench`.

pub mod generate;
pub mod quality;

use std::{
    io::{self, Write as _},
    ops::ControlFlow,
};

/// Writes to standard output; a reader that has gone away (`| head`) has seen enough.
pub fn print(text: &str) -> Result<ControlFlow<()>, String> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(ControlFlow::Continue(())),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ControlFlow::Break(())),
        Err(error) => Err(format!("standard output: {error}")),
    }
}
