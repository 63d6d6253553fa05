//! The language of `--where`: label selectors as `kubectl -l` takes them, and comparisons.
//!
//! ```
//! use catalog::select;
//!
//! let wanted = select::parse("karpenter.azure.com/sku-family in (D, E), example.com/cpu > 7")?;
//! assert!(wanted.get("example.com/cpu").is_some_and(|cpus| cpus.has("8") && !cpus.has("7")));
//! let error = select::parse("example.com/cpu ~ 7").unwrap_err();
//! assert_eq!(error.column, 17);
//! # Ok::<(), catalog::select::SelectError>(())
//! ```

use thiserror::Error;

use crate::{Operator, Requirement, Requirements, label_syntax, well_known};

/// Why an expression cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("column {column}: {problem}")]
pub struct SelectError {
    /// Where, in characters from 1.
    pub column: usize,
    /// What is wrong and what to write instead.
    pub problem: String,
}

/// Reads terms separated by commas, all of which must hold:
/// `key in (a, b)`, `key notin (a, b)`, `key = a`, `key == a`, `key != a`, `key > 7`, `key >= 7`,
/// `key < 7`, `key <= 7`, `key` (exists), `!key` (does not). Blanks do not matter; an expression
/// without terms restricts nothing. `notin` and `!=` also hold where the label does not exist.
///
/// # Errors
/// Names the column where the expression stops making sense, also when a term leaves nothing of
/// what the terms before it allow.
pub fn parse(text: &str) -> Result<Requirements, SelectError> {
    let mut parser = Parser { text, at: 0 };
    let mut all = Requirements::default();
    if parser.peek().is_none() {
        return Ok(all);
    }
    loop {
        let (start, requirement) = parser.term()?;
        if let Some(before) = all.get(&requirement.key)
            && !before.intersects(&requirement)
        {
            return Err(parser.error(start, format!("nothing satisfies this as well as {before}")));
        }
        all.add(requirement);
        match parser.peek() {
            None => return Ok(all),
            Some(',') => parser.at += 1,
            Some(other) => {
                let problem = format!("expected a comma or the end, found {other:?}");
                return Err(parser.error(parser.at, problem));
            }
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    /// Bytes read.
    at: usize,
}

/// Signs, longest first, so that `>=` is not taken for `>`.
const SIGNS: [(&str, Operator); 7] = [
    ("!=", Operator::NotIn),
    ("==", Operator::In),
    (">=", Operator::Gte),
    ("<=", Operator::Lte),
    ("=", Operator::In),
    (">", Operator::Gt),
    ("<", Operator::Lt),
];

impl<'a> Parser<'a> {
    /// One term, and the byte where it begins.
    fn term(&mut self) -> Result<(usize, Requirement), SelectError> {
        let absent = self.peek() == Some('!');
        let start = self.at;
        if absent {
            self.at += 1;
        }
        let (key_at, key) = self.word("a label key")?;
        if let Some(fault) = label_syntax::key_fault(key) {
            return Err(self.error(key_at, format!("{key:?} is not a label key: {fault}")));
        }
        let key = well_known::normalise(key);
        if absent {
            return Ok((start, Requirement::absent(key)));
        }
        let requirement = match self.peek() {
            None | Some(',') => Requirement::any(key),
            Some(_) => self.comparison(key)?,
        };
        Ok((start, requirement))
    }

    /// What follows the key: an operator and its values.
    fn comparison(&mut self, key: &str) -> Result<Requirement, SelectError> {
        let operator_at = self.at;
        let rest = &self.text[self.at..];
        let (operator, values) = match SIGNS.iter().find(|(sign, _)| rest.starts_with(sign)) {
            Some(&(sign, operator)) => {
                self.at += sign.len();
                (operator, vec![self.word("a value")?])
            }
            None => {
                let expected = "in, notin, =, !=, >, >=, <, <=, a comma or the end";
                let operator = match self.word(expected)?.1 {
                    "in" => Operator::In,
                    "notin" => Operator::NotIn,
                    other => {
                        let problem = format!("expected {expected}, found {other:?}");
                        return Err(self.error(operator_at, problem));
                    }
                };
                (operator, self.list()?)
            }
        };
        let in_value = |&&(_, value): &&(usize, &str)| label_syntax::value_fault(value).is_some();
        let faulty = values.iter().find(in_value).or(values.first());
        let at = faulty.map_or(operator_at, |&(at, _)| at);
        let values: Vec<String> = values.iter().map(|(_, value)| (*value).to_owned()).collect();
        Requirement::new(key, operator, &values, None)
            .map_err(|error| self.error(at, error.to_string()))
    }

    /// `(a, b)`
    fn list(&mut self) -> Result<Vec<(usize, &'a str)>, SelectError> {
        self.expect('(')?;
        let mut values = vec![self.word("a value")?];
        while self.peek() == Some(',') {
            self.at += 1;
            values.push(self.word("a value")?);
        }
        self.expect(')')?;
        Ok(values)
    }

    fn expect(&mut self, sign: char) -> Result<(), SelectError> {
        if self.peek() == Some(sign) {
            self.at += sign.len_utf8();
            return Ok(());
        }
        Err(self.missing(&format!("{sign:?}")))
    }

    /// The next run of characters that may stand in a key or value, and where it begins.
    fn word(&mut self, expected: &str) -> Result<(usize, &'a str), SelectError> {
        self.peek();
        let start = self.at;
        let rest = &self.text[start..];
        let ends = |c: char| c.is_whitespace() || ",()=!<>".contains(c);
        let word = &rest[..rest.find(ends).unwrap_or(rest.len())];
        if word.is_empty() {
            return Err(self.missing(expected));
        }
        self.at += word.len();
        Ok((start, word))
    }

    /// Skips blanks and looks at the next character.
    fn peek(&mut self) -> Option<char> {
        let rest = &self.text[self.at..];
        let trimmed = rest.trim_start();
        self.at += rest.len() - trimmed.len();
        trimmed.chars().next()
    }

    fn missing(&mut self, expected: &str) -> SelectError {
        let found = match self.peek() {
            Some(found) => format!("{found:?}"),
            None => "the end".to_owned(),
        };
        self.error(self.at, format!("expected {expected}, found {found}"))
    }

    fn error(&self, at: usize, problem: String) -> SelectError {
        SelectError { column: self.text[..at].chars().count() + 1, problem }
    }
}
