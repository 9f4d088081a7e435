//! The status of a WorkloadIdentity as it stands in Kubernetes: the shape of core's status in plain text, with a schema.
//! Core's status in and out through `convert`; the doc comments are the text of `kubectl explain`. No I/O.
//!
//! Text is plain here, so that a status written by a newer operator, or with conditions of others, still decodes.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use lanyard_core::model::cluster::ProviderPolicy;
use lanyard_core::model::spec::{DriftPolicy, Method};
use lanyard_core::model::status::{BindingState, DriftReason};
use serde::{Deserialize, Serialize};

use crate::schema;

/// What is: as of the last look at AWS and the cluster.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[schemars(extend("default" = {"observedGeneration": -1}), transform = schema::unwrap_descriptions)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadIdentityStatus {
    /// The generation of the spec that was last looked at; -1: none yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "i64")]
    pub observed_generation: Option<i64>,

    /// The value of the annotation `lanyard.dev/reconcile-requested-at` that was last handled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::short_text")]
    pub last_handled_reconcile_at: Option<String>,

    /// What holds and what does not. Ready: a pod created now gets the binding that the spec asks for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,

    /// The class that is followed. It cannot change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::short_text")]
    pub class_name: Option<String>,

    /// What the class put in when the object was last carried out. It stands for the class while nothing new is applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "FromClass")]
    pub applied_from_class: Option<FromClass>,

    /// The role, once it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "RoleStatus")]
    pub role: Option<RoleStatus>,

    /// The bindings in effect: one, or two while one takes the place of the other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::bindings")]
    pub bindings: Vec<BindingStatus>,

    /// The IAM OIDC provider in use (IRSA).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::arn")]
    pub oidc_provider_arn: Option<String>,

    /// A short digest of each thing that Lanyard last applied, to tell a change of the spec from drift.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::digests")]
    pub last_applied_hashes: BTreeMap<String, String>,

    /// What differs from what is wanted, and what was corrected last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "DriftStatus")]
    pub drift: Option<DriftStatus>,

    /// The pods of the ServiceAccount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "PodsStatus")]
    pub pods: Option<PodsStatus>,

    /// The change from one binding to another that is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "TransitionStatus")]
    pub transition: Option<TransitionStatus>,
}

/// What a class puts in where the object says nothing.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct FromClass {
    /// The tags that it enforces.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::tags")]
    pub tags: BTreeMap<String, String>,

    /// The permissions boundary that it puts on every managed role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::arn")]
    pub permissions_boundary_arn: Option<String>,

    /// The longest session of managed roles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::short_text")]
    pub max_session_duration: Option<String>,

    /// What becomes of changes made behind Lanyard's back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::drift_policy")]
    pub drift_policy: Option<DriftPolicy>,

    /// Require: Lanyard may not create the IAM OIDC provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::class::provider")]
    pub provider: Option<ProviderPolicy>,
}

/// The change from one binding to another that is under way. Losing it delays the change and does no harm.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct TransitionStatus {
    /// How far it has come: the reason of the condition Transitioning.
    #[schemars(schema_with = "schema::short_text")]
    pub stage: String,

    /// Since when it stands there.
    #[schemars(schema_with = "schema::time")]
    pub stage_transition_time: Time,

    /// When it was first seen.
    #[schemars(schema_with = "schema::time")]
    pub start_time: Time,

    /// When the wanted binding was first seen in place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::time")]
    pub bound_time: Option<Time>,

    /// When new pods were first known to get the wanted binding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::time")]
    pub effective_time: Option<Time>,

    /// A short name of the binding that it leads to.
    #[schemars(schema_with = "schema::short_text")]
    pub target_hash: String,

    /// The value of the annotation lanyard.dev/approve that it waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::short_text")]
    pub approval_token: Option<String>,
}

/// The role.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct RoleStatus {
    /// Its ARN.
    #[schemars(schema_with = "schema::arn")]
    pub arn: String,

    /// Its unique id in IAM (AROA...), which tells a role from its successor of the same name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::short_text")]
    pub id: Option<String>,

    /// Whether somebody else made it and Lanyard adopted it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[schemars(with = "bool")]
    pub adopted: bool,
}

/// What ties the ServiceAccount to its role.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct BindingStatus {
    /// How pods get the role.
    #[schemars(schema_with = "schema::method")]
    pub method: Method,

    /// The role that pods get first.
    #[schemars(schema_with = "schema::arn")]
    pub role_arn: String,

    /// The role that EKS assumes from the first one (PodIdentity).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::arn")]
    pub target_role_arn: Option<String>,

    /// Whether sessions carry the tags of cluster, namespace and ServiceAccount (PodIdentity).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "bool")]
    pub session_tags: Option<bool>,

    /// Who issues the pods' tokens (IRSA).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::short_text")]
    pub issuer: Option<String>,

    /// Whom the pods' tokens are for (IRSA).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::short_text")]
    pub audience: Option<String>,

    /// Active: new pods get it. Pending: new pods will. Draining: only old pods still hold it.
    #[schemars(schema_with = "schema::binding_state")]
    pub state: BindingState,

    /// The association in EKS (PodIdentity).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "AssociationStatus")]
    pub association: Option<AssociationStatus>,
}

/// The association in EKS.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct AssociationStatus {
    /// Its id (a-...).
    #[schemars(schema_with = "schema::short_text")]
    pub id: String,

    /// Its ARN.
    #[schemars(schema_with = "schema::arn")]
    pub arn: String,

    /// The external id that the trust policy of a target role can demand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::long_text")]
    pub external_id: Option<String>,

    /// Whether somebody else made it and Lanyard adopted it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[schemars(with = "bool")]
    pub adopted: bool,
}

/// What differs from what is wanted.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct DriftStatus {
    /// How many differences stand.
    pub count: i64,

    /// The first 20 of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::drift_items")]
    pub items: Vec<DriftItem>,

    /// What was corrected last; replaced only by the next correction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Correction")]
    pub last_correction: Option<Correction>,
}

/// One difference.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct DriftItem {
    /// Role, Provider, Association or ServiceAccount.
    #[schemars(schema_with = "schema::short_text")]
    pub resource: String,

    /// The field of the resource.
    #[schemars(schema_with = "schema::long_text")]
    pub field: String,

    /// What was wanted; absent: that it is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::long_text")]
    pub desired: Option<String>,

    /// What was found; absent: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::long_text")]
    pub observed: Option<String>,

    /// Why it stands. Reported: the drift policy is Report, or the operator may not write. Contested: somebody
    /// changes it again each time that it is put back, so it is left alone for a while. Unreadable: AWS did not say.
    /// Unmanaged: somebody else has to change it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::drift_reason")]
    pub reason: Option<DriftReason>,

    /// When it was first seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::time")]
    pub since: Option<Time>,
}

/// A correction that was made.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Correction {
    /// When.
    #[schemars(schema_with = "schema::time")]
    pub at: Time,

    /// What, at most 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::drift_items")]
    pub items: Vec<DriftItem>,
}

/// The pods of the ServiceAccount. No totals: they change all the time.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PodsStatus {
    /// Pods that carry other credentials than the spec asks for, or none.
    pub stale: i64,
}
