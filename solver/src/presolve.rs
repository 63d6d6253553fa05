//! From a problem to its packing core: what one node can hold, and what a node costs.
//!
//! The core forgets what spans nodes. What it keeps:
//!
//! - *items*: groups whose pods no node can tell apart (same request, same class, same caps);
//! - *kinds*: offerings that differ only in what spans nodes, and existing nodes with equal room;
//!   a kind that another one replaces for every pattern at no higher price is dropped;
//! - *caps*: sets of items of which a node takes at most so many (hostname anti-affinity, ports, and
//!   spreads by domain, for a node stands in one domain);
//! - *limits*: what launches may use in all;
//! - *ceilings*, for bounds: how many pods constraints between domains let into some of them.
//!
//! Every item keeps its groups and every kind its offerings, so a plan of the core is turned back
//! exactly.
//!
//! There are two views. Every solution of the problem is a solution of the [`View::Bound`] core, so
//! a bound on it is a bound on the problem. The [`View::Plan`] core also heeds what usually holds
//! (hostname spreads start from an empty node, launches keep their [`choices`]) or is wanted
//! (preferences, tiers of pools), and its pods may be bound to their places ([`places`]).

pub(crate) mod ceilings;
mod choices;
mod kinds;
pub(crate) mod places;
pub(crate) mod twins;

use rustc_hash::FxHashMap;

pub(crate) use ceilings::Ceiling;
pub(crate) use kinds::{Usable, gcd};

use crate::{
    BitSet, Problem,
    presolve::{
        ceilings::{Ceilings, OnOneNode, Regions},
        places::Parts,
        twins::Twins,
    },
    problem::{Money, NODE_KEY, Spread},
};

/// What a core is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum View {
    /// Only what every solution obeys, and launch prices alone.
    Bound,
    /// What a good plan obeys, with the costs of unmet preferences.
    Plan,
}

impl View {
    fn wants(self, problem: &Problem) -> Wants {
        match self {
            Self::Bound => Vec::new(),
            Self::Plan => wants(problem),
        }
    }
}

/// Pods that no node can tell apart.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    /// Per dimension.
    pub request: Vec<i64>,
    /// Pods to place.
    pub demand: u32,
    /// Index into [`Problem::classes`].
    pub class: u32,
    /// Where the pods must be: a number of the parts' places; `None`: anywhere.
    pub place: Option<u32>,
    /// (group, pods to place of it).
    pub groups: Vec<(u32, u32)>,
    /// Index into [`Core::caps`].
    pub cap: Option<u32>,
}

/// Offerings or existing nodes that hold the same patterns at the same price.
#[derive(Clone, Debug)]
pub(crate) struct Kind {
    /// Per dimension, not negative.
    pub capacity: Vec<i64>,
    /// Of one node; existing nodes cost nothing.
    pub price: Money,
    /// How many there can be at most.
    pub most: u32,
    /// Over [`Core::items`]: accepted, and at least one fits.
    pub items: BitSet,
    /// (index into [`Problem::limits`], amount per node).
    pub limits: Vec<(u32, i64)>,
    /// What the unmet preferences of one pod cost, per item; empty when nothing does.
    pub penalties: Vec<Money>,
    /// Index into [`Core::over`].
    pub region: u32,
    /// Where a kind's nodes come from.
    pub source: Source,
}

/// What stands behind a kind.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// Indices into [`Problem::offerings`].
    Offerings(Vec<u32>),
    /// Indices into [`Problem::nodes`].
    Nodes(Vec<u32>),
}

/// The packing core of a problem.
#[derive(Clone, Debug)]
pub(crate) struct Core {
    /// Length of every request and capacity.
    pub dims: usize,
    /// In order of their first group.
    pub items: Vec<Item>,
    /// Existing nodes first, then offerings ascending by price.
    pub kinds: Vec<Kind>,
    /// At most this many pods of a cap's items share a node.
    pub caps: Vec<u32>,
    /// Why, per cap.
    pub rules: Vec<Rule>,
    /// Pairs of items that cannot share a node, by item, ascending.
    pub conflicts: Vec<Vec<u32>>,
    /// What remains of each limit.
    pub limits: Vec<i64>,
    /// How many pods of some items stand in some domains at most. Only bounds have them: dives, which
    /// use pods up, do not know of them.
    pub ceilings: Vec<Ceiling>,
    /// Per region, the ceilings over it, ascending: every pod there counts for them.
    pub over: Vec<Vec<u32>>,
    /// What differs only in where it stands.
    pub twins: Twins,
}

/// Why pods of a group keep others of a set of groups off their node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Rule {
    /// Index into [`Problem::exclusions`].
    Exclusion(u32),
    /// A group with a conflict with itself.
    Port(u32),
    /// Index into [`Problem::spreads`].
    Spread(u32),
}

/// With no more items than this nothing is gained by having fewer.
const MANY_ITEMS: usize = 64;
/// A spread by node is slack where it asks for less than one part in so many of the nodes.
const SLACK: u64 = 4;
/// Leaving out a pod costs this many times as much as one of a lower priority.
const RANK: Money = 64;

impl Kind {
    /// Whether its pods are left out: nobody sells such a node, and none exists.
    pub(crate) fn is_way_out(&self) -> bool {
        matches!(&self.source, Source::Offerings(offerings) if offerings.is_empty())
    }
}

impl Core {
    /// The core for placing these pods.
    pub(crate) fn new(problem: &Problem, parts: &Parts, view: View) -> Self {
        Self::build(problem, parts, view, &rules(problem, parts, view), &[])
    }

    /// The same for a plan of about so many nodes, without the spreads by node that such a plan
    /// obeys with ease, where these tell very many items apart. Forgetting a rule makes a bound
    /// weaker and a plan's pods look for other nodes now and then, and never makes anything wrong.
    /// Bounds heed how many pods the `crowded` constraints let onto existing nodes of each domain.
    pub(crate) fn without_slack(
        problem: &Problem,
        parts: &Parts,
        view: View,
        nodes: u64,
        crowded: &[Rule],
    ) -> Self {
        let all = rules(problem, parts, view);
        let mut pods: FxHashMap<Rule, u64> = FxHashMap::default();
        for part in &parts.parts {
            if let Some((rule, _)) = all[part.group as usize] {
                *pods.entry(rule).or_default() += u64::from(part.pods);
            }
        }
        let is_slack = |(rule, most): &(Rule, u32)| {
            let pods = pods.get(rule).copied().unwrap_or(0);
            matches!(rule, Rule::Spread(_)) && pods * SLACK <= u64::from(*most) * nodes
        };
        let firm = all.iter().map(|rule| rule.filter(|rule| !is_slack(rule))).collect::<Vec<_>>();
        let wants = view.wants(problem);
        let none = Ceilings::default();
        let count = |rules: &[_]| items(problem, parts, rules, &wants, &none).items.len();
        let is_fewer = || {
            let whole = count(&all);
            whole > MANY_ITEMS && 4 * count(&firm) <= 3 * whole
        };
        let rules = if firm != all && is_fewer() { firm } else { all };
        Self::build(problem, parts, view, &rules, crowded)
    }

    /// The core for placing as many of these pods as may be: each may also be left out, as if a node that
    /// nobody sells took it alone. That costs `price` for items with pods of this priority, and
    /// [`RANK`] times as much for those with pods of higher ones only; the parts name nobody else.
    pub(crate) fn with_way_out(problem: &Problem, parts: &Parts, priority: i32) -> Self {
        let mut core = Self::new(problem, parts, View::Plan);
        let price = core.price_of_leaving();
        let is_higher = |item: &Item| {
            item.groups.iter().all(|&(group, _)| problem.groups[group as usize].priority > priority)
        };
        let (higher, others): (Vec<usize>, Vec<usize>) =
            (0..core.items.len()).partition(|&at| is_higher(&core.items[at]));
        core.count_pods();
        core.add_way_out(&others, price);
        core.add_way_out(&higher, price.saturating_mul(RANK));
        core.twins = Twins::new(&core.items, &core.kinds);
        core
    }

    /// What is more than any pod costs on the cheapest node that may be launched for it alone, and more
    /// than any of its preferences.
    fn price_of_leaving(&self) -> Money {
        let cheapest = |item: usize| {
            let mut kinds = self.kinds.iter();
            kinds.find(|kind| kind.price > 0 && kind.items.contains(item)).map(|kind| kind.price)
        };
        let dearest = (0..self.items.len()).filter_map(cheapest).max().unwrap_or(1);
        let unmet = self.kinds.iter().flat_map(|kind| &kind.penalties).max();
        dearest.saturating_add(*unmet.unwrap_or(&0)).saturating_mul(2)
    }

    /// Makes the number of pods a resource, of which every node has enough.
    fn count_pods(&mut self) {
        let pods = self.items.iter().map(|item| i64::from(item.demand)).sum();
        self.dims += 1;
        self.items.iter_mut().for_each(|item| item.request.push(1));
        self.kinds.iter_mut().for_each(|kind| kind.capacity.push(pods));
    }

    /// Adds a kind from nowhere that takes one pod of these items.
    fn add_way_out(&mut self, items: &[usize], price: Money) {
        let mut capacity = vec![0; self.dims];
        for &item in items {
            for (most, &ask) in capacity.iter_mut().zip(&self.items[item].request) {
                *most = ask.max(*most);
            }
        }
        let kind = Kind {
            capacity,
            price,
            most: u32::MAX,
            items: BitSet::from_indices(self.items.len(), items.iter().copied()),
            limits: Vec::new(),
            penalties: Vec::new(),
            region: 0,
            source: Source::Offerings(Vec::new()),
        };
        if !items.is_empty() {
            let at = self.kinds.partition_point(|other| other.price <= price);
            self.kinds.insert(at, kind);
        }
    }

    fn build(
        problem: &Problem,
        parts: &Parts,
        view: View,
        rules: &[Option<(Rule, u32)>],
        crowded: &[Rule],
    ) -> Self {
        let wants = view.wants(problem);
        let told = match view {
            View::Bound => ceilings(problem, parts, rules, crowded),
            View::Plan => Ceilings::default(),
        };
        let Items { items, caps, item_of } = items(problem, parts, rules, &wants, &told);
        let conflicts = conflicts(problem, &items, &item_of);
        let ceilings = told.write(problem, &items);
        let regions = Regions::new(problem, &ceilings);
        let mut kinds = kinds::nodes(problem, &items, parts, &wants, &regions);
        kinds.extend(kinds::offerings(problem, &items, parts, &wants, view, &regions));
        let limits = problem.limits.iter().map(|limit| limit.remaining).collect();
        let (rules, caps) = caps.into_iter().unzip();
        let twins = Twins::new(&items, &kinds);
        let over = regions.over;
        let dims = problem.dims;
        Self { dims, items, kinds, caps, rules, conflicts, limits, ceilings, over, twins }
    }

    /// Pods to place, per item.
    pub(crate) fn demand(&self) -> Vec<u32> {
        self.items.iter().map(|item| item.demand).collect()
    }

    /// The region in which something with these domains stands; `None` when no kind stands in one
    /// like it.
    pub(crate) fn region(&self, domains: &[u32]) -> Option<u32> {
        let over = ceilings::over(&self.ceilings, domains, false);
        self.over.iter().position(|other| *other == over).map(|region| region as u32)
    }

    /// Whether every item that is still to be placed fits a kind that can be bought.
    pub(crate) fn is_sellable(&self) -> bool {
        let offers = |item: usize| {
            let mut for_sale =
                self.kinds.iter().filter(|kind| matches!(kind.source, Source::Offerings(_)));
            for_sale.any(|kind| kind.items.contains(item))
        };
        self.items.iter().enumerate().all(|(at, item)| item.demand == 0 || offers(at))
    }

    /// Whether the two views come to different cores.
    pub(crate) fn views_differ(problem: &Problem) -> bool {
        let tier = problem.offerings.first().map(|offering| offering.tier);
        problem.offerings.iter().any(|offering| Some(offering.tier) != tier)
            || !problem.preferences.is_empty()
            || !problem.flexibilities.is_empty()
            || problem.spreads.iter().any(|spread| {
                let all_cap = || spread.groups.iter().all(|&group| caps(problem, spread, group));
                spread.key != NODE_KEY || (spread.cost.is_none() && !all_cap())
            })
            || problem.exclusions.iter().any(|exclusion| exclusion.key != NODE_KEY)
            || problem.affinities.iter().any(|affinity| affinity.keys != [NODE_KEY])
    }

    /// What one node with a pattern costs, unmet preferences included.
    pub(crate) fn cost(&self, kind: u32, pattern: &[(u32, u32)]) -> Money {
        let kind = &self.kinds[kind as usize];
        if kind.penalties.is_empty() {
            return kind.price;
        }
        let penalty =
            |&(item, pods): &(u32, u32)| kind.penalties[item as usize].saturating_mul(pods.into());
        pattern.iter().map(penalty).fold(kind.price, Money::saturating_add)
    }
}

/// Per group, the tightest rule on how many pods like it share a node, and how many they are. Rules
/// that follow from constraints between domains are left out where they tell too many pods apart
/// that ask the same.
fn rules(problem: &Problem, parts: &Parts, view: View) -> Vec<Option<(Rule, u32)>> {
    let by_node = rules_by_node(problem, view);
    let on_one_node = ceilings::on_one_node(problem, parts);
    if on_one_node.is_empty() {
        return by_node;
    }
    let mut all = by_node.clone();
    for OnOneNode { rule, groups, most } in on_one_node {
        for group in groups {
            let old = &mut all[group as usize];
            if old.is_none_or(|(_, old)| most < old) {
                *old = Some((rule, most));
            }
        }
    }
    let (wants, none) = (view.wants(problem), Ceilings::default());
    let count = |rules: &[_]| items(problem, parts, rules, &wants, &none).items.len();
    let few = MANY_ITEMS.max(count(&by_node) * 2);
    if count(&all) <= few { all } else { by_node }
}

/// The same for constraints that look at single nodes.
fn rules_by_node(problem: &Problem, view: View) -> Vec<Option<(Rule, u32)>> {
    let mut rules = vec![None; problem.groups.len()];
    for (at, spread) in problem.spreads.iter().enumerate() {
        if spread.key == NODE_KEY && spread.cost.is_none() {
            let rule = Some((Rule::Spread(at as u32), spread.max_skew));
            let capped = |&group: &u32| view == View::Plan || caps(problem, spread, group);
            let capped: Vec<u32> = spread.groups.iter().copied().filter(capped).collect();
            tighten(problem, &mut rules, &capped, spread.set, rule);
        }
    }
    for &(a, b) in &problem.conflicts {
        if a == b {
            rules[a as usize] = Some((Rule::Port(a), 1));
        }
    }
    for (at, exclusion) in problem.exclusions.iter().enumerate() {
        if exclusion.key == NODE_KEY && exclusion.cost.is_none() {
            let rule = Some((Rule::Exclusion(at as u32), 1));
            tighten(problem, &mut rules, &exclusion.groups, exclusion.set, rule);
        }
    }
    rules
}

/// Whether a spread by node allows no host more pods of its set than its skew where a group's pods
/// are. It must count all that may host the group, and its minimum must be 0: it is not where there
/// are `min_domains` hosts with a pod of the set each, so with fewer pods than that it is.
fn caps(problem: &Problem, spread: &Spread, group: u32) -> bool {
    problem.pods_in(spread.set) < spread.min_domains.into() && is_counted(problem, spread, group)
}

/// Whether a spread counts all that may host a group.
fn is_counted(problem: &Problem, spread: &Spread, group: u32) -> bool {
    let class = problem.class_of(group);
    class.offerings.is_subset(&spread.counted_offerings)
        && class.nodes.is_subset(&spread.counted_nodes)
}

/// Gives a rule to the groups that state it and are counted by it.
fn tighten(
    problem: &Problem,
    rules: &mut [Option<(Rule, u32)>],
    groups: &[u32],
    set: u32,
    rule: Option<(Rule, u32)>,
) {
    let most = |rule: Option<(Rule, u32)>| rule.map_or(u32::MAX, |(_, most)| most);
    for &group in groups {
        let old = &mut rules[group as usize];
        if problem.sets[set as usize].groups.contains(group as usize) && most(rule) <= most(*old) {
            *old = rule;
        }
    }
}

/// Per group, its preferences: (class, cost per pod).
type Wants = Vec<Vec<(u32, Money)>>;

fn wants(problem: &Problem) -> Wants {
    let mut wants = vec![Vec::new(); problem.groups.len()];
    for preference in &problem.preferences {
        for &group in &preference.groups {
            wants[group as usize].push((preference.class, preference.cost));
        }
    }
    if wants.iter().all(Vec::is_empty) { Vec::new() } else { wants }
}

/// What unmet preferences cost per pod of each item, where `met` says which classes are.
fn penalties(items: &[Item], wants: &Wants, met: impl Fn(u32) -> bool) -> Vec<Money> {
    if wants.is_empty() {
        return Vec::new();
    }
    let of = |item: &Item| {
        let wants = &wants[item.groups[0].0 as usize];
        wants.iter().filter(|(class, _)| !met(*class)).map(|(_, cost)| cost).sum()
    };
    items.iter().map(of).collect()
}

/// The constraints between domains that a bound heeds: those that tell apart domains which sell
/// different things, and the crowded ones, unless they tell too many pods apart that ask the same.
fn ceilings(
    problem: &Problem,
    parts: &Parts,
    rules: &[Option<(Rule, u32)>],
    crowded: &[Rule],
) -> Ceilings {
    let all = Ceilings::all(problem, parts, crowded);
    if all.is_empty() {
        return all;
    }
    let wants = Wants::new();
    let told = |ceilings: &Ceilings| items(problem, parts, rules, &wants, ceilings).items;
    let items = told(&all);
    let apart = all.write(problem, &items);
    let regions = Regions::new(problem, &apart);
    let kinds = kinds::offerings(problem, &items, parts, &wants, View::Bound, &regions);
    let telling = all.telling(problem, &kinds, &apart, &regions);
    let items = told(&telling);
    let telling = telling.binding(problem, &items);
    if telling.is_empty() {
        return telling;
    }
    let few = MANY_ITEMS.max(told(&Ceilings::default()).len() * 2);
    if told(&telling).len() <= few {
        return telling;
    }
    let telling = telling.without_crowds();
    if told(&telling).len() <= few { telling } else { Ceilings::default() }
}

struct Items {
    items: Vec<Item>,
    caps: Vec<(Rule, u32)>,
    /// The items of each group.
    item_of: Vec<Vec<u32>>,
}

fn items(
    problem: &Problem,
    parts: &Parts,
    rules: &[Option<(Rule, u32)>],
    wants: &Wants,
    ceilings: &Ceilings,
) -> Items {
    let mut index = FxHashMap::default();
    let mut cap_index: FxHashMap<Rule, u32> = FxHashMap::default();
    let mut caps = Vec::new();
    let mut items: Vec<Item> = Vec::new();
    let mut item_of = vec![Vec::new(); problem.groups.len()];
    for part in &parts.parts {
        let at = part.group as usize;
        let group = &problem.groups[at];
        let cap = rules[at].map(|(rule, most)| {
            *cap_index.entry(rule).or_insert_with(|| {
                caps.push((rule, most));
                caps.len() as u32 - 1
            })
        });
        let under = ceilings.of_group(part.group);
        let key = (&group.request, group.class, part.place, cap, wants.get(at), under);
        let item = *index.entry(key).or_insert_with(|| {
            items.push(Item {
                request: group.request.clone(),
                demand: 0,
                class: group.class,
                place: part.place,
                groups: Vec::new(),
                cap,
            });
            items.len() - 1
        });
        items[item].demand = items[item].demand.saturating_add(part.pods);
        items[item].groups.push((part.group, part.pods));
        item_of[at].push(item as u32);
    }
    Items { items, caps, item_of }
}

/// Pairs of items of which no two pods share a node. A pair counts only when every group of the
/// one conflicts with every group of the other, so that nothing is forbidden that may be.
fn conflicts(problem: &Problem, items: &[Item], item_of: &[Vec<u32>]) -> Vec<Vec<u32>> {
    let mut pairs: FxHashMap<(u32, u32), u64> = FxHashMap::default();
    let mut seen: FxHashMap<(u32, u32), ()> = FxHashMap::default();
    let mut note = |a: u32, b: u32| {
        if seen.insert((a.min(b), a.max(b)), ()).is_some() {
            return;
        }
        for &x in &item_of[a as usize] {
            for &y in item_of[b as usize].iter().filter(|&&y| y != x) {
                *pairs.entry((x.min(y), x.max(y))).or_default() += 1;
            }
        }
    };
    for &(a, b) in &problem.conflicts {
        note(a, b);
    }
    for exclusion in &problem.exclusions {
        if exclusion.key != NODE_KEY || exclusion.cost.is_some() {
            continue;
        }
        let set = &problem.sets[exclusion.set as usize].groups;
        for &group in &exclusion.groups {
            for other in set.iter() {
                note(group, other as u32);
            }
        }
    }
    let mut conflicts = vec![Vec::new(); items.len()];
    for ((x, y), count) in pairs {
        let (one, other) = (&items[x as usize], &items[y as usize]);
        let every = one.groups.len() as u64 * other.groups.len() as u64;
        // Items under one cap exclude each other already.
        if count == every && (one.cap.is_none() || one.cap != other.cap) {
            conflicts[x as usize].push(y);
            conflicts[y as usize].push(x);
        }
    }
    conflicts.iter_mut().for_each(|list| list.sort_unstable());
    conflicts
}

/// How many pods of an item an empty node of a kind holds, at most its demand.
pub(crate) fn most(core: &Core, item: &Item, kind: &Kind) -> u32 {
    let cap = item.cap.map_or(u32::MAX, |cap| core.caps[cap as usize]);
    let most = item.demand.min(cap);
    times(&item.request, &kind.capacity).min(most.into()) as u32
}

/// How many times a request fits into what there is; without end when it asks for nothing.
fn times(request: &[i64], room: &[i64]) -> u64 {
    let asked = request.iter().zip(room).filter(|(ask, _)| **ask > 0);
    asked.map(|(ask, room)| (room / ask).max(0) as u64).min().unwrap_or(u64::MAX)
}
