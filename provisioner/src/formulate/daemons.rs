//! Which daemon pods run where, and what they take.

use std::sync::Arc;

use catalog::Resources;

use super::{
    places::Places,
    ports::{self, Ports},
    requests,
    terms::{self, NodeTerms, Tolerated, filters_pass},
};
use crate::snapshot::Snapshot;

/// The daemon set controller adds these tolerations to its pods.
const ALWAYS_TOLERATED: [Tolerated<'static>; 6] = [
    Tolerated::exists("node.kubernetes.io/not-ready", "NoExecute"),
    Tolerated::exists("node.kubernetes.io/unreachable", "NoExecute"),
    Tolerated::exists("node.kubernetes.io/disk-pressure", "NoSchedule"),
    Tolerated::exists("node.kubernetes.io/memory-pressure", "NoSchedule"),
    Tolerated::exists("node.kubernetes.io/pid-pressure", "NoSchedule"),
    Tolerated::exists("node.kubernetes.io/unschedulable", "NoSchedule"),
];
const NETWORK_UNAVAILABLE: Tolerated<'static> =
    Tolerated::exists("node.kubernetes.io/network-unavailable", "NoSchedule");

/// The daemons of each place; places with the same daemons share one entry.
#[derive(Debug)]
pub(super) struct Daemons<'a> {
    /// Index into `crews` per place.
    pub of: Vec<u32>,
    /// Distinct sets of daemons.
    pub crews: Vec<Crew<'a>>,
}

/// Daemons that run together.
#[derive(Debug, Default)]
pub(super) struct Crew<'a> {
    /// Sum of their requests.
    pub requests: Arc<Resources>,
    /// Host ports they take.
    pub ports: Ports<'a>,
}

/// Finds the daemons of every place.
pub(super) fn assign<'a>(snapshot: &'a Snapshot, places: &mut Places) -> Daemons<'a> {
    // Places start out alike; every daemon splits those it runs on from those it does not.
    let mut of = vec![0u32; places.len()];
    let mut members: Vec<Vec<u32>> = vec![vec![]];
    for (number, (_, template)) in snapshot.daemon_sets.iter().enumerate() {
        let spec = &template.spec;
        let node_terms = NodeTerms::of(spec);
        let mut tolerated = terms::tolerations(spec);
        tolerated.extend(ALWAYS_TOLERATED);
        tolerated.extend((spec.host_network == Some(true)).then_some(NETWORK_UNAVAILABLE));
        let mut runs = places.with_taints(|taints| filters_pass(&tolerated, taints));
        runs.intersect_with(&places.satisfying(&node_terms));
        let mut joined: Vec<Option<u32>> = vec![None; members.len()];
        for place in runs.iter() {
            let crew = of[place] as usize;
            of[place] = *joined[crew].get_or_insert_with(|| {
                members.push([members[crew].as_slice(), &[number as u32]].concat());
                members.len() as u32 - 1
            });
        }
    }
    let crews = members.iter().map(|crew| Crew::of(snapshot, crew)).collect();
    Daemons { of, crews }
}

impl<'a> Crew<'a> {
    fn of(snapshot: &'a Snapshot, members: &[u32]) -> Self {
        let mut total = Resources::default();
        let mut taken = Ports::default();
        for &member in members {
            let spec = &snapshot.daemon_sets[member as usize].1.spec;
            total.add(&requests::effective(spec, &snapshot.runtime_classes));
            taken.extend(ports::of(spec));
        }
        Self { requests: Arc::new(total), ports: taken }
    }
}
