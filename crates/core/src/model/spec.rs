//! What a user asked for: the fields of a WorkloadIdentity's spec as plain values, nothing checked yet.
//! Mirrors the CRD without Kubernetes types; the api crate converts, `validate` checks. No I/O.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The audience of IRSA tokens unless the spec names another; the same in every partition.
pub const DEFAULT_AUDIENCE: &str = "sts.amazonaws.com";
/// IAM's own default of a role's longest session, in seconds.
pub const DEFAULT_MAX_SESSION: u32 = 3600;

/// How a pod gets its role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Method {
    /// IAM roles for service accounts: an OIDC provider, a web-identity trust and an annotation.
    #[serde(rename = "IRSA")]
    Irsa,
    /// EKS Pod Identity: a trust for `pods.eks.amazonaws.com` and an association.
    PodIdentity,
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Irsa => "IRSA",
            Self::PodIdentity => "PodIdentity",
        })
    }
}

/// What becomes of drift.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DriftPolicy {
    /// It is repaired and recorded.
    #[default]
    Correct,
    /// It is only recorded. Changes of the spec are applied all the same.
    Report,
}

/// What becomes of AWS's side when the object is deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeletionPolicy {
    /// Everything Lanyard owns is removed.
    #[default]
    Delete,
    /// The same, once a fresh list shows no pod of the ServiceAccount.
    DeleteWhenUnused,
    /// Everything stays and stops being Lanyard's.
    Retain,
}

/// Whether Lanyard may restart workloads when the binding changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum PodRestart {
    /// It waits until pods are replaced in the ordinary course of things.
    #[default]
    Never,
    /// It restarts the owners as `kubectl rollout restart` does: one first, then the others.
    Rollout,
}

/// What Lanyard does about the trust policy of somebody else's role.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ExistingTrust {
    /// It says what is missing and changes nothing.
    #[default]
    Check,
    /// It keeps statements of its own there, and leaves every other alone.
    Manage,
}

/// The spec of a WorkloadIdentity as it was written, and the annotation that belongs to it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Spec {
    /// ARNs of what somebody else made and Lanyard is to adopt, from the annotation `lanyard.dev/adopt`.
    pub adopt: Vec<String>,
    /// The class to follow; absent: the default one.
    pub class_name: Option<String>,
    /// Whether Lanyard creates the ServiceAccount when it is missing.
    pub create_service_account: bool,
    /// The method asked for; absent: the cluster's default.
    pub method: Option<Method>,
    /// The role that Lanyard makes and owns.
    pub managed: Option<ManagedRoleSpec>,
    /// Somebody else's role.
    pub existing: Option<ExistingRoleSpec>,
    /// What only Pod Identity knows.
    pub pod_identity: PodIdentitySpec,
    /// What only IRSA knows.
    pub irsa: IrsaSpec,
    /// What becomes of drift; absent: corrected.
    pub drift_policy: Option<DriftPolicy>,
    /// What a deletion removes; absent: everything Lanyard owns.
    pub deletion_policy: Option<DeletionPolicy>,
    /// Whether Lanyard may restart workloads when the binding changes; absent: never.
    pub pod_restart: Option<PodRestart>,
    /// Whether a change of the binding stops where it is.
    pub transition_paused: bool,
    /// Whether Lanyard keeps its hands off for now.
    pub suspend: bool,
}

/// A role that Lanyard makes and owns, as it was written.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ManagedRoleSpec {
    /// The role's name; absent: derived from the subject.
    pub name: Option<String>,
    /// The role's description, at most 1,000 characters.
    pub description: Option<String>,
    /// The longest session, such as `1h`; AWS allows 1 to 12 hours.
    pub max_session_duration: Option<String>,
    /// The ARN of the permissions boundary.
    pub permissions_boundary_arn: Option<String>,
    /// ARNs of managed policies to attach.
    pub policy_arns: Vec<String>,
    /// Inline policies by name, in the order written.
    pub inline_policies: Vec<(String, serde_json::Value)>,
    /// The user's own tags.
    pub tags: BTreeMap<String, String>,
}

/// Somebody else's role, as it was written.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ExistingRoleSpec {
    /// Its ARN.
    pub arn: String,
    /// What Lanyard does about its trust policy.
    pub trust: ExistingTrust,
}

/// What only Pod Identity knows, as it was written.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PodIdentitySpec {
    /// The role that EKS chains to from the associated role.
    pub target_role_arn: Option<String>,
    /// Whether EKS leaves the session tags off.
    pub disable_session_tags: bool,
    /// A policy that narrows each session; needs the tags off.
    pub session_policy: Option<serde_json::Value>,
}

/// What only IRSA knows, as it was written.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct IrsaSpec {
    /// The audience of the tokens; absent: `sts.amazonaws.com`.
    pub audience: Option<String>,
    /// The lifetime of the tokens, such as `24h`.
    pub token_expiration: Option<String>,
    /// Whether SDKs call the regional STS endpoint; absent: the webhook's default.
    pub sts_regional_endpoints: Option<bool>,
}
