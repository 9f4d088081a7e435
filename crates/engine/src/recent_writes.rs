//! Recent writes of this process, which identify stale reads of IAM and EKS.

mod objects;
mod propagating;
mod trust_edits;

pub(crate) use objects::RecentWrites;
pub(crate) use trust_edits::{TrustEdit, TrustEdits};
