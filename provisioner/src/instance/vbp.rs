//! Vector bin packing in VPSolver's `.vbp` form: the number of dimensions, the bin's capacity, the
//! number of items, and for each item its sizes and how many there are of it. All are whole
//! numbers between white space. Every bin costs 1, so a solution's cost is its number of bins.
//!
//! Some published instances have items with a size below zero, which make room for others. Such an
//! item gets a bin of its own kind, larger by what the item gives; there are as many of these bins
//! as items, and only that item must go there. That is exact but for one thing: two such items
//! never share a bin.

use std::collections::BTreeMap;

use solver::{
    BitSet, Problem,
    problem::{Class, Group, Limit, Offering},
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
        let request = tokens.sizes(dims)?;
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
    let mut problem = Problem { dims, groups, offerings: vec![bin], ..Problem::default() };
    let special: Vec<usize> = (0..problem.groups.len())
        .filter(|&at| problem.groups[at].request.iter().any(|&size| size < 0))
        .collect();
    let bins = 1 + special.len();
    problem.classes.push(Class { offerings: BitSet::full(bins), nodes: BitSet::empty(0) });
    for group in special {
        give_own_bin(&mut problem, group, bins);
    }
    let mut instance = Instance::unnamed(problem, Unit::Bins)
        .map_err(|error| ReadError::text(Fault::Problem(error)))?;
    let own = (1..bins).map(|at| format!("bin, special {at}"));
    instance.offerings = std::iter::once("bin".to_owned()).chain(own).collect();
    Ok(instance)
}

/// Moves the room that an item makes into a kind of bin that only it can open.
fn give_own_bin(problem: &mut Problem, group: usize, bins: usize) {
    let mut bin = problem.offerings[0].clone();
    let item = &mut problem.groups[group];
    for (size, room) in item.request.iter_mut().zip(&mut bin.capacity) {
        *room = room.saturating_sub((*size).min(0));
        *size = (*size).max(0);
    }
    let mut own = BitSet::empty(bins);
    own.insert(problem.offerings.len());
    item.class = problem.classes.len() as u32;
    bin.limits = vec![(problem.limits.len() as u32, 1)];
    problem.limits.push(Limit { remaining: i64::from(item.count) });
    problem.classes.push(Class { offerings: own, nodes: BitSet::empty(0) });
    problem.conflicts.push((group as u32, group as u32));
    problem.offerings.push(bin);
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

    /// Amounts that may be below zero.
    fn sizes(&mut self, dims: usize) -> Result<Vec<i64>, ReadError> {
        let field = "size of an item";
        let mut sizes = Vec::with_capacity(dims);
        for _ in 0..dims {
            let (line, word) = self.next(field)?;
            let size = match word.strip_prefix('-') {
                Some(below) => number::amount(field, below).map(|size| -size),
                None => number::amount(field, word),
            };
            let wrong = |_| number::wrong(field, word, "a whole number within 2^60");
            sizes.push(size.map_err(wrong).map_err(|fault| ReadError::line(line, fault))?);
        }
        Ok(sizes)
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
