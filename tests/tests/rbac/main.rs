//! Who may do what in the cluster: the operator with exactly the rights that are shipped, and users with the built-in
//! roles that ours aggregate to. Needs the test bed; does I/O.

mod operator;
mod users;

/// What the operator is given on EKS.
const RIGHTS: &[&str] = &["rbac-cluster.yaml", "rbac-kube-system.yaml", "rbac-restart.yaml"];
