//! A node while it is filled.

use crate::{Problem, problem::Spread};

/// Where a node comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::greedy) enum Host {
    /// Index into [`Problem::nodes`].
    Existing(u32),
    /// Index into [`Problem::offerings`].
    Launch(u32),
}

/// A node while it is filled.
#[derive(Clone, Debug)]
pub(in crate::greedy) struct Spot {
    pub host: Host,
    /// Room left per dimension.
    pub room: Vec<i64>,
    /// (group, pods) in the order of placing.
    pub pods: Vec<(u32, u32)>,
    /// How many nodes like this one; above 1 only where no constraint looks.
    pub copies: u32,
}

impl Spot {
    pub(super) fn domain(&self, problem: &Problem, key: u8) -> u32 {
        let domains = match self.host {
            Host::Existing(node) => &problem.nodes[node as usize].domains,
            Host::Launch(offering) => &problem.offerings[offering as usize].domains,
        };
        domains[key as usize]
    }

    pub(super) fn bound(&self, problem: &Problem, set: u32) -> u32 {
        let Host::Existing(node) = self.host else { return 0 };
        let bound = &problem.sets[set as usize].bound;
        bound.binary_search_by_key(&node, |&(at, _)| at).map_or(0, |at| bound[at].1)
    }

    pub(super) fn here(&self, is_in: impl Fn(usize) -> bool) -> u32 {
        self.pods.iter().filter(|(group, _)| is_in(*group as usize)).map(|(_, count)| count).sum()
    }

    pub(super) fn counted(&self, spread: &Spread) -> bool {
        match self.host {
            Host::Existing(node) => spread.counted_nodes.contains(node as usize),
            Host::Launch(offering) => spread.counted_offerings.contains(offering as usize),
        }
    }

    /// How many pods of a request fit into the room.
    pub(in crate::greedy) fn fits(&self, request: &[i64], want: u32) -> u32 {
        fits(&self.room, request, want)
    }
}

/// How many times `request` fits into `room`, at most `want`.
pub(in crate::greedy) fn fits(room: &[i64], request: &[i64], want: u32) -> u32 {
    let mut most = want;
    for (&have, &ask) in room.iter().zip(request) {
        if ask > 0 {
            let times = have.max(0) / ask;
            if times < i64::from(most) {
                most = times as u32;
            }
        }
    }
    most
}
