//! Leader election by a `coordination.k8s.io/v1` Lease: at most one operator of a cluster writes.
//! Input: the settings of the lease. Output: a [`Claim`] and the [`LeaseGate`] that every write checks. Reads and
//! writes the Lease; `candidate` decides the next action without I/O.
//!
//! Two gates are never open at the same time. A claim counts from the moment before its write was *sent*, and ends
//! before the lease by the maximum duration of a write. Other candidates count the whole lease from the moment after
//! they *read* that write, which is later, and take over only with the `resourceVersion` that they read. Clocks of
//! other machines are not used.

mod candidate;
mod gate;
mod settings;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{Api, PostParams};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use self::candidate::{Action, Candidate, LeaseDurations};
pub use self::gate::{Claim, LeaseGate};
pub use self::settings::{LeaseSettings, identity};
use crate::admin::{Heartbeat, Readiness, Requirement};
use crate::error::kube_message;

/// The candidacy of this process for the lease.
#[derive(Debug)]
pub struct LeaderElection {
    gate: LeaseGate,
    heartbeat: Heartbeat,
    operation: Duration,
    closed: DropGuard,
    release: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl LeaderElection {
    /// The gate that this candidacy opens and closes.
    #[must_use]
    pub fn gate(&self) -> LeaseGate {
        self.gate.clone()
    }

    /// The heartbeat of the task that renews the lease.
    #[must_use]
    pub fn heartbeat(&self) -> Heartbeat {
        self.heartbeat.clone()
    }

    /// Waits for the end of the task that renews the lease. It ends only because of a bug.
    pub async fn ended(&mut self) {
        let _ended = (&mut self.task).await;
    }

    /// Closes the gate and releases the lease, so that another candidate takes over at once. `drained`: no write is in
    /// progress; otherwise this waits for the maximum duration of a write first.
    pub async fn release(self, drained: bool) {
        drop(self.closed);
        if !drained {
            sleep(self.operation).await;
        }
        if self.release.send(()).is_ok() {
            let _ended = self.task.await;
        }
    }
}

/// Starts the candidacy for the lease.
#[must_use]
pub fn run(kube: kube::Client, settings: LeaseSettings, readiness: Readiness) -> LeaderElection {
    let timings = settings.timings;
    let (claims, claim) = watch::channel(Claim::Unknown);
    let (release, released) = oneshot::channel();
    let closed = CancellationToken::new();
    let durations = LeaseDurations {
        lease: timings.lease,
        open: timings
            .renew_deadline
            .min(timings.lease.saturating_sub(timings.operation)),
    };
    let heartbeat = Heartbeat::default();
    let task = LeaseTask {
        heartbeat: heartbeat.clone(),
        api: Api::namespaced(kube, &settings.namespace),
        candidate: Candidate::new(&settings, durations),
        claims,
        readiness,
        closed: closed.clone(),
        interval: timings.renew_deadline / 5,
        limit: timings.renew_deadline / 3,
        logged: String::new(),
    };
    let task = tokio::spawn(task.run_until(released));
    LeaderElection {
        heartbeat,
        operation: timings.operation,
        gate: LeaseGate {
            claim,
            closed: closed.clone(),
        },
        closed: closed.drop_guard(),
        release,
        task,
    }
}

/// The task that executes the actions of the candidate and publishes its claim.
struct LeaseTask {
    heartbeat: Heartbeat,
    api: Api<Lease>,
    candidate: Candidate,
    claims: watch::Sender<Claim>,
    readiness: Readiness,
    closed: CancellationToken,
    /// The interval between two steps. After an error it is a quarter of this.
    interval: Duration,
    /// The timeout of one call, so that several calls fit into the renewal deadline.
    limit: Duration,
    /// The last logged error.
    logged: String,
}

/// The error of one step.
#[derive(Debug, thiserror::Error)]
enum LeaseError {
    #[error("could not {verb} the lease: no response within {limit:?}")]
    TimedOut { verb: &'static str, limit: Duration },
    #[error("another candidate updated the lease at the same time")]
    Conflict,
    #[error(
        "could not {verb} the lease: {message}; the operator's RBAC must allow get, create and update of leases there"
    )]
    Forbidden { verb: &'static str, message: String },
    #[error("could not {verb} the lease: {message}")]
    Failed { verb: &'static str, message: String },
}

impl LeaseTask {
    async fn run_until(mut self, released: oneshot::Receiver<()>) {
        while !self.closed.is_cancelled() {
            self.heartbeat.beat();
            let result = self.step().await;
            let pause = if result.is_ok() {
                self.interval
            } else {
                self.interval / 4
            };
            self.report(result.err());
            self.publish();
            tokio::select! {
                () = sleep(pause) => {}
                () = self.closed.cancelled() => {}
            }
        }
        self.publish();
        self.heartbeat.beat();
        if released.await.is_ok() {
            self.release().await;
        }
    }

    /// One step: reads the lease if the candidate needs it, and writes if the candidate decides so.
    async fn step(&mut self) -> Result<(), LeaseError> {
        let mut action = self.candidate.decide(Instant::now());
        if action == Action::Read {
            self.read().await?;
            action = self.candidate.decide(Instant::now());
        }
        match action {
            Action::Read => Ok(()),
            Action::Write => self.write().await,
        }
    }

    async fn read(&mut self) -> Result<(), LeaseError> {
        let lease = self
            .with_timeout("get", self.api.get_opt(self.candidate.name()))
            .await?;
        self.candidate.observe_read(lease, Instant::now());
        Ok(())
    }

    async fn write(&mut self) -> Result<(), LeaseError> {
        let draft = self.candidate.draft(Timestamp::now());
        let sent = Instant::now();
        let written = match draft.metadata.resource_version {
            Some(_) => self.replace(&draft).await,
            None => {
                self.with_timeout("create", self.api.create(&PostParams::default(), &draft))
                    .await
            }
        };
        match written {
            Ok(lease) => {
                self.candidate.observe_write(lease, sent, Instant::now());
                Ok(())
            }
            // The lease has changed since the last read. A write with a lost response also ends here.
            Err(LeaseError::Conflict) => self.read().await.and(Err(LeaseError::Conflict)),
            Err(error) => Err(error),
        }
    }

    async fn replace(&self, draft: &Lease) -> Result<Lease, LeaseError> {
        let name = self.candidate.name();
        self.with_timeout("update", self.api.replace(name, &PostParams::default(), draft))
            .await
    }

    /// Removes the identity from the lease, unless another candidate has taken it over already.
    async fn release(mut self) {
        for _ in 0..2 {
            let Some(draft) = self.candidate.release_draft(Timestamp::now()) else {
                return;
            };
            match self.replace(&draft).await {
                Ok(_) => return tracing::info!("released the lease"),
                Err(LeaseError::Conflict) if self.read().await.is_ok() => {}
                Err(error) => {
                    return tracing::warn!(%error, "could not release the lease; it expires by itself");
                }
            }
        }
    }

    async fn with_timeout<T>(
        &self,
        verb: &'static str,
        call: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T, LeaseError> {
        let limit = self.limit;
        let error = match timeout(limit, call).await {
            Err(_) => return Err(LeaseError::TimedOut { verb, limit }),
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => error,
        };
        let message = kube_message(&error);
        Err(match error {
            kube::Error::Api(status) if status.code == 409 => LeaseError::Conflict,
            kube::Error::Api(status) if status.code == 403 => LeaseError::Forbidden { verb, message },
            _ => LeaseError::Failed { verb, message },
        })
    }

    /// Logs an error once until it changes, and updates the readiness.
    fn report(&mut self, error: Option<LeaseError>) {
        if self.candidate.has_read() {
            self.readiness.set_met(Requirement::Lease);
        }
        let Some(error) = error else {
            self.logged.clear();
            return;
        };
        let message = error.to_string();
        if !self.candidate.has_read() {
            self.readiness.set_unmet(Requirement::Lease, &message);
        }
        if self.logged != message {
            tracing::warn!("{message}");
            self.logged = message;
        }
    }

    /// Publishes the claim. Waiters are notified of a new term or holder, and not of each renewal.
    fn publish(&self) {
        let claim = if self.closed.is_cancelled() {
            Claim::Unknown
        } else {
            self.candidate.claim(Instant::now())
        };
        self.claims.send_if_modified(|current| {
            let changes = is_change(current, &claim);
            if changes {
                log_change(current, &claim);
            }
            *current = claim;
            changes
        });
    }
}

fn is_change(before: &Claim, now: &Claim) -> bool {
    match (before, now) {
        (Claim::Held { term: before, .. }, Claim::Held { term: now, .. }) => before != now,
        _ => before != now,
    }
}

fn log_change(before: &Claim, now: &Claim) {
    match (before, now) {
        (_, Claim::Held { term, .. }) => {
            tracing::info!(term, "acquired the lease: this operator is the leader")
        }
        (_, Claim::Standby { holder }) => {
            tracing::info!(holder, "standby: another operator holds the lease")
        }
        (Claim::Held { .. }, Claim::Unknown) => tracing::info!("lost the lease"),
        (_, Claim::Unknown) => {}
    }
}
