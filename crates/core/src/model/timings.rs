//! All time limits and intervals as one value, set at start. Only tests use shorter ones. Pure data; no I/O.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// The time limits and intervals of Lanyard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timings {
    /// A read that contradicts a write of Lanyard younger than this is treated as stale.
    pub read_consistency: Duration,
    /// The time after a change of an association, a role, its trust policy or the OIDC provider in which a new pod may
    /// still miss it. For associations AWS says "several seconds" (`aws/amazon-eks-pod-identity-webhook#264`); for IAM
    /// it gives no number, and 10 to 30 s were measured (docs/dev/aws-behaviour.md#iam-consistency).
    pub propagation: Duration,
    /// The time until a change of the binding is in effect for every new pod: webhook and association propagate
    /// independently.
    pub binding_propagation: Duration,
    /// The delay before each of two reads that confirm a write to a shared trust policy. It is long enough for
    /// another writer that read the policy earlier to have written.
    pub read_back: Duration,
    /// The requeue delay after a step of a transition.
    pub step: Duration,
    /// The maximum lifetime of credentials that the agent fetched before a change of its association
    /// (docs/dev/aws-behaviour.md#agent).
    pub cached: Duration,
    /// The maximum lifetime of a ServiceAccount token of a pod (docs/dev/aws-behaviour.md#webhook).
    pub token: Duration,
    /// The margin added to the lifetime of credentials, for clock skew and slow calls.
    pub margin: Duration,
    /// The time for which all pods must be current before the resources of the old binding are removed.
    pub soak: Duration,
    /// The time after which an incomplete restart is reported as stuck.
    pub fail_after: Duration,
    /// The interval in which every identity is compared with AWS: by a drift scan, or by single reads where no scan
    /// is possible.
    pub resync: Duration,
    /// The interval in which each object is reconciled even if drift scans find no drift, to catch drift that scans
    /// cannot detect.
    pub full_resync: Duration,
    /// The shortest interval between two reconciles of an object of which only annotations changed.
    pub annotation_interval: Duration,
    /// The requeue interval of an object that waits for a user or another tool.
    pub waiting: Duration,
    /// The time after which a failure that may end by itself needs a user: AWS does not see a recent write
    /// everywhere yet (seconds, now and then a minute: hashicorp/terraform-provider-aws#6566), or a policy does
    /// not exist that the same deployment may be about to create.
    pub stall_after: Duration,
    /// The cache lifetime of facts of the whole cluster (provider, agent).
    pub cluster_facts: Duration,
    /// The duration of the leader election lease.
    pub lease: Duration,
    /// The time in which the leader must renew the lease before it gives up.
    pub renew_deadline: Duration,
    /// The time limit of a write, which must end within the margin of the lease.
    pub operation: Duration,
    /// The time for which a throttled call is retried before its step fails.
    pub throttled: Duration,
}

impl Default for Timings {
    fn default() -> Self {
        Self {
            read_consistency: Duration::from_secs(30),
            propagation: Duration::from_secs(20),
            binding_propagation: Duration::from_secs(60),
            read_back: Duration::from_secs(3),
            step: Duration::from_secs(2),
            cached: Duration::from_secs(6 * 3600),
            token: Duration::from_secs(24 * 3600),
            margin: Duration::from_secs(300),
            soak: Duration::ZERO,
            fail_after: Duration::from_secs(600),
            resync: Duration::from_secs(600),
            full_resync: Duration::from_secs(24 * 3600),
            annotation_interval: Duration::from_secs(5),
            waiting: Duration::from_secs(60),
            stall_after: Duration::from_secs(120),
            cluster_facts: Duration::from_secs(60),
            lease: Duration::from_secs(15),
            renew_deadline: Duration::from_secs(10),
            operation: Duration::from_secs(4),
            throttled: Duration::from_secs(20),
        }
    }
}

/// The rest of a duration that began at a time. It never exceeds the duration itself, whatever a clock reports. Returns
/// `None` if the duration has passed.
pub(crate) fn remaining(duration: Duration, start: Timestamp, now: Timestamp) -> Option<Duration> {
    let end = start.checked_add(SignedDuration::try_from(duration).ok()?).ok()?;
    let rest = now.duration_until(end);
    rest.is_positive().then(|| rest.unsigned_abs().min(duration))
}
