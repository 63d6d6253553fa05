//! Lines of `kind name=value …`, read and written.

use std::fmt::{Display, Write as _};
use std::str::FromStr;

use super::{Fault, TextError, VERSION};
use crate::BitSet;
use crate::problem::{NO_DOMAIN, NODE_KEY};

/// No list of a real problem is near this; it keeps `0-4294967295` from eating all memory.
const LONGEST_LIST: usize = 1 << 20;

/// One object as it stands in the text.
pub(super) struct Line<'a> {
    text: &'a str,
    number: usize,
    pub(super) kind: &'a str,
    words: Vec<Word<'a>>,
}

/// A `name=value`, or a bare value with an empty name.
struct Word<'a> {
    offset: usize,
    name: &'a str,
    value: &'a str,
    taken: bool,
}

/// Checks the header and splits the rest into lines, without comments and empty lines.
pub(super) fn lines<'a>(text: &'a str, format: &'static str) -> Result<Vec<Line<'a>>, TextError> {
    let mut lines = text.lines().zip(1..).filter_map(|(text, number)| Line::new(text, number));
    let header_missing = |line| TextError { line, column: 1, fault: Fault::Header(format) };
    let header = lines.next().ok_or(header_missing(1))?;
    let version = VERSION.to_string();
    let versions: Vec<&str> = header.words.iter().map(|word| word.value).collect();
    if header.kind != format || versions != [version.as_str()] {
        return Err(header_missing(header.number));
    }
    Ok(lines.collect())
}

impl<'a> Line<'a> {
    fn new(text: &'a str, number: usize) -> Option<Self> {
        let bare = text.split_once('#').map_or(text, |(bare, _)| bare);
        let mut words = words(bare).into_iter();
        let (_, kind) = words.next()?;
        let words = words.map(|(offset, word)| {
            let (name, value) = word.split_once('=').unwrap_or(("", word));
            Word { offset, name, value, taken: false }
        });
        Some(Self { text, number, kind, words: words.collect() })
    }

    pub(super) fn error(&self, offset: usize, fault: Fault) -> TextError {
        let before = self.text.get(..offset).unwrap_or_default();
        TextError { line: self.number, column: before.chars().count() + 1, fault }
    }

    /// An error about the object as a whole.
    pub(super) fn whole(&self, fault: Fault) -> TextError {
        let indent = self.text.len() - self.text.trim_start().len();
        self.error(indent, fault)
    }

    pub(super) fn unknown(&self) -> TextError {
        self.whole(Fault::Object(self.kind.to_owned()))
    }

    /// The value of a field, with its offset.
    fn take(&mut self, name: &str) -> Result<Option<(usize, &'a str)>, TextError> {
        let mut found = None;
        for at in 0..self.words.len() {
            let word = &mut self.words[at];
            if word.name != name || name.is_empty() && word.taken {
                continue;
            }
            word.taken = true;
            let (offset, value) = (word.offset, word.value);
            if found.is_some() {
                return Err(self.error(offset, Fault::Repeated(name.to_owned())));
            }
            let skipped = if name.is_empty() { 0 } else { name.len() + 1 };
            found = Some((offset + skipped, value));
        }
        Ok(found)
    }

    fn required(&mut self, name: &'static str) -> Result<(usize, &'a str), TextError> {
        self.take(name)?.ok_or_else(|| self.whole(Fault::Missing(name)))
    }

    fn parse<T>(
        &self,
        (offset, text): (usize, &str),
        expected: &'static str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<T, TextError> {
        let fault = || Fault::Value { found: text.to_owned(), expected };
        read(text).ok_or_else(|| self.error(offset, fault()))
    }

    pub(super) fn number<T: FromStr>(&mut self, name: &'static str) -> Result<T, TextError> {
        let value = self.required(name)?;
        self.parse(value, "a number in range", |text| text.parse().ok())
    }

    pub(super) fn optional<T: FromStr>(&mut self, name: &str) -> Result<Option<T>, TextError> {
        let Some(value) = self.take(name)? else { return Ok(None) };
        self.parse(value, "a number in range", |text| text.parse().ok()).map(Some)
    }

    /// One of a closed list of words.
    pub(super) fn choice<T: Copy>(
        &mut self,
        name: &'static str,
        expected: &'static str,
        choices: &[(&str, T)],
    ) -> Result<T, TextError> {
        let value = self.required(name)?;
        self.parse(value, expected, |text| {
            choices.iter().find(|(word, _)| *word == text).map(|(_, choice)| *choice)
        })
    }

    pub(super) fn key(&mut self, name: &'static str) -> Result<u8, TextError> {
        let value = self.required(name)?;
        self.parse(value, "a key", read_key)
    }

    pub(super) fn keys(&mut self, name: &'static str) -> Result<Vec<u8>, TextError> {
        self.items(name, "a key", read_key)
    }

    pub(super) fn numbers<T: FromStr>(&mut self, name: &'static str) -> Result<Vec<T>, TextError> {
        self.items(name, "a number in range", |text| text.parse().ok())
    }

    pub(super) fn domains(&mut self, name: &'static str) -> Result<Vec<u32>, TextError> {
        self.items(
            name,
            "a domain",
            |text| {
                if text == "-" { Some(NO_DOMAIN) } else { text.parse().ok() }
            },
        )
    }

    pub(super) fn pairs<A: FromStr, B: FromStr>(
        &mut self,
        name: &'static str,
    ) -> Result<Vec<(A, B)>, TextError> {
        self.items(name, "a pair of numbers", |text| {
            let (a, b) = text.split_once(':')?;
            Some((a.parse().ok()?, b.parse().ok()?))
        })
    }

    fn items<T>(
        &mut self,
        name: &'static str,
        expected: &'static str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Vec<T>, TextError> {
        let Some((offset, text)) = self.take(name)? else { return Ok(Vec::new()) };
        pieces(offset, text).map(|piece| self.parse(piece, expected, &read)).collect()
    }

    /// Indices; runs may be written as `first-last`.
    pub(super) fn indices(&mut self, name: &'static str) -> Result<Vec<u32>, TextError> {
        let Some((offset, text)) = self.take(name)? else { return Ok(Vec::new()) };
        let mut indices = Vec::new();
        for piece in pieces(offset, text) {
            let (first, last) = self.parse(piece, "an index or `first-last`", read_run)?;
            if indices.len() as u64 + u64::from(last - first) >= LONGEST_LIST as u64 {
                return Err(self.error(piece.0, Fault::Length(LONGEST_LIST)));
            }
            indices.extend(first..=last);
        }
        Ok(indices)
    }

    /// A set over `0..len`.
    pub(super) fn bits(&mut self, name: &'static str, len: usize) -> Result<BitSet, TextError> {
        let Some((offset, text)) = self.take(name)? else { return Ok(BitSet::empty(len)) };
        let mut bits = BitSet::empty(len);
        for piece in pieces(offset, text) {
            let (first, last) = self.parse(piece, "an index or `first-last`", read_run)?;
            if last as usize >= len {
                return Err(self.error(piece.0, Fault::Index { found: last, count: len }));
            }
            (first..=last).for_each(|index| bits.insert(index as usize));
        }
        Ok(bits)
    }

    /// All bare values of the line, as in `keys 3 5`.
    pub(super) fn bare<T: FromStr>(&mut self) -> Result<Vec<T>, TextError> {
        for word in self.words.iter_mut().filter(|word| word.name.is_empty()) {
            word.taken = true;
        }
        let bare = self.words.iter().filter(|word| word.name.is_empty());
        bare.map(|word| {
            self.parse((word.offset, word.value), "a number in range", |text| text.parse().ok())
        })
        .collect()
    }

    /// Refuses what nobody asked for.
    pub(super) fn finish(&self) -> Result<(), TextError> {
        self.words.iter().find(|word| !word.taken).map_or(Ok(()), |word| {
            let name = if word.name.is_empty() { word.value } else { word.name };
            Err(self.error(word.offset, Fault::Field(name.to_owned())))
        })
    }
}

fn read_key(text: &str) -> Option<u8> {
    if text == "node" { Some(NODE_KEY) } else { text.parse().ok().filter(|&key| key != NODE_KEY) }
}

fn read_run(text: &str) -> Option<(u32, u32)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last).then_some((first, last))
}

/// The items of a list, each with its offset.
fn pieces(offset: usize, text: &str) -> impl Iterator<Item = (usize, &str)> {
    let items = if text.is_empty() { None } else { Some(text.split(',')) };
    items.into_iter().flatten().scan(offset, |at, piece| {
        let start = *at;
        *at += piece.len() + 1;
        Some((start, piece))
    })
}

/// The words of a line, each with its offset.
fn words(text: &str) -> Vec<(usize, &str)> {
    let mut words = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return words;
        }
        let offset = text.len() - rest.len();
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        words.push((offset, &rest[..end]));
        rest = &rest[end..];
    }
}

/// Writes lines of one format.
pub(super) struct Writer {
    text: String,
}

impl Writer {
    pub(super) fn new(format: &str) -> Self {
        Self { text: format!("{format} {VERSION}\n") }
    }

    pub(super) fn finish(self) -> String {
        self.text
    }

    /// A line of bare words.
    pub(super) fn bare<T: Display>(&mut self, kind: &str, values: impl IntoIterator<Item = T>) {
        self.text.push_str(kind);
        for value in values {
            self.push(format_args!(" {value}"));
        }
        self.text.push('\n');
    }

    /// A line of fields, written by `fields`.
    pub(super) fn object(&mut self, kind: &str, fields: impl FnOnce(&mut Self)) {
        self.text.push_str(kind);
        fields(self);
        self.text.push('\n');
    }

    pub(super) fn field(&mut self, name: &str, value: impl Display) {
        self.push(format_args!(" {name}={value}"));
    }

    pub(super) fn key(&mut self, name: &str, key: u8) {
        self.list(name, [key], key_text);
    }

    pub(super) fn keys(&mut self, name: &str, keys: &[u8]) {
        self.list(name, keys.iter().copied(), key_text);
    }

    pub(super) fn numbers<T: Display>(&mut self, name: &str, values: &[T]) {
        self.list(name, values, |value| value.to_string());
    }

    pub(super) fn domains(&mut self, name: &str, domains: &[u32]) {
        self.list(name, domains, |&domain| {
            if domain == NO_DOMAIN { "-".to_owned() } else { domain.to_string() }
        });
    }

    pub(super) fn pairs<A: Display, B: Display>(&mut self, name: &str, pairs: &[(A, B)]) {
        self.list(name, pairs, |(a, b)| format!("{a}:{b}"));
    }

    /// Indices with ascending runs joined.
    pub(super) fn indices(&mut self, name: &str, indices: impl IntoIterator<Item = u32>) {
        let mut runs: Vec<(u32, u32)> = Vec::new();
        for index in indices {
            match runs.last_mut() {
                Some((_, last)) if last.checked_add(1) == Some(index) => *last = index,
                _ => runs.push((index, index)),
            }
        }
        self.list(name, runs, |(first, last)| {
            if first == last { first.to_string() } else { format!("{first}-{last}") }
        });
    }

    pub(super) fn bits(&mut self, name: &str, bits: &BitSet) {
        self.indices(name, bits.iter().map(|index| index as u32));
    }

    fn list<T>(
        &mut self,
        name: &str,
        items: impl IntoIterator<Item = T>,
        text: impl Fn(T) -> String,
    ) {
        for (at, item) in items.into_iter().enumerate() {
            let item = text(item);
            if at == 0 {
                self.push(format_args!(" {name}={item}"));
            } else {
                self.push(format_args!(",{item}"));
            }
        }
    }

    fn push(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a string does not fail.
        let _ = self.text.write_fmt(text);
    }
}

fn key_text(key: u8) -> String {
    if key == NODE_KEY { "node".to_owned() } else { key.to_string() }
}
