//! Applications and offers of MANeUveR (Eraşcu, Micota, Zaharie: Optimal deployment in the Cloud,
//! JLAMP 2021): components with requirements and restrictions, virtual machines with prices.
//!
//! Restrictions read: `Conflicts`, `LowerBound`, `UpperBound`, `EqualBound`, `RangeBound`,
//! `RequireProvideDependency`, `OneToManyDependency`, `ManyToManyDependency`,
//! `AlternativeComponents` (exactly one of the two is deployed), `OneToOneDependency` (together on
//! every machine) and `FullDeployment` (on every machine, except beside a component it conflicts
//! with). Every component is deployed at least once, the other of two alternatives apart, and
//! stands on a machine at most once. Network needs and storage types are not looked at, as in the
//! paper; a component that asks for an operating system gets machines with it.
//!
//! How many instances there are is open. [`counts::minimal`] lists the least numbers that the
//! restrictions allow, and each becomes a problem of its own. Leaving an instance out never makes
//! a deployment dearer, so one of them has the optimum.

mod counts;
mod file;
mod rules;

use std::collections::BTreeSet;

use solver::{
    BitSet, Problem,
    problem::{Class, Group, Offering},
    validate::validate,
};

use super::{Fault, Instance, ReadError, Unit};
use file::{Application, Offer};
use rules::{Rules, Unit as Part};

pub use file::is_offers;

/// Reads an application and what it can be deployed on. Costs are micro-dollars per hour; prices
/// in the file are thousandths of a dollar.
///
/// # Errors
///
/// JSON of another form, components that do not exist, restrictions that cannot be solved or that
/// exclude each other.
pub fn read(application: &str, offers: &str) -> Result<Instance, ReadError> {
    let application = file::application(application)?;
    let offers = file::offers(offers)?;
    let rules = Rules::new(&application)?;
    let versions = versions(&rules, &offers, &application);
    if versions.is_empty() {
        let hint = "no offer holds the components that belong on every machine";
        return Err(ReadError::text(Fault::Nothing { what: "usable offers", hint }));
    }
    let vectors = rules.counts()?;
    let mut problems = Vec::with_capacity(vectors.len());
    for counts in &vectors {
        let problem = problem(&rules, &versions, counts);
        validate(&problem).map_err(|error| ReadError::text(Fault::Problem(error)))?;
        problems.push(problem);
    }
    Ok(Instance {
        unit: Unit::MicroDollars,
        dimensions: ["cpu", "memory_mb", "storage_gb"].map(str::to_owned).to_vec(),
        groups: rules.placed.iter().map(|part| part.name.clone()).collect(),
        offerings: versions.into_iter().map(|version| version.name).collect(),
        problems,
    })
}

/// An offer with the fully deployed components on it, which leave this much room.
struct Version {
    name: String,
    price: i64,
    room: [i64; 3],
    /// Which of the placed parts may stand on it.
    accepts: Vec<bool>,
}

/// Every offer with what is on every machine; and where a fully deployed part has conflicts, also
/// without it, for the components that exclude it.
fn versions(rules: &Rules, offers: &[Offer], application: &Application) -> Vec<Version> {
    let mut versions = Vec::new();
    for offer in offers {
        for with in [true, false] {
            if !with && rules.evaded.is_none() {
                continue;
            }
            let evaded = rules.evaded.as_ref().filter(|_| with).map(|evaded| &evaded.part);
            let on_it: Vec<&Part> = rules.everywhere.iter().chain(evaded).collect();
            versions.extend(version(rules, offer, &on_it, with, application));
        }
    }
    versions
}

fn version(
    rules: &Rules,
    offer: &Offer,
    on_it: &[&Part],
    with: bool,
    application: &Application,
) -> Option<Version> {
    let runs = |part: &Part| part.runs_on(&offer.system, application);
    let mut room = offer.capacity;
    for part in on_it {
        for (room, taken) in room.iter_mut().zip(part.request) {
            *room -= taken;
        }
    }
    if room.iter().any(|&room| room < 0) || !on_it.iter().all(|part| runs(part)) {
        return None;
    }
    let excluded = |at: usize| match &rules.evaded {
        Some(evaded) => evaded.conflicts.contains(&at) == with,
        None => false,
    };
    let placed = rules.placed.iter().enumerate();
    let accepts = placed.map(|(at, part)| runs(part) && !excluded(at)).collect();
    let names: Vec<&str> = on_it.iter().map(|part| part.name.as_str()).collect();
    let name = match names.as_slice() {
        [] => offer.name.clone(),
        names => format!("{} with {}", offer.name, names.join(" and ")),
    };
    Some(Version { name, price: offer.price, room, accepts })
}

/// One group per placed part; a part may stand on a machine once.
fn problem(rules: &Rules, versions: &[Version], counts: &[u32]) -> Problem {
    let mut conflicts: BTreeSet<(u32, u32)> =
        rules.conflicts.iter().map(|&(a, b)| (a as u32, b as u32)).collect();
    conflicts.extend((0..counts.len() as u32).map(|group| (group, group)));
    let groups = rules.placed.iter().zip(counts).enumerate();
    let offerings = versions.iter().map(|version| Offering {
        capacity: version.room.to_vec(),
        price: version.price,
        tier: 0,
        domains: Vec::new(),
        limits: Vec::new(),
    });
    Problem {
        dims: 3,
        groups: groups
            .map(|(at, (part, &count))| Group {
                request: part.request.to_vec(),
                count,
                priority: 0,
                class: at as u32,
            })
            .collect(),
        classes: (0..counts.len())
            .map(|at| Class { offerings: accepting(versions, at), nodes: BitSet::empty(0) })
            .collect(),
        offerings: offerings.collect(),
        conflicts: conflicts.into_iter().collect(),
        ..Problem::default()
    }
}

fn accepting(versions: &[Version], part: usize) -> BitSet {
    let mut offerings = BitSet::empty(versions.len());
    for (at, version) in versions.iter().enumerate() {
        if version.accepts[part] {
            offerings.insert(at);
        }
    }
    offerings
}
