//! Region names: display names, and what was probably meant.

/// No data for a region of that name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown Azure region {name:?}; {}", hint(near))]
pub struct UnknownRegion {
    /// What was asked for.
    pub name: String,
    /// The nearest names, best first; may be empty.
    pub near: Vec<String>,
}

fn hint(near: &[String]) -> String {
    if near.is_empty() {
        return "use a name like westeurope or eastus2".to_owned();
    }
    format!("did you mean {}?", near.join(" or "))
}

impl UnknownRegion {
    /// Finds the names that differ least from `name`.
    pub(super) fn new(name: &str, known: &[&str]) -> Self {
        const MOST: usize = 3;
        let short = normalise(name);
        let allowed = (short.len() / 3).max(2);
        let mut near: Vec<_> = known
            .iter()
            .filter_map(|candidate| {
                let part = short.len() >= 4 && candidate.contains(&short);
                let distance = if part { 1 } else { distance(&short, candidate) };
                (distance <= allowed).then_some((distance, *candidate))
            })
            .collect();
        near.sort_unstable();
        let near = near.into_iter().take(MOST).map(|(_, name)| name.to_owned()).collect();
        Self { name: name.to_owned(), near }
    }
}

/// The short form of a region name: `East US 2` becomes `eastus2`.
pub fn normalise(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// Levenshtein distance in characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}
