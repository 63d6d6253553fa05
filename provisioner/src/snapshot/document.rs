//! From bytes to objects: JSON or YAML, one document or many, lists spread out.

use std::{borrow::Cow, sync::Arc};

use serde::de::DeserializeSeed;
use serde_json::Value;

use super::{
    document::stream::{DocumentSeed, Stream},
    error::{Fault, InputError, Place},
};

mod stream;

/// The `apiVersion` and `kind` of a list's items, which their list knows when they do not say it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ItemKind {
    /// apiVersion of the list.
    pub api_version: String,
    /// kind of the list without the ending `List`; empty for the kind `List` itself.
    pub kind: String,
}

/// Takes one object after the other.
pub type Sink<'a> = dyn FnMut(&Place, Value) -> Result<(), InputError> + 'a;

/// How deep objects and lists may nest in YAML. JSON has the same limit inside its parser.
const DEEPEST: usize = 128;

/// How many values the aliases of one YAML document may stand for.
const MOST_ALIASED: usize = 200_000;

/// How many bytes of text the aliases of one YAML document may stand for.
const MOST_ALIASED_BYTES: usize = 64 << 20;

/// Hands every object in `bytes` to `sink`; returns how many documents were objects.
pub fn read(file: &Arc<str>, bytes: &[u8], sink: &mut Sink<'_>) -> Result<usize, InputError> {
    let text = decode(file, bytes)?;
    match text.trim_start().as_bytes().first() {
        None => Ok(0),
        Some(b'{' | b'[') => read_json(file, &text, sink),
        Some(_) => read_yaml(file, &text, sink),
    }
}

/// UTF-8 with or without a byte order mark, or UTF-16 as PowerShell's `>` writes it.
fn decode<'a>(file: &Arc<str>, bytes: &'a [u8]) -> Result<Cow<'a, str>, InputError> {
    let whole = Place { file: file.clone(), ..Place::default() };
    let wide = |unit: fn([u8; 2]) -> u16| {
        let units = bytes[2..].chunks(2).map(|pair| unit([pair[0], *pair.get(1).unwrap_or(&0)]));
        let text: Result<String, _> = char::decode_utf16(units).collect();
        text.map(Cow::Owned).map_err(|_| {
            Fault::new("", "the text is not proper UTF-16", "save it as UTF-8").at(&whole, "")
        })
    };
    match bytes {
        [0xff, 0xfe, ..] => return wide(u16::from_le_bytes),
        [0xfe, 0xff, ..] => return wide(u16::from_be_bytes),
        [0x1f, 0x8b, ..] => {
            let help = "unpack it first, for instance with `gunzip -c`";
            return Err(Fault::new("", "the input is compressed", help).at(&whole, ""));
        }
        _ => {}
    }
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    std::str::from_utf8(text).map(Cow::Borrowed).map_err(|error| {
        let line = 1 + text[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
        let place = Place { line, ..whole };
        Fault::new("", "the input is not text (no valid UTF-8)", "give YAML or JSON").at(&place, "")
    })
}

/// One JSON value after the other.
fn read_json(file: &Arc<str>, text: &str, sink: &mut Sink<'_>) -> Result<usize, InputError> {
    let mut input = serde_json::Deserializer::from_str(text);
    let mut stream = Stream::new(file, sink);
    while input.end().is_err() {
        stream.next_document(0);
        if let Err(error) = DocumentSeed(&mut stream).deserialize(&mut input) {
            let problem = in_words(error.to_string());
            return Err(stream.failure(error.line(), &problem, "correct the JSON there"));
        }
    }
    Ok(stream.objects())
}

/// One YAML document after the other. They are separated here, not in the parser, so that every
/// document has a budget of its own and an error can name its number.
fn read_yaml(file: &Arc<str>, text: &str, sink: &mut Sink<'_>) -> Result<usize, InputError> {
    let mut stream = Stream::new(file, sink);
    for (first_line, document) in split(text) {
        stream.next_document(first_line);
        let outcome = serde_saphyr::with_deserializer_from_str_with_options(
            document,
            options(document.len()),
            |input| DocumentSeed(&mut stream).deserialize(input),
        );
        if let Err(error) = outcome {
            let error = error.without_snippet();
            let line = error.location().map_or(0, |at| at.line() as usize);
            let line = first_line + line.saturating_sub(1);
            let problem = yaml_problem(error);
            return Err(stream.failure(line, &problem, "correct the YAML there"));
        }
    }
    Ok(stream.objects())
}

/// A parser's message without the position, which the place tells, and without its jargon.
fn in_words(message: String) -> String {
    let problem = message.split(" at line ").next().unwrap_or_default().trim();
    match problem {
        "recursion limit exceeded" => format!("it nests deeper than {DEEPEST} levels"),
        // The parser wraps this error into a text when it meets it inside an alias.
        problem if problem.contains("total_replayed_events") => {
            format!("its aliases stand for more than {MOST_ALIASED} values")
        }
        problem => problem.to_owned(),
    }
}

fn yaml_problem(error: &serde_saphyr::Error) -> String {
    use serde_saphyr::{Error, budget::BudgetBreach};
    match error {
        Error::Budget { breach: BudgetBreach::Depth { .. }, .. } => {
            format!("it nests deeper than {DEEPEST} levels")
        }
        error => in_words(error.render_with_formatter(&serde_saphyr::UserMessageFormatter)),
    }
}

/// Without aliases a document cannot hold more values than bytes, so that plain size is never an
/// obstacle; what aliases multiply, and depth, are limited.
fn options(size: usize) -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: size.saturating_mul(2).saturating_add(MOST_ALIASED),
            max_nodes: size.saturating_mul(2).saturating_add(MOST_ALIASED),
            max_depth: DEEPEST,
            max_total_scalar_bytes: size.saturating_add(MOST_ALIASED_BYTES),
            max_total_comment_bytes: usize::MAX,
            enforce_alias_anchor_ratio: false,
        },
        emit_comments: false,
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: MOST_ALIASED,
        },
    }
}

/// The documents that hold anything, each with the number of its first line. A line that starts
/// with `---` always starts a document: no YAML text may hold one.
fn split(text: &str) -> Vec<(usize, &str)> {
    let mut documents = Vec::new();
    let (mut start, mut first_line, mut at) = (0, 1, 0);
    let mut filled = false;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let rest = line.strip_prefix("---").filter(|rest| rest.trim_start() != *rest);
        let rest = rest.or((line == "---").then_some(""));
        if rest.is_some() && filled {
            documents.push((first_line, &text[start..at]));
            filled = false;
        }
        if rest.is_some() {
            (start, first_line) = (at, number + 1);
        }
        filled |= says_something(rest.unwrap_or(line));
        at += line.len();
    }
    if filled {
        documents.push((first_line, &text[start..]));
    }
    documents
}

/// Whether a line is more than blank, a comment, a directive or an end mark.
fn says_something(line: &str) -> bool {
    let text = line.trim();
    !(text.is_empty() || text.starts_with('#') || line.starts_with('%') || text == "...")
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn documents_are_split_at_marks_only() {
        let cases: [(&str, &[(usize, &str)]); 7] = [
            ("", &[]),
            ("---\n# only a comment\n---\n", &[]),
            ("a: 1\n", &[(1, "a: 1\n")]),
            ("---\na: 1\n---\nb: 2", &[(1, "---\na: 1\n"), (3, "---\nb: 2")]),
            ("a: |\n  ---\n  x\n", &[(1, "a: |\n  ---\n  x\n")]),
            ("----\n", &[(1, "----\n")]),
            ("--- {a: 1}\n---\r\nb: 2\r\n", &[(1, "--- {a: 1}\n"), (2, "---\r\nb: 2\r\n")]),
        ];
        for (text, expected) in cases {
            assert_eq!(split(text), expected, "{text:?}");
        }
    }
}
