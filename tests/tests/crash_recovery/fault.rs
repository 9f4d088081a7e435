//! Faults that occur at the n-th write, as faults of the gateway. A write counts if others act on it, over AWS and the API
//! server together. Renewals of the lease and events do not count, because a kill at one of them leaves the state of the
//! write before. Sets faults; their hooks kill the operator.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use kube::api::{Api, Patch, PatchParams};
use lanyard_api::{ANNOTATION_RECONCILE_REQUESTED_AT, WorkloadIdentity};
use lanyard_testkit::gateway::{Fault, FaultHandle, Faults};
use serde_json::json;
use tokio::sync::Notify;

/// Duration of stale reads: long enough for a restart and a complete reconciliation, and shorter than the harness's
/// read-consistency time, as stale answers of AWS are shorter than the default.
const STALE_FOR: Duration = Duration::from_secs(2);

/// A fault at one write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CrashFault {
    /// The operator is killed before the write reaches the server.
    KilledBefore,
    /// The write is done and its answer is lost; the operator keeps running.
    AnswerLost,
    /// The write is done and the operator is killed before it receives the answer.
    KilledAfter,
    /// The write is done and the next reads of AWS return the state before it. The API server never does that to a single
    /// read.
    StaleAfter,
    /// Killed after the write, and the successor's reads of AWS return the state before it.
    KilledThenStale,
}

/// All faults.
pub const FAULTS: [CrashFault; 5] = [
    CrashFault::KilledBefore,
    CrashFault::AnswerLost,
    CrashFault::KilledAfter,
    CrashFault::StaleAfter,
    CrashFault::KilledThenStale,
];

/// The functions that a fault needs.
pub struct FaultContext<'a> {
    pub faults: &'a Faults,
    pub kill: Box<dyn Fn() -> Result<()> + Send + Sync>,
    pub identities: Api<WorkloadIdentity>,
    pub name: &'static str,
}

/// A fault that waits for its write.
pub struct ArmedFault {
    handle: FaultHandle,
    /// Notified when the fault is complete: the operator is dead, if the fault kills it.
    pub complete: Arc<Notify>,
}

impl ArmedFault {
    /// Returns `true` if the write has occurred.
    pub fn triggered(&self) -> bool {
        self.handle.hits() > 0
    }
}

impl CrashFault {
    /// Returns `true` if the operator is dead afterwards.
    pub fn kills(self) -> bool {
        matches!(
            self,
            Self::KilledBefore | Self::KilledAfter | Self::KilledThenStale
        )
    }

    /// Returns `true` if the result may be mistaken for drift. A new operator has no memory of its predecessor's writes, so
    /// it cannot know that a read is older than they are. It then repeats a write and reports a correction.
    pub fn may_pass_for_drift(self) -> bool {
        self == Self::KilledThenStale
    }

    /// Arms the fault for the n-th write, counted from 1.
    pub fn arm(self, n: usize, fault_context: FaultContext<'_>) -> ArmedFault {
        let FaultContext {
            faults,
            kill,
            identities,
            name,
        } = fault_context;
        let nth_write = || Fault::on_deeds().nth(n);
        // Fails only for an operator that was never started.
        let kill = move || drop(kill());
        let more = faults.clone();
        let stale = move || {
            let stale = more.add(Fault::on_reads().to_aws().serves_stale());
            tokio::spawn(async move {
                tokio::time::sleep(STALE_FOR).await;
                stale.remove();
            });
        };
        match self {
            Self::KilledBefore => {
                faults.add(nth_write().calls_before(move |_| {
                    kill();
                    std::future::ready(())
                }));
                faults.add(nth_write().resets());
            }
            Self::AnswerLost => drop(faults.add(nth_write().swallows_answer())),
            Self::KilledAfter => drop(faults.add(nth_write().calls_after(move |_| {
                kill();
                std::future::ready(())
            }))),
            Self::StaleAfter => drop(faults.add(nth_write().calls_after(move |_| {
                stale();
                let identities = identities.clone();
                async move { request_reconcile(&identities, name, "after the fault").await }
            }))),
            Self::KilledThenStale => drop(faults.add(nth_write().calls_after(move |_| {
                kill();
                stale();
                std::future::ready(())
            }))),
        }
        // The gateway runs the fault last that was added last.
        let complete = Arc::new(Notify::new());
        let sender = Arc::clone(&complete);
        let handle = faults.add(nth_write().calls_after(move |_| {
            sender.notify_one();
            std::future::ready(())
        }));
        ArmedFault { handle, complete }
    }
}

/// Requests a reconciliation if the object still exists.
pub async fn request_reconcile(identities: &Api<WorkloadIdentity>, name: &str, nonce: &str) {
    let patch = json!({"metadata": {"annotations": {ANNOTATION_RECONCILE_REQUESTED_AT: nonce}}});
    let patch = Patch::Merge(&patch);
    // A deleted object needs no reconciliation.
    let _ = identities
        .patch_metadata(name, &PatchParams::default(), &patch)
        .await;
}
