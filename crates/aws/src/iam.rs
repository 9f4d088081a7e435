//! IAM: roles with their policies and tags, and the OIDC provider. Failed reads are facts, and each write is
//! one call.

mod bulk;
mod policies;
mod provider;
mod read;
mod trust;
mod write;

pub use bulk::ListedRole;
