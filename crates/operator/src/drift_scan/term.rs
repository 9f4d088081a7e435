//! `Term`: one term of the leader, which all parts of a drift scan share. Requests the reconciles of drifted objects.
//! No I/O except timers.

use std::time::{Duration, Instant};

use futures::channel::mpsc::UnboundedSender;

use super::background_requeues::BackgroundRequeues;
use super::orphans::OrphanMemory;
use crate::identity::key::ObjectKey;
use crate::identity::{Context, IdentityRef};

/// The interval at which a sleeping scan checks that this operator is still the leader.
const LEADER_CHECK: Duration = Duration::from_secs(1);

/// One term of the leader.
#[derive(Clone, Copy)]
pub(super) struct Term<'a> {
    pub context: &'a Context,
    pub number: u64,
    pub requeue: &'a UnboundedSender<IdentityRef>,
    pub background: &'a BackgroundRequeues,
    pub orphans: &'a OrphanMemory,
}

impl Term<'_> {
    pub fn leads(&self) -> bool {
        self.context.lease.is_open() && self.context.objects.term() == self.number
    }

    /// Sleeps until a point in time, or until the end of the term.
    pub async fn sleep_until(&self, moment: Instant) {
        while self.leads() && Instant::now() < moment {
            let remaining = moment.saturating_duration_since(Instant::now());
            tokio::time::sleep(LEADER_CHECK.min(remaining)).await;
        }
    }

    /// Requeues a drifted object. Returns false without a requeue if the last reconcile did not change the result of
    /// the comparison.
    pub fn drifted(&self, key: ObjectKey, object: IdentityRef, read: &'static str) -> bool {
        let helps = self.context.objects.drifted(key, Instant::now());
        if helps {
            tracing::debug!(%object, read, "drift scan found a difference; requeueing");
            self.background.requeue(object);
        } else {
            tracing::debug!(
                %object, read,
                "drift scan found the same difference again after a reconcile; reconciling only at each resync"
            );
        }
        helps
    }
}
