//! Why a group is left over.

use crate::{
    greedy::{
        flexible::flexible,
        ledger::{Host, Ledger, Spot},
    },
    problem::NODE_KEY,
    solution::Reason,
};

/// The reason that stands nearest to a place for a pod of `group`, as things are at the end.
pub(super) fn reason(ledger: &Ledger<'_>, group: u32) -> Reason {
    let problem = ledger.prepared.problem;
    let class = problem.class_of(group);
    if class.offerings.is_empty() && class.nodes.is_empty() {
        return Reason::Incompatible;
    }
    let request = &problem.groups[group as usize].request;
    let mut nearest =
        if class.offerings.is_empty() { Reason::TooLarge } else { Reason::Incompatible };
    for offering in class.offerings.iter() {
        let capacity = &problem.offerings[offering].capacity;
        let fits = request.iter().zip(capacity).all(|(ask, have)| ask <= have);
        let found = if !fits {
            Reason::TooLarge
        } else if ledger.affords(offering as u32, 1) == 0 {
            Reason::Limit
        } else if !flexible(problem, offering as u32, &[(group, 1)]) {
            Reason::Flexibility
        } else {
            blocked(ledger, group, offering as u32)
        };
        nearest = nearest.max(found);
        if nearest == Reason::Combination {
            break;
        }
    }
    nearest
}

fn blocked(ledger: &Ledger<'_>, group: u32, offering: u32) -> Reason {
    let problem = ledger.prepared.problem;
    let roles = &ledger.prepared.roles[group as usize];
    // The pod fits; how much room there is does not matter here.
    let host = Host::Launch(offering);
    let spot = Spot { host, room: Vec::new(), pods: Vec::new(), copies: 1 };
    if ledger.allowed(group, &spot, 1) > 0 {
        return Reason::Combination;
    }
    let hard_affinity =
        roles.affinities.iter().any(|&a| problem.affinities[a as usize].cost.is_none());
    let hard_spread =
        roles.spreads.iter().any(|r| problem.spreads[r.constraint as usize].cost.is_none());
    let zonal_exclusion = roles.exclusions.iter().any(|r| {
        let exclusion = &problem.exclusions[r.constraint as usize];
        exclusion.cost.is_none() && exclusion.key != NODE_KEY
    });
    match (zonal_exclusion, hard_affinity, hard_spread) {
        (true, false, false) => Reason::Exclusion,
        (false, true, false) => Reason::Affinity,
        (false, false, true) => Reason::Spread,
        _ => Reason::Combination,
    }
}
