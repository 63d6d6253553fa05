//! Times and limits of the lifecycle, with Karpenter's values where it has them.

use jiff::SignedDuration;

/// All of them.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Claims that are worked on at the same time. Each waits for the API server or the cloud
    /// nearly all of its time, so that this bounds requests in flight, not threads.
    pub concurrency: u16,
    /// A call to the cloud that takes longer counts as failed and is made again.
    pub cloud_timeout: SignedDuration,
    /// A claim that has no machine by then is given up (Karpenter: 5 min).
    pub launch_timeout: SignedDuration,
    /// A machine whose node has not registered by then is given up (Karpenter: 15 min).
    pub registration_timeout: SignedDuration,
    /// How long a new node's taint stays after its pods were nominated, for the scheduler to have
    /// read that they were.
    pub nomination_settle: SignedDuration,
    /// How often claims and machines are compared (Karpenter: 2 min).
    pub collect_every: SignedDuration,
    /// How long a machine may be without a claim, and a launched claim without a machine in the
    /// cloud's list: clouds list what they made with a delay.
    pub orphan_grace: SignedDuration,
    /// A node is drained for at least so long, for the news of pods bound a moment ago to arrive
    /// (Karpenter: 5 s).
    pub least_drain: SignedDuration,
    /// How often a machine is asked after whose end is on its way (Karpenter: 5 s).
    pub terminate_poll: SignedDuration,
    /// How often empty nodes are looked for (Karpenter: 10 s).
    pub empty_every: SignedDuration,
    /// Events of one object, reason and message are not repeated within this time (Karpenter:
    /// 2 min).
    pub event_every: SignedDuration,
    /// Pod events closer together than this count as one (Karpenter: 10 s).
    pub pod_event_every: SignedDuration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            concurrency: 200,
            cloud_timeout: SignedDuration::from_secs(120),
            launch_timeout: SignedDuration::from_mins(5),
            registration_timeout: SignedDuration::from_mins(15),
            nomination_settle: SignedDuration::from_millis(300),
            collect_every: SignedDuration::from_mins(2),
            orphan_grace: SignedDuration::from_secs(60),
            least_drain: SignedDuration::from_secs(5),
            terminate_poll: SignedDuration::from_secs(5),
            empty_every: SignedDuration::from_secs(10),
            event_every: SignedDuration::from_mins(2),
            pod_event_every: SignedDuration::from_secs(10),
        }
    }
}
