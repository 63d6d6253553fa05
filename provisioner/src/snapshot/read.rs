//! Reads files, folders and standard input into a [`Snapshot`].

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    Snapshot, document,
    error::{Fault, InputError, Place},
    expand,
    store::Store,
};

/// How to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadOptions {
    /// The largest input, in bytes, that is read; per file, and for standard input.
    pub max_input: u64,
    /// Whether CronJobs count as if one of their jobs ran.
    pub cron_jobs: bool,
}

impl Default for ReadOptions {
    /// 512 MiB is a dump of about 100,000 pods; read, it needs about as much memory again.
    fn default() -> Self {
        Self { max_input: 512 << 20, cron_jobs: false }
    }
}

/// Collects objects from any number of inputs.
#[derive(Debug)]
pub struct Reader {
    options: ReadOptions,
    store: Store,
}

/// Endings of files that are read from a folder.
const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];

impl Reader {
    /// An empty reader.
    pub fn new(options: ReadOptions) -> Self {
        let store = Store { cron_jobs: options.cron_jobs, ..Store::default() };
        Self { options, store }
    }

    /// Reads a file, or all YAML and JSON files below a folder in the order of their paths.
    pub fn add_path(&mut self, path: &Path) -> Result<(), InputError> {
        let name: Arc<str> = path.to_string_lossy().into();
        let facts = fs::metadata(path).map_err(|error| unreadable(&name, &error))?;
        if !facts.is_dir() {
            let found = self.add_file(path)?;
            return self.some_objects(&name, found);
        }
        let mut files = Vec::new();
        list(path, &mut files).map_err(|error| unreadable(&name, &error))?;
        files.sort();
        let mut found = 0;
        for file in files {
            found += self.add_file(&file)?;
        }
        self.some_objects(&name, found)
    }

    /// Reads standard input to its end.
    pub fn add_stdin(&mut self) -> Result<(), InputError> {
        let name: Arc<str> = "standard input".into();
        let found = self.add_stream(&name, io::stdin().lock())?;
        self.some_objects(&name, found)
    }

    /// Reads what is in memory already; `name` stands for it in messages.
    pub fn add_bytes(&mut self, name: &str, bytes: &[u8]) -> Result<(), InputError> {
        let name: Arc<str> = name.into();
        if bytes.len() as u64 > self.options.max_input {
            return Err(self.too_large(&name));
        }
        let found = self.parse(&name, bytes)?;
        self.some_objects(&name, found)
    }

    /// Expands workloads, fills in what admission would have, and hands over the objects.
    pub fn finish(self) -> Snapshot {
        let mut store = self.store;
        expand::expand(&mut store);
        store.finish()
    }

    fn add_file(&mut self, path: &Path) -> Result<usize, InputError> {
        let name: Arc<str> = path.to_string_lossy().into();
        let file = fs::File::open(path).map_err(|error| unreadable(&name, &error))?;
        let facts = file.metadata().map_err(|error| unreadable(&name, &error))?;
        if facts.len() > self.options.max_input {
            return Err(self.too_large(&name));
        }
        self.add_stream(&name, file)
    }

    fn add_stream(&mut self, name: &Arc<str>, input: impl io::Read) -> Result<usize, InputError> {
        let mut bytes = Vec::new();
        let most = self.options.max_input;
        let mut input = io::Read::take(input, most.saturating_add(1));
        io::Read::read_to_end(&mut input, &mut bytes).map_err(|error| unreadable(name, &error))?;
        if bytes.len() as u64 > most {
            return Err(self.too_large(name));
        }
        self.parse(name, &bytes)
    }

    fn parse(&mut self, name: &Arc<str>, bytes: &[u8]) -> Result<usize, InputError> {
        let store = &mut self.store;
        document::read(name, bytes, &mut |place, object| store.add(place, object))
    }

    fn some_objects(&self, name: &Arc<str>, found: usize) -> Result<(), InputError> {
        if found > 0 {
            return Ok(());
        }
        let problem = "there are no Kubernetes objects in it";
        let help = "give manifests or the output of `kubectl get … -o json`";
        Err(Fault::new("", problem, help).at(&whole(name), ""))
    }

    fn too_large(&self, name: &Arc<str>) -> InputError {
        let problem = format!("the input is larger than {}", size(self.options.max_input));
        let double = size(self.options.max_input.saturating_mul(4));
        let help = format!("split it, or raise the limit, for instance --max-input {double}");
        Fault::new("", problem, help).at(&whole(name), "")
    }
}

fn whole(name: &Arc<str>) -> Place {
    Place { file: name.clone(), ..Place::default() }
}

fn unreadable(name: &Arc<str>, error: &io::Error) -> InputError {
    let help = "check the path and its permissions";
    Fault::new("", format!("cannot be read: {error}"), help).at(&whole(name), "")
}

/// Bytes in the largest unit that leaves no rest.
fn size(bytes: u64) -> String {
    let units = [("Gi", 30), ("Mi", 20), ("Ki", 10)];
    let fit = units.into_iter().find(|(_, bits)| bytes > 0 && bytes.is_multiple_of(1 << bits));
    fit.map_or_else(|| bytes.to_string(), |(unit, bits)| format!("{}{unit}", bytes >> bits))
}

/// The files below `folder`. Hidden entries are left out, and links to folders, so that a link
/// cannot lead in a circle.
fn list(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let wanted = path.extension().is_some_and(|end| ENDINGS.iter().any(|it| end == *it));
        if entry.file_type()?.is_dir() {
            list(&path, files)?;
        } else if wanted && fs::metadata(&path)?.is_file() {
            files.push(path);
        }
    }
    Ok(())
}
