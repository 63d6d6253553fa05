use solver::BitSet;
use solver::Problem;
use solver::problem::{
    Affinity, Class, Exclusion, Flexibility, Group, Limit, NO_DOMAIN, NODE_KEY, Node, Offering,
    PodSet, Preference, Spread, Variety,
};

/// A small generator of random numbers (SplitMix64); the case number is its seed.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Between `low` and `high`, both included.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        low + (self.next() % (high - low + 1) as u64) as i64
    }

    pub fn index(&mut self, count: usize) -> usize {
        (self.next() % count.max(1) as u64) as usize
    }

    pub fn chance(&mut self, percent: u64) -> bool {
        self.next() % 100 < percent
    }

    pub fn subset(&mut self, count: usize, percent: u64) -> BitSet {
        BitSet::from_indices(count, (0..count).filter(|_| self.chance(percent)))
    }
}

/// Upper ends of what a problem holds.
#[derive(Clone, Copy)]
pub struct Size {
    pub groups: i64,
    pub pods_per_group: i64,
    /// Over all groups; counts are cut down to it.
    pub pods: u32,
    pub offerings: i64,
    pub nodes: i64,
    /// Of each kind.
    pub constraints: i64,
}

/// Small enough for the oracle to try everything.
pub const TINY: Size =
    Size { groups: 4, pods_per_group: 3, pods: 4, offerings: 3, nodes: 2, constraints: 2 };

/// A random problem that passes validation.
pub fn problem(random: &mut Random, size: Size) -> Problem {
    let mut problem = Problem {
        dims: random.between(1, 3) as usize,
        keys: (0..random.between(0, 2)).map(|_| random.between(1, 3) as u32).collect(),
        ..Problem::default()
    };
    problem.limits =
        (0..random.between(0, 1)).map(|_| Limit { remaining: random.between(-1, 12) }).collect();
    supply(random, size, &mut problem);
    demand(random, size, &mut problem);
    sets(random, &mut problem);
    for _ in 0..constraints(random, size) {
        spread(random, &mut problem);
    }
    for _ in 0..constraints(random, size) {
        affinity(random, &mut problem);
    }
    for _ in 0..constraints(random, size) {
        exclusion(random, &mut problem);
    }
    rules(random, size, &mut problem);
    problem
}

/// Some of the indices below `count`, each with a number from `low` to `high`.
fn some(random: &mut Random, count: usize, percent: u64, low: i64, high: i64) -> Vec<(u32, u32)> {
    let chosen = random.subset(count, percent);
    chosen.iter().map(|index| (index as u32, random.between(low, high) as u32)).collect()
}

/// Often none, so that the kinds are also seen alone.
fn constraints(random: &mut Random, size: Size) -> i64 {
    if random.chance(50) { 0 } else { random.between(1, size.constraints) }
}

fn supply(random: &mut Random, size: Size, problem: &mut Problem) {
    let dims = problem.dims;
    for _ in 0..random.between(0, size.offerings) {
        let roomy = random.between(1, 10);
        problem.offerings.push(Offering {
            capacity: (0..dims)
                .map(|_| random.between(-1, 0).max(random.between(0, roomy)))
                .collect(),
            price: random.between(0, 30),
            tier: u16::from(random.chance(10)),
            domains: domains(random, &problem.keys),
            limits: some(random, problem.limits.len(), 70, 0, 4)
                .into_iter()
                .map(|(limit, amount)| (limit, amount.into()))
                .collect(),
        });
    }
    for _ in 0..random.between(0, size.nodes) {
        problem.nodes.push(Node {
            free: (0..dims).map(|_| random.between(0, 6)).collect(),
            domains: domains(random, &problem.keys),
        });
    }
}

fn domains(random: &mut Random, keys: &[u32]) -> Vec<u32> {
    let domain = |&count: &u32| {
        if random.chance(8) { NO_DOMAIN } else { random.index(count as usize) as u32 }
    };
    keys.iter().map(domain).collect()
}

fn demand(random: &mut Random, size: Size, problem: &mut Problem) {
    let (offerings, nodes) = (problem.offerings.len(), problem.nodes.len());
    for _ in 0..random.between(1, 3) {
        let class =
            Class { offerings: random.subset(offerings, 85), nodes: random.subset(nodes, 85) };
        problem.classes.push(class);
    }
    let mut left = size.pods;
    for _ in 0..random.between(1, size.groups) {
        let count = (random.between(1, size.pods_per_group) as u32).min(left);
        left -= count;
        problem.groups.push(Group {
            request: (0..problem.dims).map(|_| random.between(0, 4)).collect(),
            count,
            priority: if random.chance(20) { random.between(-3, 5) as i32 } else { 0 },
            class: random.index(problem.classes.len()) as u32,
        });
    }
}

fn sets(random: &mut Random, problem: &mut Problem) {
    for _ in 0..random.between(1, 3) {
        let groups = random.subset(problem.groups.len(), 50);
        let bound = some(random, problem.nodes.len(), 20, 1, 2);
        problem.sets.push(PodSet { groups, bound });
    }
}

fn key(random: &mut Random, problem: &Problem) -> u8 {
    let key = random.index(problem.keys.len() + 1);
    if key == problem.keys.len() { NODE_KEY } else { key as u8 }
}

fn groups(random: &mut Random, problem: &Problem) -> Vec<u32> {
    let groups = random.subset(problem.groups.len(), 50);
    groups.iter().map(|group| group as u32).collect()
}

fn cost(random: &mut Random) -> Option<i64> {
    random.chance(30).then(|| random.between(0, 9))
}

fn spread(random: &mut Random, problem: &mut Problem) {
    let key = key(random, problem);
    let groups = groups(random, problem);
    let launchable = problem.offerings.iter().enumerate().filter(|(at, _)| {
        groups.iter().any(|&group| problem.class_of(group).offerings.contains(*at))
    });
    let mut domains: Vec<u32> = launchable
        .filter_map(|(_, offering)| offering.domains.get(usize::from(key)).copied())
        .filter(|&domain| domain != NO_DOMAIN)
        .collect();
    domains.sort_unstable();
    domains.dedup();
    let counted = if random.chance(70) { 100 } else { 50 };
    problem.spreads.push(Spread {
        groups,
        key,
        set: random.index(problem.sets.len()) as u32,
        max_skew: random.between(1, 2) as u32,
        min_domains: if random.chance(20) { random.between(2, 3) as u32 } else { 1 },
        domains,
        counted_nodes: random.subset(problem.nodes.len(), counted),
        counted_offerings: random.subset(problem.offerings.len(), counted),
        cost: cost(random),
    });
}

fn affinity(random: &mut Random, problem: &mut Problem) {
    let mut keys = vec![key(random, problem)];
    if random.chance(20) {
        keys.push(key(random, problem));
    }
    problem.affinities.push(Affinity {
        groups: groups(random, problem),
        keys,
        set: random.index(problem.sets.len()) as u32,
        cost: cost(random),
    });
}

fn exclusion(random: &mut Random, problem: &mut Problem) {
    problem.exclusions.push(Exclusion {
        groups: groups(random, problem),
        key: key(random, problem),
        set: random.index(problem.sets.len()) as u32,
        cost: cost(random),
    });
}

fn rules(random: &mut Random, size: Size, problem: &mut Problem) {
    for _ in 0..constraints(random, size) {
        let a = random.index(problem.groups.len()) as u32;
        let b = random.index(problem.groups.len()) as u32;
        problem.conflicts.push((a.min(b), a.max(b)));
    }
    problem.conflicts.sort_unstable();
    problem.conflicts.dedup();
    if random.chance(15) {
        let values = some(random, problem.offerings.len(), 80, 0, 3);
        problem.flexibilities.push(Flexibility { min: random.between(0, 3) as u32, values });
    }
    for _ in 0..constraints(random, size) {
        problem.preferences.push(Preference {
            groups: groups(random, problem),
            class: random.index(problem.classes.len()) as u32,
            cost: random.between(0, 9),
        });
    }
    if random.chance(30) {
        for _ in 0..random.between(1, 2) {
            variety(random, problem);
        }
    }
}

/// Some of the values may be on existing nodes already, more than there is room for included.
fn variety(random: &mut Random, problem: &mut Problem) {
    let used = if random.chance(50) { 0 } else { 30 };
    problem.varieties.push(Variety {
        most: random.between(0, 3) as u32,
        used: random.subset(5, used).iter().map(|value| value as u32).collect(),
        values: some(random, problem.offerings.len(), 85, 0, 3),
    });
}

#[test]
fn random_problems_pass_validation() {
    for case in 0..2_000 {
        let problem = problem(&mut Random::new(case), TINY);
        assert_eq!(solver::validate::validate(&problem), Ok(()), "case {case}");
    }
}
