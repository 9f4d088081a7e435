//! The audit of a fleet: how each container gets AWS credentials, and what should change. Input: facts about pods, pod
//! templates, ServiceAccounts, associations, WorkloadIdentities and roles. Output: one row per workload, container and form
//! of credentials. No I/O. No value of a variable is kept, see [`ContainerFacts`].
//!
//! ```text
//!   pods, templates ---> container ---> found ---> fold ---> usages --+
//!                                                                     v
//!   accounts, associations, identities, roles ---> fleet ---------> rows ---> findings, advice
//! ```

mod advice;
mod code;
mod container;
mod files;
mod findings;
mod fleet;
mod fold;
mod form;
mod found;
mod key;
mod manager;
mod row;
#[cfg(test)]
mod tests;

pub use advice::{Advice, When};
pub use code::{AuditCode, AuditLevel};
pub use container::{ContainerFacts, Load, LoadKind, Reference};
pub use files::{Mount, MountSource};
pub use findings::AuditFinding;
pub use fleet::{AccountFacts, AssociationFacts, Fleet, IdentityFacts, RoleUse, SubjectRef};
pub use fold::{Fold, NodeKind, PodFacts, Usage};
pub use form::Form;
pub use found::Found;
pub use key::MaskedKey;
pub use manager::Manager;
pub use row::{Row, rows};
