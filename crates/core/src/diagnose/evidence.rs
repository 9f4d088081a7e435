//! The facts that the rules judge. Plain values; no I/O.

use jiff::Timestamp;

use super::surroundings::{PodDetail, Surroundings};
use super::verdict::Verdict;
use crate::model::binding::Binding;
use crate::model::cluster::Cluster;
use crate::model::fact::{Fact, ReadError};
use crate::model::observed::Observed;
use crate::model::subject::Subject;

/// The facts about one identity.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// The ServiceAccount.
    pub subject: &'a Subject,
    /// Its cluster.
    pub cluster: &'a Cluster,
    /// The binding that its pods should get.
    pub binding: &'a Binding,
    /// The observed state.
    pub observed: &'a Observed,
    /// The facts around it.
    pub surroundings: &'a Surroundings,
}

impl<'a> Evidence<'a> {
    /// The pods. Returns `Err` with the result of a rule that needs them and cannot have them.
    pub(super) fn pods(&self) -> Result<&'a [PodDetail], Verdict> {
        match &self.surroundings.pods {
            Fact::Present(pods) => Ok(pods),
            Fact::Absent => Ok(&[]),
            Fact::Unreadable(error) => Err(Verdict::unread(self.pods_source(), error)),
        }
    }

    pub(super) fn pods_source(&self) -> String {
        format!("pods of ServiceAccount {}", self.subject)
    }

    /// The time since which new pods get the binding. Returns `None` inside if no read shows it, and an error if a read
    /// failed.
    pub(super) fn bound_since(&self) -> Result<Option<Timestamp>, &'a ReadError> {
        let observed = self.observed;
        match self.binding.is_irsa() {
            true => match &observed.service_account {
                Fact::Present(account) => Ok(account.applied_at),
                Fact::Absent => Ok(None),
                Fact::Unreadable(error) => Err(error),
            },
            false => match &observed.association {
                Fact::Present(association) => Ok(association.modified_at),
                Fact::Absent => Ok(None),
                Fact::Unreadable(error) => Err(error),
            },
        }
    }
}
