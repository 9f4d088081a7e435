//! The gate: whether a write may begin at this moment. The claim that the lease's task publishes goes in; yes or no comes
//! out, judged by the clock each time it is asked. No I/O. Asked by the controller before every write, by metrics.

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Whether this operator may write.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Claim {
    /// The lease could not be read yet, was lost, or is given back.
    #[default]
    Unknown,
    /// Another one holds the lease.
    Standby {
        /// Who.
        holder: String,
    },
    /// This one holds the lease.
    Held {
        /// Counts the times that the lease was gained, from 1: another number means that it was lost in between.
        term: u64,
        /// No write may begin at or after this moment. It moves with each renewal.
        until: Instant,
    },
}

/// Tells at any moment whether a write may begin. It closes by itself, even when nobody runs any more to close it.
#[derive(Debug, Clone)]
pub struct LeaseGate {
    pub(super) claim: watch::Receiver<Claim>,
    /// Cancelled before the lease is given back.
    pub(super) closed: CancellationToken,
}

impl LeaseGate {
    /// Whether a write that begins now is sure to end before anybody else may write.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.term().is_some()
    }

    /// The claim as it stands; one that has run out or is given back counts no more.
    #[must_use]
    pub fn claim(&self) -> Claim {
        match &*self.claim.borrow() {
            Claim::Held { .. } if !self.is_open() => Claim::Unknown,
            claim => claim.clone(),
        }
    }

    /// Waits until the lease is gained in another term than `known` (0: any), and tells that term.
    /// Never ends once the lease is given back.
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

    fn term(&self) -> Option<u64> {
        match *self.claim.borrow() {
            Claim::Held { term, until } if Instant::now() < until && !self.closed.is_cancelled() => {
                Some(term)
            }
            _ => None,
        }
    }
}
