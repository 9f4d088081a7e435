//! The facts that the rules judge. Plain values; no I/O.

use crate::model::binding::Binding;
use crate::model::cluster::Cluster;
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
}
