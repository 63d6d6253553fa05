//! Where the log goes.

use std::{fs, io, str::FromStr, sync::Arc};

use tracing_subscriber::fmt::MakeWriter;

/// Any number of streams and files; every line goes to each.
#[derive(Clone, Debug)]
pub struct Outputs(Arc<[Output]>);

#[derive(Debug)]
enum Output {
    Stdout,
    Stderr,
    File(fs::File),
}

/// Why the log cannot go there.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// Nothing is named.
    #[error("names no output; give stdout, stderr or paths of files, separated by commas")]
    None,
    /// A file cannot be appended to.
    #[error("{path}: {source}; name a file that can be written, stdout or stderr")]
    File {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
}

impl FromStr for Outputs {
    type Err = OutputError;

    /// Reads `stdout,stderr,/var/log/tenon.log`. Files are appended to, and made where they are not
    /// there yet.
    fn from_str(text: &str) -> Result<Self, OutputError> {
        let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
        let outputs: Vec<Output> = words.map(output).collect::<Result<_, _>>()?;
        if outputs.is_empty() { Err(OutputError::None) } else { Ok(Self(outputs.into())) }
    }
}

fn output(word: &str) -> Result<Output, OutputError> {
    let path = match word {
        "stdout" => return Ok(Output::Stdout),
        "stderr" => return Ok(Output::Stderr),
        path => path.strip_prefix("file://").unwrap_or(path),
    };
    let file = fs::OpenOptions::new().append(true).create(true).open(path);
    let path = path.to_owned();
    file.map(Output::File).map_err(|source| OutputError::File { path, source })
}

impl<'a> MakeWriter<'a> for Outputs {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> &'a Self {
        self
    }
}

/// One call writes one line to all of them, so that lines of several threads do not mix.
impl io::Write for &Outputs {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        for output in &*self.0 {
            match output {
                Output::Stdout => io::stdout().lock().write_all(line)?,
                Output::Stderr => io::stderr().lock().write_all(line)?,
                Output::File(file) => (&*file).write_all(line)?,
            }
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        for output in &*self.0 {
            match output {
                Output::Stdout => io::stdout().flush()?,
                Output::Stderr => io::stderr().flush()?,
                Output::File(file) => (&*file).flush()?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn every_output_gets_every_line() {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["one", "two"].map(|name| folder.path().join(name).display().to_string());
        fs::write(&paths[0], "before\n").unwrap();
        let outputs: Outputs = format!("{}, file://{}", paths[0], paths[1]).parse().unwrap();
        outputs.make_writer().write_all(b"line\n").unwrap();
        assert_eq!(fs::read_to_string(&paths[0]).unwrap(), "before\nline\n");
        assert_eq!(fs::read_to_string(&paths[1]).unwrap(), "line\n");
    }

    #[test]
    fn what_cannot_be_written_is_refused() {
        for text in ["", " , ", "/", "stdout,/no/such/folder/log"] {
            assert!(text.parse::<Outputs>().is_err(), "{text}");
        }
    }
}
