//! `WaitReason`: the external events for which a plan waits. Plain values; no I/O.

use serde::{Deserialize, Serialize};

/// An event that no step of the plan causes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum WaitReason {
    /// The existing role must be created.
    Role,
    /// The trust policy of the existing role must admit the subject.
    Trust,
    /// The OIDC provider must exist and accept the audience.
    Provider,
    /// The EKS Pod Identity Agent must be ready.
    Agent,
    /// The pod identity webhook must be installed.
    Webhook,
    /// The ServiceAccount must be created.
    ServiceAccount,
    /// Recent changes of the binding must reach new pods before the operator creates the ServiceAccount.
    Propagation,
    /// A conflict must be resolved.
    Conflict,
    /// The last pod of the ServiceAccount must terminate.
    Pods,
    /// A fact must become readable.
    Reading,
    /// The transition of the binding must reach its next stage.
    Transition,
}
