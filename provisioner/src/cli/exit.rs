//! How a run ends.

use std::{fmt, io, process::ExitCode};

/// Every exit code, as `--help` shows them.
pub(super) const TABLE: &str = "Exit codes:
  0   done; pods without a place are part of the answer
  2   pods without a place, with --strict
  64  the command line is wrong
  65  the input is wrong
  66  the input does not exist or cannot be read
  70  a plan failed its own check; nothing was printed or written
  73  an output file cannot be made
  74  output failed, or a port is taken
  75  the leadership is lost
";

/// What a run ended with; numbers above 63 are those of BSD's sysexits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    Done = 0,
    Unplaced = 2,
    Usage = 64,
    Data = 65,
    NoInput = 66,
    Internal = 70,
    CannotCreate = 73,
    Io = 74,
    Lost = 75,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a run could not do its work.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) exit: Exit,
    message: String,
}

impl Failure {
    pub(super) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }

    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    pub(super) fn data(message: impl Into<String>) -> Self {
        Self::new(Exit::Data, message)
    }

    /// A file that should be read and cannot be.
    pub(super) fn unreadable(path: &str, error: &io::Error) -> Self {
        Self::new(Exit::NoInput, format!("{path}: {error}"))
    }
}

/// One line, whatever the message holds.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = self.message.lines().map(str::trim).filter(|line| !line.is_empty());
        f.write_str(lines.next().unwrap_or("unknown error"))?;
        lines.try_for_each(|line| write!(f, " {line}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_every_number() {
        use Exit::*;
        for (exit, number) in [
            (Done, "0 "),
            (Unplaced, "2 "),
            (Usage, "64"),
            (Data, "65"),
            (NoInput, "66"),
            (Internal, "70"),
            (CannotCreate, "73"),
            (Io, "74"),
            (Lost, "75"),
        ] {
            assert_eq!((exit as u8).to_string(), number.trim());
            assert!(TABLE.contains(&format!("\n  {number} ")), "{number}");
        }
    }

    #[test]
    fn a_failure_is_one_line() {
        assert_eq!(Failure::usage("a:\n   b\n\n c\n").to_string(), "a: b c");
        assert_eq!(Failure::usage("").to_string(), "unknown error");
    }
}
