//! The fields of a WorkloadIdentity's spec as plain values, not yet validated. They mirror the CRD without Kubernetes
//! types; the api crate converts them. No I/O.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The audience of IRSA tokens if the spec sets none; the same in every partition.
pub const DEFAULT_AUDIENCE: &str = "sts.amazonaws.com";
/// The default of IAM for the maximum session duration of a role, in seconds.
pub const DEFAULT_MAX_SESSION: u32 = 3600;

/// The method by which a pod gets its role.
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

/// The handling of drift.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DriftPolicy {
    /// Drift is corrected and recorded.
    #[default]
    Correct,
    /// Drift is only recorded. Changes of the spec are still applied.
    Report,
}

/// The handling of AWS resources when the object is deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeletionPolicy {
    /// All resources that Lanyard owns are deleted.
    #[default]
    Delete,
    /// The same, after a fresh list shows no pod of the ServiceAccount.
    DeleteWhenUnused,
    /// All resources stay, and Lanyard stops managing them.
    Retain,
}

/// The permission to restart workloads when the binding changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum PodRestart {
    /// Lanyard waits until pods are replaced for another reason.
    #[default]
    Never,
    /// Lanyard restarts the owners as `kubectl rollout restart` does: one as a canary, then the rest.
    Rollout,
}

/// The handling of the trust policy of an existing role.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ExistingTrust {
    /// Lanyard reports missing permissions and changes nothing.
    #[default]
    Check,
    /// Lanyard manages its own statements and does not change other statements.
    Manage,
}

/// The spec of a WorkloadIdentity as written, and the adoption annotation.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Spec {
    /// The ARNs of existing resources to adopt, from the annotation `lanyard.dev/adopt`.
    pub adopt: Vec<String>,
    /// The class to follow; absent: the default class.
    pub class_name: Option<String>,
    /// True if Lanyard creates a missing ServiceAccount.
    pub create_service_account: bool,
    /// The method; absent: the default of class or cluster.
    pub method: Option<Method>,
    /// The role that Lanyard creates and owns.
    pub managed: Option<ManagedRoleSpec>,
    /// An existing role.
    pub existing: Option<ExistingRoleSpec>,
    /// The settings of Pod Identity.
    pub pod_identity: PodIdentitySpec,
    /// The settings of IRSA.
    pub irsa: IrsaSpec,
    /// The handling of drift; absent: corrected.
    pub drift_policy: Option<DriftPolicy>,
    /// The handling of AWS resources at deletion; absent: deleted.
    pub deletion_policy: Option<DeletionPolicy>,
    /// The permission to restart workloads when the binding changes; absent: never.
    pub pod_restart: Option<PodRestart>,
    /// True if a change of the binding is paused.
    pub transition_paused: bool,
    /// True if reconciliation is suspended.
    pub suspend: bool,
}

/// A role that Lanyard creates and owns, as written.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ManagedRoleSpec {
    /// The name; absent: derived from the subject.
    pub name: Option<String>,
    /// The description, at most 1,000 characters.
    pub description: Option<String>,
    /// The maximum session duration, such as `1h`; AWS allows 1 to 12 hours.
    pub max_session_duration: Option<String>,
    /// The ARN of the permissions boundary.
    pub permissions_boundary_arn: Option<String>,
    /// ARNs of managed policies to attach.
    pub policy_arns: Vec<String>,
    /// The inline policies by name, in the order written.
    pub inline_policies: Vec<(String, serde_json::Value)>,
    /// The tags of the user.
    pub tags: BTreeMap<String, String>,
}

/// An existing role, as written.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ExistingRoleSpec {
    /// The ARN.
    pub arn: String,
    /// The handling of its trust policy.
    pub trust: ExistingTrust,
}

/// The settings of Pod Identity, as written.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PodIdentitySpec {
    /// The role that EKS chains to from the role of the association.
    pub target_role_arn: Option<String>,
    /// True if EKS does not send session tags.
    pub disable_session_tags: bool,
    /// A policy that restricts each session; requires that session tags are disabled.
    pub session_policy: Option<serde_json::Value>,
}

/// The settings of IRSA, as written.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct IrsaSpec {
    /// The audience of the tokens; absent: `sts.amazonaws.com`.
    pub audience: Option<String>,
    /// The lifetime of the tokens, such as `24h`.
    pub token_expiration: Option<String>,
    /// True if SDKs call the regional STS endpoint; absent: the default of the webhook.
    pub sts_regional_endpoints: Option<bool>,
}
