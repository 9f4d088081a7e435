//! Every time that matters, as one value given at start. Only tests set it shorter. Pure data.

use std::time::Duration;

/// How long things take and how long Lanyard waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timings {
    /// A read that contradicts a write of ours younger than this is taken for stale.
    pub read_consistency: Duration,
    /// How long after a change of an association a new pod may still miss it: the pod webhook learns of it late
    /// (`aws/amazon-eks-pod-identity-webhook#264`; AWS says "several seconds").
    pub propagation: Duration,
    /// How long a change of the binding has to be in place before it counts for every new pod: webhook and association
    /// propagate apart.
    pub binding_propagation: Duration,
    /// Before what was written into a trust policy that others write to is read back, each of two times: long enough for
    /// a writer elsewhere that had read before to have written.
    pub read_back: Duration,
    /// How soon a change of the binding goes on after a step of it.
    pub step: Duration,
    /// How long a pod may go on with credentials that the agent fetched before a change of its association (docs/dev/aws-behaviour.md#agent).
    pub cached: Duration,
    /// What is added to that, for clocks that differ and for calls that take their time.
    pub margin: Duration,
    /// How long all pods have to be current before what the old binding needs is removed.
    pub soak: Duration,
    /// After this, a restart that is not through is called stuck.
    pub fail_after: Duration,
    /// How often everything is held against AWS: by a sweep, and one by one where it cannot.
    pub resync: Duration,
    /// How often each object is looked at by itself, however well sweeps find it: what a judgement of pages may miss is
    /// found by then.
    pub by_itself: Duration,
    /// How often something that waits for a person or another tool is looked at again.
    pub waiting: Duration,
    /// How long facts of the whole cluster (provider, agent) are remembered.
    pub cluster_facts: Duration,
    /// The lease: how long a claim holds.
    pub lease: Duration,
    /// The lease: how long its holder tries to renew before it gives up.
    pub renew_deadline: Duration,
    /// The longest that one write may take: it has to end inside the lease's margin.
    pub operation: Duration,
    /// For how long a call that AWS throttles is tried again before its step fails: from the first time on.
    pub throttled: Duration,
}

impl Default for Timings {
    fn default() -> Self {
        Self {
            read_consistency: Duration::from_secs(30),
            propagation: Duration::from_secs(10),
            binding_propagation: Duration::from_secs(60),
            read_back: Duration::from_secs(3),
            step: Duration::from_secs(2),
            cached: Duration::from_secs(6 * 3600),
            margin: Duration::from_secs(300),
            soak: Duration::ZERO,
            fail_after: Duration::from_secs(600),
            resync: Duration::from_secs(600),
            by_itself: Duration::from_secs(24 * 3600),
            waiting: Duration::from_secs(60),
            cluster_facts: Duration::from_secs(60),
            lease: Duration::from_secs(15),
            renew_deadline: Duration::from_secs(10),
            operation: Duration::from_secs(4),
            throttled: Duration::from_secs(20),
        }
    }
}
