//! What is wrong with an input, in one line that says where and what to do.

use std::{fmt, sync::Arc};

/// Where in the input something stands. Counts start at 1; 0 means "not known" or "the whole".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The file as the user named it, or `standard input`.
    pub file: Arc<str>,
    /// Which document of the file; empty documents are not counted.
    pub document: usize,
    /// The line.
    pub line: usize,
    /// Which item of a list.
    pub item: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.document > 0 {
            write!(f, ", document {}", self.document)?;
        }
        if self.line > 0 {
            write!(f, ", line {}", self.line)?;
        }
        if self.item > 0 {
            write!(f, ", item {}", self.item)?;
        }
        Ok(())
    }
}

/// An input that cannot be used. Its text is always a single line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputError {
    /// Where.
    pub place: Place,
    /// `Kind namespace/name`, empty when it did not come to that.
    pub object: Box<str>,
    /// The field's path, empty when no single field is at fault.
    pub field: Box<str>,
    /// What is wrong.
    pub problem: Box<str>,
    /// What to do about it, may be empty.
    pub help: Box<str>,
}

impl std::error::Error for InputError {}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.place.to_string();
        for part in [&self.object, &self.field, &self.problem] {
            if !part.is_empty() {
                text.push_str(": ");
                text.push_str(part);
            }
        }
        if !self.help.is_empty() {
            text.push_str("; ");
            text.push_str(&self.help);
        }
        f.write_str(&one_line(&text))
    }
}

/// What is wrong with one object, before anybody said which object and where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fault {
    /// The field's path, empty when no single field is at fault.
    pub field: String,
    /// What is wrong.
    pub problem: String,
    /// What to do about it.
    pub help: String,
}

impl Fault {
    /// A fault of one field.
    pub fn new(
        field: impl Into<String>,
        problem: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self { field: field.into(), problem: problem.into(), help: help.into() }
    }

    /// The same fault, seen from the object that holds the faulty one in `field`.
    pub fn within(mut self, field: &str) -> Self {
        self.field = match self.field.as_str() {
            "" => field.to_owned(),
            inner => format!("{field}.{inner}"),
        };
        self
    }

    /// The error that a user sees.
    pub fn at(self, place: &Place, object: &str) -> InputError {
        InputError {
            place: place.clone(),
            object: object.into(),
            field: self.field.into(),
            problem: self.problem.into(),
            help: self.help.into(),
        }
    }
}

/// Names and values come from outside: whatever could break the line, or move a terminal's cursor,
/// becomes a blank, and a text that goes on for ever is cut.
fn one_line(text: &str) -> String {
    const LONGEST: usize = 600;
    let mut line = String::with_capacity(text.len().min(LONGEST));
    for (count, sign) in text.chars().enumerate() {
        if count == LONGEST {
            line.push('…');
            break;
        }
        match sign {
            ' ' if line.ends_with(' ') => {}
            sign if sign.is_control() => {
                if !line.ends_with(' ') {
                    line.push(' ');
                }
            }
            sign => line.push(sign),
        }
    }
    line
}
