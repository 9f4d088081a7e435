//! Two operators on one stage, which of them leads, and what each of them has called.
//! A stage in; freezing, resuming, and waiting for who leads out. Does I/O; waits only on conditions.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use lanyard_testkit::gateway::{Calls, Fault, FaultHandle, Mark, Target};
use lanyard_tests::TestEnv;

pub const BINARY: &str = env!("CARGO_BIN_EXE_lanyard-under-test");

/// The names under which the two log and call.
pub const NAMES: [&str; 2] = ["lanyard", "other"];
/// As [`TIMINGS`] says: the lease; how often it is renewed (a fifth of the renewal deadline); the longest write.
pub const LEASE: Duration = Duration::from_secs(4);
pub const RENEWAL: Duration = Duration::from_millis(400);
pub const OPERATION: Duration = Duration::from_secs(2);
const TIMINGS: &str = "lease=4s,renew-deadline=2s,operation=2s";
/// The longest that anything awaited may take.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);

/// Two operators.
pub struct Pair {
    pub stage: TestEnv,
}

impl Pair {
    /// Two operators whose every call is on record; the first one leads.
    pub async fn new() -> Result<Self> {
        let pair = Self {
            stage: TestEnv::behind_gateway(BINARY, TIMINGS).await?,
        };
        pair.stage.until_leads(0, true).await?;
        pair.stage.operator(BINARY, NAMES[1], &[])?;
        pair.stage.until_leads(1, false).await?;
        Ok(pair)
    }

    /// Waits until an operator has no look under way, so that nothing of it is still to come.
    pub async fn until_idle(&self, number: usize) -> Result<()> {
        let idle = |_, body: &str| body.lines().any(|line| line == "lanyard_reconciles_running 0");
        self.stage.until_answers(number, "/metrics", idle).await
    }

    /// Freezes an operator the moment one of its calls arrives at the gateway; the call itself goes on.
    pub fn freeze_at(&self, target: Target, number: usize) -> Result<Freeze> {
        let stop = self.stage.signaller(number, "STOP")?;
        let frozen = Arc::new(OnceLock::new());
        let at = Arc::clone(&frozen);
        let fault = target.calls_before(move |_| {
            // A freeze that fails shows at once: nobody takes over.
            let stopped = stop().is_ok();
            at.get_or_init(|| stopped.then(Instant::now));
            std::future::ready(())
        });
        let fault = self.stage.bed.gateway.faults().add(fault);
        Ok(Freeze { frozen, fault })
    }

    /// Lets a frozen operator go on.
    pub fn resume(&self, number: usize) -> Result<Instant> {
        let resumed = Instant::now();
        self.stage.signaller(number, "CONT")?()?;
        Ok(resumed)
    }

    /// Waits until the lease says that one of the two holds it whose name does not begin so.
    pub async fn until_taken_from(&self, holder: &str) -> Result<Instant> {
        let taken = async {
            loop {
                if self.holder().await?.is_some_and(|found| found != holder) {
                    return anyhow::Ok(Instant::now());
                }
                tokio::time::sleep(POLL).await;
            }
        };
        tokio::time::timeout(PATIENCE, taken)
            .await
            .context("nobody took the lease over")?
    }

    /// Who holds the lease.
    pub async fn holder(&self) -> Result<Option<String>> {
        let leases: Api<Lease> = Api::namespaced(self.stage.bed.client().await?, "kube-system");
        let lease = leases.get_opt("lanyard").await?;
        Ok(lease.and_then(|lease| lease.spec?.holder_identity))
    }

    /// What an operator has called since a mark.
    pub fn calls(&self, number: usize, since: Mark) -> Calls {
        let name = NAMES.get(number).copied().unwrap_or_default();
        self.stage.bed.gateway.ledger().since(since).by(name)
    }
}

/// A freeze that lies in wait.
pub struct Freeze {
    frozen: Arc<OnceLock<Option<Instant>>>,
    fault: FaultHandle,
}

impl Freeze {
    /// When it struck, if it has.
    pub fn struck(&self) -> Option<Instant> {
        self.frozen.get().copied().flatten()
    }

    /// Takes it back.
    pub fn disarm(&self) {
        self.fault.remove();
    }
}

/// Every call that changes something, but for the lease itself: what a leader that lost it must not begin any more.
pub fn begun_after(calls: &Calls, moment: Instant) -> Vec<String> {
    let late = calls
        .entries()
        .iter()
        .filter(|entry| entry.call.write && entry.began >= moment);
    late.filter(|entry| !entry.call.operation.ends_with(" leases"))
        .map(|entry| format!("{} {}", entry.call.operation, entry.call.subjects.join(" ")))
        .collect()
}

/// The n-th write about one identity, over AWS and the API server together.
pub fn nth_deed(n: usize, subject: &str) -> Target {
    Fault::on_deeds().about(subject).nth(n)
}
