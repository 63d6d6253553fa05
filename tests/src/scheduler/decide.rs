//! One pod's turn: the nominated node first, then a search for enough nodes that fit, then scores.

use std::collections::BTreeMap;

use super::{
    cache::Cache,
    filter::{self, Reason},
    pods::PodKey,
    queue::Hopes,
    score,
    template::TemplateId,
};
use crate::generate::rng::Rng;

/// In clusters of fewer nodes than this all are looked at; in others at least so many that fit.
const ENOUGH: usize = 100;

/// What becomes of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It goes to the node of this name.
    Bind(String),
    /// It fits nowhere; the message for its condition.
    Unschedulable(String),
}

/// Decides about a pod of the cache; also gives what a pod that fits nowhere waits for. `cursor` is
/// where the last search ended.
pub(super) fn decide(
    cache: &mut Cache,
    pod: &PodKey,
    cursor: &mut usize,
    rng: &mut Rng,
) -> (Decision, Hopes) {
    let nowhere = |why: &str| (Decision::Unschedulable(why.to_owned()), Hopes::ANY);
    let bind = |cache: &Cache, slot: usize| {
        (Decision::Bind(cache.slots[slot].name.clone()), Hopes::default())
    };
    let Some(record) = cache.pods.get(pod) else {
        return nowhere("there is no such pod");
    };
    let (id, nominated) = (record.template, record.nominated);
    if cache.live.is_empty() {
        return nowhere("no nodes available to schedule pods");
    }
    cache.refresh_default_spreads(id);
    filter::prepare(cache, id);
    let exists = |slot: &usize| cache.slots[*slot].facts.is_some();
    if let Some(slot) = nominated.filter(exists)
        && filter::fits(cache, pod, id, slot, &mut Vec::new())
    {
        return bind(cache, slot);
    }
    let search = search(cache, pod, id, *cursor);
    *cursor = (*cursor + search.looked_at) % cache.live.len();
    match search.found[..] {
        [] => {
            let hopes = search.reasons.keys().map(|reason| reason.hopes());
            let message = message(cache, &search.reasons);
            (Decision::Unschedulable(message), hopes.fold(Hopes::ANY, Hopes::and))
        }
        [only] => bind(cache, only),
        _ => {
            let scores = score::scores(cache, id, &search.found);
            let most = scores.iter().copied().max();
            let best: Vec<usize> = (search.found.iter().zip(&scores))
                .filter(|(_, score)| Some(**score) == most)
                .map(|(slot, _)| *slot)
                .collect();
            bind(cache, rng.pick(&best))
        }
    }
}

struct Search {
    found: Vec<usize>,
    looked_at: usize,
    /// Number of nodes by reason.
    reasons: BTreeMap<Reason, usize>,
}

/// Looks at the nodes in turn until enough of them fit.
fn search(cache: &Cache, pod: &PodKey, id: TemplateId, cursor: usize) -> Search {
    let nodes = cache.live.len();
    let wanted = enough(nodes);
    let mut search = Search { found: Vec::new(), looked_at: 0, reasons: BTreeMap::new() };
    let mut reasons = Vec::new();
    for offset in 0..nodes {
        if search.found.len() == wanted {
            break;
        }
        search.looked_at += 1;
        let slot = cache.live[(cursor + offset) % nodes];
        reasons.clear();
        if filter::fits(cache, pod, id, slot, &mut reasons) {
            search.found.push(slot);
        }
        for reason in &reasons {
            *search.reasons.entry(*reason).or_insert(0) += 1;
        }
    }
    search
}

/// How many nodes that fit kube-scheduler looks for: half of them, less in large clusters.
fn enough(nodes: usize) -> usize {
    if nodes < ENOUGH {
        return nodes;
    }
    let percent = 50_usize.saturating_sub(nodes / 125).max(5);
    (nodes * percent / 100).max(ENOUGH)
}

fn message(cache: &Cache, reasons: &BTreeMap<Reason, usize>) -> String {
    let mut parts: Vec<String> = (reasons.iter())
        .map(|(reason, nodes)| format!("{nodes} {}", reason.text(&cache.names)))
        .collect();
    parts.sort();
    format!("0/{} nodes are available: {}.", cache.live.len(), parts.join(", "))
}
