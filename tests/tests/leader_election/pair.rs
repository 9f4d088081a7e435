//! Two operators on one environment, with their leadership and their calls. Input: an environment. Output: freezes, the
//! holder of the lease and calls. Does I/O; waits only on conditions.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use lanyard_testkit::gateway::{Calls, Fault, FaultHandle, Mark, Target};
use lanyard_tests::TestEnv;

pub const BINARY: &str = env!("CARGO_BIN_EXE_lanyard-under-test");

/// The names of the two operators in logs and calls.
pub const NAMES: [&str; 2] = ["lanyard", "other"];
/// From [`TIMINGS`]: the lease, its renewal interval (a fifth of the renewal deadline), and the longest write.
pub const LEASE: Duration = Duration::from_secs(4);
pub const RENEWAL: Duration = Duration::from_millis(400);
pub const OPERATION: Duration = Duration::from_secs(2);
const TIMINGS: &str = "lease=4s,renew-deadline=2s,operation=2s";
/// Timeout of every wait.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);

/// Two operators.
pub struct Pair {
    pub stage: TestEnv,
}

impl Pair {
    /// Starts two operators whose calls are all recorded. The first one leads.
    pub async fn new() -> Result<Self> {
        let pair = Self {
            stage: TestEnv::behind_gateway(BINARY, TIMINGS).await?,
        };
        pair.stage.until_leads(0, true).await?;
        pair.start(1).await?;
        Ok(pair)
    }

    /// Starts the operator with this number as the standby.
    pub async fn start(&self, number: usize) -> Result<()> {
        self.stage.operator(BINARY, name(number), &[])?;
        self.stage.until_leads(number, false).await
    }

    /// Waits until an operator runs no reconciliation, so that no write of it is pending.
    pub async fn until_idle(&self, number: usize) -> Result<()> {
        let idle = |_, body: &str| body.lines().any(|line| line == "lanyard_reconciles_running 0");
        self.stage.until_answers(number, "/metrics", idle).await
    }

    /// Freezes an operator the moment one of its calls arrives at the gateway. The call itself continues.
    pub fn freeze_at(&self, target: Target, number: usize) -> Result<Freeze> {
        let stop = self.stage.signaller(number, "STOP")?;
        let frozen = Arc::new(OnceLock::new());
        let at = Arc::clone(&frozen);
        let fault = target.calls_before(move |_| {
            // A failed freeze is visible at once: the standby does not take over.
            let stopped = stop().is_ok();
            at.get_or_init(|| stopped.then(Instant::now));
            std::future::ready(())
        });
        let fault = self.stage.bed.gateway.faults().add(fault);
        Ok(Freeze { frozen, fault })
    }

    /// Resumes a frozen operator.
    pub fn resume(&self, number: usize) -> Result<Instant> {
        let resumed = Instant::now();
        self.stage.signaller(number, "CONT")?()?;
        Ok(resumed)
    }

    /// Waits until an operator holds the lease whose name does not begin with `holder`.
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
            .context("no operator took over the lease")?
    }

    /// The holder of the lease.
    pub async fn holder(&self) -> Result<Option<String>> {
        let leases: Api<Lease> = Api::namespaced(self.stage.bed.client().await?, "kube-system");
        let lease = leases.get_opt("lanyard").await?;
        Ok(lease.and_then(|lease| lease.spec?.holder_identity))
    }

    /// The calls of an operator since a mark.
    pub fn calls(&self, number: usize, since: Mark) -> Calls {
        self.stage.bed.gateway.ledger().since(since).by(name(number))
    }
}

/// The name of an operator. The third one replaces the first, and so on.
fn name(number: usize) -> &'static str {
    NAMES.get(number % NAMES.len()).copied().unwrap_or_default()
}

/// A freeze that waits for its call.
pub struct Freeze {
    frozen: Arc<OnceLock<Option<Instant>>>,
    fault: FaultHandle,
}

impl Freeze {
    /// The time of the freeze. Returns `None` if it has not occurred.
    pub fn triggered_at(&self) -> Option<Instant> {
        self.frozen.get().copied().flatten()
    }

    /// Removes the freeze.
    pub fn disarm(&self) {
        self.fault.remove();
    }
}

/// Every write that began after a moment, except those of the lease: a leader that lost its lease must start none.
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
pub fn nth_write(n: usize, subject: &str) -> Target {
    Fault::on_deeds().about(subject).nth(n)
}
