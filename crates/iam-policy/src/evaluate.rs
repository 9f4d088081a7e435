//! The evaluation of policies: the admission of a request by a trust policy, and the effect of a permissions policy.
//! Input: documents and requests; output: an [`Admission`] or a decision. No I/O.
//!
//! The evaluation uses three-valued logic. Unknown parts (a foreign condition key, a policy variable, an element of an
//! unknown form) count neither as true nor as false, so `Admitted` and `Denied` are certain.

mod admission;
mod condition;
mod decision;
mod hint;
mod permissions;
mod request;
mod statement;
#[cfg(test)]
mod tests;
mod wider;

pub use admission::{Admission, admits, gap};
pub use hint::Gap;
pub use permissions::{ASSUME_ROLE, allows, only_denies};
pub use request::TrustRequest;
