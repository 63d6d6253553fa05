//! The filter plugins, in kube-scheduler's order; the first that objects gives the reason.
//!
//! NodeName is not among them: pods that name their node never reach the scheduler.

use k8s_openapi::api::core::v1::Taint;

use super::{
    amounts::{Names, PODS},
    cache::{Cache, NodeFacts},
    pods::PodKey,
    queue::Hopes,
    selector::{term_holds, tolerated},
    tally::{Tally, TallyId, accepts},
    template::{Template, TemplateId},
};

/// Why a node does not take a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Reason {
    Unschedulable,
    Taint,
    NodeAffinity,
    Ports,
    TooManyPods,
    /// The resource by position.
    Insufficient(usize),
    ClaimMissing,
    VolumeMissing,
    VolumeAffinity,
    VolumeZone,
    SpreadLabel,
    Spread,
    Affinity,
    AntiAffinity,
    AntiAffinityOfOthers,
}

impl Reason {
    /// Which news of pods may take the reason away.
    pub(super) fn hopes(self) -> Hopes {
        match self {
            Self::Ports
            | Self::TooManyPods
            | Self::Insufficient(_)
            | Self::AntiAffinity
            | Self::AntiAffinityOfOthers => Hopes::DEPARTURE,
            Self::Spread | Self::Affinity => Hopes::ARRIVAL.and(Hopes::DEPARTURE),
            Self::Unschedulable
            | Self::Taint
            | Self::NodeAffinity
            | Self::SpreadLabel
            | Self::ClaimMissing
            | Self::VolumeMissing
            | Self::VolumeAffinity
            | Self::VolumeZone => Hopes::ANY,
        }
    }

    /// kube-scheduler's words.
    pub(super) fn text(self, names: &Names) -> String {
        let text = match self {
            Self::Unschedulable => "node(s) were unschedulable",
            Self::Taint => "node(s) had untolerated taint(s)",
            Self::NodeAffinity => "node(s) didn't match Pod's node affinity/selector",
            Self::Ports => "node(s) didn't have free ports for the requested pod ports",
            Self::TooManyPods => "Too many pods",
            Self::Insufficient(resource) => {
                return format!("Insufficient {}", names.name(resource));
            }
            Self::ClaimMissing => "node(s) missed a persistentvolumeclaim that was not found",
            Self::VolumeMissing => {
                "node(s) unavailable due to one or more pvc(s) bound to \
                                    non-existent pv(s)"
            }
            Self::VolumeAffinity => "node(s) didn't match PersistentVolume's node affinity",
            Self::VolumeZone => "node(s) had no available volume zone",
            Self::SpreadLabel => {
                "node(s) didn't match pod topology spread constraints (missing required label)"
            }
            Self::Spread => "node(s) didn't match pod topology spread constraints",
            Self::Affinity => "node(s) didn't match pod affinity rules",
            Self::AntiAffinity => "node(s) didn't match pod anti-affinity rules",
            Self::AntiAffinityOfOthers => {
                "node(s) didn't satisfy existing pods anti-affinity rules"
            }
        };
        text.to_owned()
    }
}

/// What of filters and scores does not depend on other pods.
#[derive(Clone, Copy, Debug)]
pub(super) struct Verdict {
    pub(super) objection: Option<Reason>,
    /// PreferNoSchedule taints that the pod does not tolerate.
    pub(super) avoided: i64,
    /// Sum of the weights of preferred node affinity terms that hold.
    pub(super) preferred: i64,
}

impl Verdict {
    fn new(cache: &Cache, template: &Template, node: &NodeFacts) -> Self {
        let untolerated = |effects: &[&str]| {
            let taints = node.taints.iter().filter(|taint| effects.contains(&&*taint.effect));
            taints.filter(|taint| !tolerated(taint, &template.tolerations)).count()
        };
        let selected =
            accepts(&template.node_selector, template.required.as_ref(), &node.labels, &node.name);
        let cordoned = node.unschedulable && !tolerated(&cordon(), &template.tolerations);
        let volumes = || cache.volumes.check(&template.namespace, &template.claims, node).err();
        let objection = if cordoned {
            Some(Reason::Unschedulable)
        } else if untolerated(&["NoSchedule", "NoExecute"]) > 0 {
            Some(Reason::Taint)
        } else if !selected {
            Some(Reason::NodeAffinity)
        } else {
            volumes()
        };
        let preferred = template.preferred.iter().filter(|term| {
            let term = &term.preference;
            let empty = term.match_expressions.is_none() && term.match_fields.is_none();
            empty || term_holds(term, &node.labels, &node.name)
        });
        Self {
            objection,
            avoided: i64::try_from(untolerated(&["PreferNoSchedule"])).unwrap_or(i64::MAX),
            preferred: preferred.map(|term| i64::from(term.weight)).sum(),
        }
    }
}

/// The taint of a cordoned node.
fn cordon() -> Taint {
    Taint {
        key: "node.kubernetes.io/unschedulable".to_owned(),
        effect: "NoSchedule".to_owned(),
        ..Taint::default()
    }
}

/// Works out the verdicts of a template on all nodes that are not known yet.
pub(super) fn prepare(cache: &mut Cache, id: TemplateId) {
    let mut verdicts = std::mem::take(&mut cache.verdicts[id]);
    verdicts.resize(cache.slots.len(), None);
    let template = cache.templates[id].clone();
    for &slot in &cache.live {
        if let (None, Some(node)) = (&verdicts[slot], &cache.slots[slot].facts) {
            verdicts[slot] = Some(Verdict::new(cache, &template, node));
        }
    }
    cache.verdicts[id] = verdicts;
}

/// Whether a node takes a pod, both with the pods that are nominated there (of the same priority or
/// more, since those would not yield) and without them (since they may never come).
pub(super) fn fits(
    cache: &Cache,
    pod: &PodKey,
    id: TemplateId,
    slot: usize,
    reasons: &mut Vec<Reason>,
) -> bool {
    let priority = cache.templates[id].priority;
    let nominated: Vec<TemplateId> = (cache.slots[slot].nominated.iter())
        .filter(|(other, template)| {
            *other != pod && cache.templates[**template].priority >= priority
        })
        .map(|(_, template)| *template)
        .collect();
    let view = View { cache, slot, template: &cache.templates[id], extra: &nominated };
    let verdict = cache.verdicts[id][slot].and_then(|verdict| verdict.objection);
    (nominated.is_empty() || view.check(verdict, reasons))
        && View { extra: &[], ..view }.check(verdict, reasons)
}

/// A pod that looks at a node, on which `extra` pods are imagined.
#[derive(Clone, Copy)]
struct View<'a> {
    cache: &'a Cache,
    slot: usize,
    template: &'a Template,
    extra: &'a [TemplateId],
}

impl View<'_> {
    /// Gives the first filter's objections; all of them when resources lack.
    fn check(&self, verdict: Option<Reason>, reasons: &mut Vec<Reason>) -> bool {
        // Volumes are looked at after ports and resources, the rest of the verdict before.
        let late = |reason| {
            use Reason::{ClaimMissing, VolumeAffinity, VolumeMissing, VolumeZone};
            matches!(reason, ClaimMissing | VolumeMissing | VolumeAffinity | VolumeZone)
        };
        if let Some(reason) = verdict.filter(|reason| !late(*reason)).or_else(|| self.ports()) {
            reasons.push(reason);
            return false;
        }
        if !self.resources(reasons) {
            return false;
        }
        let last = verdict.or_else(|| self.spread()).or_else(|| self.affinity());
        reasons.extend(last);
        last.is_none()
    }

    fn ports(&self) -> Option<Reason> {
        if self.template.ports.is_empty() {
            return None;
        }
        let others = self.cache.slots[self.slot].with_ports.iter().chain(self.extra);
        let mut open = others.flat_map(|other| &self.cache.templates[*other].ports);
        let clash = open.any(|open| self.template.ports.iter().any(|port| port.clashes(open)));
        clash.then_some(Reason::Ports)
    }

    fn resources(&self, reasons: &mut Vec<Reason>) -> bool {
        let there = &self.cache.slots[self.slot];
        let Some(node) = &there.facts else { return false };
        let before = reasons.len();
        for (position, asked) in self.template.request.iter().filter(|(_, asked)| *asked > 0) {
            let extra: i64 = (self.extra.iter())
                .map(|other| self.cache.templates[*other].request.get(position))
                .sum();
            let used = there.used.get(position).saturating_add(extra);
            if used.saturating_add(asked) > node.allocatable.get(position) {
                reasons.push(match position {
                    PODS => Reason::TooManyPods,
                    _ => Reason::Insufficient(position),
                });
            }
        }
        reasons.len() == before
    }

    /// Imagined pods that a tally counts.
    fn extra(&self, id: TallyId) -> i64 {
        let counted =
            |other: &&TemplateId| self.cache.templates[**other].topology.counted_in.contains(&id);
        i64::try_from(self.extra.iter().filter(counted).count()).unwrap_or(i64::MAX)
    }

    fn tally(&self, id: TallyId) -> &Tally {
        &self.cache.tallies[id]
    }

    /// Pods that a tally counts in the node's domain.
    fn near(&self, id: TallyId) -> i64 {
        let tally = self.tally(id);
        tally.domain(self.slot).map_or(0, |_| tally.near(self.slot) + self.extra(id))
    }

    fn has_label(&self, key: &str) -> bool {
        let node = self.cache.slots[self.slot].facts.as_ref();
        node.is_some_and(|node| node.labels.contains_key(key))
    }

    fn spread(&self) -> Option<Reason> {
        for rule in &self.template.topology.hard {
            if !self.has_label(&rule.key) {
                return Some(Reason::SpreadLabel);
            }
            let (domains, fewest) =
                self.tally(rule.tally).fewest(self.slot, self.extra(rule.tally));
            let fewest = if domains < rule.min_domains { 0 } else { fewest };
            let skew = (self.near(rule.tally) + rule.own).saturating_sub(fewest);
            if skew > rule.max_skew {
                return Some(Reason::Spread);
            }
        }
        None
    }

    fn affinity(&self) -> Option<Reason> {
        let topology = &self.template.topology;
        let taken = |ids: &[TallyId]| ids.iter().any(|id| self.near(*id) > 0);
        if !self.attracted() {
            Some(Reason::Affinity)
        } else if taken(&topology.anti_affinity) {
            Some(Reason::AntiAffinity)
        } else if taken(&topology.repelled_by) {
            Some(Reason::AntiAffinityOfOthers)
        } else {
            None
        }
    }

    /// Required affinity: pods nearby for every term; or none anywhere, and the pod is one that it
    /// looks for itself.
    fn attracted(&self) -> bool {
        let topology = &self.template.topology;
        let in_domains =
            topology.affinity.iter().all(|id| self.has_label(&self.tally(*id).definition.key));
        let nowhere = |id: &TallyId| self.tally(*id).is_empty() && self.extra(*id) == 0;
        in_domains
            && (topology.affinity.iter().all(|id| self.near(*id) > 0)
                || (topology.own_affinity && topology.affinity.iter().all(nowhere)))
    }
}
