//! Many existing nodes, hardly two of them alike.
//!
//! Each would need a row of its own in the master, and the master would be slow. So nodes that are
//! nearly alike are taken together, as so many nodes of their average room. The dual prices of this
//! blurred core are close to those of the true one; bounds are worked out anew with the true nodes
//! ([`worth`]), and plans fill the true nodes one by one with what the relaxation gave to their
//! cluster ([`fill`]), before the rest is bought.

use rayon::prelude::*;

use crate::{
    BitSet,
    columns::{duals::Duals, generate::Root, master::Master, pool::Column},
    effort::Budget,
    pattern::{Ask, Exact, Pattern, Pricer},
    presolve::{Core, Kind, Source, twins::Twins},
};

/// More kinds of existing nodes than this are taken together for the bound: each has a row of its
/// own otherwise, and the bound is the closer for it.
pub(crate) const MANY: usize = 24;
/// More than this are filled before the rest is bought, in one turn of the search for plans and in
/// the next. With more than the first number there are no branchings either: every branch is proven
/// with every node, and the proofs came seconds after the end of the search.
pub(crate) const TOO_MANY: usize = 400;
pub(crate) const FEW: usize = 4;
/// How many clusters there are at most for each kind of place.
const CLUSTERS: usize = 8;
/// Branches per pricing of a node.
const NODES: u32 = 32;
/// What the relaxation gave to a cluster is put on a node unless something else is worth this much
/// more.
const LOYALTY: f64 = 0.97;

/// A core whose existing nodes are taken together.
pub(crate) struct Blurred {
    pub core: Core,
    /// Per kind of existing nodes, the kinds of the true core that it stands for.
    pub members: Vec<Vec<u32>>,
}

impl Blurred {
    /// `None` when there are no more than `few` kinds of existing nodes.
    pub(crate) fn new(core: &Core, few: usize) -> Option<Self> {
        let nodes = existing(core);
        if nodes <= few {
            return None;
        }
        let members = clusters(core, nodes);
        let mut kinds: Vec<Kind> = members.iter().map(|members| average(core, members)).collect();
        kinds.extend_from_slice(&core.kinds[nodes..]);
        let twins = Twins::new(&core.items, &kinds);
        Some(Self { core: Core { kinds, twins, ..core.clone() }, members })
    }
}

/// How many kinds of existing nodes there are; they come first.
pub(crate) fn existing(core: &Core) -> usize {
    core.kinds.iter().take_while(|kind| matches!(kind.source, Source::Nodes(_))).count()
}

/// The core without existing nodes, for what remains to be placed.
pub(crate) fn without_nodes(core: &Core, left: &[u32]) -> Core {
    let mut rest = core.clone();
    rest.kinds.drain(..existing(core));
    rest.twins = Twins::new(&rest.items, &rest.kinds);
    for (item, &left) in rest.items.iter_mut().zip(left) {
        item.demand = left;
    }
    rest
}

/// Splits the kinds of existing nodes along the dimension in which they differ most, the worst
/// cluster first. Kinds in different places are never together.
fn clusters(core: &Core, nodes: usize) -> Vec<Vec<u32>> {
    let mut clusters: Vec<Vec<u32>> = Vec::new();
    let mut homes = Vec::new();
    for (at, kind) in core.kinds[..nodes].iter().enumerate() {
        let home = (home(core, kind), &kind.penalties, kind.region);
        match homes.iter().position(|other| *other == home) {
            Some(cluster) => clusters[cluster].push(at as u32),
            None => {
                homes.push(home);
                clusters.push(vec![at as u32]);
            }
        }
    }
    let largest: Vec<i64> = (0..core.dims)
        .map(|dim| core.kinds[..nodes].iter().map(|kind| kind.capacity[dim]).max().unwrap_or(0))
        .collect();
    let most = MANY.max(clusters.len() * CLUSTERS).min(4 * MANY).min(nodes / 2);
    while clusters.len() < most {
        let widths = clusters.iter().enumerate().map(|(at, cluster)| {
            let (width, dim) = widest(core, cluster, &largest);
            (width * cluster.len() as f64, at, dim)
        });
        let Some((width, at, dim)) = widths.max_by(|a, b| a.0.total_cmp(&b.0)) else { break };
        if width == 0.0 {
            break;
        }
        let mut cluster = std::mem::take(&mut clusters[at]);
        cluster.sort_by_key(|&kind| (core.kinds[kind as usize].capacity[dim], kind));
        let upper = cluster.split_off(cluster.len() / 2);
        clusters[at] = cluster;
        clusters.push(upper);
    }
    clusters
}

/// Which classes in which places a kind hosts, as far as it has room for any pod of theirs.
fn home(core: &Core, kind: &Kind) -> Vec<(u32, Option<u32>)> {
    let items = kind.items.iter().map(|item| &core.items[item]);
    let mut homes: Vec<(u32, Option<u32>)> = items.map(|item| (item.class, item.place)).collect();
    homes.sort_unstable();
    homes.dedup();
    homes
}

/// How far the nodes of a cluster differ, as a share of the largest room, and in which dimension.
fn widest(core: &Core, cluster: &[u32], largest: &[i64]) -> (f64, usize) {
    let width = |(dim, &largest): (usize, &i64)| {
        let room = cluster.iter().map(|&kind| core.kinds[kind as usize].capacity[dim]);
        let width = room.clone().max().unwrap_or(0) - room.min().unwrap_or(0);
        (width as f64 / (largest as f64).max(1.0), dim)
    };
    let widths = largest.iter().enumerate().map(width);
    widths.max_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or((0.0, 0))
}

fn average(core: &Core, members: &[u32]) -> Kind {
    let kinds = || members.iter().map(|&kind| &core.kinds[kind as usize]);
    let most: u32 = kinds().map(|kind| kind.most).sum();
    let mean = |dim: usize| {
        let sum = kinds().map(|kind| i128::from(kind.capacity[dim]) * i128::from(kind.most));
        // A mean lies between what it is the mean of.
        (sum.sum::<i128>() / i128::from(most.max(1))) as i64
    };
    let capacity: Vec<i64> = (0..core.dims).map(mean).collect();
    let mut items = BitSet::empty(core.items.len());
    kinds().for_each(|kind| items.union_with(&kind.items));
    let fits = |&item: &usize| {
        core.items[item].request.iter().zip(&capacity).all(|(ask, have)| *ask == 0 || ask <= have)
    };
    let items = BitSet::from_indices(core.items.len(), items.iter().filter(fits));
    let nodes = kinds().flat_map(|kind| match &kind.source {
        Source::Nodes(nodes) | Source::Offerings(nodes) => nodes.iter().copied(),
    });
    Kind {
        source: Source::Nodes(nodes.collect()),
        penalties: core.kinds[members[0] as usize].penalties.clone(),
        region: core.kinds[members[0] as usize].region,
        price: 0,
        limits: Vec::new(),
        capacity,
        most,
        items,
    }
}

/// What the existing nodes of a core are worth at most at these dual prices.
pub(crate) fn worth(core: &Core, pricers: &[Pricer], duals: &Duals, budget: &mut Budget) -> f64 {
    let demand = core.demand();
    let nodes = existing(core);
    let profits = duals.profits(core);
    let priced: Vec<(f64, u32)> = (core.kinds[..nodes].par_iter().zip(pricers))
        .map(|(kind, pricer)| {
            let priced = pricer.price(&ask(profits.on(kind), &demand));
            (priced.bound * f64::from(kind.most), priced.nodes)
        })
        .collect();
    budget.prices(priced.iter().map(|(_, nodes)| u64::from(*nodes)).sum());
    priced.iter().map(|(worth, _)| worth).sum()
}

fn ask<'a>(profits: &'a [f64], limits: &'a [u32]) -> Ask<'a> {
    Ask { profits, limits, enough: 0.0, nodes: NODES, keep: 1, exact: Exact::No }
}

/// Fills the true nodes as the relaxation of the blurred core has it: what stands on each, and what
/// remains to be placed.
pub(crate) fn fill(
    core: &Core,
    blurred: &Blurred,
    root: &Root<'_>,
    budget: &mut Budget,
) -> (Vec<(Column, u32)>, Vec<u32>) {
    let mut master = root.master.clone();
    let mut filled = Vec::new();
    for (cluster, members) in blurred.members.iter().enumerate() {
        if !master.solve(budget) {
            break;
        }
        let duals = master.duals();
        let mut given = given(core, root, &master, cluster as u32);
        for &kind in members {
            let of = &core.kinds[kind as usize];
            let pricer = Pricer::new(core, of);
            for _ in 0..of.most {
                let pattern = pattern(&pricer, &duals, &given, master.demand(), budget);
                for &(item, pods) in &pattern {
                    given[item as usize] -= f64::from(pods);
                }
                master.fix(&Column { kind: cluster as u32, pattern: pattern.clone() }, 1);
                if !pattern.is_empty() {
                    filled.push((Column { kind, pattern }, 1));
                }
            }
        }
    }
    (filled, master.demand().to_vec())
}

/// What the relaxation gives to a cluster, per item.
fn given(core: &Core, root: &Root<'_>, master: &Master<'_>, cluster: u32) -> Vec<f64> {
    let mut given = vec![0.0; core.items.len()];
    for (_, at, value) in master.used() {
        let column = root.pool.get(at);
        if column.kind == cluster {
            for &(item, pods) in &column.pattern {
                given[item as usize] += value * f64::from(pods);
            }
        }
    }
    given
}

/// The best pattern of what a cluster was given, or of all that remains when that is much better.
fn pattern(
    pricer: &Pricer,
    duals: &[f64],
    given: &[f64],
    demand: &[u32],
    budget: &mut Budget,
) -> Pattern {
    // A cast saturates, so what was overdrawn counts as nothing.
    let limits = given.iter().map(|given| (given - 1e-6).ceil() as u32);
    let limits: Vec<u32> = limits.zip(demand).map(|(given, &left)| given.min(left)).collect();
    let mut best = |limits: &[u32]| {
        let mut priced = pricer.price(&ask(duals, limits));
        budget.prices(priced.nodes.into());
        (!priced.patterns.is_empty()).then(|| priced.patterns.swap_remove(0))
    };
    let (loyal, free) = (best(&limits), best(demand));
    match (loyal, free) {
        (Some(loyal), Some(free)) if loyal.0 >= LOYALTY * free.0 => loyal.1,
        (loyal, free) => free.or(loyal).map(|(_, pattern)| pattern).unwrap_or_default(),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use crate::{
        BitSet, Engine, Options, Problem, Solution, certify, check,
        problem::{Class, Group, Node, Offering},
        verify,
    };

    /// Three zones that sell the same four sizes, to pods of one class, beside these nodes.
    pub(crate) fn with_nodes(groups: Vec<Group>, nodes: Vec<Node>) -> Problem {
        let offering = |zone: u32, size: i64| Offering {
            capacity: vec![1_900 * size, 5_500 * size],
            price: 100_000 * size - 1_000 * size * size,
            tier: 0,
            domains: vec![zone],
            limits: vec![],
        };
        let zones = (0..3).flat_map(|zone| [1, 2, 4, 8].map(|size| offering(zone, size)));
        let class = Class { offerings: BitSet::full(12), nodes: BitSet::full(nodes.len()) };
        Problem {
            dims: 2,
            keys: vec![3],
            groups,
            classes: vec![class],
            offerings: zones.collect(),
            nodes,
            ..Problem::default()
        }
    }

    /// What the columns find with so much work: a plan that is right, and proven to nine tenths.
    pub(crate) fn proven(problem: &Problem, effort: u64) -> Solution {
        let options = Options { engine: Engine::Columns, effort, ..Options::default() };
        let (solution, certificate) = certify(problem, &options, &mut |_| {});
        assert_eq!(check(problem, &solution), []);
        let proven = verify(problem, &solution, &certificate.unwrap()).unwrap();
        assert!(proven <= solution.bound && solution.bound <= solution.cost);
        assert!(proven as f64 > 0.9 * solution.cost as f64, "{proven} {}", solution.cost);
        solution
    }

    #[test]
    fn nodes_taken_together_give_plans_and_bounds_for_the_true_ones() {
        // Forty nodes, all different, that hold about half of the pods.
        let nodes = (0..40i64).map(|at| Node {
            free: vec![900 + 97 * (at * 7 % 40), 2_000 + 211 * (at * 11 % 40)],
            domains: vec![at as u32 % 3],
        });
        let groups = (0..12i64).map(|at| Group {
            request: vec![150 + 90 * at, 300 + 170 * (at * 5 % 12)],
            count: 20,
            priority: 0,
            class: 0,
        });
        let problem = with_nodes(groups.collect(), nodes.collect());
        assert!(proven(&problem, 300_000).unplaced.is_empty());
    }

    /// Nodes with room for half a dozen pods, all different.
    fn standing(nodes: i64) -> Problem {
        let nodes = (0..nodes).map(|at| Node {
            free: vec![900 + 97 * (at * 7 % 41), 2_000 + 11 * (at * 11 % 809)],
            domains: vec![at as u32 % 3],
        });
        let groups = (0..12i64).map(|at| Group {
            request: vec![150 + 90 * at, 300 + 170 * (at * 5 % 12)],
            count: 400,
            priority: 0,
            class: 0,
        });
        with_nodes(groups.collect(), nodes.collect())
    }

    #[test]
    fn branches_are_for_clusters_in_which_they_can_be_proven_soon() {
        let splits = |nodes: i64| {
            let options =
                Options { engine: Engine::Columns, effort: 500_000, ..Options::default() };
            let (_, certificate) = certify(&standing(nodes), &options, &mut |_| {});
            certificate.unwrap().tree.len() / 2
        };
        assert!(splits(100) > 0);
        assert_eq!(splits(500), 0);
    }
}
