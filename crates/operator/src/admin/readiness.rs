//! Readiness: what the operator still waits for, as a value that any part can set and `/readyz` reads.
//! A closed set of things to wait for, each with the sentence that is shown. No I/O.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What can be waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// That the API server serves our kinds.
    Crds,
    /// That the lease was seen; whose it is does not matter, a standby is ready too.
    Lease,
    /// That AWS says who the cluster is. Only the holder of the lease asks.
    Cluster,
    /// That AWS and the API server mean the same cluster.
    Issuer,
}

impl What {
    const fn sentence(self) -> &'static str {
        match self {
            Self::Crds => "waiting for the CRD workloadidentities.lanyard.dev; apply crds/",
            Self::Lease => "waiting for the first look at the lease",
            Self::Cluster => "waiting for AWS to describe the cluster",
            Self::Issuer => "nothing is written until AWS and the API server mean the same cluster",
        }
    }
}

/// What is waited for at the moment. All clones are one.
#[derive(Debug, Clone)]
pub struct Readiness {
    unmet: Arc<Mutex<BTreeMap<What, String>>>,
}

/// At start: CRDs and lease. What only the holder of the lease needs is waited for when it turns out to be missing.
impl Default for Readiness {
    fn default() -> Self {
        let unmet = [What::Crds, What::Lease].map(|what| (what, what.sentence().to_owned()));
        Self {
            unmet: Arc::new(Mutex::new(BTreeMap::from(unmet))),
        }
    }
}

impl Readiness {
    /// It is there.
    pub fn met(&self, what: What) {
        self.unmet().remove(&what);
    }

    /// It is not there; `why` adds what is known about it, and may be empty. Returns the sentence that is shown.
    pub fn unmet_because(&self, what: What, why: &str) -> String {
        let mut sentence = what.sentence().to_owned();
        if !why.is_empty() {
            sentence = format!("{sentence} ({why})");
        }
        self.unmet().insert(what, sentence.clone());
        sentence
    }

    /// A sentence for each thing that is waited for; none when ready.
    #[must_use]
    pub fn waits_for(&self) -> Vec<String> {
        self.unmet().values().cloned().collect()
    }

    /// A panic elsewhere leaves the set as it was.
    fn unmet(&self) -> MutexGuard<'_, BTreeMap<What, String>> {
        self.unmet.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_shown_until_the_thing_is_there() {
        let readiness = Readiness::default();
        readiness.met(What::Crds);
        readiness.unmet_because(What::Lease, "get the lease: forbidden");
        assert_eq!(
            readiness.waits_for(),
            ["waiting for the first look at the lease (get the lease: forbidden)"]
        );
        readiness.met(What::Lease);
        assert!(readiness.waits_for().is_empty());
    }

    #[test]
    fn what_only_the_holder_needs_is_not_waited_for_at_start() {
        assert_eq!(Readiness::default().waits_for().len(), 2);
    }
}
