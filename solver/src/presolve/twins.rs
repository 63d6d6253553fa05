//! Items and kinds that differ only in where they stand.
//!
//! Pods that must be in places of their own are items of their own, and every zone has kinds of
//! its own, although all zones sell the same. A relaxation gains next to nothing by telling them
//! apart, and has several times the rows. So the master covers items that differ only in their
//! place by one row, and counts the nodes of kinds that differ only in theirs by one more. Which
//! pods stand where stays with the columns and with what remains of each item.

use rustc_hash::FxHashMap;

use crate::presolve::{Item, Kind, Source};

/// Who has twins.
#[derive(Clone, Debug, Default)]
pub(crate) struct Twins {
    /// The row of each item.
    pub row_of: Vec<u32>,
    /// The items of each row, ascending.
    pub items: Vec<Vec<u32>>,
    /// The first twin of each kind; its own number when there is none before it.
    pub first: Vec<u32>,
    /// The twins of each kind that is the first of them, itself included, ascending.
    pub kinds: Vec<Vec<u32>>,
}

impl Twins {
    /// Nobody has a twin where no item has a place: what is equal is one item or one kind there.
    pub(crate) fn new(items: &[Item], kinds: &[Kind]) -> Self {
        let placed = items.iter().any(|item| item.place.is_some());
        let mut twins = Self::default();
        let mut index = FxHashMap::default();
        for (at, item) in (0u32..).zip(items) {
            let own = if placed { None } else { Some(at) };
            let key = (&item.request, item.class, item.cap, own);
            let row = *index.entry(key).or_insert_with(|| {
                twins.items.push(Vec::new());
                twins.items.len() - 1
            });
            twins.row_of.push(row as u32);
            twins.items[row].push(at);
        }
        twins.kinds = vec![Vec::new(); kinds.len()];
        let mut index = FxHashMap::default();
        for (at, kind) in (0u32..).zip(kinds) {
            let own = match kind.source {
                Source::Offerings(_) if placed => None,
                _ => Some(at),
            };
            let key = (&kind.capacity, kind.price, &kind.limits, own);
            let first = *index.entry(key).or_insert(at);
            twins.first.push(first);
            twins.kinds[first as usize].push(at);
        }
        twins
    }

    /// The twins of a kind, itself included, ascending.
    pub(crate) fn of_kind(&self, kind: u32) -> &[u32] {
        &self.kinds[self.first[kind as usize] as usize]
    }

    /// One of each kind's twins, ascending; another one with every turn.
    pub(crate) fn one_each(&self, turn: usize) -> Vec<u32> {
        let families = self.kinds.iter().filter(|kinds| !kinds.is_empty());
        let mut kinds: Vec<u32> = families.map(|kinds| kinds[turn % kinds.len()]).collect();
        kinds.sort_unstable();
        kinds
    }

    /// The twins of an item, itself included, ascending.
    pub(crate) fn of_item(&self, item: u32) -> &[u32] {
        &self.items[self.row_of[item as usize] as usize]
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{
        BitSet, Problem,
        presolve::{
            Core, View,
            places::{Part, Parts},
        },
        problem::{Class, Group, Money, Offering},
    };

    /// Three zones that sell the same two sizes; pods of four requests in each of them.
    pub(crate) fn zonal() -> Core {
        let requests = [[1, 3], [2, 1], [3, 2], [1, 1]];
        let group = |request: [i64; 2]| Group {
            request: request.to_vec(),
            count: 9,
            priority: 0,
            class: 0,
        };
        let offering = |at: i64| Offering {
            capacity: vec![4 + 4 * (at / 3), 6 + 6 * (at / 3)],
            price: 10 + 9 * (at / 3),
            tier: 0,
            domains: vec![at as u32 % 3],
            limits: vec![],
        };
        let problem = Problem {
            dims: 2,
            keys: vec![3],
            groups: requests.map(group).to_vec(),
            classes: vec![Class { offerings: BitSet::full(6), nodes: BitSet::empty(0) }],
            offerings: (0..6).map(offering).collect(),
            ..Problem::default()
        };
        let part = |at: u32| Part { group: at / 3, pods: 2 + at % 3, place: Some(at % 3) };
        let places = (0..3).map(|zone| vec![(0, zone)]).collect();
        Core::new(&problem, &Parts { parts: (0..12).map(part).collect(), places }, View::Plan)
    }

    fn item(request: i64, class: u32, place: Option<u32>) -> Item {
        Item { request: vec![request], demand: 1, class, place, groups: vec![(0, 1)], cap: None }
    }

    fn sold(capacity: i64, price: Money, item: usize) -> Kind {
        Kind {
            capacity: vec![capacity],
            price,
            most: u32::MAX,
            items: BitSet::from_indices(4, [item]),
            limits: Vec::new(),
            penalties: Vec::new(),
            region: 0,
            source: Source::Offerings(vec![0]),
        }
    }

    #[test]
    fn items_that_differ_in_their_place_alone_share_a_row() {
        let items =
            [item(1, 0, Some(0)), item(2, 0, Some(0)), item(1, 0, Some(1)), item(1, 1, Some(0))];
        let twins = Twins::new(&items, &[]);
        assert_eq!(twins.row_of, [0, 1, 0, 2]);
        assert_eq!(twins.items, [vec![0, 2], vec![1], vec![3]]);
        assert_eq!(twins.of_item(2), [0, 2]);
        let mut capped = items.clone();
        capped[2].cap = Some(0);
        assert_eq!(Twins::new(&capped, &[]).row_of, [0, 1, 2, 3]);
    }

    #[test]
    fn kinds_that_differ_in_what_they_accept_alone_share_a_count() {
        let items = [item(1, 0, Some(0)), item(1, 0, Some(1))];
        let limited = Kind { limits: vec![(0, 1)], ..sold(4, 7, 0) };
        let kinds = [sold(4, 7, 0), sold(4, 8, 0), sold(4, 7, 1), sold(5, 7, 0), limited];
        let twins = Twins::new(&items, &kinds);
        assert_eq!(twins.first, [0, 1, 0, 3, 4]);
        assert_eq!(twins.of_kind(2), [0, 2]);
        assert_eq!(twins.of_kind(4), [4]);
        assert_eq!(twins.one_each(0), [0, 1, 3, 4]);
        assert_eq!(twins.one_each(5), [1, 2, 3, 4]);
    }

    #[test]
    fn every_existing_node_counts_for_itself() {
        let items = [item(1, 0, Some(0)), item(1, 0, Some(1))];
        let node = |item| Kind { source: Source::Nodes(vec![0]), most: 1, ..sold(4, 0, item) };
        assert_eq!(Twins::new(&items, &[node(0), node(1)]).first, [0, 1]);
    }

    #[test]
    fn nobody_has_a_twin_where_no_item_has_a_place() {
        let items = [item(1, 0, None), item(1, 0, None)];
        let twins = Twins::new(&items, &[sold(4, 7, 0), sold(4, 7, 1)]);
        assert_eq!(twins.row_of, [0, 1]);
        assert_eq!(twins.first, [0, 1]);
    }
}
