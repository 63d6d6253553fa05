//! What is to be placed: items, and which of them keep off each other's nodes.

use crate::{
    BitSet, Problem, Solution,
    certificate::{
        Cap, Certificate, Fault, Rule, ascending, at,
        ceiling::{Roof, is_alone, keeps_to, most_in_one},
    },
    problem::{Exclusion, NO_DOMAIN, NODE_KEY, Spread},
};

/// The items of a certificate, looked up in the problem.
pub(super) struct Demand<'a> {
    pub items: Vec<Item<'a>>,
    /// How many pods each cap lets on a node.
    pub caps: Vec<u32>,
    /// What each ceiling lets into some domains.
    pub roofs: Vec<Roof>,
    /// What the pods of all items ask together, per dimension.
    pub load: Vec<i128>,
    /// What divides every request, per dimension; 0 where nobody asks for anything.
    pub unit: Vec<i64>,
}

/// Pods that one price stands for.
pub(super) struct Item<'a> {
    pub request: &'a [i64],
    pub class: u32,
    /// Pods to place.
    pub pods: i64,
    /// The caps that it is under.
    pub caps: Vec<u32>,
    /// Items that keep off its nodes.
    pub rivals: Vec<u32>,
}

impl<'a> Demand<'a> {
    pub(super) fn new(
        problem: &'a Problem,
        solution: &Solution,
        certificate: &Certificate,
    ) -> Result<Self, Fault> {
        let placed = placed(problem, solution)?;
        let items = items(problem, &placed, certificate)?;
        let mut load = vec![0i128; problem.dims];
        let mut unit = vec![0i64; problem.dims];
        for item in items.iter().filter(|item| item.pods > 0) {
            for (dim, &ask) in item.request.iter().enumerate() {
                // A request is below 2^61 and pods below 2^63, so a product stays below 2^124.
                let all = i128::from(ask) * i128::from(item.pods);
                load[dim] = load[dim].checked_add(all).ok_or(Fault::Overflow)?;
                unit[dim] = common(unit[dim], ask);
            }
        }
        let roofs = roofs(problem, &placed, certificate)?;
        let mut demand = Self { items, caps: Vec::new(), roofs, load, unit };
        demand.add_caps(problem, &placed, certificate)?;
        demand.add_rivals(problem, certificate)?;
        Ok(demand)
    }

    fn add_caps(
        &mut self,
        problem: &Problem,
        placed: &[u32],
        certificate: &Certificate,
    ) -> Result<(), Fault> {
        for (index, cap) in (0u32..).zip(&certificate.caps) {
            ascending("item", cap.items.iter().copied(), self.items.len())?;
            let most = most(problem, placed, certificate, cap)?.ok_or(Fault::Cap { cap: index })?;
            self.caps.push(most);
            for &item in &cap.items {
                self.items[item as usize].caps.push(index);
            }
        }
        Ok(())
    }

    fn add_rivals(&mut self, problem: &Problem, certificate: &Certificate) -> Result<(), Fault> {
        if certificate.conflicts.is_empty() {
            return Ok(());
        }
        let stated = stated(problem);
        for &(a, b) in &certificate.conflicts {
            let one = at(&certificate.items, "item", a)?;
            let other = at(&certificate.items, "item", b)?;
            let apart = |&g: &u32| one.iter().all(|&h| keep_apart(problem, &stated, g, h));
            if a == b || !other.iter().all(apart) {
                return Err(Fault::Conflict { items: (a, b) });
            }
            self.items[a as usize].rivals.push(b);
            self.items[b as usize].rivals.push(a);
        }
        Ok(())
    }
}

fn roofs(problem: &Problem, placed: &[u32], certificate: &Certificate) -> Result<Vec<Roof>, Fault> {
    let roof = |(index, ceiling)| {
        let roof = Roof::new(problem, placed, certificate, ceiling)?;
        roof.ok_or(Fault::Ceiling { ceiling: index })
    };
    (0u32..).zip(&certificate.ceilings).map(roof).collect()
}

/// The greatest number that divides both (Euclid).
fn common(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { common(b, a % b) }
}

/// Pods that the solution places, per group.
fn placed(problem: &Problem, solution: &Solution) -> Result<Vec<u32>, Fault> {
    let mut placed = vec![0u32; problem.groups.len()];
    let launches = solution.launches.iter().map(|launch| (&launch.pods, launch.copies));
    let placements = solution.placements.iter().map(|placement| (&placement.pods, 1));
    for (pods, copies) in launches.chain(placements) {
        for &(group, count) in pods {
            let there = at(&problem.groups, "group", group)?.count;
            let sum = &mut placed[group as usize];
            let all = count.checked_mul(copies).and_then(|all| sum.checked_add(all));
            *sum = all.filter(|all| *all <= there).ok_or(Fault::Placed { group })?;
        }
    }
    Ok(placed)
}

fn items<'a>(
    problem: &'a Problem,
    placed: &[u32],
    certificate: &Certificate,
) -> Result<Vec<Item<'a>>, Fault> {
    let mut seen = BitSet::empty(problem.groups.len());
    let mut items = Vec::with_capacity(certificate.items.len());
    for (index, groups) in (0u32..).zip(&certificate.items) {
        let first = *groups.first().ok_or(Fault::Length {
            object: "an item's groups",
            found: 0,
            expected: 1,
        })?;
        let alike = at(&problem.groups, "group", first)?;
        let mut pods = 0i64;
        for &group in groups {
            let other = at(&problem.groups, "group", group)?;
            if seen.contains(group as usize) {
                return Err(Fault::Repeated { object: "group", index: group });
            }
            seen.insert(group as usize);
            if other.request != alike.request || other.class != alike.class {
                return Err(Fault::Item { item: index, group });
            }
            let more = i64::from(placed[group as usize]);
            pods = pods.checked_add(more).ok_or(Fault::Overflow)?;
        }
        items.push(Item {
            request: &alike.request,
            class: alike.class,
            pods,
            caps: Vec::new(),
            rivals: Vec::new(),
        });
    }
    Ok(items)
}

/// How many pods of the cap's items can share a node by its rule; `None` when that is not said.
///
/// Every pod passes its filters as the last one, so a pod of a group that states an exclusion has
/// no other pod of the set on its node. When all groups both state it and are in the set, that is
/// any two pods, those of one group among them.
///
/// A node that holds a pod of a group that states a spread by node holds no more of the set than
/// its skew when the node is counted, which all that accept the group must be, and the emptiest
/// node is empty. Were it not, there would be a pod of the set on each of `min_domains` nodes or
/// more, so there must be fewer pods than that.
///
/// A node stands in one domain at most. What a spread or an exclusion by domain lets into any one
/// domain is therefore all that it lets on any node: pods under a spread go nowhere else, and pods
/// under an exclusion must find nothing to go to without a domain.
fn most(
    problem: &Problem,
    placed: &[u32],
    certificate: &Certificate,
    cap: &Cap,
) -> Result<Option<u32>, Fault> {
    let mut groups = cap.items.iter().flat_map(|&item| &certificate.items[item as usize]);
    let (holds, most) = match cap.rule {
        Rule::Exclusion(index) => {
            let exclusion = at(&problem.exclusions, "exclusion", index)?;
            let parts_hosts = |&group: &u32| {
                is_alone(problem, exclusion, group)
                    && (exclusion.key == NODE_KEY || is_in_domains(problem, group, exclusion.key))
            };
            (exclusion.cost.is_none() && groups.all(parts_hosts), 1)
        }
        Rule::Port(group) => {
            let stated = problem.conflicts.binary_search(&(group, group)).is_ok();
            (stated && groups.all(|&other| other == group), 1)
        }
        Rule::Spread(index) => {
            let spread = at(&problem.spreads, "spread", index)?;
            let kept = spread.cost.is_none() && groups.all(|&g| keeps_to(problem, spread, g));
            let (holds, most) = on_a_node(problem, placed, spread);
            (kept && holds, most)
        }
    };
    Ok(holds.then_some(most))
}

/// Whether a spread says how many pods of groups that state it share a node, and how many.
fn on_a_node(problem: &Problem, placed: &[u32], spread: &Spread) -> (bool, u32) {
    if spread.key == NODE_KEY {
        return (problem.pods_in(spread.set) < u64::from(spread.min_domains), spread.max_skew);
    }
    (true, u32::try_from(most_in_one(problem, placed, spread)).unwrap_or(u32::MAX))
}

/// Whether all that may host a group is in some domain of a key.
fn is_in_domains(problem: &Problem, group: u32, key: u8) -> bool {
    let class = problem.class_of(group);
    let at = usize::from(key);
    class.offerings.iter().all(|member| problem.offerings[member].domains[at] != NO_DOMAIN)
        && class.nodes.iter().all(|member| problem.nodes[member].domains[at] != NO_DOMAIN)
}

/// Whether the exclusion keeps pods off each other's nodes, with no way out.
fn parts_nodes(exclusion: &Exclusion) -> bool {
    exclusion.key == NODE_KEY && exclusion.cost.is_none()
}

/// Per group, the exclusions by node that it states.
fn stated(problem: &Problem) -> Vec<Vec<u32>> {
    let mut stated = vec![Vec::new(); problem.groups.len()];
    for exclusion in problem.exclusions.iter().filter(|exclusion| parts_nodes(exclusion)) {
        for &group in &exclusion.groups {
            stated[group as usize].push(exclusion.set);
        }
    }
    stated
}

/// Whether pods of two different groups never share a node: a conflict of theirs, or an exclusion
/// that one of them states and whose set holds the other.
fn keep_apart(problem: &Problem, stated: &[Vec<u32>], a: u32, b: u32) -> bool {
    let excludes = |one: u32, other: u32| {
        let mut sets = stated[one as usize].iter();
        sets.any(|&set| problem.sets[set as usize].groups.contains(other as usize))
    };
    problem.conflicts.binary_search(&(a.min(b), a.max(b))).is_ok()
        || excludes(a, b)
        || excludes(b, a)
}
