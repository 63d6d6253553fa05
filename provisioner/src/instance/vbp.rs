//! Vector bin packing in VPSolver's `.vbp` form: the number of dimensions, the bin's capacity, the
//! number of items, and for each item its sizes and how many there are of it. All are whole
//! numbers between white space. Every bin costs 1, so a solution's cost is its number of bins.

use std::collections::BTreeMap;

use solver::{
    BitSet, Problem,
    problem::{Class, Group, Offering},
};

use super::{Fault, Instance, ReadError, Unit, number};

/// More dimensions than any real problem has; it keeps a wrong first number from eating memory.
const MOST_DIMENSIONS: usize = 1_000;

/// Reads an instance; items of equal sizes become one group.
///
/// # Errors
///
/// The first number that is missing, wrong or left over.
pub fn read(text: &str) -> Result<Instance, ReadError> {
    let mut tokens = Tokens::new(text);
    let dims = tokens.dimensions()?;
    let capacity = tokens.amounts(dims, "capacity")?;
    let (line, items) = tokens.next("number of items")?;
    let items =
        number::count("number of items", items).map_err(|fault| ReadError::line(line, fault))?;
    let mut groups: Vec<Group> = Vec::new();
    let mut known: BTreeMap<Vec<i64>, usize> = BTreeMap::new();
    for _ in 0..items {
        let request = tokens.amounts(dims, "size of an item")?;
        let (line, count) = tokens.next("number of copies of an item")?;
        let count = number::count("number of copies of an item", count)
            .map_err(|fault| ReadError::line(line, fault))?;
        let at = *known.entry(request.clone()).or_insert(groups.len());
        if at == groups.len() {
            groups.push(Group { request, count: 0, priority: 0, class: 0 });
        }
        let total = groups[at].count.checked_add(count);
        groups[at].count = total.ok_or_else(|| {
            let limit = u64::from(u32::MAX);
            ReadError::line(line, Fault::TooMany { what: "items of one size", limit })
        })?;
    }
    tokens.end()?;
    instance(dims, capacity, groups)
}

fn instance(dims: usize, capacity: Vec<i64>, groups: Vec<Group>) -> Result<Instance, ReadError> {
    let bin = Offering { capacity, price: 1, tier: 0, domains: Vec::new(), limits: Vec::new() };
    let problem = Problem {
        dims,
        groups,
        classes: vec![Class { offerings: BitSet::full(1), nodes: BitSet::empty(0) }],
        offerings: vec![bin],
        ..Problem::default()
    };
    let mut instance = Instance::unnamed(problem, Unit::Bins)
        .map_err(|error| ReadError::text(Fault::Problem(error)))?;
    instance.offerings = vec!["bin".to_owned()];
    Ok(instance)
}

/// The words of a text with their lines.
struct Tokens<'a> {
    lines: std::iter::Enumerate<std::str::Lines<'a>>,
    words: std::str::SplitWhitespace<'a>,
    line: usize,
}

impl<'a> Tokens<'a> {
    fn new(text: &'a str) -> Self {
        Self { lines: text.lines().enumerate(), words: "".split_whitespace(), line: 1 }
    }

    fn advance(&mut self) -> Option<(usize, &'a str)> {
        loop {
            if let Some(word) = self.words.next() {
                return Some((self.line, word));
            }
            let (at, line) = self.lines.next()?;
            self.line = at + 1;
            self.words = line.split_whitespace();
        }
    }

    fn next(&mut self, field: &'static str) -> Result<(usize, &'a str), ReadError> {
        let hint = "the file ends too early: compare its first numbers with its rows";
        self.advance().ok_or_else(|| {
            ReadError::line(self.line, Fault::Missing { field: field.to_owned(), hint })
        })
    }

    fn dimensions(&mut self) -> Result<usize, ReadError> {
        let field = "number of dimensions";
        let (line, word) = self.next(field)?;
        let dims = word.parse().ok().filter(|dims| (1..=MOST_DIMENSIONS).contains(dims));
        dims.ok_or_else(|| {
            ReadError::line(line, number::wrong(field, word, "a whole number from 1 to 1000"))
        })
    }

    fn amounts(&mut self, dims: usize, field: &'static str) -> Result<Vec<i64>, ReadError> {
        let mut amounts = Vec::with_capacity(dims);
        for _ in 0..dims {
            let (line, word) = self.next(field)?;
            let amount = number::amount(field, word);
            amounts.push(amount.map_err(|fault| ReadError::line(line, fault))?);
        }
        Ok(amounts)
    }

    fn end(&mut self) -> Result<(), ReadError> {
        match self.advance() {
            None => Ok(()),
            Some((line, word)) => {
                let found = word.chars().take(40).collect();
                Err(ReadError::line(line, Fault::Surplus { found, what: "item" }))
            }
        }
    }
}
