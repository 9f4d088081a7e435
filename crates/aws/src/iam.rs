//! IAM: roles with their policies and tags, and the OIDC provider.
//! Reads give facts and never fail as a whole, writes are one call each. Called by the engine.

mod bulk;
mod policies;
mod provider;
mod read;
mod trust;
mod write;

pub use bulk::ListedRole;
