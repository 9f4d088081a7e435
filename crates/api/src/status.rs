//! The status of a WorkloadIdentity as stored in Kubernetes, with its schema. The doc comments are the text of
//! `kubectl explain`. Input and output: the status of the core crate, through `convert`. No I/O.
//!
//! Texts are untyped, so that a status of a newer operator, or with conditions of other controllers, still
//! decodes.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use lanyard_core::model::cluster::ProviderPolicy;
use lanyard_core::model::spec::{DriftPolicy, Method};
use lanyard_core::model::status::{BindingState, DRIFT_ITEMS_LIMIT, DriftReason, RESTARTS_LIMIT};
use schemars::{Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use crate::schema;

/// Maximum number of bindings in the status: one, or two during a transition, and room for later versions.
const BINDINGS_LIMIT: usize = 8;

/// WorkloadIdentityStatus is the observed state as of the last reconciliation.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[schemars(extend("default" = {"observedGeneration": -1}), transform = schema::unwrap_descriptions)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadIdentityStatus {
    /// observedGeneration is the generation of the spec that was last reconciled, or -1 before the first
    /// reconciliation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "i64")]
    pub observed_generation: Option<i64>,

    /// lastHandledReconcileAt is the value of the annotation `lanyard.dev/reconcile-requested-at` that was handled last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::short_text")]
    pub last_handled_reconcile_at: Option<String>,

    /// conditions are the current conditions of the object. Ready is True when a pod created now gets the
    /// binding that the spec asks for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,

    /// className is the name of the class in use. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::short_text")]
    pub class_name: Option<String>,

    /// appliedFromClass holds the values of the class as of the last applied spec. They stay in effect while no
    /// newer values can be applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "FromClass")]
    pub applied_from_class: Option<FromClass>,

    /// role is the role of the active binding, once known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "RoleStatus")]
    pub role: Option<RoleStatus>,

    /// bindings are the bindings of the ServiceAccount: one, or two during a transition. state shows which one is
    /// in effect.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "bindings")]
    pub bindings: Vec<BindingStatus>,

    /// oidcProviderArn is the ARN of the IAM OIDC provider in use. Set for IRSA.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::arn")]
    pub oidc_provider_arn: Option<String>,

    /// lastAppliedHashes is a short hash of each value that Lanyard last applied. It distinguishes changes of
    /// the spec from drift.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::hashes")]
    pub last_applied_hashes: BTreeMap<String, String>,

    /// drift lists the differences between the desired and the observed state, and the last correction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "DriftStatus")]
    pub drift: Option<DriftStatus>,

    /// pods describes the pods of the ServiceAccount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "PodsStatus")]
    pub pods: Option<PodsStatus>,

    /// transition is the change of the binding in progress. Unset if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "TransitionStatus")]
    pub transition: Option<TransitionStatus>,

    /// restarts lists the workloads that Lanyard restarted for the binding of the spec. None is restarted more than
    /// twice for one change of the binding.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "restarts")]
    pub restarts: Vec<RestartStatus>,
}

/// FromClass holds the values that a class contributes.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct FromClass {
    /// tags are the enforced tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::tags")]
    pub tags: BTreeMap<String, String>,

    /// permissionsBoundaryArn is the permissions boundary of managed roles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::arn")]
    pub permissions_boundary_arn: Option<String>,

    /// maxSessionDuration is the maximum session duration of managed roles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::short_text")]
    pub max_session_duration: Option<String>,

    /// driftPolicy is the reaction to out-of-band changes: Correct or Report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::drift_policy")]
    pub drift_policy: Option<DriftPolicy>,

    /// provider is Require if Lanyard may not create the IAM OIDC provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::class::provider")]
    pub provider: Option<ProviderPolicy>,
}

/// TransitionStatus is a change from one binding to another. Its loss delays the change without further harm.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct TransitionStatus {
    /// stage is the current stage, equal to the reason of the condition Transitioning.
    #[schemars(schema_with = "schema::short_text")]
    pub stage: String,

    /// stageTransitionTime is the time at which the current stage began.
    #[schemars(schema_with = "schema::time")]
    pub stage_transition_time: Time,

    /// startTime is the time at which the transition was first observed.
    #[schemars(schema_with = "schema::time")]
    pub start_time: Time,

    /// boundTime is the time at which the desired binding was first observed in place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::time")]
    pub bound_time: Option<Time>,

    /// effectiveTime is the time from which new pods are known to get the desired binding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::time")]
    pub effective_time: Option<Time>,

    /// targetHash is a short hash of the desired binding.
    #[schemars(schema_with = "schema::short_text")]
    pub target_hash: String,

    /// approvalToken is the value of the annotation lanyard.dev/approve that the transition waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::short_text")]
    pub approval_token: Option<String>,
}

/// RestartStatus describes the restarts of one workload.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct RestartStatus {
    /// owner is the workload.
    pub owner: RestartedWorkload,

    /// targetHash is a short hash of the binding for which it was restarted.
    #[schemars(schema_with = "schema::short_text")]
    pub target_hash: String,

    /// time is the time of the last restart.
    #[schemars(schema_with = "schema::time")]
    pub time: Time,

    /// count is the number of restarts for this binding.
    pub count: i64,

    /// createdUntil is the creation time of the youngest pod that the last restart replaces.
    #[schemars(schema_with = "schema::time")]
    pub created_until: Time,

    /// currentPods is the largest number of its pods that carried the desired binding.
    pub current_pods: i64,

    /// progressTime is the time at which currentPods last increased.
    #[schemars(schema_with = "schema::time")]
    pub progress_time: Time,

    /// verified is true if the rollout completed and every new pod carried the desired binding.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[schemars(with = "bool")]
    pub verified: bool,
}

/// RestartedWorkload names a workload in the namespace of the object.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct RestartedWorkload {
    /// kind is the kind: Deployment, StatefulSet or DaemonSet.
    #[schemars(schema_with = "schema::short_text")]
    pub kind: String,

    /// name is the name.
    #[schemars(schema_with = "schema::short_text")]
    pub name: String,
}

/// RoleStatus is the role of the active binding.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct RoleStatus {
    /// arn is the ARN of the role.
    #[schemars(schema_with = "schema::arn")]
    pub arn: String,

    /// id is the unique id of the role in IAM (AROA...). It distinguishes a role from a later role of the same
    /// name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::short_text")]
    pub id: Option<String>,

    /// adopted is true if Lanyard did not create the role but adopted it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[schemars(with = "bool")]
    pub adopted: bool,
}

/// BindingStatus is one binding of the ServiceAccount to a role.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct BindingStatus {
    /// method is the way pods get credentials: IRSA or PodIdentity.
    #[schemars(schema_with = "schema::method")]
    pub method: Method,

    /// roleArn is the ARN of the role that pods, or EKS on their behalf, assume first.
    #[schemars(schema_with = "schema::arn")]
    pub role_arn: String,

    /// targetRoleArn is the ARN of the role that EKS assumes from the first role. Set for PodIdentity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::arn")]
    pub target_role_arn: Option<String>,

    /// sessionTags is true if sessions carry the tags of cluster, namespace and ServiceAccount. Set for
    /// PodIdentity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "bool")]
    pub session_tags: Option<bool>,

    /// issuer is the issuer of the projected tokens. Set for IRSA.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::short_text")]
    pub issuer: Option<String>,

    /// audience is the audience of the projected tokens. Set for IRSA.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::short_text")]
    pub audience: Option<String>,

    /// state is Active if new pods get the binding, Pending if new pods will get it, or Draining if only
    /// existing pods use it.
    #[schemars(schema_with = "schema::binding_state")]
    pub state: BindingState,

    /// association is the EKS Pod Identity association. Set for PodIdentity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "AssociationStatus")]
    pub association: Option<AssociationStatus>,
}

/// AssociationStatus is an EKS Pod Identity association.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct AssociationStatus {
    /// id is the id of the association (a-...).
    #[schemars(schema_with = "schema::short_text")]
    pub id: String,

    /// arn is the ARN of the association.
    #[schemars(schema_with = "schema::arn")]
    pub arn: String,

    /// externalId is the external id that the trust policy of a target role can require.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::long_text")]
    pub external_id: Option<String>,

    /// adopted is true if Lanyard did not create the association but adopted it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[schemars(with = "bool")]
    pub adopted: bool,
}

/// DriftStatus lists the differences between the desired and the observed state.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct DriftStatus {
    /// count is the number of uncorrected differences.
    pub count: i64,

    /// items are the first 20 differences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "drift_items")]
    pub items: Vec<DriftItem>,

    /// unmanagedCount is the number of fields of other owners, which stay and are no drift.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "i64")]
    pub unmanaged_count: Option<i64>,

    /// unmanaged are the first 20 of these fields.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "drift_items")]
    pub unmanaged: Vec<DriftItem>,

    /// lastCorrection is the most recent correction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Correction")]
    pub last_correction: Option<Correction>,
}

/// DriftItem is one difference.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct DriftItem {
    /// resource is the kind of the resource: Role, Provider, Association or ServiceAccount.
    #[schemars(schema_with = "schema::short_text")]
    pub resource: String,

    /// field is the field of the resource.
    #[schemars(schema_with = "schema::long_text")]
    pub field: String,

    /// desired is the expected value. Unset if the field should not exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::long_text")]
    pub desired: Option<String>,

    /// observed is the value found. Unset if the field does not exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::long_text")]
    pub observed: Option<String>,

    /// reason is the cause for which the difference remains. Reported: the drift policy is Report, or the
    /// operator may not write. Contested: another writer reverts each correction, so Lanyard pauses.
    /// Unreadable: the value could not be read from AWS. Unmanaged: another tool or a user added it, and Lanyard
    /// does not remove it. Adopted: the field was on the role before Lanyard adopted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::drift_reason")]
    pub reason: Option<DriftReason>,

    /// since is the time at which the difference was first observed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::time")]
    pub since: Option<Time>,
}

/// Correction is a correction that Lanyard made.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Correction {
    /// at is the time of the correction.
    #[schemars(schema_with = "schema::time")]
    pub at: Time,

    /// items are the corrected differences, at most 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "drift_items")]
    pub items: Vec<DriftItem>,
}

/// PodsStatus describes the pods of the ServiceAccount. It has no total, which would change with every pod.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PodsStatus {
    /// stale is the number of pods without the credentials that the spec asks for.
    pub stale: i64,
}

fn restarts(generator: &mut SchemaGenerator) -> Schema {
    schema::list_of::<RestartStatus>(generator, RESTARTS_LIMIT)
}

fn bindings(generator: &mut SchemaGenerator) -> Schema {
    schema::list_of::<BindingStatus>(generator, BINDINGS_LIMIT)
}

fn drift_items(generator: &mut SchemaGenerator) -> Schema {
    schema::list_of::<DriftItem>(generator, DRIFT_ITEMS_LIMIT)
}
