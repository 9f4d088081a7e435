//! The spec of a WorkloadIdentity as users write it, with the rules that `kubectl apply` enforces.
//! YAML in, typed fields out; the doc comments are the text of `kubectl explain`. No I/O; `convert` takes it to core.
//!
//! Nothing has a schema default that a class will be able to default: it would be frozen into the object.

use std::collections::BTreeMap;
use std::ops::Not;

use kube::{CustomResource, KubeSchema};
use lanyard_core::model::spec::{DeletionPolicy, DriftPolicy, ExistingTrust, Method, PodRestart};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::schema;

/// What should be: which role the pods of one ServiceAccount get, and how.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[kube(
    group = "lanyard.dev",
    version = "v1alpha1",
    kind = "WorkloadIdentity",
    plural = "workloadidentities",
    namespaced,
    status = "crate::status::WorkloadIdentityStatus",
    shortname = "wid",
    category = "aws",
    derive = "PartialEq",
    derive = "Default",
    doc = "Ties an AWS IAM role to the ServiceAccount of the same name and namespace, by IRSA or by EKS Pod Identity, and keeps the tie true.",
    validation = (
        "!has(self.spec.className) || !has(self.status) || !has(self.status.className) || self.spec.className == self.status.className",
        "className cannot change once a class is followed (status.className): put it back, or make another WorkloadIdentity"
    ),
    printcolumn(name = "Method", type_ = "string", json_path = ".status.bindings[0].method"),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status"
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].reason"
    ),
    printcolumn(name = "Change", type_ = "string", json_path = ".status.transition.stage"),
    printcolumn(name = "Stale", type_ = "integer", json_path = ".status.pods.stale"),
    printcolumn(name = "Drift", type_ = "integer", json_path = ".status.drift.count"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Role", type_ = "string", priority = 1, json_path = ".status.role.arn"),
    printcolumn(
        name = "Association",
        type_ = "string",
        priority = 1,
        json_path = ".status.bindings[0].association.id"
    ),
    printcolumn(
        name = "Message",
        type_ = "string",
        priority = 1,
        json_path = ".status.conditions[?(@.type==\"Ready\")].message"
    )
)]
#[x_kube(
    validation = (
        "!(has(self.method) && self.method == 'IRSA' && has(self.podIdentity))",
        "podIdentity has no effect with method IRSA: remove podIdentity, or set method to PodIdentity"
    ),
    validation = (
        "!(has(self.method) && self.method == 'PodIdentity' && has(self.irsa))",
        "irsa has no effect with method PodIdentity: remove irsa, or set method to IRSA"
    )
)]
#[schemars(transform = schema::unwrap_descriptions)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadIdentitySpec {
    /// The WorkloadIdentityClass to follow. Once one is followed it cannot change. Absent: the class that is marked as
    /// the default; none where the cluster has no class at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::class_name")]
    pub class_name: Option<String>,

    /// The ServiceAccount that gets the role. It has the name and namespace of this object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "ServiceAccountSpec")]
    pub service_account: Option<ServiceAccountSpec>,

    /// How pods get the role: IRSA (a projected token, exchanged at STS) or PodIdentity (an association, served by the
    /// agent on the node). Absent: what suits the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::method")]
    pub method: Option<Method>,

    /// The role: exactly one of managed and existing.
    pub role: RoleSpec,

    /// What only Pod Identity knows. Refused when method is IRSA.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "PodIdentitySpec")]
    pub pod_identity: Option<PodIdentitySpec>,

    /// What only IRSA knows. Refused when method is PodIdentity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "IrsaSpec")]
    pub irsa: Option<IrsaSpec>,

    /// What becomes of changes made behind Lanyard's back: Correct repairs and records them, Report only records
    /// them. Changes of this spec are applied either way. Absent: Correct.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::drift_policy")]
    pub drift_policy: Option<DriftPolicy>,

    /// What becomes of AWS's side when this object is deleted: Delete removes all that Lanyard made, DeleteWhenUnused
    /// does so once no pod uses the ServiceAccount any more, Retain leaves it and lets go of it. Absent: Delete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::deletion_policy")]
    pub deletion_policy: Option<DeletionPolicy>,

    /// Whether Lanyard may restart workloads when the binding changes: Never waits until their pods are replaced in the
    /// ordinary course of things, Rollout restarts them as kubectl rollout restart does, one first, then the others,
    /// within their disruption budgets. Absent: Never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::pod_restart")]
    pub pod_restart: Option<PodRestart>,

    /// The change from one binding to another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "TransitionSpec")]
    pub transition: Option<TransitionSpec>,

    /// While true, Lanyard changes nothing for this object. Deleting a suspended object lets go of what it has in AWS
    /// instead of removing it.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub suspend: bool,
}

/// The ServiceAccount that gets the role.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ServiceAccountSpec {
    /// Whether Lanyard creates the ServiceAccount when it is missing. Leave it false when Helm brings it: Helm refuses
    /// to take over one that it did not make.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub create: bool,
}

/// The change from one binding to another: of the method, the role, or anything else that pods get it by.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct TransitionSpec {
    /// While true, a change of the binding stays where it is. Everything else is kept true as ever.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub paused: bool,
}

/// The role: one of Lanyard's own making, or somebody else's.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[x_kube(
    validation = (
        "has(self.managed) || has(self.existing)",
        "role needs exactly one of managed and existing: write managed: {} for a role that Lanyard makes, or existing.arn for a role that is there already"
    ),
    validation = (
        "!(has(self.managed) && has(self.existing))",
        "role needs exactly one of managed and existing, not both: keep managed for a role that Lanyard makes, or existing for a role that is there already"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct RoleSpec {
    /// A role that Lanyard creates and owns whole: trust, policies, tags. `{}` is enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "ManagedRole")]
    pub managed: Option<ManagedRole>,

    /// A role that somebody else owns. Lanyard binds the ServiceAccount to it and changes nothing of it but, if trust
    /// is Manage, statements of its own in the trust policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "ExistingRole")]
    pub existing: Option<ExistingRole>,
}

/// A role that Lanyard creates and owns whole.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ManagedRole {
    /// The role's name: 1 to 64 letters, digits and +=,.@_-, unique in the account ignoring case. Absent: made from
    /// namespace, name and a hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::role_name")]
    pub name: Option<String>,

    /// The role's description in IAM, at most 1,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::description")]
    pub description: Option<String>,

    /// The longest session that a caller may ask for, 1h to 12h, such as 1h30m. Absent: 1h.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::session_duration")]
    pub max_session_duration: Option<String>,

    /// The ARN of the managed policy that bounds what the role may ever do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::policy_arn")]
    pub permissions_boundary_arn: Option<String>,

    /// ARNs of managed policies to attach, AWS's or your own, at most 25 (IAM's own quota is 10 unless raised).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::policy_arns")]
    pub policy_arns: Vec<String>,

    /// Policies that live inside the role, known by their names. IAM allows 10,240 characters for all together.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::inline_policies")]
    pub inline_policies: Vec<InlinePolicy>,

    /// Tags of the role, at most 47 beside the three that mark it as Lanyard's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::tags")]
    pub tags: BTreeMap<String, String>,
}

/// A policy that lives inside the role.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct InlinePolicy {
    /// The policy's name: 1 to 128 letters, digits and +=,.@_-, unique in the role.
    #[schemars(schema_with = "schema::policy_name")]
    pub name: String,

    /// The policy document, written as YAML: Version and Statement, with IAM's own words and upper case.
    #[schemars(schema_with = "schema::document")]
    pub document: Value,
}

/// A role that somebody else owns.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ExistingRole {
    /// The role's ARN, such as arn:aws:iam::111122223333:role/orders.
    #[schemars(schema_with = "schema::role_arn")]
    pub arn: String,

    /// What Lanyard does about the role's trust policy: Check says what is missing and changes nothing, Manage keeps
    /// statements of its own there, shared by all that use the role, and leaves every other alone. Absent: Check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::existing_trust")]
    pub trust: Option<ExistingTrust>,
}

/// What only Pod Identity knows.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[x_kube(
    validation = (
        "!has(self.sessionPolicy) || (has(self.disableSessionTags) && self.disableSessionTags)",
        "EKS accepts a session policy only without session tags: set disableSessionTags to true, or remove sessionPolicy"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct PodIdentitySpec {
    /// The role, in this or another account, that EKS assumes from the first one; pods get its credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::role_arn")]
    pub target_role_arn: Option<String>,

    /// Whether sessions go without the tags of cluster, namespace and ServiceAccount. The role's trust then admits the
    /// whole cluster. Absent: false.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub disable_session_tags: bool,

    /// A policy document, written as YAML, that narrows every session; EKS allows 2,048 characters. Needs
    /// disableSessionTags: true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::document")]
    pub session_policy: Option<Value>,
}

/// What only IRSA knows.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct IrsaSpec {
    /// The audience of the pods' tokens, at most 255 characters. Absent: sts.amazonaws.com.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::audience")]
    pub audience: Option<String>,

    /// How long the pods' tokens live, 10m to 24h, such as 1h30m. Absent: 24h.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::token_expiration")]
    pub token_expiration: Option<String>,

    /// Whether SDKs call STS in the cluster's Region instead of the global endpoint. Absent: the default of the
    /// cluster's pod identity webhook, which on EKS is true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "bool")]
    pub sts_regional_endpoints: Option<bool>,
}
