//! Comma-separated tables with a header. No field of the formats read here holds a comma or a
//! quote, so there is no quoting: a quote is part of its field.

use super::{Fault, ReadError};

/// A table's rows, with its columns found by name.
pub(super) struct Table<'a> {
    header: Vec<&'a str>,
    rows: Vec<(usize, &'a str)>,
}

/// One row.
pub(super) struct Row<'a> {
    /// From 1.
    pub line: usize,
    fields: Vec<&'a str>,
}

/// Where a column stands.
#[derive(Clone, Copy)]
pub(super) struct Column(usize);

impl<'a> Table<'a> {
    /// Splits a text; empty lines are left out.
    pub fn new(text: &'a str) -> Result<Self, ReadError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut lines =
            text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty()).map(|(l, n)| (n, l));
        let Some((_, header)) = lines.next() else {
            let hint = "expected a line with the names of the columns first";
            return Err(ReadError::text(Fault::Nothing { what: "header", hint }));
        };
        Ok(Self { header: header.split(',').map(str::trim).collect(), rows: lines.collect() })
    }

    /// The column of one of these names.
    pub fn column(&self, names: &[&str]) -> Option<Column> {
        self.header.iter().position(|name| names.contains(name)).map(Column)
    }

    /// The column of one of these names, which the table must have.
    pub fn required(&self, names: &[&str]) -> Result<Column, ReadError> {
        let hint = "the first line must name this column";
        let field = names.first().map_or_else(String::new, |name| format!("column {name}"));
        self.column(names).ok_or_else(|| ReadError::line(1, Fault::Missing { field, hint }))
    }

    /// The rows; each has as many fields as the header.
    pub fn rows(&self) -> impl Iterator<Item = Result<Row<'a>, ReadError>> {
        self.rows.iter().map(|&(line, text)| {
            let fields: Vec<&str> = text.split(',').map(str::trim).collect();
            match self.header.get(fields.len()) {
                None if fields.len() == self.header.len() => Ok(Row { line, fields }),
                None => {
                    let found = fields[self.header.len()].chars().take(40).collect();
                    Err(ReadError::line(line, Fault::Surplus { found, what: "column" }))
                }
                Some(name) => {
                    let field = format!("column {name}");
                    let hint = "a row needs as many fields as the first line";
                    Err(ReadError::line(line, Fault::Missing { field, hint }))
                }
            }
        })
    }
}

impl<'a> Row<'a> {
    /// The text of a column.
    pub fn text(&self, column: Column) -> &'a str {
        // Every row has the header's length, and columns come from the header.
        self.fields[column.0]
    }

    /// A number in a column that the table must have.
    pub fn read<T>(
        &self,
        column: Column,
        name: &str,
        read: impl Fn(&str, &str) -> Result<T, Fault>,
    ) -> Result<T, ReadError> {
        read(name, self.text(column)).map_err(|fault| ReadError::line(self.line, fault))
    }

    /// A number in a column that the table may have; an empty field is as good as no column.
    pub fn optional<T>(
        &self,
        column: Option<Column>,
        name: &str,
        read: impl Fn(&str, &str) -> Result<T, Fault>,
    ) -> Result<Option<T>, ReadError> {
        match column.filter(|&column| !self.text(column).is_empty()) {
            Some(column) => self.read(column, name, read).map(Some),
            None => Ok(None),
        }
    }
}
