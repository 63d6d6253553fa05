//! `tenon-problem`.

use rustc_hash::FxHashMap;

use super::line::{Line, Writer, lines};
use super::{Fault, TextError};
use crate::problem::{
    Affinity, Class, Exclusion, Flexibility, Group, Limit, Node, Offering, PodSet, Preference,
    Problem, Spread, Variety,
};
use crate::validate::validate;

const FORMAT: &str = "tenon-problem";

/// The problem as text; [`read_problem`] gives back the same.
pub fn write_problem(problem: &Problem) -> String {
    let mut out = Writer::new(FORMAT);
    out.bare("dims", [problem.dims]);
    out.bare("keys", &problem.keys);
    for class in &problem.classes {
        out.object("class", |out| {
            out.bits("offerings", &class.offerings);
            out.bits("nodes", &class.nodes);
        });
    }
    for group in &problem.groups {
        out.object("group", |out| {
            out.field("count", group.count);
            out.field("priority", group.priority);
            out.field("class", group.class);
            out.numbers("request", &group.request);
        });
    }
    for offering in &problem.offerings {
        out.object("offering", |out| {
            out.field("price", offering.price);
            out.field("tier", offering.tier);
            out.numbers("capacity", &offering.capacity);
            out.domains("domains", &offering.domains);
            out.pairs("limits", &offering.limits);
        });
    }
    for node in &problem.nodes {
        out.object("node", |out| {
            out.numbers("free", &node.free);
            out.domains("domains", &node.domains);
        });
    }
    for set in &problem.sets {
        out.object("set", |out| {
            out.bits("groups", &set.groups);
            out.pairs("bound", &set.bound);
        });
    }
    write_constraints(problem, &mut out);
    write_rules(problem, &mut out);
    out.finish()
}

fn write_constraints(problem: &Problem, out: &mut Writer) {
    for spread in &problem.spreads {
        out.object("spread", |out| {
            out.indices("groups", spread.groups.iter().copied());
            out.key("key", spread.key);
            out.field("set", spread.set);
            out.field("max-skew", spread.max_skew);
            out.field("min-domains", spread.min_domains);
            out.indices("domains", spread.domains.iter().copied());
            out.bits("nodes", &spread.counted_nodes);
            out.bits("offerings", &spread.counted_offerings);
            spread.cost.iter().for_each(|cost| out.field("cost", cost));
        });
    }
    for affinity in &problem.affinities {
        out.object("affinity", |out| {
            out.indices("groups", affinity.groups.iter().copied());
            out.keys("keys", &affinity.keys);
            out.field("set", affinity.set);
            affinity.cost.iter().for_each(|cost| out.field("cost", cost));
        });
    }
    for exclusion in &problem.exclusions {
        out.object("exclusion", |out| {
            out.indices("groups", exclusion.groups.iter().copied());
            out.key("key", exclusion.key);
            out.field("set", exclusion.set);
            exclusion.cost.iter().for_each(|cost| out.field("cost", cost));
        });
    }
}

fn write_rules(problem: &Problem, out: &mut Writer) {
    for &(low, high) in &problem.conflicts {
        out.bare("conflict", [low, high]);
    }
    for limit in &problem.limits {
        out.object("limit", |out| out.field("remaining", limit.remaining));
    }
    for flexibility in &problem.flexibilities {
        out.object("flexibility", |out| {
            out.field("min", flexibility.min);
            out.pairs("values", &flexibility.values);
        });
    }
    for variety in &problem.varieties {
        out.object("variety", |out| {
            out.field("most", variety.most);
            out.indices("used", variety.used.iter().copied());
            out.pairs("values", &variety.values);
        });
    }
    for preference in &problem.preferences {
        out.object("preference", |out| {
            out.indices("groups", preference.groups.iter().copied());
            out.field("class", preference.class);
            out.field("cost", preference.cost);
        });
    }
}

/// Reads a problem and validates it.
///
/// # Errors
///
/// The first thing that cannot be read or makes no sense, with its line and column.
pub fn read_problem(text: &str) -> Result<Problem, TextError> {
    let mut lines = lines(text, FORMAT)?;
    let counts = Counts::new(&lines);
    let mut problem = Problem::default();
    let mut seen: FxHashMap<(&str, usize), usize> = FxHashMap::default();
    let mut numbers: FxHashMap<&str, usize> = FxHashMap::default();
    for (at, line) in lines.iter_mut().enumerate() {
        let number = numbers.entry(line.kind).or_default();
        seen.insert((line.kind, *number), at);
        *number += 1;
        if matches!(line.kind, "dims" | "keys") && *number > 1 {
            return Err(line.whole(Fault::Repeated(line.kind.to_owned())));
        }
        object(line, counts, &mut problem)?;
        line.finish()?;
    }
    if !numbers.contains_key("dims") {
        return Err(TextError { line: 1, column: 1, fault: Fault::Missing("dims") });
    }
    validate(&problem).map_err(|error| {
        let line = error.object().and_then(|object| seen.get(&object));
        let fault = Fault::Problem(error);
        match line {
            Some(&at) => lines[at].whole(fault),
            None => TextError { line: 1, column: 1, fault },
        }
    })?;
    Ok(problem)
}

/// How many objects there are of the kinds that bit sets range over.
#[derive(Clone, Copy)]
struct Counts {
    groups: usize,
    offerings: usize,
    nodes: usize,
}

impl Counts {
    fn new(lines: &[Line<'_>]) -> Self {
        let count = |kind| lines.iter().filter(|line| line.kind == kind).count();
        Self { groups: count("group"), offerings: count("offering"), nodes: count("node") }
    }
}

fn object(line: &mut Line<'_>, counts: Counts, problem: &mut Problem) -> Result<(), TextError> {
    match line.kind {
        "dims" => problem.dims = single(line, "dims")?,
        "keys" => problem.keys = line.bare()?,
        "class" => problem.classes.push(Class {
            offerings: line.bits("offerings", counts.offerings)?,
            nodes: line.bits("nodes", counts.nodes)?,
        }),
        "group" => problem.groups.push(Group {
            request: line.numbers("request")?,
            count: line.number("count")?,
            priority: line.number("priority")?,
            class: line.number("class")?,
        }),
        "offering" => problem.offerings.push(Offering {
            capacity: line.numbers("capacity")?,
            price: line.number("price")?,
            tier: line.number("tier")?,
            domains: line.domains("domains")?,
            limits: line.pairs("limits")?,
        }),
        "node" => problem
            .nodes
            .push(Node { free: line.numbers("free")?, domains: line.domains("domains")? }),
        "set" => problem.sets.push(PodSet {
            groups: line.bits("groups", counts.groups)?,
            bound: line.pairs("bound")?,
        }),
        _ => return constraint(line, counts, problem),
    }
    Ok(())
}

fn constraint(line: &mut Line<'_>, counts: Counts, problem: &mut Problem) -> Result<(), TextError> {
    match line.kind {
        "spread" => problem.spreads.push(Spread {
            groups: line.indices("groups")?,
            key: line.key("key")?,
            set: line.number("set")?,
            max_skew: line.number("max-skew")?,
            min_domains: line.number("min-domains")?,
            domains: line.indices("domains")?,
            counted_nodes: line.bits("nodes", counts.nodes)?,
            counted_offerings: line.bits("offerings", counts.offerings)?,
            cost: line.optional("cost")?,
        }),
        "affinity" => problem.affinities.push(Affinity {
            groups: line.indices("groups")?,
            keys: line.keys("keys")?,
            set: line.number("set")?,
            cost: line.optional("cost")?,
        }),
        "exclusion" => problem.exclusions.push(Exclusion {
            groups: line.indices("groups")?,
            key: line.key("key")?,
            set: line.number("set")?,
            cost: line.optional("cost")?,
        }),
        "conflict" => {
            let pair: Vec<u32> = line.bare()?;
            let &[low, high] = pair.as_slice() else {
                return Err(line.whole(Fault::Missing("two groups")));
            };
            problem.conflicts.push((low, high));
        }
        "limit" => problem.limits.push(Limit { remaining: line.number("remaining")? }),
        "flexibility" => problem
            .flexibilities
            .push(Flexibility { min: line.number("min")?, values: line.pairs("values")? }),
        "variety" => problem.varieties.push(Variety {
            most: line.number("most")?,
            used: line.indices("used")?,
            values: line.pairs("values")?,
        }),
        "preference" => problem.preferences.push(Preference {
            groups: line.indices("groups")?,
            class: line.number("class")?,
            cost: line.number("cost")?,
        }),
        _ => return Err(line.unknown()),
    }
    Ok(())
}

fn single(line: &mut Line<'_>, name: &'static str) -> Result<usize, TextError> {
    let values: Vec<usize> = line.bare()?;
    let &[value] = values.as_slice() else {
        return Err(line.whole(Fault::Missing(name)));
    };
    Ok(value)
}
