//! Draining: pods leave in four waves, by the eviction API, by force when the grace is over.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Node;
use kube::{Resource, ResourceExt};

use super::DRAINED;
use crate::{
    cloud::Cloud,
    lifecycle::{
        events::Reason,
        work::{Error, Work},
        world::Pod,
    },
};

/// What to do with a node's pods now.
#[derive(Debug, Default, PartialEq)]
pub struct Step {
    /// To be evicted: the first wave that is not gone yet.
    pub evict: Vec<Arc<Pod>>,
    /// To be deleted, with this much grace: their time is up.
    pub force: Vec<(Arc<Pod>, SignedDuration)>,
    /// How many must still go, those above included.
    pub left: usize,
    /// How many of them nobody may disrupt yet.
    pub protected: usize,
    /// When to look again, whatever happens.
    pub next: Option<Timestamp>,
}

/// What to do with a node's pods: non-critical ones first, critical ones last, DaemonSets' pods
/// after others of their kind. A pod is forced when only its own grace is left before `deadline`.
pub fn step(pods: &[Arc<Pod>], now: Timestamp, deadline: Option<Timestamp>) -> Step {
    let mut pods: Vec<&Arc<Pod>> = pods.iter().filter(|pod| pod.is_drainable(now)).collect();
    pods.sort_by(|a, b| (wave(a), &a.id).cmp(&(wave(b), &b.id)));
    let mut step = Step { left: pods.len(), ..Step::default() };
    let first = pods.first().map(|pod| wave(pod));
    for pod in pods {
        if let Some(deadline) = deadline {
            let forced_at = deadline.checked_sub(pod.grace).unwrap_or(Timestamp::MIN);
            if forced_at <= now {
                force(&mut step, pod, now, deadline);
                continue;
            }
            step.look_at(forced_at);
        }
        if pod.deleting.is_some() {
            step.look_at(pod.stuck_at());
        } else if let Some(until) = pod.protected_until.filter(|until| *until > now) {
            step.protected += 1;
            step.look_at(until);
        } else if first == Some(wave(pod)) {
            step.evict.push(Arc::clone(pod));
        }
    }
    step
}

impl Step {
    fn look_at(&mut self, time: Timestamp) {
        self.next = Some(self.next.map_or(time, |next| next.min(time)));
    }
}

/// A pod that is on its way in time is left alone.
fn force(step: &mut Step, pod: &Arc<Pod>, now: Timestamp, deadline: Timestamp) {
    let least = SignedDuration::from_secs(1);
    let rest = deadline.duration_since(now).max(least);
    match pod.deleting {
        Some(end) if end <= deadline.max(now) => step.look_at(pod.stuck_at()),
        _ => step.force.push((Arc::clone(pod), rest)),
    }
}

fn wave(pod: &Pod) -> u8 {
    u8::from(pod.critical) * 2 + u8::from(pod.daemon)
}

/// One step of draining. True when nobody is left.
pub(super) async fn drain<C: Cloud>(
    work: &mut Work<'_, C>,
    node: &Node,
    deadline: Option<Timestamp>,
) -> Result<bool, Error> {
    let pods = work.ctx.world.pods_on(&node.name_any());
    let step = step(&pods, work.now(), deadline);
    if step.left == 0 && work.is_true(DRAINED) {
        return Ok(true);
    }
    work.set(DRAINED, "Unknown", "Draining", "");
    let fenced = work.since(DRAINED).unwrap_or_else(|| work.now());
    let rested = fenced.saturating_add(work.ctx.settings.least_drain);
    let rested = rested.is_ok_and(|end| work.is_over(end));
    if step.left == 0 && rested {
        work.set_true(DRAINED);
        work.ctx.metrics.nodes_drained.with_label_values(&[work.pool()]).inc();
    }
    work.save().await?;
    if step.left == 0 {
        return Ok(rested);
    }
    if let Some(next) = step.next {
        work.is_over(next);
    }
    announce(work, node, &step, deadline).await;
    super::evict::force(work, &step.force).await?;
    if let Some(wait) = super::evict::evict(work, &step.evict).await? {
        work.again_in(wait);
    }
    Ok(false)
}

async fn announce<C: Cloud>(
    work: &Work<'_, C>,
    node: &Node,
    step: &Step,
    deadline: Option<Timestamp>,
) {
    let about = node.object_ref(&());
    if let Some(deadline) = deadline {
        let note = format!("All pods will be deleted by {deadline}");
        work.ctx.events.tell(&about, Reason::TerminationGracePeriodExpiring, &note).await;
    }
    if step.protected > 0 {
        let note = "Failed to drain node: pods with karpenter.sh/do-not-disrupt are left";
        work.ctx.events.tell(&about, Reason::FailedDraining, note).await;
    }
}
