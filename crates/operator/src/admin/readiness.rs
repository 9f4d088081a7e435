//! The readiness of the operator: the requirements that are not met yet.
//! Input: changes of requirements. Output: one message for each unmet requirement, as served by `/readyz`. No I/O.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

/// A requirement of readiness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Requirement {
    /// The API server serves the CRDs.
    Crds,
    /// The lease was read. A standby is ready too.
    Lease,
    /// AWS describes the cluster. Only the leader asks for it.
    Cluster,
    /// AWS and the API server describe the same cluster.
    Issuer,
    /// The watch on a resource works. It is unmet after it has failed for two minutes.
    Watch(&'static str),
}

impl Requirement {
    fn message(self) -> String {
        let message = match self {
            Self::Crds => {
                "waiting for the CRDs workloadidentities.lanyard.dev and workloadidentityclasses.lanyard.dev; apply crds/"
            }
            Self::Lease => "waiting for the first read of the lease",
            Self::Cluster => "waiting for AWS to describe the cluster",
            Self::Issuer => "no writes until AWS and the API server describe the same cluster",
            Self::Watch(resource) => return format!("the watch on {resource} has failed for two minutes"),
        };
        message.to_owned()
    }
}

/// The unmet requirements. All clones share one state.
#[derive(Debug, Clone)]
pub struct Readiness {
    unmet: Arc<Mutex<BTreeMap<Requirement, String>>>,
}

/// Starts with CRDs and lease unmet. The requirements of the leader are unmet only after they have failed.
impl Default for Readiness {
    fn default() -> Self {
        let unmet = [Requirement::Crds, Requirement::Lease];
        let unmet = unmet.map(|requirement| (requirement, requirement.message()));
        Self {
            unmet: Arc::new(Mutex::new(BTreeMap::from(unmet))),
        }
    }
}

impl Readiness {
    /// Marks a requirement as met.
    pub fn set_met(&self, requirement: Requirement) {
        self.unmet.lock().remove(&requirement);
    }

    /// Marks a requirement as unmet. `cause` adds details and may be empty. Returns the message.
    pub fn set_unmet(&self, requirement: Requirement, cause: &str) -> String {
        let mut message = requirement.message();
        if !cause.is_empty() {
            message = format!("{message} ({cause})");
        }
        self.unmet.lock().insert(requirement, message.clone());
        message
    }

    /// One message for each unmet requirement. Empty if the operator is ready.
    #[must_use]
    pub fn unmet(&self) -> Vec<String> {
        self.unmet.lock().values().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cause_is_shown_until_the_requirement_is_met() {
        let readiness = Readiness::default();
        readiness.set_met(Requirement::Crds);
        readiness.set_unmet(Requirement::Lease, "get the lease: forbidden");
        assert_eq!(
            readiness.unmet(),
            ["waiting for the first read of the lease (get the lease: forbidden)"]
        );
        readiness.set_met(Requirement::Lease);
        assert!(readiness.unmet().is_empty());
    }

    #[test]
    fn requirements_of_the_leader_are_not_unmet_at_start() {
        assert_eq!(Readiness::default().unmet().len(), 2);
    }
}
