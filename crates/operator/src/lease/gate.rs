//! The gate of the lease: whether a write may start now.
//! Input: the claim that the lease task publishes, and the clock at each check. Output: open or closed. No I/O.

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// The claim of this operator on the lease.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Claim {
    /// The lease could not be read yet, was lost, or was released.
    #[default]
    Unknown,
    /// Another operator holds the lease.
    Standby {
        /// Its identity.
        holder: String,
    },
    /// This operator holds the lease.
    Held {
        /// The number of the leader term, from 1. A new number means that the lease was lost in between.
        term: u64,
        /// No write may start at or after this time. Each renewal moves it.
        until: Instant,
    },
}

/// Shows whether a write may start. The gate closes by the clock, even if no task runs that could close it.
#[derive(Debug, Clone)]
pub struct LeaseGate {
    pub(super) claim: watch::Receiver<Claim>,
    /// Cancelled before the lease is released.
    pub(super) closed: CancellationToken,
}

impl LeaseGate {
    /// Returns true if a write that starts now ends before another operator may write.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.term().is_some()
    }

    /// The current claim. An expired or released claim is `Unknown`.
    #[must_use]
    pub fn claim(&self) -> Claim {
        match &*self.claim.borrow() {
            Claim::Held { .. } if !self.is_open() => Claim::Unknown,
            claim => claim.clone(),
        }
    }

    /// Waits until the lease is held in another term than `known` (0: any), and returns that term. Never returns after
    /// the lease is released.
    pub async fn gained(&self, known: u64) -> u64 {
        let mut changes = self.claim.clone();
        loop {
            changes.mark_unchanged();
            if let Some(term) = self.term().filter(|term| *term != known) {
                return term;
            }
            if changes.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Waits until a lease that was held is lost: not renewed in time, or taken over. Never returns after the lease is
    /// released.
    pub async fn lost(&self) {
        let mut changes = self.claim.clone();
        let held = self.gained(0).await;
        loop {
            changes.mark_unchanged();
            let Some((_, until)) = self.held().filter(|(term, _)| *term == held) else {
                break;
            };
            tokio::select! {
                () = sleep_until(until) => {}
                Ok(()) = changes.changed() => {}
            }
        }
        if self.closed.is_cancelled() {
            std::future::pending::<()>().await;
        }
    }

    fn term(&self) -> Option<u64> {
        self.held().map(|(term, _)| term)
    }

    /// The term, and the time until which it is held.
    fn held(&self) -> Option<(u64, Instant)> {
        match *self.claim.borrow() {
            Claim::Held { term, until } if Instant::now() < until && !self.closed.is_cancelled() => {
                Some((term, until))
            }
            _ => None,
        }
    }
}
