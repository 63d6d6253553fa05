//! Leader election by a Lease, as client-go does it, so that tenon and Karpenter, which use the same
//! Lease, never act at once.
//!
//! Every write carries the resource version that was read, so that of two candidates one fails.
//! (`kube-lease-manager` patches without one, and trusts other machines' clocks.) A lease that
//! somebody else holds counts as live until it has not changed for its whole duration by our own
//! clock. The leader gives up when it could not renew within [`Timing::renew_deadline`], which is
//! before others may take over.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
};
use kube::{Api, api::PostParams};
use tokio::time::{sleep, timeout};

use crate::api::names;

/// How long things take.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// How long a lease holds after its last renewal.
    pub lease_duration: Duration,
    /// A leader that has not renewed for so long stops.
    pub renew_deadline: Duration,
    /// Time between two attempts.
    pub retry_period: Duration,
}

impl Default for Timing {
    /// Somewhat shorter than client-go's 15, 10 and 2 s: a candidate sees a renewal up to a retry
    /// period late, and has to take over within 15 s of the last one all the same.
    fn default() -> Self {
        Self {
            lease_duration: Duration::from_secs(12),
            renew_deadline: Duration::from_secs(8),
            retry_period: Duration::from_secs(2),
        }
    }
}

/// How leadership ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The work came to its own end, and the lease is released.
    Done,
    /// Somebody else holds the lease, or it could not be renewed in time.
    Lost,
}

/// One candidate.
pub struct Candidate {
    api: Api<Lease>,
    name: String,
    identity: String,
    timing: Timing,
    /// Holder's last sign of life: what was read, and when we first read it.
    observed: Option<(LeaseSpec, Instant)>,
}

impl Candidate {
    /// A candidate for the lease `name`; `identity` must be its own among all candidates.
    pub fn new(api: Api<Lease>, name: String, identity: String, timing: Timing) -> Self {
        Self { api, name, identity, timing, observed: None }
    }

    /// Waits until the lease is ours.
    pub async fn acquire(&mut self) {
        loop {
            match self.attempt().await {
                Ok(true) => return,
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, lease = self.name, "lease not acquired"),
            }
            sleep(self.until_next()).await;
        }
    }

    /// A retry period, or less when the lease that somebody else holds ends before.
    fn until_next(&self) -> Duration {
        let left = self.observed.as_ref().map(|(spec, since)| {
            self.lasts(spec).saturating_sub(since.elapsed()).max(Duration::from_millis(10))
        });
        left.map_or(self.timing.retry_period, |left| left.min(self.timing.retry_period))
    }

    /// Runs `work` while the lease is ours, and drops it the moment that it is not.
    pub async fn lead(mut self, work: impl Future<Output = ()>) -> End {
        let end = tokio::select! {
            () = work => End::Done,
            () = self.renew() => End::Lost,
        };
        if end == End::Done
            && let Err(error) = timeout(self.timing.renew_deadline, self.release()).await
        {
            tracing::warn!(%error, lease = self.name, "lease not released");
        }
        end
    }

    /// Renews until that fails for too long.
    async fn renew(&mut self) {
        let mut renewed = Instant::now();
        loop {
            sleep(self.timing.retry_period).await;
            let left = self.timing.renew_deadline.saturating_sub(renewed.elapsed());
            let attempted = Instant::now();
            match timeout(left, self.attempt()).await {
                Ok(Ok(true)) => renewed = attempted,
                Ok(Ok(false)) => return,
                Ok(Err(error)) => tracing::warn!(%error, lease = self.name, "lease not renewed"),
                Err(_) => return,
            }
            if renewed.elapsed() >= self.timing.renew_deadline {
                return;
            }
        }
    }

    /// Creates, renews or takes over the lease; whether it is ours then.
    async fn attempt(&mut self) -> Result<bool, kube::Error> {
        let Some(mut lease) = self.api.get_opt(&self.name).await? else {
            let mut lease = Lease::default();
            lease.metadata.name = Some(self.name.clone());
            lease.spec = Some(self.held(None));
            return written(self.api.create(&params(), &lease).await);
        };
        let spec = lease.spec.take().unwrap_or_default();
        if !self.is_ours(&spec) && self.is_live(&spec) {
            return Ok(false);
        }
        lease.spec = Some(self.held(Some(spec)));
        written(self.api.replace(&self.name, &params(), &lease).await)
    }

    /// Gives the lease back, so that the next candidate need not wait for its end.
    async fn release(&self) -> Result<(), kube::Error> {
        let Some(mut lease) = self.api.get_opt(&self.name).await? else { return Ok(()) };
        let spec = lease.spec.take().unwrap_or_default();
        if !self.is_ours(&spec) {
            return Ok(());
        }
        let now = Some(MicroTime(Timestamp::now()));
        lease.spec = Some(LeaseSpec {
            holder_identity: Some(String::new()),
            lease_duration_seconds: Some(1),
            acquire_time: now.clone(),
            renew_time: now,
            ..spec
        });
        written(self.api.replace(&self.name, &params(), &lease).await).map(|_| ())
    }

    fn is_ours(&self, spec: &LeaseSpec) -> bool {
        spec.holder_identity.as_deref() == Some(&self.identity)
    }

    /// Whether the holder has shown a sign of life within the lease's duration.
    fn is_live(&mut self, spec: &LeaseSpec) -> bool {
        if spec.holder_identity.as_deref().unwrap_or_default().is_empty() {
            return false;
        }
        let since = match &self.observed {
            Some((seen, since)) if seen == spec => *since,
            _ => {
                let now = Instant::now();
                self.observed = Some((spec.clone(), now));
                now
            }
        };
        since.elapsed() < self.lasts(spec)
    }

    /// How long a holder's renewal counts.
    fn lasts(&self, spec: &LeaseSpec) -> Duration {
        let seconds = spec.lease_duration_seconds.and_then(|it| u64::try_from(it).ok());
        seconds.map_or(self.timing.lease_duration, Duration::from_secs)
    }

    fn held(&self, before: Option<LeaseSpec>) -> LeaseSpec {
        let now = Some(MicroTime(Timestamp::now()));
        let before = before.unwrap_or_default();
        let ours = self.is_ours(&before);
        let transitions = before.lease_transitions.unwrap_or(0);
        LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(self.timing.lease_duration.as_secs().max(1)).ok(),
            acquire_time: if ours { before.acquire_time.clone() } else { now.clone() },
            renew_time: now,
            lease_transitions: Some(if ours { transitions } else { transitions.saturating_add(1) }),
            ..before
        }
    }
}

/// A write that somebody else's came before is no error, only not ours.
fn written(answer: Result<Lease, kube::Error>) -> Result<bool, kube::Error> {
    match answer {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(false),
        Err(error) => Err(error),
    }
}

fn params() -> PostParams {
    PostParams { field_manager: Some(names::FIELD_MANAGER.to_owned()), ..PostParams::default() }
}
