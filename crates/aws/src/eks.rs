//! EKS: the Pod Identity association of a subject, and the add-on that brings the agent.
//! Reads give facts and never fail as a whole, writes are one call each. Called by the engine.

mod agent;
mod association;
mod list;
mod shape;

pub use list::ListedAssociation;
