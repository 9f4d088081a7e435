//! EKS: Pod Identity associations and the agent add-on. Failed reads are facts, and each write is one call.

mod agent;
mod association;
mod list;
mod shape;

pub use list::ListedAssociation;
