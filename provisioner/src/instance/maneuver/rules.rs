//! Restrictions between components, put in terms of the parts that are placed as one.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    counts::{self, Linear},
    file::{Application, Component, Restriction},
};
use crate::instance::{Fault, ReadError};

/// Components that stand together on every machine: one component, mostly.
#[derive(Clone, Debug)]
pub(super) struct Unit {
    pub name: String,
    /// Cores, MB, GB; of all members together.
    pub request: [i64; 3],
    /// Indices of the members.
    members: Vec<usize>,
}

impl Unit {
    /// Whether every member runs on this operating system.
    pub fn runs_on(&self, system: &str, application: &Application) -> bool {
        self.members.iter().all(|&member| {
            let asked = &application.components[member].operating_system;
            asked.is_empty() || system.is_empty() || asked.eq_ignore_ascii_case(system)
        })
    }
}

/// The fully deployed part that some components keep off their machines.
#[derive(Debug)]
pub(super) struct Evaded {
    pub part: Unit,
    /// Indices of the placed parts that keep it off.
    pub conflicts: BTreeSet<usize>,
}

/// What an application asks.
#[derive(Debug)]
pub(super) struct Rules {
    /// Parts of which there are a number of instances to place.
    pub placed: Vec<Unit>,
    /// Parts on every machine.
    pub everywhere: Vec<Unit>,
    /// The part on every machine but some.
    pub evaded: Option<Evaded>,
    /// Pairs of placed parts, the smaller first, that may not share a machine.
    pub conflicts: BTreeSet<(usize, usize)>,
    numbers: Vec<Linear>,
    /// Pairs of which exactly one is deployed.
    alternatives: Vec<(usize, usize)>,
}

/// What a component became.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    Placed(usize),
    Full(usize),
}

impl Rules {
    pub fn new(application: &Application) -> Result<Self, ReadError> {
        let reader = Reader::new(application)?;
        let mut conflicts = BTreeSet::new();
        let mut full_conflicts: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        let mut numbers = Vec::new();
        let mut alternatives = Vec::new();
        for (at, restriction) in application.restrictions.iter().enumerate() {
            let one = One { reader: &reader, restriction, at };
            match restriction.kind.as_str() {
                "Conflicts" | "FullDeployment" => {
                    one.conflicts(&mut conflicts, &mut full_conflicts)?;
                }
                "AlternativeComponents" => alternatives.push(one.alternatives()?),
                "OneToOneDependency" => {}
                _ => numbers.extend(one.numbers()?),
            }
        }
        let (everywhere, evaded) = reader.full(&conflicts, &full_conflicts)?;
        let placed = reader.units(|role| matches!(role, Role::Placed(_)));
        if placed.is_empty() {
            let hint = "an application needs a component that is not on every machine";
            return Err(ReadError::text(Fault::Nothing { what: "components to place", hint }));
        }
        Ok(Self { placed, everywhere, evaded, conflicts, numbers, alternatives })
    }

    /// The least numbers of instances that the restrictions allow, one entry per placed part.
    pub fn counts(&self) -> Result<Vec<Vec<u32>>, ReadError> {
        counts::minimal(self.placed.len(), &self.numbers, &self.alternatives)
            .map_err(ReadError::text)
    }
}

/// Components by their numbers in the file, and what became of them.
struct Reader<'a> {
    application: &'a Application,
    by_id: BTreeMap<u32, usize>,
    /// Per component.
    roles: Vec<Role>,
}

impl<'a> Reader<'a> {
    fn new(application: &'a Application) -> Result<Self, ReadError> {
        let mut by_id = BTreeMap::new();
        for (at, component) in application.components.iter().enumerate() {
            if by_id.insert(component.id, at).is_some() {
                let path = format!("components[{at}].id");
                let fault = Fault::Contradiction("two components have this number");
                return Err(ReadError::path(path, fault));
            }
        }
        let mut reader = Self { application, by_id, roles: Vec::new() };
        reader.roles = reader.assign()?;
        Ok(reader)
    }

    /// Components that stand together get one role; it is full when one of them is.
    fn assign(&self) -> Result<Vec<Role>, ReadError> {
        let mut leaders: Vec<usize> = (0..self.application.components.len()).collect();
        let mut full = vec![false; leaders.len()];
        for (at, restriction) in self.application.restrictions.iter().enumerate() {
            let one = One { reader: self, restriction, at };
            match restriction.kind.as_str() {
                "OneToOneDependency" => {
                    let (alpha, beta) = (leaders[one.alpha()?], leaders[one.beta()?]);
                    for leader in &mut leaders {
                        if *leader == beta {
                            *leader = alpha;
                        }
                    }
                }
                "FullDeployment" => full[one.alpha()?] = true,
                _ => {}
            }
        }
        let mut numbers: BTreeMap<usize, Role> = BTreeMap::new();
        let (mut placed, mut filled) = (0, 0);
        for &leader in &leaders {
            let is_full = (0..leaders.len()).any(|other| leaders[other] == leader && full[other]);
            numbers.entry(leader).or_insert_with(|| {
                let next = if is_full { &mut filled } else { &mut placed };
                *next += 1;
                if is_full { Role::Full(*next - 1) } else { Role::Placed(*next - 1) }
            });
        }
        Ok(leaders.iter().map(|leader| numbers[leader]).collect())
    }

    /// The parts whose role is wanted, in the order of their numbers.
    fn units(&self, wanted: impl Fn(Role) -> bool) -> Vec<Unit> {
        let mut units: BTreeMap<Role, Unit> = BTreeMap::new();
        let components = self.roles.iter().zip(&self.application.components).enumerate();
        for (at, (&role, component)) in components.filter(|(_, (role, _))| wanted(**role)) {
            let unit = units.entry(role).or_insert_with(|| Unit {
                name: String::new(),
                request: [0; 3],
                members: Vec::new(),
            });
            if !unit.members.is_empty() {
                unit.name.push_str(" and ");
            }
            unit.name.push_str(&component.name);
            unit.members.push(at);
            for (sum, one) in unit.request.iter_mut().zip(request(component)) {
                *sum = sum.saturating_add(one);
            }
        }
        units.into_values().collect()
    }

    /// What is on every machine, and the one part that conflicts keep off some.
    fn full(
        &self,
        conflicts: &BTreeSet<(usize, usize)>,
        full_conflicts: &BTreeMap<usize, BTreeSet<usize>>,
    ) -> Result<(Vec<Unit>, Option<Evaded>), ReadError> {
        let unsupported = |why| {
            let what = "FullDeployment".to_owned();
            Err(ReadError::text(Fault::Unsupported { what, why }))
        };
        let (mut everywhere, mut evaded) = (Vec::new(), None);
        let units = self.units(|role| matches!(role, Role::Full(_)));
        for (at, part) in units.into_iter().enumerate() {
            let Some(own) = full_conflicts.get(&at) else {
                everywhere.push(part);
                continue;
            };
            if evaded.is_some() {
                return unsupported("more than one fully deployed component has conflicts");
            }
            if !self.stands_alone(own, conflicts) {
                return unsupported(
                    "a component that keeps it off its machine may share that machine with one \
                     that does not",
                );
            }
            evaded = Some(Evaded { part, conflicts: own.clone() });
        }
        Ok((everywhere, evaded))
    }

    /// Whether the parts that keep a full one off conflict with all those that do not, so that a
    /// machine without the full part holds none but them.
    fn stands_alone(&self, own: &BTreeSet<usize>, conflicts: &BTreeSet<(usize, usize)>) -> bool {
        let others: BTreeSet<usize> = self
            .roles
            .iter()
            .filter_map(|&role| if let Role::Placed(at) = role { Some(at) } else { None })
            .filter(|at| !own.contains(at))
            .collect();
        let apart = |a: usize, b: usize| conflicts.contains(&(a.min(b), a.max(b)));
        own.iter().all(|&evading| others.iter().all(|&other| apart(evading, other)))
    }
}

fn request(component: &Component) -> [i64; 3] {
    [component.compute.cpu, component.compute.memory, component.storage.size]
}

/// One restriction, with its place for messages.
struct One<'a> {
    reader: &'a Reader<'a>,
    restriction: &'a Restriction,
    at: usize,
}

impl One<'_> {
    fn error(&self, fault: Fault) -> ReadError {
        ReadError::path(format!("restrictions[{}] ({})", self.at, self.restriction.kind), fault)
    }

    fn field<T: Copy>(&self, field: &str, value: Option<T>) -> Result<T, ReadError> {
        let hint = "this type of restriction needs it";
        value.ok_or_else(|| self.error(Fault::Missing { field: field.to_owned(), hint }))
    }

    fn component(&self, id: u32) -> Result<usize, ReadError> {
        let known = self.reader.by_id.get(&id).copied();
        known.ok_or_else(|| {
            let expected = "the id of a component";
            let (field, found) = ("component".to_owned(), id.to_string());
            self.error(Fault::Value { field, found, expected })
        })
    }

    fn alpha(&self) -> Result<usize, ReadError> {
        self.component(self.field("alphaCompId", self.restriction.alpha_comp_id)?)
    }

    fn beta(&self) -> Result<usize, ReadError> {
        self.component(self.field("betaCompId", self.restriction.beta_comp_id)?)
    }

    fn listed(&self) -> Result<Vec<usize>, ReadError> {
        let list = self.restriction.comps_id_list.as_deref();
        let list = self.field("compsIdList", list)?;
        list.iter().map(|&id| self.component(id)).collect()
    }

    /// A component whose number of instances a restriction speaks of.
    fn placed(&self, component: usize) -> Result<usize, ReadError> {
        match self.reader.roles[component] {
            Role::Placed(at) => Ok(at),
            Role::Full(_) => Err(self.error(Fault::Unsupported {
                what: self.reader.application.components[component].name.clone(),
                why: "how often a fully deployed component stands follows from the machines",
            })),
        }
    }

    fn conflicts(
        &self,
        conflicts: &mut BTreeSet<(usize, usize)>,
        full: &mut BTreeMap<usize, BTreeSet<usize>>,
    ) -> Result<(), ReadError> {
        let alpha = self.reader.roles[self.alpha()?];
        for other in self.listed()? {
            match (alpha, self.reader.roles[other]) {
                (Role::Placed(a), Role::Placed(b)) if a != b => {
                    conflicts.insert((a.min(b), a.max(b)));
                }
                (Role::Placed(placed), Role::Full(at)) | (Role::Full(at), Role::Placed(placed)) => {
                    full.entry(at).or_default().insert(placed);
                }
                _ => {
                    return Err(self.error(Fault::Contradiction(
                        "components that stand together may not conflict",
                    )));
                }
            }
        }
        Ok(())
    }

    fn alternatives(&self) -> Result<(usize, usize), ReadError> {
        let (alpha, beta) = (self.placed(self.alpha()?)?, self.placed(self.beta()?)?);
        if alpha == beta {
            let why = "components that stand together may not be alternatives";
            return Err(self.error(Fault::Contradiction(why)));
        }
        Ok((alpha, beta))
    }

    /// What a restriction says of the numbers of instances.
    fn numbers(&self) -> Result<Vec<Linear>, ReadError> {
        let r = self.restriction;
        match r.kind.as_str() {
            "LowerBound" => Ok(vec![self.sum(1, self.bound("bound", r.bound)?)?]),
            "UpperBound" => Ok(vec![self.sum(-1, -self.bound("bound", r.bound)?)?]),
            "EqualBound" => {
                let bound = self.bound("bound", r.bound)?;
                Ok(vec![self.sum(1, bound)?, self.sum(-1, -bound)?])
            }
            "RangeBound" => {
                let least = self.bound("lowerBound", r.lower_bound)?;
                let most = self.bound("upperBound", r.upper_bound)?;
                Ok(vec![self.sum(1, least)?, self.sum(-1, -most)?])
            }
            "RequireProvideDependency" => {
                let needs = self.bound("alphaCompIdInstances", r.alpha_comp_id_instances)?;
                let serves = self.bound("betaCompIdInstances", r.beta_comp_id_instances)?;
                Ok(vec![self.pair(-needs, serves, 0)?])
            }
            "OneToManyDependency" => {
                let number = self.bound("number", r.number)?;
                Ok(vec![self.pair(number, -1, 0)?, self.pair(-number, 1, 1 - number)?])
            }
            "ManyToManyDependency" => self.many_to_many(),
            _ => Err(self.error(Fault::Unsupported {
                what: "this type of restriction".to_owned(),
                why: "tenon does not know it",
            })),
        }
    }

    fn many_to_many(&self) -> Result<Vec<Linear>, ReadError> {
        match self.field("sign", self.restriction.sign.as_deref())? {
            "=" | "==" => Ok(vec![self.pair(1, -1, 0)?, self.pair(-1, 1, 0)?]),
            ">=" => Ok(vec![self.pair(1, -1, 0)?]),
            "<=" => Ok(vec![self.pair(-1, 1, 0)?]),
            other => {
                let (field, found) = ("sign".to_owned(), other.chars().take(40).collect());
                Err(self.error(Fault::Value { field, found, expected: "`=`, `>=` or `<=`" }))
            }
        }
    }

    /// A number small enough that products of it cannot overflow.
    fn bound(&self, field: &str, value: Option<i64>) -> Result<i64, ReadError> {
        let value = self.field(field, value)?;
        if (0..=counts::MOST_INSTANCES).contains(&value) {
            return Ok(value);
        }
        let (field, found) = (field.to_owned(), value.to_string());
        let expected = "a whole number from 0 to 1000";
        Err(self.error(Fault::Value { field, found, expected }))
    }

    fn sum(&self, factor: i64, least: i64) -> Result<Linear, ReadError> {
        let mut terms = Vec::new();
        for component in self.listed()? {
            terms.push((self.placed(component)?, factor));
        }
        Ok(Linear { terms, least })
    }

    fn pair(&self, alpha: i64, beta: i64, least: i64) -> Result<Linear, ReadError> {
        let alpha = (self.placed(self.alpha()?)?, alpha);
        Ok(Linear { terms: vec![alpha, (self.placed(self.beta()?)?, beta)], least })
    }
}
