//! Groups of pods that nobody's constraint can tell apart.

use std::{collections::BTreeSet, sync::Arc};

use rustc_hash::FxHashMap;
use solver::{BitSet, problem::Group};

use super::{
    bound::Blocks,
    classes::{ClassKey, Classes},
    constraints::{Stated, Statements},
    shapes::Shape,
};
use crate::plan::PodIndex;

/// Stands before the name of a CSI driver in the name of its dimension.
pub(crate) const ATTACHABLE: &str = "attachable-volumes/";

/// The groups and what each of them states.
#[derive(Debug, Default)]
pub(super) struct Groups {
    /// For the problem.
    pub groups: Vec<Group>,
    /// The pods of each group, ascending.
    pub pods: Vec<Vec<PodIndex>>,
    /// What each group states.
    pub statements: Vec<Statements>,
    /// Sets each group is a member of.
    pub sets: Vec<Vec<u32>>,
    /// Number of each group's host ports.
    pub ports: Vec<u32>,
}

#[derive(PartialEq, Eq, Hash)]
struct GroupKey {
    request: Vec<i64>,
    class: u32,
    priority: i32,
    ports: u32,
    statements: Statements,
    sets: Vec<u32>,
}

/// The resource dimensions: CPU, memory, pods, then whatever else a planned pod asks, by name.
pub(super) fn dimensions(shapes: &[Shape<'_>]) -> Vec<Arc<str>> {
    let first = [catalog::resources::CPU, catalog::resources::MEMORY, catalog::resources::PODS];
    let mut others: BTreeSet<Arc<str>> = BTreeSet::new();
    for shape in shapes {
        let asked = shape.request.0.iter().filter(|(_, amount)| **amount > 0);
        others.extend(
            asked.filter(|(name, _)| !first.contains(&&***name)).map(|(name, _)| name.clone()),
        );
        others
            .extend(shape.attached.keys().map(|driver| Arc::from(format!("{ATTACHABLE}{driver}"))));
    }
    first.into_iter().map(Arc::from).chain(others).collect()
}

fn request_of(shape: &Shape<'_>, dims: &[Arc<str>]) -> Vec<i64> {
    let amount = |name: &Arc<str>| match name.strip_prefix(ATTACHABLE) {
        Some(driver) => shape.attached.get(driver).copied().unwrap_or(0),
        None => shape.request.get(name),
    };
    dims.iter().map(amount).collect()
}

/// Puts shapes that agree in everything into one group.
pub(super) fn form(
    shapes: Vec<Shape<'_>>,
    statements: Vec<Statements>,
    stated: &Stated<'_>,
    blocks: &Blocks<'_>,
    classes: &mut Classes<'_, '_>,
    dims: &[Arc<str>],
) -> Groups {
    let mut groups = Groups::default();
    let mut numbers: FxHashMap<GroupKey, usize> = FxHashMap::default();
    for (mut shape, statements) in shapes.into_iter().zip(statements) {
        let template = &shape.pod.template;
        let matching = stated.selectors.matching(&shape.pod.namespace, &template.labels);
        let class = classes.row(ClassKey {
            terms: shape.terms,
            tolerations: shape.tolerations,
            volumes: shape.volumes,
            ports: shape.ports,
            keys: statements.keys.clone(),
            blocks: blocks.against(&matching, &statements, stated),
        });
        let key = GroupKey {
            request: request_of(&shape, dims),
            class,
            priority: template.spec.priority.unwrap_or(0),
            ports: shape.ports,
            sets: stated.selectors.sets_of(&matching),
            statements,
        };
        match numbers.get(&key) {
            Some(&number) => groups.pods[number].append(&mut shape.pods),
            None => {
                groups.push(&key, shape.pods);
                numbers.insert(key, groups.pods.len() - 1);
            }
        }
    }
    groups.finish()
}

impl Groups {
    fn push(&mut self, key: &GroupKey, pods: Vec<PodIndex>) {
        self.groups.push(Group {
            request: key.request.clone(),
            count: 0,
            priority: key.priority,
            class: key.class,
        });
        self.pods.push(pods);
        self.statements.push(key.statements.clone());
        self.sets.push(key.sets.clone());
        self.ports.push(key.ports);
    }

    fn finish(mut self) -> Self {
        for (group, pods) in self.groups.iter_mut().zip(&mut self.pods) {
            pods.sort_unstable();
            group.count = pods.len() as u32;
        }
        self
    }

    /// The members of every set.
    pub fn members(&self, sets: usize) -> Vec<BitSet> {
        let mut members = vec![BitSet::empty(self.groups.len()); sets];
        for (group, list) in self.sets.iter().enumerate() {
            for &set in list {
                members[set as usize].insert(group);
            }
        }
        members
    }
}
