//! Blows: what strikes at the n-th deed, as faults of the gateway. A deed is a write that others act on, counted over AWS
//! and the API server together; renewals of the lease and events are none: what is killed there stands as it did after
//! the deed before. Sets faults; their hooks kill the operator.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use kube::api::{Api, Patch, PatchParams};
use lanyard_api::{ANNOTATION_RECONCILE_REQUESTED_AT, WorkloadIdentity};
use lanyard_testkit::gateway::{Fault, FaultHandle, Faults};
use serde_json::json;
use tokio::sync::Notify;

/// How long reads are stale: long enough for a restart and a whole look, and shorter than the arena's settling, as what
/// AWS answers late is shorter than the usual one.
const STALE_FOR: Duration = Duration::from_secs(2);

/// What strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CrashFault {
    /// The operator is killed before the deed reaches the server.
    KilledBefore,
    /// The deed is done and its answer lost; the operator lives on.
    AnswerLost,
    /// The deed is done and the operator is killed before it hears.
    KilledAfter,
    /// The deed is done and what AWS answers next is from before it. The API server never does that to a single read.
    StaleAfter,
    /// Killed after, and what AWS answers its successor is from before the deed.
    KilledThenStale,
}

/// All of them.
pub const BLOWS: [CrashFault; 5] = [
    CrashFault::KilledBefore,
    CrashFault::AnswerLost,
    CrashFault::KilledAfter,
    CrashFault::StaleAfter,
    CrashFault::KilledThenStale,
];

/// What a blow needs to strike.
pub struct Arms<'a> {
    pub faults: &'a Faults,
    pub kill: Box<dyn Fn() -> Result<()> + Send + Sync>,
    pub identities: Api<WorkloadIdentity>,
    pub name: &'static str,
}

/// A blow that waits for its deed.
pub struct Armed {
    handle: FaultHandle,
    /// Told when the blow has fallen: the operator is dead, if that is what the blow does.
    pub fell: Arc<Notify>,
}

impl Armed {
    /// Whether its deed has come.
    pub fn struck(&self) -> bool {
        self.handle.hits() > 0
    }
}

impl CrashFault {
    /// Whether the operator is dead afterwards.
    pub fn kills(self) -> bool {
        matches!(
            self,
            Self::KilledBefore | Self::KilledAfter | Self::KilledThenStale
        )
    }

    /// Whether what it leaves may pass for drift: an operator that was just started has no memory of its predecessor's
    /// writes, by which it would know that a read is older than they are. It then writes once more what is written, and
    /// says that it corrected it.
    pub fn may_look_like_drift(self) -> bool {
        self == Self::KilledThenStale
    }

    /// Lies in wait for the n-th deed, counted from 1.
    pub fn arm(self, n: usize, arms: Arms<'_>) -> Armed {
        let Arms {
            faults,
            kill,
            identities,
            name,
        } = arms;
        let deed = || Fault::on_deeds().nth(n);
        // It fails only for an operator that was never started.
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
                faults.add(deed().calls_before(move |_| {
                    kill();
                    std::future::ready(())
                }));
                faults.add(deed().resets());
            }
            Self::AnswerLost => drop(faults.add(deed().swallows_answer())),
            Self::KilledAfter => drop(faults.add(deed().calls_after(move |_| {
                kill();
                std::future::ready(())
            }))),
            Self::StaleAfter => drop(faults.add(deed().calls_after(move |_| {
                stale();
                let identities = identities.clone();
                async move { ask_for_a_look(&identities, name, "after the blow").await }
            }))),
            Self::KilledThenStale => drop(faults.add(deed().calls_after(move |_| {
                kill();
                stale();
                std::future::ready(())
            }))),
        }
        // The last to be added is the last to run.
        let fell = Arc::new(Notify::new());
        let told = Arc::clone(&fell);
        let handle = faults.add(deed().calls_after(move |_| {
            told.notify_one();
            std::future::ready(())
        }));
        Armed { handle, fell }
    }
}

/// Asks for a look, if there is still an object to look at.
pub async fn ask_for_a_look(identities: &Api<WorkloadIdentity>, name: &str, nonce: &str) {
    let patch = json!({"metadata": {"annotations": {ANNOTATION_RECONCILE_REQUESTED_AT: nonce}}});
    let patch = Patch::Merge(&patch);
    // An object that is gone needs none.
    let _ = identities
        .patch_metadata(name, &PatchParams::default(), &patch)
        .await;
}
