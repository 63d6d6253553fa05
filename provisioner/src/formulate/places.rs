//! Every place a pod may go, as columns of label values.
//!
//! Offerings come first, then existing nodes, in one numbering. A column is made when something
//! reads its key for the first time, so the cost follows the keys that pods use.

use std::{borrow::Cow, sync::Arc};

use k8s_openapi::api::core::v1::Taint;
use rustc_hash::FxHashMap;
use solver::BitSet;

use super::{
    offerings::{Labels, OwnLabels},
    terms::{NodeOperator, NodeRequirement, NodeTerms, Term},
};

/// The place does not carry the key.
pub(super) const NO_VALUE: u32 = u32::MAX;
/// `kubernetes.io/hostname`.
pub(super) const HOSTNAME: &str = "kubernetes.io/hostname";
/// Stands for the field `metadata.name`; no label key can start with `@`.
pub(super) const NAME_FIELD: &str = "@metadata.name";
/// The host name of a node that is not launched yet: equal to no name that anybody can write.
const NEW_NODE: &str = "@new";

/// Labels, taints and name of one place.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// Labels shared by the places of one type.
    pub labels: Arc<Labels>,
    /// Labels of this place alone; they win.
    pub own: OwnLabels,
    /// Index into the distinct taint lists.
    pub taints: u32,
    /// Node name; `None` for offerings.
    pub name: Option<Arc<str>>,
}

impl Place {
    /// The value of a key that stands for the place's name.
    fn name_as(&self, key: &str) -> Option<Arc<str>> {
        match key {
            NAME_FIELD => Some(self.name.clone().unwrap_or_else(|| Arc::from(NEW_NODE))),
            HOSTNAME if self.name.is_none() => Some(Arc::from(NEW_NODE)),
            _ => None,
        }
    }

    fn own_value(&self, key: &str) -> Option<&Arc<str>> {
        self.own.iter().find(|(name, _)| &**name == key).map(|(_, value)| value)
    }
}

/// The values of one key over all places.
#[derive(Debug)]
pub(super) struct Column {
    /// Distinct values in order of first appearance.
    pub values: Vec<Arc<str>>,
    /// The value of each place, or [`NO_VALUE`].
    pub of: Vec<u32>,
    members: Vec<Vec<u32>>,
    numbers: FxHashMap<Arc<str>, u32>,
}

impl Column {
    fn build(places: &[Place], key: &str) -> Self {
        let mut column =
            Self { values: vec![], of: vec![], members: vec![], numbers: FxHashMap::default() };
        // Places share their lists of labels, so each list is asked once.
        let mut own: FxHashMap<*const (Arc<str>, Arc<str>), Option<u32>> = FxHashMap::default();
        let mut shared: FxHashMap<*const Labels, u32> = FxHashMap::default();
        for (index, place) in places.iter().enumerate() {
            let number = match place.name_as(key) {
                Some(name) => column.number(&name),
                None => {
                    let own = *own
                        .entry(place.own.as_ptr())
                        .or_insert_with(|| place.own_value(key).map(|value| column.number(value)));
                    own.unwrap_or_else(|| {
                        *shared.entry(Arc::as_ptr(&place.labels)).or_insert_with(|| {
                            place.labels.get(key).map_or(NO_VALUE, |value| column.number(value))
                        })
                    })
                }
            };
            if number != NO_VALUE {
                column.members[number as usize].push(index as u32);
            }
            column.of.push(number);
        }
        column
    }

    fn number(&mut self, value: &Arc<str>) -> u32 {
        if let Some(&number) = self.numbers.get(value) {
            return number;
        }
        let number = self.values.len() as u32;
        self.values.push(value.clone());
        self.members.push(vec![]);
        self.numbers.insert(value.clone(), number);
        number
    }

    fn add_value(&self, number: usize, bits: &mut BitSet) {
        for &place in &self.members[number] {
            bits.insert(place as usize);
        }
    }

    /// Places that carry one of these value numbers.
    pub fn with_values(&self, numbers: impl IntoIterator<Item = u32>) -> BitSet {
        let mut bits = BitSet::empty(self.of.len());
        for number in numbers {
            self.add_value(number as usize, &mut bits);
        }
        bits
    }

    /// Places that carry the key.
    pub fn present(&self) -> BitSet {
        self.with_values(0..self.values.len() as u32)
    }

    fn matching(&self, requirement: &NodeRequirement<'_>) -> BitSet {
        let listed = || {
            self.with_values(
                requirement.values.iter().filter_map(|value| self.numbers.get(&**value).copied()),
            )
        };
        match requirement.operator {
            NodeOperator::In => listed(),
            NodeOperator::NotIn => listed().complement(),
            NodeOperator::Exists => self.present(),
            NodeOperator::DoesNotExist => self.present().complement(),
            NodeOperator::Gt | NodeOperator::Lt => self.compared(requirement),
        }
    }

    fn compared(&self, requirement: &NodeRequirement<'_>) -> BitSet {
        let Some(bound) = requirement.values.first().and_then(|text| text.parse::<i64>().ok())
        else {
            return BitSet::empty(self.of.len());
        };
        let greater = requirement.operator == NodeOperator::Gt;
        let holds = |value: &str| {
            value
                .parse::<i64>()
                .is_ok_and(|value| if greater { value > bound } else { value < bound })
        };
        let numbers = (0..self.values.len() as u32).filter(|&n| holds(&self.values[n as usize]));
        self.with_values(numbers)
    }
}

/// All places and the columns made so far.
#[derive(Debug, Default)]
pub(super) struct Places {
    places: Vec<Place>,
    offerings: usize,
    /// Distinct lists of taints.
    pub taints: Vec<Vec<Taint>>,
    columns: FxHashMap<Box<str>, Column>,
}

impl Places {
    /// The number of a list of taints.
    pub fn intern_taints(&mut self, taints: Cow<'_, [Taint]>) -> u32 {
        if let Some(at) = self.taints.iter().position(|known| **known == *taints) {
            return at as u32;
        }
        self.taints.push(taints.into_owned());
        self.taints.len() as u32 - 1
    }

    /// Adds a place. Offerings have to come before nodes.
    pub fn push(&mut self, place: Place) {
        if place.name.is_none() {
            self.offerings += 1;
        }
        self.places.push(place);
    }

    /// How many places there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// How many of them are offerings.
    pub fn offerings(&self) -> usize {
        self.offerings
    }

    /// The column of a key.
    pub fn column(&mut self, key: &str) -> &Column {
        let places = &self.places;
        self.columns.entry(Box::from(key)).or_insert_with(|| Column::build(places, key))
    }

    /// The places that satisfy every requirement of a term.
    pub fn matching(&mut self, term: &Term<'_>) -> BitSet {
        let mut bits = BitSet::full(self.len());
        for requirement in &term.0 {
            bits.intersect_with(&self.column(&requirement.key).matching(requirement));
        }
        bits
    }

    /// The places that satisfy at least one of the terms.
    pub fn matching_any(&mut self, terms: &[Term<'_>]) -> BitSet {
        let mut bits = BitSet::empty(self.len());
        for term in terms {
            bits.union_with(&self.matching(term));
        }
        bits
    }

    /// The places that satisfy a pod's selector and required affinity.
    pub fn satisfying(&mut self, terms: &NodeTerms<'_>) -> BitSet {
        let mut bits = self.matching(&terms.all);
        if let Some(any) = &terms.any {
            bits.intersect_with(&self.matching_any(any));
        }
        bits
    }

    /// The places whose list of taints passes `accept`.
    pub fn with_taints(&self, accept: impl Fn(&[Taint]) -> bool) -> BitSet {
        let accepted: Vec<bool> = self.taints.iter().map(|taints| accept(taints)).collect();
        let members = self.places.iter().enumerate();
        BitSet::from_indices(
            self.len(),
            members.filter(|(_, place)| accepted[place.taints as usize]).map(|(index, _)| index),
        )
    }

    /// Splits a set over places into offerings and nodes.
    pub fn split(&self, bits: &BitSet) -> (BitSet, BitSet) {
        bits.split_at(self.offerings)
    }
}
