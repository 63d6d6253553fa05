//! What the greedy engine works out once, before its first move.

use rustc_hash::FxHashMap;

use crate::{
    BitSet, Problem,
    greedy::ledger::{SpreadAccount, open_spreads},
    problem::{Money, NODE_KEY},
};

/// Offerings that differ only in their domains: one size, one price, several zones.
#[derive(Debug)]
pub(crate) struct Kind {
    pub capacity: Vec<i64>,
    pub price: Money,
    pub tier: u16,
    /// Index of any member in [`Problem::offerings`]; all accept the same classes.
    pub offerings: Vec<u32>,
    /// The members' places, as numbers of [`Prepared::place_of`].
    pub places: BitSet,
}

/// Groups that fill a node alike: same request, same class, same preferences, and the same cap on
/// how many of them share a node. They differ only in what spans nodes.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    pub request: Vec<i64>,
    pub class: u32,
    pub priority: i32,
    pub groups: Vec<u32>,
    /// At most `cap.1` pods of all buckets with the same `cap.0` share a node.
    pub cap: Option<(Cap, u32)>,
    /// Kinds that accept the pods and hold at least one.
    pub kinds: BitSet,
    /// What unmet preferences cost per kind; empty when there are none.
    pub penalty: Vec<Money>,
    /// Every group of the bucket is free of constraints that look beyond class and capacity.
    pub free: bool,
    /// Some group of the bucket states a required affinity.
    pub affine: bool,
    /// Buckets of one shape differ in their cap alone.
    pub shape: u32,
}

impl Bucket {
    /// Pods of all its groups.
    pub(super) fn pods(&self, problem: &Problem) -> u32 {
        self.groups.iter().map(|&group| problem.groups[group as usize].count).sum()
    }
}

/// Which constraint caps the pods per node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Cap {
    Spread(u32),
    Exclusion(u32),
    Conflict(u32),
}

/// A group's part in a constraint.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Role {
    pub constraint: u32,
    /// States the constraint.
    pub subject: bool,
    /// Is picked out by its selector.
    pub member: bool,
}

/// The constraints that look at a group.
#[derive(Clone, Debug, Default)]
pub(crate) struct Roles {
    pub spreads: Vec<Role>,
    pub exclusions: Vec<Role>,
    /// Affinities that the group states.
    pub affinities: Vec<u32>,
    /// (set, key) tables that count the group.
    pub tables: Vec<u32>,
    pub conflicts: Vec<u32>,
}

impl Roles {
    pub(super) fn is_empty(&self) -> bool {
        self.spreads.is_empty()
            && self.exclusions.is_empty()
            && self.affinities.is_empty()
            && self.tables.is_empty()
            && self.conflicts.is_empty()
    }
}

/// Everything derived from a problem that does not change while pods are placed.
#[derive(Debug)]
pub(crate) struct Prepared<'a> {
    pub problem: &'a Problem,
    /// Ascending by price.
    pub kinds: Vec<Kind>,
    /// The most that any kind up to each one has of each dimension: a row per kind.
    pub largest: Vec<i64>,
    /// The kind of each offering.
    pub kind_of: Vec<u32>,
    /// Where each offering is: offerings with the same domains of every key share a number.
    pub place_of: Vec<u32>,
    /// How many such numbers there are.
    pub places: usize,
    pub buckets: Vec<Bucket>,
    /// Their requests, a row per bucket.
    pub requests: Vec<i64>,
    /// The bucket of each group that has pods.
    pub bucket_of: Vec<u32>,
    /// How many different shapes the buckets have.
    pub shapes: usize,
    pub roles: Vec<Roles>,
    /// Distinct (set, key) pairs that affinities and exclusions count by.
    pub tables: Vec<(u32, u8)>,
    /// Per affinity, the table of each of its keys.
    pub affinity_tables: Vec<Vec<u32>>,
    /// Per exclusion, its table.
    pub exclusion_table: Vec<u32>,
    pub affinity_subjects: Vec<BitSet>,
    pub spread_subjects: Vec<BitSet>,
    pub exclusion_subjects: Vec<BitSet>,
    /// Every spread's account before the first pod is placed.
    pub accounts: Vec<SpreadAccount>,
    pub tiers: Vec<u16>,
}

impl<'a> Prepared<'a> {
    pub(crate) fn new(problem: &'a Problem) -> Self {
        let (tables, affinity_tables, exclusion_table) = tables(problem);
        let roles = roles(problem, &tables);
        let affinity_subjects =
            problem.affinities.iter().map(|a| subjects(problem, &a.groups)).collect();
        let spread_subjects =
            problem.spreads.iter().map(|s| subjects(problem, &s.groups)).collect();
        let exclusion_subjects =
            problem.exclusions.iter().map(|x| subjects(problem, &x.groups)).collect();
        let (place_of, places) = places(problem);
        let (kinds, kind_of) = kinds(problem, &place_of, places);
        let mut tiers: Vec<u16> = kinds.iter().map(|kind| kind.tier).collect();
        tiers.sort_unstable();
        tiers.dedup();
        let (buckets, shapes) = buckets(problem, &kinds, &roles);
        let mut bucket_of = vec![u32::MAX; problem.groups.len()];
        for (at, bucket) in buckets.iter().enumerate() {
            bucket.groups.iter().for_each(|&group| bucket_of[group as usize] = at as u32);
        }
        let requests: Vec<i64> = buckets.iter().flat_map(|b| b.request.iter().copied()).collect();
        Self {
            problem,
            largest: largest(problem.dims, &kinds),
            kinds,
            kind_of,
            place_of,
            places,
            buckets,
            requests,
            bucket_of,
            shapes,
            roles,
            tables,
            affinity_tables,
            exclusion_table,
            affinity_subjects,
            spread_subjects,
            exclusion_subjects,
            accounts: open_spreads(problem),
            tiers,
        }
    }

    /// Kinds in ascending order of price, without the cheapest ones of which none is large enough.
    pub(super) fn large_kinds(&self, load: &[i64]) -> &[Kind] {
        let dims = self.problem.dims;
        let (mut from, mut end) = (0, self.kinds.len());
        while from < end {
            let middle = (from + end) / 2;
            let largest = &self.largest[middle * dims..(middle + 1) * dims];
            match largest.iter().zip(load).all(|(have, need)| have >= need) {
                true => end = middle,
                false => from = middle + 1,
            }
        }
        &self.kinds[from..]
    }
}

fn largest(dims: usize, kinds: &[Kind]) -> Vec<i64> {
    let mut most = vec![i64::MIN; dims];
    let mut rows = Vec::with_capacity(kinds.len() * dims);
    for kind in kinds {
        most.iter_mut().zip(&kind.capacity).for_each(|(most, have)| *most = (*most).max(*have));
        rows.extend_from_slice(&most);
    }
    rows
}

fn subjects(problem: &Problem, groups: &[u32]) -> BitSet {
    BitSet::from_indices(problem.groups.len(), groups.iter().map(|&g| g as usize))
}

type Tables = (Vec<(u32, u8)>, Vec<Vec<u32>>, Vec<u32>);

fn tables(problem: &Problem) -> Tables {
    let mut index = FxHashMap::default();
    let mut tables = Vec::new();
    let mut of = |set: u32, key: u8| {
        *index.entry((set, key)).or_insert_with(|| {
            tables.push((set, key));
            tables.len() as u32 - 1
        })
    };
    let affinities = problem
        .affinities
        .iter()
        .map(|affinity| affinity.keys.iter().map(|&key| of(affinity.set, key)).collect())
        .collect();
    let exclusions = problem.exclusions.iter().map(|x| of(x.set, x.key)).collect();
    (tables, affinities, exclusions)
}

fn roles(problem: &Problem, tables: &[(u32, u8)]) -> Vec<Roles> {
    let mut roles = vec![Roles::default(); problem.groups.len()];
    for (at, spread) in problem.spreads.iter().enumerate() {
        let members = &problem.sets[spread.set as usize].groups;
        for (group, role) in both(problem, &spread.groups, members, at) {
            roles[group].spreads.push(role);
        }
    }
    for (at, exclusion) in problem.exclusions.iter().enumerate() {
        let members = &problem.sets[exclusion.set as usize].groups;
        for (group, role) in both(problem, &exclusion.groups, members, at) {
            roles[group].exclusions.push(role);
        }
    }
    for (at, affinity) in problem.affinities.iter().enumerate() {
        for &group in &affinity.groups {
            roles[group as usize].affinities.push(at as u32);
        }
    }
    for (at, &(set, _)) in tables.iter().enumerate() {
        for group in problem.sets[set as usize].groups.iter() {
            roles[group].tables.push(at as u32);
        }
    }
    for &(a, b) in &problem.conflicts {
        roles[a as usize].conflicts.push(b);
        if a != b {
            roles[b as usize].conflicts.push(a);
        }
    }
    roles
}

fn both(
    problem: &Problem,
    stated_by: &[u32],
    members: &BitSet,
    constraint: usize,
) -> Vec<(usize, Role)> {
    let subjects = subjects(problem, stated_by);
    let mut all = subjects.clone();
    all.union_with(members);
    all.iter()
        .map(|group| {
            let role = Role {
                constraint: constraint as u32,
                subject: subjects.contains(group),
                member: members.contains(group),
            };
            (group, role)
        })
        .collect()
}

/// Numbers the combinations of domains that offerings have.
fn places(problem: &Problem) -> (Vec<u32>, usize) {
    let mut index: FxHashMap<&[u32], u32> = FxHashMap::default();
    let mut place_of = Vec::with_capacity(problem.offerings.len());
    for offering in &problem.offerings {
        let next = index.len() as u32;
        place_of.push(*index.entry(&offering.domains).or_insert(next));
    }
    (place_of, index.len())
}

/// Merges offerings that no class, no preference and no counting rule tells apart.
fn kinds(problem: &Problem, place_of: &[u32], places: usize) -> (Vec<Kind>, Vec<u32>) {
    let mut columns = vec![0u64; problem.offerings.len()];
    for (row, class) in problem.classes.iter().enumerate() {
        let mark = (row as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23) | 1;
        for offering in class.offerings.iter() {
            columns[offering] = columns[offering].wrapping_mul(0x0100_0000_01B3).wrapping_add(mark);
        }
    }
    let mut flexible = vec![Vec::new(); problem.offerings.len()];
    for (at, flexibility) in problem.flexibilities.iter().enumerate() {
        for &(offering, _) in &flexibility.values {
            if flexible[offering as usize].last() != Some(&at) {
                flexible[offering as usize].push(at);
            }
        }
    }
    let mut index = FxHashMap::default();
    let mut kinds: Vec<Kind> = Vec::new();
    for (at, offering) in problem.offerings.iter().enumerate() {
        let key = (
            &offering.capacity,
            offering.price,
            offering.tier,
            &offering.limits,
            columns[at],
            &flexible[at],
        );
        let kind = *index.entry(key).or_insert_with(|| {
            kinds.push(Kind {
                capacity: offering.capacity.clone(),
                price: offering.price,
                tier: offering.tier,
                offerings: Vec::new(),
                places: BitSet::empty(places),
            });
            kinds.len() - 1
        });
        kinds[kind].offerings.push(at as u32);
        kinds[kind].places.insert(place_of[at] as usize);
    }
    kinds.sort_unstable_by_key(|kind| (kind.price, kind.offerings[0]));
    let mut kind_of = vec![0; problem.offerings.len()];
    for (at, kind) in kinds.iter().enumerate() {
        for &offering in &kind.offerings {
            kind_of[offering as usize] = at as u32;
        }
    }
    (kinds, kind_of)
}

/// The buckets, and how many shapes they have.
fn buckets(problem: &Problem, kinds: &[Kind], roles: &[Roles]) -> (Vec<Bucket>, usize) {
    let mut preferences = vec![Vec::new(); problem.groups.len()];
    for preference in &problem.preferences {
        for &group in &preference.groups {
            preferences[group as usize].push((preference.class, preference.cost));
        }
    }
    let hardness: Vec<_> = roles.iter().map(|roles| hardness(problem, roles)).collect();
    let mut index = FxHashMap::default();
    // Per shape, its number and its first bucket.
    let mut shapes = FxHashMap::default();
    let mut buckets: Vec<Bucket> = Vec::new();
    for (at, group) in problem.groups.iter().enumerate() {
        if group.count == 0 {
            continue;
        }
        let cap = cap(problem, at as u32, &roles[at]);
        let shape = (&group.request, group.class, group.priority, &preferences[at]);
        let bucket = *index.entry((shape, cap)).or_insert_with(|| {
            let (next, new) = (shapes.len() as u32, buckets.len());
            let (shape, first) = *shapes.entry(shape).or_insert((next, new));
            let like = match buckets.get(first) {
                Some(like) => {
                    Bucket { groups: Vec::new(), free: true, affine: false, ..like.clone() }
                }
                None => bucket(problem, kinds, at, &preferences[at]),
            };
            buckets.push(Bucket { shape, cap, ..like });
            new
        });
        buckets[bucket].groups.push(at as u32);
        buckets[bucket].free &= roles[at].is_empty();
        buckets[bucket].affine |= hardness[at].0 > 0;
    }
    // The groups that are harder to find a domain for come first, so that the free ones are still
    // there to fill what is left in any domain.
    for bucket in &mut buckets {
        bucket.groups.sort_by_key(|&g| (std::cmp::Reverse(hardness[g as usize]), g));
    }
    (buckets, shapes.len())
}

fn bucket(problem: &Problem, kinds: &[Kind], group: usize, preferences: &[(u32, Money)]) -> Bucket {
    let like = &problem.groups[group];
    let accepted = &problem.classes[like.class as usize].offerings;
    let fits = |kind: &Kind| {
        accepted.contains(kind.offerings[0] as usize)
            && like.request.iter().zip(&kind.capacity).all(|(ask, have)| ask <= have)
    };
    let indices = kinds.iter().enumerate().filter(|(_, kind)| fits(kind)).map(|(at, _)| at);
    let penalty = if preferences.is_empty() {
        Vec::new()
    } else {
        let unmet = |kind: &Kind| {
            let missed = |(class, _): &&(u32, Money)| {
                !problem.classes[*class as usize].offerings.contains(kind.offerings[0] as usize)
            };
            preferences.iter().filter(missed).map(|(_, cost)| cost).sum()
        };
        kinds.iter().map(unmet).collect()
    };
    Bucket {
        request: like.request.clone(),
        class: like.class,
        priority: like.priority,
        groups: Vec::new(),
        cap: None,
        kinds: BitSet::from_indices(kinds.len(), indices),
        penalty,
        free: true,
        affine: false,
        shape: 0,
    }
}

/// How much a group's choice of domain is bound, by what spans nodes.
fn hardness(problem: &Problem, roles: &Roles) -> (usize, usize, usize) {
    let affinities =
        roles.affinities.iter().filter(|&&a| problem.affinities[a as usize].cost.is_none());
    let spread = |role: &&Role| {
        let spread = &problem.spreads[role.constraint as usize];
        spread.cost.is_none() && spread.key != NODE_KEY
    };
    let stated = roles.spreads.iter().filter(|role| role.subject).filter(spread).count();
    (affinities.count(), stated, roles.spreads.iter().filter(spread).count())
}

/// The tightest rule that caps how many pods like these share a node.
fn cap(problem: &Problem, group: u32, roles: &Roles) -> Option<(Cap, u32)> {
    let exclusions =
        roles.exclusions.iter().filter(|role| role.subject && role.member).filter_map(|role| {
            let exclusion = &problem.exclusions[role.constraint as usize];
            (exclusion.key == NODE_KEY && exclusion.cost.is_none())
                .then_some((Cap::Exclusion(role.constraint), 1))
        });
    let conflict = roles.conflicts.contains(&group).then_some((Cap::Conflict(group), 1));
    let spreads =
        roles.spreads.iter().filter(|role| role.subject && role.member).filter_map(|role| {
            let spread = &problem.spreads[role.constraint as usize];
            (spread.key == NODE_KEY && spread.cost.is_none())
                .then_some((Cap::Spread(role.constraint), spread.max_skew))
        });
    exclusions.chain(conflict).chain(spreads).min_by_key(|&(cap, most)| (most, cap))
}
