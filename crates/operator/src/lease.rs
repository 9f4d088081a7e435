//! The lease: of all operators of one cluster, at most one writes. A `coordination.k8s.io/v1` Lease is claimed, renewed
//! and at the end vacated; out comes a [`Claim`] and the [`LeaseGate`] that is asked before every write.
//! Talks to the API server; started once by `run`. What to do next is decided in `candidate`, which does no I/O.
//!
//! Why two gates are never open at once: a claim counts from the moment before its write was *sent*, and ends a write's
//! length before the lease does. Others count the whole lease from the moment after they *saw* that write, which is
//! later, and take over only with the `resourceVersion` that they saw. Clocks of other machines are never read.

mod candidate;
mod gate;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{Api, PostParams};
use lanyard_core::model::text::quote;
use lanyard_core::model::timings::Timings;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use self::candidate::{Action, Candidate, Terms};
pub use self::gate::{Claim, LeaseGate};
use crate::admin::{Readiness, What};
use crate::error::plainly;

/// Which lease, and who wants it.
#[derive(Debug, Clone)]
pub struct LeaseSettings {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Who wants it; unlike anybody else's name, see [`identity`].
    pub identity: String,
    /// How long it lasts, how long a renewal may be tried, and how long a write may take.
    pub timings: Timings,
}

/// A name that no other process has: that of the pod or machine, and a random suffix.
#[must_use]
pub fn identity() -> String {
    let host = ["POD_NAME", "HOSTNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok());
    let host = host.or_else(|| std::fs::read_to_string("/proc/sys/kernel/hostname").ok());
    let host = host
        .map(|host| quote(host.trim()))
        .filter(|host| !host.is_empty());
    // The keys of the standard library's hasher come from the operating system's random numbers.
    let random = RandomState::new().build_hasher().finish();
    format!("{}-{:08x}", host.as_deref().unwrap_or("lanyard"), random >> 32)
}

/// The lease while this process stands for it.
#[derive(Debug)]
pub struct LeaderElection {
    gate: LeaseGate,
    operation: Duration,
    closed: DropGuard,
    release: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl LeaderElection {
    /// The gate that this tenure opens and closes.
    #[must_use]
    pub fn gate(&self) -> LeaseGate {
        self.gate.clone()
    }

    /// Waits for the task that renews the lease to end, which it never does unless something is badly wrong.
    pub async fn broken(&mut self) {
        let _ended = (&mut self.task).await;
    }

    /// Closes the gate and gives the lease back, so that another one takes over at once. `drained`: no write is under
    /// way; otherwise those that are get the time that one may take.
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

/// Stands for the lease from now on.
#[must_use]
pub fn run(kube: kube::Client, settings: LeaseSettings, readiness: Readiness) -> LeaderElection {
    let timings = settings.timings;
    let (claims, claim) = watch::channel(Claim::Unknown);
    let (release, vacated) = oneshot::channel();
    let closed = CancellationToken::new();
    let terms = Terms {
        lease: timings.lease,
        open: timings
            .renew_deadline
            .min(timings.lease.saturating_sub(timings.operation)),
    };
    let post = LeaseTask {
        api: Api::namespaced(kube, &settings.namespace),
        candidate: Candidate::new(&settings, terms),
        claims,
        readiness,
        closed: closed.clone(),
        interval: timings.renew_deadline / 5,
        limit: timings.renew_deadline / 3,
        said: String::new(),
    };
    let task = tokio::spawn(post.hold_until(vacated));
    LeaderElection {
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

/// The task: it asks the candidate, does what it says, and publishes the claim.
struct LeaseTask {
    api: Api<Lease>,
    candidate: Candidate,
    claims: watch::Sender<Claim>,
    readiness: Readiness,
    closed: CancellationToken,
    /// Between two looks at the lease while all is well; after trouble a quarter of it.
    interval: Duration,
    /// The longest that one call may take, so that several fit into the renewal deadline.
    limit: Duration,
    said: String,
}

/// Why a turn did not get anywhere.
#[derive(Debug, thiserror::Error)]
enum StepFailure {
    #[error("{verb} the lease: no answer within {limit:?}")]
    TimedOut { verb: &'static str, limit: Duration },
    #[error("somebody else wrote the lease at the same time")]
    Conflict,
    #[error(
        "{verb} the lease: {message}; the operator's RBAC must allow get, create and update of leases there"
    )]
    Forbidden { verb: &'static str, message: String },
    #[error("{verb} the lease: {message}")]
    Failed { verb: &'static str, message: String },
}

impl LeaseTask {
    async fn hold_until(mut self, vacated: oneshot::Receiver<()>) {
        while !self.closed.is_cancelled() {
            let turned = self.turn().await;
            let pause = if turned.is_ok() {
                self.interval
            } else {
                self.interval / 4
            };
            self.tell(turned.err());
            self.publish();
            tokio::select! {
                () = sleep(pause) => {}
                () = self.closed.cancelled() => {}
            }
        }
        self.publish();
        if vacated.await.is_ok() {
            self.give_back().await;
        }
    }

    /// One turn: look, unless the next thing to do is clear, then write if there is something to write.
    async fn turn(&mut self) -> Result<(), StepFailure> {
        let mut action = self.candidate.decide(Instant::now());
        if action == Action::Look {
            self.look().await?;
            action = self.candidate.decide(Instant::now());
        }
        match action {
            Action::Look => Ok(()),
            Action::Write => self.write().await,
        }
    }

    async fn look(&mut self) -> Result<(), StepFailure> {
        let found = self
            .in_time("get", self.api.get_opt(self.candidate.name()))
            .await?;
        self.candidate.saw(found, Instant::now());
        Ok(())
    }

    async fn write(&mut self) -> Result<(), StepFailure> {
        let draft = self.candidate.draft(Timestamp::now());
        let sent = Instant::now();
        let written = match draft.metadata.resource_version {
            Some(_) => self.replace(&draft).await,
            None => {
                self.in_time("create", self.api.create(&PostParams::default(), &draft))
                    .await
            }
        };
        match written {
            Ok(lease) => {
                self.candidate.wrote(lease, sent, Instant::now());
                Ok(())
            }
            // The record is not what it was: what it is now decides, and a lost answer of ours shows as well.
            Err(StepFailure::Conflict) => self.look().await.and(Err(StepFailure::Conflict)),
            Err(trouble) => Err(trouble),
        }
    }

    async fn replace(&self, draft: &Lease) -> Result<Lease, StepFailure> {
        let name = self.candidate.name();
        self.in_time("update", self.api.replace(name, &PostParams::default(), draft))
            .await
    }

    /// Takes our name off the record. Whoever finds it taken over already has nothing to give back.
    async fn give_back(mut self) {
        for _ in 0..2 {
            let Some(draft) = self.candidate.resignation(Timestamp::now()) else {
                return;
            };
            match self.replace(&draft).await {
                Ok(_) => return tracing::info!("gave the lease back"),
                Err(StepFailure::Conflict) if self.look().await.is_ok() => {}
                Err(trouble) => {
                    return tracing::warn!(%trouble, "could not give the lease back; it runs out by itself");
                }
            }
        }
    }

    async fn in_time<T>(
        &self,
        verb: &'static str,
        call: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T, StepFailure> {
        let limit = self.limit;
        let error = match timeout(limit, call).await {
            Err(_) => return Err(StepFailure::TimedOut { verb, limit }),
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => error,
        };
        let message = plainly(&error);
        Err(match error {
            kube::Error::Api(status) if status.code == 409 => StepFailure::Conflict,
            kube::Error::Api(status) if status.code == 403 => StepFailure::Forbidden { verb, message },
            _ => StepFailure::Failed { verb, message },
        })
    }

    /// Logs trouble once until it changes, and says in the readiness whether the lease was ever seen.
    fn tell(&mut self, trouble: Option<StepFailure>) {
        if self.candidate.has_seen() {
            self.readiness.met(What::Lease);
        }
        let Some(trouble) = trouble else {
            self.said.clear();
            return;
        };
        let sentence = trouble.to_string();
        if !self.candidate.has_seen() {
            self.readiness.unmet_because(What::Lease, &sentence);
        }
        if self.said != sentence {
            tracing::warn!("{sentence}");
            self.said = sentence;
        }
    }

    /// Publishes the claim; those who wait for changes are woken for a new term or holder, not for each renewal.
    fn publish(&self) {
        let claim = if self.closed.is_cancelled() {
            Claim::Unknown
        } else {
            self.candidate.claim(Instant::now())
        };
        self.claims.send_if_modified(|current| {
            let changes = is_news(current, &claim);
            if changes {
                log_news(current, &claim);
            }
            *current = claim;
            changes
        });
    }
}

fn is_news(before: &Claim, now: &Claim) -> bool {
    match (before, now) {
        (Claim::Held { term: before, .. }, Claim::Held { term: now, .. }) => before != now,
        _ => before != now,
    }
}

fn log_news(before: &Claim, now: &Claim) {
    match (before, now) {
        (_, Claim::Held { term, .. }) => tracing::info!(term, "holds the lease: this operator writes"),
        (_, Claim::Standby { holder }) => {
            tracing::info!(holder, "stands by: another operator holds the lease")
        }
        (Claim::Held { .. }, Claim::Unknown) => tracing::info!("does not hold the lease any more"),
        (_, Claim::Unknown) => {}
    }
}
