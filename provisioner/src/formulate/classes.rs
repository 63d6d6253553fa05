//! The yes/no rows: which places a pod accepts, each distinct question answered once.

use rustc_hash::FxHashMap;
use solver::{BitSet, problem::Class};

use super::{
    daemons::Daemons,
    intern::Interner,
    places::Places,
    ports::{self, Ports},
    shapes::Interned,
    terms::{filters_pass, preferences_pass},
};

/// Everything a row depends on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct ClassKey {
    pub terms: u32,
    pub tolerations: u32,
    pub volumes: u32,
    pub ports: u32,
    /// Topology keys a node must carry.
    pub keys: Vec<u8>,
    /// Domains that bound pods keep it out of.
    pub blocks: Vec<u32>,
}

/// The rows, and the answers they are made of.
#[derive(Debug)]
pub(super) struct Classes<'w, 'a> {
    places: &'w mut Places,
    interned: &'w Interned<'a>,
    daemons: &'w Daemons<'a>,
    /// Host ports in use, per existing node.
    taken: &'w [Ports<'a>],
    /// Names of the topology keys.
    keys: &'w [&'a str],
    /// The places in each block.
    blocks: &'w [BitSet],
    rows: Interner<Class>,
    numbers: FxHashMap<ClassKey, u32>,
    terms: FxHashMap<u32, BitSet>,
    tolerations: FxHashMap<u32, BitSet>,
}

impl<'w, 'a> Classes<'w, 'a> {
    /// No rows yet.
    pub fn new(
        places: &'w mut Places,
        interned: &'w Interned<'a>,
        daemons: &'w Daemons<'a>,
        taken: &'w [Ports<'a>],
        keys: &'w [&'a str],
        blocks: &'w [BitSet],
    ) -> Self {
        Self {
            places,
            interned,
            daemons,
            taken,
            keys,
            blocks,
            rows: Interner::default(),
            numbers: FxHashMap::default(),
            terms: FxHashMap::default(),
            tolerations: FxHashMap::default(),
        }
    }

    /// The row of a key.
    pub fn row(&mut self, key: ClassKey) -> u32 {
        if let Some(&number) = self.numbers.get(&key) {
            return number;
        }
        let mut bits = self.terms(key.terms).clone();
        bits.intersect_with(self.tolerations(key.tolerations));
        for alternatives in self.interned.volumes.get(key.volumes) {
            bits.intersect_with(&self.places.matching_any(alternatives));
        }
        self.keep_keys(&mut bits, &key.keys);
        self.drop_ports(&mut bits, key.ports);
        for &block in &key.blocks {
            for place in self.blocks[block as usize].iter() {
                bits.remove(place);
            }
        }
        let number = self.add(&bits);
        self.numbers.insert(key, number);
        number
    }

    /// The row of a set of places.
    pub fn add(&mut self, bits: &BitSet) -> u32 {
        let (offerings, nodes) = self.places.split(bits);
        self.rows.intern(Class { offerings, nodes })
    }

    /// The places that satisfy selector and required node affinity.
    pub fn terms(&mut self, number: u32) -> &BitSet {
        let terms = self.interned.terms.get(number);
        self.terms.entry(number).or_insert_with(|| self.places.satisfying(terms))
    }

    /// The places whose taints are tolerated.
    pub fn tolerations(&mut self, number: u32) -> &BitSet {
        let list = self.interned.tolerations.get(number);
        let places = &self.places;
        self.tolerations
            .entry(number)
            .or_insert_with(|| places.with_taints(|taints| filters_pass(list, taints)))
    }

    /// The places that match a preferred term.
    pub fn matching(&mut self, term: &super::terms::Term<'_>) -> BitSet {
        self.places.matching(term)
    }

    /// The places whose `PreferNoSchedule` taints are tolerated.
    pub fn soft_tolerations(&self, number: u32) -> BitSet {
        let list = self.interned.tolerations.get(number);
        self.places.with_taints(|taints| preferences_pass(list, taints))
    }

    /// Keeps the places that carry all these topology keys.
    pub fn keep_keys(&mut self, bits: &mut BitSet, keys: &[u8]) {
        for &key in keys {
            bits.intersect_with(&self.places.column(self.keys[key as usize]).present());
        }
    }

    /// Splits a set over places into offerings and nodes.
    pub fn split(&self, bits: &BitSet) -> (BitSet, BitSet) {
        self.places.split(bits)
    }

    /// All places.
    pub fn everywhere(&self) -> BitSet {
        BitSet::full(self.places.len())
    }

    /// The rows so far.
    pub fn rows(&self) -> &[Class] {
        &self.rows.list
    }

    /// The finished rows.
    pub fn finish(self) -> Vec<Class> {
        self.rows.list
    }

    fn drop_ports(&self, bits: &mut BitSet, number: u32) {
        let mine = self.interned.ports.get(number);
        if mine.is_empty() {
            return;
        }
        let crews: Vec<bool> =
            self.daemons.crews.iter().map(|crew| ports::clash(mine, &crew.ports)).collect();
        for (place, &crew) in self.daemons.of.iter().enumerate() {
            let node = place.checked_sub(self.places.offerings());
            if crews[crew as usize]
                || node.is_some_and(|node| ports::clash(mine, &self.taken[node]))
            {
                bits.remove(place);
            }
        }
    }
}
