//! One pod's turn: the nominated node first, then a search for enough nodes that fit, then scores.

use std::collections::BTreeMap;

use super::{
    cache::Cache,
    filter::{self, Reason},
    pods::PodKey,
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

/// Decides about a pod of the cache. `cursor` is where the last search ended.
pub(super) fn decide(
    cache: &mut Cache,
    pod: &PodKey,
    cursor: &mut usize,
    rng: &mut Rng,
) -> Decision {
    let Some(record) = cache.pods.get(pod) else {
        return Decision::Unschedulable("there is no such pod".to_owned());
    };
    let (id, nominated) = (record.template, record.nominated);
    if cache.live.is_empty() {
        return Decision::Unschedulable("no nodes available to schedule pods".to_owned());
    }
    cache.refresh_default_spreads(id);
    filter::prepare(cache, id);
    let exists = |slot: &usize| cache.slots[*slot].facts.is_some();
    if let Some(slot) = nominated.filter(exists)
        && filter::fits(cache, pod, id, slot, &mut Vec::new())
    {
        return Decision::Bind(cache.slots[slot].name.clone());
    }
    let search = search(cache, pod, id, *cursor);
    *cursor = (*cursor + search.looked_at) % cache.live.len();
    match search.found[..] {
        [] => Decision::Unschedulable(message(cache, &search.reasons)),
        [only] => Decision::Bind(cache.slots[only].name.clone()),
        _ => {
            let scores = score::scores(cache, id, &search.found);
            let most = scores.iter().copied().max();
            let best: Vec<usize> = (search.found.iter().zip(&scores))
                .filter(|(_, score)| Some(**score) == most)
                .map(|(slot, _)| *slot)
                .collect();
            Decision::Bind(cache.slots[rng.pick(&best)].name.clone())
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
