//! What ties pods together: places that they could share, constraints that name them, limits.

use rustc_hash::FxHashMap;

use crate::{
    BitSet, Problem,
    problem::{NODE_KEY, Spread, fits},
};

/// Groups with pods that hang together, ascending, in the order of their first groups. Those that no
/// place holds are with the first.
pub(super) fn lots(problem: &Problem) -> Vec<Vec<u32>> {
    let shapes = shapes(problem);
    let mut links = Links::new(problem.groups.len() + problem.limits.len());
    for shape in &shapes {
        links.tie(shape.groups.iter().map(|&group| group as usize));
    }
    tie_constraints(problem, &mut links);
    let mut housed = vec![false; shapes.len()];
    tie_places(problem, &shapes, &mut links, &mut housed);
    let homeless = shapes.iter().zip(&housed).filter(|(_, housed)| !**housed);
    let homeless: Vec<u32> =
        homeless.filter_map(|(shape, _)| shape.groups.first()).copied().collect();
    let first = shapes.first().and_then(|shape| shape.groups.first()).copied();
    links.tie(homeless.into_iter().chain(first).map(|group| group as usize));
    let mut lots: FxHashMap<usize, Vec<u32>> = FxHashMap::default();
    for shape in &shapes {
        for &group in &shape.groups {
            lots.entry(links.root(group as usize)).or_default().push(group);
        }
    }
    let mut lots: Vec<Vec<u32>> = lots.into_values().collect();
    lots.iter_mut().for_each(|groups| groups.sort_unstable());
    lots.sort_unstable();
    lots
}

/// Groups with pods that the same places hold.
struct Shape<'a> {
    request: &'a [i64],
    class: u32,
    groups: Vec<u32>,
}

fn shapes(problem: &Problem) -> Vec<Shape<'_>> {
    let mut index = FxHashMap::default();
    let mut shapes: Vec<Shape<'_>> = Vec::new();
    for (at, group) in (0u32..).zip(&problem.groups).filter(|(_, group)| group.count > 0) {
        let (request, class) = (group.request.as_slice(), group.class);
        let shape = *index.entry((request, class)).or_insert_with(|| {
            shapes.push(Shape { request, class, groups: Vec::new() });
            shapes.len() - 1
        });
        shapes[shape].groups.push(at);
    }
    shapes
}

/// Disjoint sets of groups and limits (union-find with path halving).
struct Links(Vec<usize>);

impl Links {
    fn new(count: usize) -> Self {
        Self((0..count).collect())
    }

    fn root(&mut self, mut of: usize) -> usize {
        while self.0[of] != of {
            self.0[of] = self.0[self.0[of]];
            of = self.0[of];
        }
        of
    }

    fn tie(&mut self, all: impl IntoIterator<Item = usize>) {
        let mut all = all.into_iter();
        let Some(first) = all.next() else { return };
        for other in all {
            let (a, b) = (self.root(first), self.root(other));
            self.0[a.max(b)] = a.min(b);
        }
    }

    fn is_one(&mut self, shapes: &[Shape<'_>]) -> bool {
        let mut roots = shapes.iter().map(|shape| self.root(shape.groups[0] as usize));
        let first = roots.next();
        roots.all(|root| Some(root) == first)
    }
}

fn tie_constraints(problem: &Problem, links: &mut Links) {
    let mut tie = |groups: &[u32], set: u32| {
        let set = problem.sets[set as usize].groups.iter();
        let all = groups.iter().map(|&group| group as usize).chain(set);
        links.tie(all.filter(|&group| problem.groups[group].count > 0));
    };
    for spread in &problem.spreads {
        tie(&spread.groups, spread.set);
    }
    for affinity in &problem.affinities {
        tie(&affinity.groups, affinity.set);
    }
    for exclusion in &problem.exclusions {
        tie(&exclusion.groups, exclusion.set);
    }
    for &(a, b) in &problem.conflicts {
        let both = [a as usize, b as usize];
        if both.iter().all(|&group| problem.groups[group].count > 0) {
            links.tie(both);
        }
    }
}

/// Ties the groups that could share an offering or a node, or a limit by way of their offerings;
/// until all are one.
fn tie_places(problem: &Problem, shapes: &[Shape<'_>], links: &mut Links, housed: &mut [bool]) {
    let spreads = Opened::all(problem);
    // Large offerings first, for these hold the most.
    let mut order: Vec<usize> = (0..problem.offerings.len()).collect();
    let size =
        |at: usize| problem.offerings[at].capacity.iter().map(|&c| i128::from(c)).sum::<i128>();
    order.sort_by_key(|&at| (std::cmp::Reverse(size(at)), at));
    for at in order {
        let offering = &problem.offerings[at];
        let own = |shape: &Shape<'_>| {
            problem.classes[shape.class as usize].offerings.contains(at)
                && fits(shape.request, &offering.capacity)
        };
        let here = tie_here(shapes, own, links, housed);
        let Some(first) = here else { continue };
        for &(limit, amount) in &offering.limits {
            if amount != 0 {
                links.tie([first, problem.groups.len() + limit as usize]);
            }
        }
        for spread in spreads.iter().filter(|spread| spread.is_opened_by(problem, at)) {
            links.tie([first, spread.group]);
        }
        if links.is_one(shapes) {
            return;
        }
    }
    for (at, node) in problem.nodes.iter().enumerate() {
        let own = |shape: &Shape<'_>| {
            problem.classes[shape.class as usize].nodes.contains(at)
                && fits(shape.request, &node.free)
        };
        tie_here(shapes, own, links, housed);
    }
}

/// Ties the groups of all shapes that a place holds; one of them.
fn tie_here(
    shapes: &[Shape<'_>],
    holds: impl Fn(&Shape<'_>) -> bool,
    links: &mut Links,
    housed: &mut [bool],
) -> Option<usize> {
    let mut first = None;
    for (shape, housed) in shapes.iter().zip(housed).filter(|(shape, _)| holds(shape)) {
        *housed = true;
        let group = shape.groups[0] as usize;
        links.tie([group, *first.get_or_insert(group)]);
    }
    first
}

/// A spread to which launches for others can add domains.
struct Opened<'a> {
    spread: &'a Spread,
    /// A group that the spread ties to all the others that it names.
    group: usize,
    /// Domains that count whatever is launched.
    domains: Option<BitSet>,
}

impl<'a> Opened<'a> {
    fn all(problem: &'a Problem) -> Vec<Self> {
        let has_pods = |group: &usize| problem.groups[*group].count > 0;
        let open = |spread: &'a Spread| {
            let set = &problem.sets[spread.set as usize];
            let mut named =
                spread.groups.iter().map(|&group| group as usize).chain(set.groups.iter());
            let group = named.find(has_pods)?;
            if spread.key != NODE_KEY {
                let domains = Some(known(problem, spread));
                return Some(Self { spread, group, domains });
            }
            // While there are fewer pods than hosts must have one, further hosts change nothing.
            let pods = problem.pods_in(spread.set);
            (pods >= spread.min_domains.into()).then_some(Self { spread, group, domains: None })
        };
        problem.spreads.iter().filter_map(open).collect()
    }

    /// Whether a launch of this offering counts as a domain that need not be there.
    fn is_opened_by(&self, problem: &Problem, offering: usize) -> bool {
        self.spread.counted_offerings.contains(offering)
            && self.domains.as_ref().is_none_or(|known| {
                let domain = problem.offerings[offering].domains[usize::from(self.spread.key)];
                (domain as usize) < known.universe() && !known.contains(domain as usize)
            })
    }
}

/// The domains of a spread that are listed, or have a counted node.
fn known(problem: &Problem, spread: &Spread) -> BitSet {
    let key = usize::from(spread.key);
    let nodes = spread.counted_nodes.iter().map(|node| problem.nodes[node].domains[key]);
    let count = problem.keys[key] as usize;
    let domains = nodes.chain(spread.domains.iter().copied()).map(|domain| domain as usize);
    BitSet::from_indices(count, domains.filter(|&domain| domain < count))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::{Affinity, Class, Exclusion, Group, Limit, Node, Offering, PodSet};

    /// Three groups, each with two offerings and a node of its own.
    fn problem() -> Problem {
        let group = |class| Group { request: vec![2], count: 3, priority: 0, class };
        let offering = |at: u32| Offering {
            capacity: vec![4],
            price: 10,
            tier: 0,
            domains: vec![at % 2],
            limits: vec![(at / 2, 1)],
        };
        let class = |at: usize| Class {
            offerings: BitSet::from_indices(6, [2 * at, 2 * at + 1]),
            nodes: BitSet::from_indices(3, [at]),
        };
        Problem {
            dims: 1,
            keys: vec![2],
            groups: (0..3).map(group).collect(),
            classes: (0..3).map(class).collect(),
            offerings: (0..6).map(offering).collect(),
            nodes: vec![Node { free: vec![2], domains: vec![0] }; 3],
            limits: vec![Limit { remaining: 9 }; 3],
            sets: vec![
                PodSet { groups: BitSet::from_indices(3, [0]), bound: vec![] },
                PodSet { groups: BitSet::from_indices(3, [2]), bound: vec![] },
            ],
            ..Problem::default()
        }
    }

    fn spread(key: u8, min_domains: u32) -> Spread {
        let counted_offerings = BitSet::from_indices(6, [0, 1, 2]);
        Spread { min_domains, counted_offerings, ..Spread::even(key, 2, 3, 6) }
    }

    fn lots_of(change: impl Fn(&mut Problem)) -> Vec<Vec<u32>> {
        let mut problem = problem();
        change(&mut problem);
        lots(&problem)
    }

    #[test]
    fn what_shares_nothing_is_apart() {
        assert_eq!(lots_of(|_| ()), [vec![0], vec![1], vec![2]]);
    }

    #[test]
    fn shared_places_and_limits_tie() {
        let apart = vec![vec![0, 1], vec![2]];
        assert_eq!(lots_of(|p| p.classes[0].offerings.insert(2)), apart);
        assert_eq!(lots_of(|p| p.classes[0].nodes.insert(1)), apart);
        assert_eq!(lots_of(|p| p.offerings[2].limits = vec![(0, 1)]), apart);
        assert_eq!(lots_of(|p| p.groups[1].class = 0), apart);
        // A place that is too small, and a limit of which nothing is taken, do not.
        let room = |p: &mut Problem| {
            p.classes[0].offerings.insert(2);
            p.offerings[2].capacity = vec![1];
            p.offerings[3].limits.push((0, 0));
        };
        assert_eq!(lots_of(room).len(), 3);
    }

    #[test]
    fn constraints_tie_whom_they_name() {
        let apart = vec![vec![0, 2], vec![1]];
        let affinity = Affinity { groups: vec![0], keys: vec![0], set: 1, cost: Some(1) };
        assert_eq!(lots_of(|p| p.affinities.push(affinity.clone())), apart);
        let exclusion = Exclusion { groups: vec![0], key: 0, set: 1, cost: None };
        assert_eq!(lots_of(|p| p.exclusions.push(exclusion.clone())), apart);
        assert_eq!(lots_of(|p| p.conflicts.push((0, 2))), apart);
        assert_eq!(lots_of(|p| p.spreads.push(Spread { set: 1, ..spread(0, 1) })), apart);
        // Whoever has no pods ties nobody.
        let empty = |p: &mut Problem| {
            p.exclusions.push(exclusion.clone());
            p.groups[2].count = 0;
        };
        assert_eq!(lots_of(empty), [vec![0], vec![1]]);
    }

    #[test]
    fn launches_that_add_domains_tie() {
        // Every domain of the key counts already.
        assert_eq!(lots_of(|p| p.spreads.push(spread(0, 1))).len(), 3);
        // The third offering's is one more; with a node there it counts anyway.
        let more = |p: &mut Problem| {
            p.spreads.push(Spread { domains: vec![1], ..spread(0, 1) });
            p.nodes.iter_mut().for_each(|node| node.domains = vec![1]);
        };
        assert_eq!(lots_of(more), [vec![0, 1], vec![2]]);
        assert_eq!(
            lots_of(|p| p.spreads.push(Spread { domains: vec![1], ..spread(0, 1) })).len(),
            3
        );
        // A host more is a domain more, unless there are too few pods for all hosts to matter.
        assert_eq!(lots_of(|p| p.spreads.push(spread(NODE_KEY, 1))), [vec![0, 1], vec![2]]);
        assert_eq!(lots_of(|p| p.spreads.push(spread(NODE_KEY, 4))).len(), 3);
    }

    #[test]
    fn whoever_fits_nowhere_is_with_the_first() {
        let large = |p: &mut Problem| p.groups[2].request = vec![9];
        assert_eq!(lots_of(large), [vec![0, 2], vec![1]]);
        assert_eq!(lots(&Problem::default()), Vec::<Vec<u32>>::new());
    }
}
