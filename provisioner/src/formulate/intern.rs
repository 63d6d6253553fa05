//! Numbers for equal things.

use std::hash::Hash;

use rustc_hash::FxHashMap;

/// Gives equal values one number, in order of first appearance.
#[derive(Debug)]
pub(super) struct Interner<T> {
    /// The distinct values.
    pub list: Vec<T>,
    numbers: FxHashMap<T, u32>,
}

impl<T> Default for Interner<T> {
    fn default() -> Self {
        Self { list: vec![], numbers: FxHashMap::default() }
    }
}

impl<T: Hash + Eq + Clone> Interner<T> {
    /// The number of a value.
    pub fn intern(&mut self, value: T) -> u32 {
        if let Some(&number) = self.numbers.get(&value) {
            return number;
        }
        let number = self.list.len() as u32;
        self.list.push(value.clone());
        self.numbers.insert(value, number);
        number
    }

    /// A value by its number.
    pub fn get(&self, number: u32) -> &T {
        &self.list[number as usize]
    }
}
