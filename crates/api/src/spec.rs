//! The spec of a WorkloadIdentity, with the rules that the API server enforces. The doc comments are the text
//! of `kubectl explain`. Input: YAML. Output: typed fields, which `convert` passes to core. No I/O.
//!
//! A field that a class can default has no schema default, because the API server would store that default in
//! the object.

use std::collections::BTreeMap;
use std::ops::Not;

use kube::{CustomResource, KubeSchema};
use lanyard_core::model::spec::{DeletionPolicy, DriftPolicy, ExistingTrust, Method, PodRestart};
use schemars::{Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::schema;

/// Maximum number of inline policies of a role. IAM limits only their total size, 10,240 characters, which 50 small
/// policies fill.
const INLINE_POLICIES_LIMIT: u32 = 50;

/// WorkloadIdentitySpec is the desired IAM role for the pods of one ServiceAccount, and the way they get it.
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
    doc = "WorkloadIdentity binds an AWS IAM role to the ServiceAccount of the same name and namespace, by IRSA or EKS Pod Identity, and keeps the binding in sync.",
    validation = (
        "!has(self.spec.className) || !has(self.status) || !has(self.status.className) || self.spec.className == self.status.className",
        "className is immutable once status.className is set. Restore the previous value, or create a new WorkloadIdentity"
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
    printcolumn(name = "Stage", type_ = "string", json_path = ".status.transition.stage"),
    printcolumn(name = "Stale-Pods", type_ = "integer", json_path = ".status.pods.stale"),
    printcolumn(name = "Drift", type_ = "integer", json_path = ".status.drift.count"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Class", type_ = "string", priority = 1, json_path = ".status.className"),
    printcolumn(name = "Suspended", type_ = "boolean", priority = 1, json_path = ".spec.suspend"),
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
        "podIdentity must be unset when method is IRSA. Remove podIdentity, or set method to PodIdentity"
    ),
    validation = (
        "!(has(self.method) && self.method == 'PodIdentity' && has(self.irsa))",
        "irsa must be unset when method is PodIdentity. Remove irsa, or set method to IRSA"
    )
)]
#[schemars(transform = schema::unwrap_descriptions)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadIdentitySpec {
    /// className is the name of the WorkloadIdentityClass to use. Immutable once status.className is set.
    /// Defaults to the class with the annotation lanyard.dev/is-default-class; in a cluster without classes no
    /// class applies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::class_name")]
    pub class_name: Option<String>,

    /// serviceAccount configures the ServiceAccount that gets the role. It has the name and namespace of this
    /// object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "ServiceAccountSpec")]
    pub service_account: Option<ServiceAccountSpec>,

    /// method is the way pods get credentials. IRSA exchanges a projected token at STS. PodIdentity uses an EKS
    /// Pod Identity association and the agent on the node. Defaults to the method of the class, otherwise to
    /// the method that the cluster supports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::method")]
    pub method: Option<Method>,

    /// role is the IAM role. Exactly one of managed and existing must be set.
    pub role: RoleSpec,

    /// podIdentity holds the settings specific to Pod Identity. Must be unset when method is IRSA.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "PodIdentitySpec")]
    pub pod_identity: Option<PodIdentitySpec>,

    /// irsa holds the settings specific to IRSA. Must be unset when method is PodIdentity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "IrsaSpec")]
    pub irsa: Option<IrsaSpec>,

    /// driftPolicy is the reaction to out-of-band changes. Correct reverts and records them. Report only
    /// records them. Changes of this spec are applied under both. Defaults to the policy of the class,
    /// otherwise to Correct.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::drift_policy")]
    pub drift_policy: Option<DriftPolicy>,

    /// deletionPolicy is the handling of AWS resources when this object is deleted. Delete deletes the role
    /// and the association that Lanyard created; the OIDC provider is shared and stays. DeleteWhenUnused does so once no pod uses the ServiceAccount. Retain
    /// keeps the resources and releases ownership of them. Defaults to the policy of the class, otherwise to
    /// Delete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::deletion_policy")]
    pub deletion_policy: Option<DeletionPolicy>,

    /// podRestart controls whether Lanyard restarts workloads when the binding changes. Never waits until the
    /// pods are replaced by other causes. Rollout restarts the workloads like kubectl rollout restart, the
    /// first one alone and then the rest, within their PodDisruptionBudgets. Defaults to the setting of the class,
    /// otherwise to Never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::pod_restart")]
    pub pod_restart: Option<PodRestart>,

    /// transition configures the change from one binding to another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "TransitionSpec")]
    pub transition: Option<TransitionSpec>,

    /// suspend stops all changes for this object while true. Deleting a suspended object releases its AWS
    /// resources instead of deleting them. Defaults to false.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub suspend: bool,
}

/// ServiceAccountSpec configures the ServiceAccount that gets the role.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ServiceAccountSpec {
    /// create makes Lanyard create the ServiceAccount if it does not exist. Keep it false when Helm installs
    /// the ServiceAccount, because Helm refuses to take over an object that it did not create. Defaults to
    /// false.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub create: bool,
}

/// TransitionSpec configures the change from one binding to another, such as a change of the method or the
/// role.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct TransitionSpec {
    /// paused holds a change of the binding at its current stage while true. All other fields are still
    /// reconciled. Defaults to false.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub paused: bool,
}

/// RoleSpec is the IAM role: either managed by Lanyard or existing.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[x_kube(
    validation = (
        "has(self.managed) || has(self.existing)",
        "role must have exactly one of managed and existing, but has neither. Set managed: {} for a role that Lanyard creates, or existing.arn for a role that already exists"
    ),
    validation = (
        "!(has(self.managed) && has(self.existing))",
        "role must have exactly one of managed and existing, but has both. Keep managed for a role that Lanyard creates, or existing for a role that already exists"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct RoleSpec {
    /// managed is a role that Lanyard creates and owns completely: trust policy, permissions and tags. {} is
    /// valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "ManagedRole")]
    pub managed: Option<ManagedRole>,

    /// existing is a role that Lanyard does not own. Lanyard binds the ServiceAccount to it and, only if trust
    /// is Manage, edits its own statements in the trust policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "ExistingRole")]
    pub existing: Option<ExistingRole>,
}

/// ManagedRole is a role that Lanyard creates and owns completely.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ManagedRole {
    /// name is the name of the role: 1 to 64 letters, digits and +=,.@_-, unique in the account ignoring case.
    /// IAM cannot rename a role, so a change starts a transition to another role. Defaults to a name derived from the namespace, the name of this object and a hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::role_name")]
    pub name: Option<String>,

    /// description is the description of the role in IAM, at most 1,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::description")]
    pub description: Option<String>,

    /// maxSessionDuration is the maximum duration of a session, from 1h to 12h, such as 1h30m. Defaults to the duration
    /// of the class, otherwise to 1h.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::session_duration")]
    pub max_session_duration: Option<String>,

    /// permissionsBoundaryArn is the ARN of the managed policy used as the permissions boundary of the role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::policy_arn")]
    pub permissions_boundary_arn: Option<String>,

    /// policyArns are the ARNs of the managed policies to attach, at most 25. The IAM quota is 10 unless it was
    /// raised.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::policy_arns")]
    pub policy_arns: Vec<String>,

    /// inlinePolicies are the inline policies of the role, identified by name. IAM limits their total size to
    /// 10,240 characters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "inline_policies")]
    pub inline_policies: Vec<InlinePolicy>,

    /// tags are the tags of the role, at most 46. Lanyard adds three ownership tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::tags")]
    pub tags: BTreeMap<String, String>,
}

/// InlinePolicy is a policy embedded in the role.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct InlinePolicy {
    /// name is the name of the policy: 1 to 128 letters, digits and +=,.@_-, unique within the role.
    #[schemars(schema_with = "schema::policy_name")]
    pub name: String,

    /// document is the policy document as YAML: Version and Statement, with the keywords and case of IAM.
    #[schemars(schema_with = "schema::document")]
    pub document: Value,
}

/// ExistingRole is a role that Lanyard does not own.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ExistingRole {
    /// arn is the ARN of the role, such as arn:aws:iam::111122223333:role/orders.
    #[schemars(schema_with = "schema::role_arn")]
    pub arn: String,

    /// trust is the handling of the trust policy of the role. Check reports a missing statement and changes
    /// nothing. Manage maintains statements of Lanyard, shared by all WorkloadIdentities that use the role, and
    /// does not change other statements. Defaults to Check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::existing_trust")]
    pub trust: Option<ExistingTrust>,
}

/// PodIdentitySpec holds the settings specific to Pod Identity.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[x_kube(
    validation = (
        "!has(self.sessionPolicy) || (has(self.disableSessionTags) && self.disableSessionTags)",
        "sessionPolicy requires disableSessionTags: true. Set disableSessionTags to true, or remove sessionPolicy"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct PodIdentitySpec {
    /// targetRoleArn is the ARN of the role that EKS assumes from the first role, in the same or another
    /// account. Pods get the credentials of the target role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::role_arn")]
    pub target_role_arn: Option<String>,

    /// disableSessionTags removes the tags of cluster, namespace and ServiceAccount from sessions. The trust
    /// policy of the role then admits the whole cluster. Defaults to false.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub disable_session_tags: bool,

    /// sessionPolicy is a policy document as YAML that restricts every session, at most 2,048 characters.
    /// Requires disableSessionTags: true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::document")]
    pub session_policy: Option<Value>,
}

/// IrsaSpec holds the settings specific to IRSA.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct IrsaSpec {
    /// audience is the audience of the projected tokens, at most 255 characters. Defaults to sts.amazonaws.com.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::audience")]
    pub audience: Option<String>,

    /// tokenExpiration is the lifetime of the projected tokens, from 10m to 24h, such as 1h30m. Defaults to
    /// 24h.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::token_expiration")]
    pub token_expiration: Option<String>,

    /// stsRegionalEndpoints makes SDKs call STS in the Region of the cluster instead of the global endpoint.
    /// Defaults to the setting of the pod identity webhook, which on EKS is true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "bool")]
    pub sts_regional_endpoints: Option<bool>,
}

fn inline_policies(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "items": generator.subschema_for::<InlinePolicy>(),
        "maxItems": INLINE_POLICIES_LIMIT,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
    })
}
