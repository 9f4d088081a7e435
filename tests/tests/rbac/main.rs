//! Proves the shipped RBAC rules: the operator with exactly its own rights, and users with the built-in roles that
//! Lanyard's roles aggregate to. Needs the test bed; does I/O.

mod operator;
mod users;

/// The component with the right to restart workloads.
const RESTART: &[&str] = &["restart"];
