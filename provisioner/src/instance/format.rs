//! Telling the formats apart.

/// What an input may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The solver's own text: a whole problem.
    Text,
    /// Vector bin packing: a whole problem.
    Vbp,
    /// An application of MANeUveR: components and what they ask of each other.
    Maneuver,
    /// A table of pods.
    Pods,
    /// A stream of virtual machines.
    VmStream,
}

impl Format {
    /// The format a text looks like, by its first line.
    pub fn recognise(text: &str) -> Option<Self> {
        let text = text.trim_start_matches('\u{feff}');
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let first = lines.find(|line| !line.starts_with('#'))?;
        let number = |word: &str| word.parse::<u64>().is_ok();
        if first.starts_with("tenon-problem") {
            Some(Self::Text)
        } else if first.starts_with('{') {
            Some(Self::Maneuver)
        } else if first.split(',').any(|column| column.trim() == "cpu_milli") {
            Some(Self::Pods)
        } else if first.split_whitespace().all(number) {
            Some(Self::Vbp)
        } else {
            first.split_once(char::is_whitespace).filter(|(time, _)| number(time))?;
            Some(Self::VmStream)
        }
    }
}
