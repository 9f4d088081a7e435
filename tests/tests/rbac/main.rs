//! Proves the shipped RBAC rules: the operator with exactly its own rights, and users with the built-in roles that
//! Lanyard's roles aggregate to. Needs the test bed; does I/O.

mod operator;
mod users;

/// The RBAC files of the operator on EKS.
const RIGHTS: &[&str] = &["rbac-cluster.yaml", "rbac-kube-system.yaml", "rbac-restart.yaml"];
