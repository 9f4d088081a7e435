//! The WorkloadIdentityClass: what the platform's side says about the identities that follow it, with the rules that
//! `kubectl apply` enforces. YAML in, typed fields out; the doc comments are the text of `kubectl explain`. No I/O.
//!
//! Guardrails are closed by default: what is left out is not allowed. `listed` takes an object to core.

use std::collections::BTreeMap;
use std::ops::Not;

use kube::core::ObjectMeta;
use kube::{CustomResource, KubeSchema};
use lanyard_core::class::{Class, ClassEntry};
use lanyard_core::model::cluster::ProviderPolicy;
use lanyard_core::model::spec::{DeletionPolicy, DriftPolicy, ExistingTrust, Method, PodRestart};
use serde::{Deserialize, Serialize};

use crate::schema::{self, class as class_schema};

mod status;

pub use status::{ByMethod, IdentitiesStatus, TransitionsStatus, WorkloadIdentityClassStatus};

/// The annotation that makes a class the one of identities that name none.
pub const ANNOTATION_DEFAULT_CLASS: &str = "lanyard.dev/is-default-class";

/// The finalizer that keeps a class while identities follow it.
pub const FINALIZER_CLASS: &str = "lanyard.dev/workloadidentityclass";

/// What the identities of a class get where they say nothing, and what they may ask for.
#[expect(
    clippy::duplicated_attributes,
    reason = "each printer column repeats the same words"
)]
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[kube(
    group = "lanyard.dev",
    version = "v1alpha1",
    kind = "WorkloadIdentityClass",
    plural = "workloadidentityclasses",
    status = "WorkloadIdentityClassStatus",
    shortname = "widclass",
    category = "aws",
    derive = "PartialEq",
    derive = "Default",
    doc = "What a StorageClass is to a volume: the platform's defaults for WorkloadIdentities, and the limits of what they may ask for.",
    printcolumn(
        name = "Default",
        type_ = "string",
        json_path = ".metadata.annotations.lanyard\\.dev/is-default-class"
    ),
    printcolumn(name = "Method", type_ = "string", json_path = ".spec.defaults.method"),
    printcolumn(name = "Total", type_ = "integer", json_path = ".status.identities.total"),
    printcolumn(name = "Ready", type_ = "integer", json_path = ".status.identities.ready"),
    printcolumn(name = "Drifted", type_ = "integer", json_path = ".status.identities.drifted"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[x_kube(
    validation = (
        "has(self.aws) == has(oldSelf.aws) && (!has(self.aws) || self.aws == oldSelf.aws)",
        "aws cannot change, as roles cannot move to another account: make another class"
    ),
    validation = (
        "!has(self.defaults) || !has(self.defaults.method) || (has(self.guardrails) && has(self.guardrails.methods) && self.defaults.method in self.guardrails.methods)",
        "guardrails.methods does not hold defaults.method, so no identity could follow the default: add it there"
    ),
    validation = (
        "!has(self.defaults) || !has(self.defaults.maxSessionDuration) || !has(self.guardrails) || !has(self.guardrails.maxSessionDuration) || duration(self.defaults.maxSessionDuration) <= duration(self.guardrails.maxSessionDuration)",
        "defaults.maxSessionDuration is longer than guardrails.maxSessionDuration allows: shorten it"
    )
)]
#[schemars(transform = schema::unwrap_descriptions)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadIdentityClassSpec {
    /// The AWS account in which roles are managed. It cannot change. Absent: the operator's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "AwsSpec")]
    pub aws: Option<AwsSpec>,

    /// Whether Lanyard may create the IAM OIDC provider that IRSA needs and add an audience to it: Ensure does so,
    /// Require says what is missing. Absent: Ensure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "class_schema::provider")]
    pub provider: Option<ProviderPolicy>,

    /// What holds where an identity says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "DefaultsSpec")]
    pub defaults: Option<DefaultsSpec>,

    /// Tags that every managed role gets. An identity cannot give them other values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::tags")]
    pub enforced_tags: BTreeMap<String, String>,

    /// What identities may ask for. Closed by default: what is left out is not allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "GuardrailsSpec")]
    pub guardrails: Option<GuardrailsSpec>,

    /// How identities move together from one binding to another: as a queue, not as a flood.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "QueueSpec")]
    pub transition: Option<QueueSpec>,
}

/// The AWS account in which roles are managed.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[x_kube(
    validation = (
        "!has(self.externalId) || has(self.assumeRoleArn)",
        "externalId is for the role of assumeRoleArn: set that too, or remove externalId"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct AwsSpec {
    /// The role that Lanyard assumes to manage roles in that role's account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::role_arn")]
    pub assume_role_arn: Option<String>,

    /// The external id that the trust policy of that role demands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "class_schema::external_id")]
    pub external_id: Option<String>,
}

/// What holds where an identity says nothing.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct DefaultsSpec {
    /// How pods get the role: IRSA or PodIdentity. Changing it moves every identity that names no method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::method")]
    pub method: Option<Method>,

    /// What becomes of changes made behind Lanyard's back: Correct or Report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::drift_policy")]
    pub drift_policy: Option<DriftPolicy>,

    /// What becomes of AWS's side when an identity is deleted: Delete, DeleteWhenUnused or Retain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::deletion_policy")]
    pub deletion_policy: Option<DeletionPolicy>,

    /// Whether Lanyard may restart workloads when a binding changes: Never or Rollout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::pod_restart")]
    pub pod_restart: Option<PodRestart>,

    /// What follows /lanyard/, Region and cluster in the path of a new role, such as /tenants/. Roles that exist stay
    /// where they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "class_schema::role_path")]
    pub role_path: Option<String>,

    /// What the derived name of a new role begins with. Roles that exist keep their names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "class_schema::role_name_prefix")]
    pub role_name_prefix: Option<String>,

    /// The longest session of a managed role, 1h to 12h. Absent: 1h.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::session_duration")]
    pub max_session_duration: Option<String>,
}

/// What identities may ask for. In patterns, * stands for any text, ? for one character, and {namespace} for the
/// identity's own namespace.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct GuardrailsSpec {
    /// The namespaces whose identities may follow this class, by their labels. Absent: none. {}: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "NamespaceSelector")]
    pub namespace_selector: Option<NamespaceSelector>,

    /// The methods that may be used. Empty: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "class_schema::methods")]
    pub methods: Vec<Method>,

    /// Patterns of the managed policies that may be attached. Empty: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "class_schema::patterns")]
    pub policy_arns: Vec<String>,

    /// What inline policies may allow: each statement has to fit whole into one of these rows. Statements that deny
    /// are always allowed, and conditions only narrow. Empty: nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "class_schema::rows")]
    pub inline: Vec<InlineRow>,

    /// Patterns of the names that managed roles may be given. Empty: only the derived name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "class_schema::patterns")]
    pub role_names: Vec<String>,

    /// The roles of others that may be bound. Roles under /lanyard/ only fit a pattern that names that path. Empty:
    /// none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "class_schema::existing_rows")]
    pub existing_roles: Vec<ExistingRow>,

    /// Patterns of the roles that EKS may chain to from the first one. Empty: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "class_schema::patterns")]
    pub target_role_arns: Vec<String>,

    /// Patterns of the keys of tags that managed roles may have, whatever their case. Empty: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "class_schema::patterns")]
    pub tag_keys: Vec<String>,

    /// Patterns of the audiences that tokens may have beside sts.amazonaws.com. Empty: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "class_schema::patterns")]
    pub audiences: Vec<String>,

    /// Patterns of the roles and associations that may be adopted. Empty: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "class_schema::patterns")]
    pub adopt: Vec<String>,

    /// The ARN of the managed policy that is put on every managed role as its permissions boundary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::policy_arn")]
    pub permissions_boundary_arn: Option<String>,

    /// The longest session that a managed role may allow, 1h to 12h. Absent: the default of this class, else 1h.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::session_duration")]
    pub max_session_duration: Option<String>,
}

/// A selector of namespaces by their labels. All that it demands has to hold.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct NamespaceSelector {
    /// Labels with the values that they have to have.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "class_schema::labels")]
    pub match_labels: BTreeMap<String, String>,

    /// Further demands on labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "class_schema::expressions")]
    pub match_expressions: Vec<SelectorExpression>,
}

/// A demand on one label.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[x_kube(
    validation = (
        "(self.operator in ['In', 'NotIn']) == (has(self.values) && self.values.size() > 0)",
        "In and NotIn need values, Exists and DoesNotExist have none"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct SelectorExpression {
    /// The label's key.
    #[schemars(schema_with = "class_schema::label")]
    pub key: String,

    /// In, NotIn, Exists or DoesNotExist.
    #[schemars(schema_with = "class_schema::label_operator")]
    pub operator: lanyard_core::class::selector::Operator,

    /// The values that In and NotIn speak of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "class_schema::label_values")]
    pub values: Vec<String>,
}

/// Actions together with the resources on which a statement may allow them.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct InlineRow {
    /// Patterns of actions, such as s3:Get*, whatever their case.
    #[schemars(schema_with = "class_schema::patterns")]
    pub actions: Vec<String>,

    /// Patterns of resources, such as arn:aws:s3:::{namespace}.*.
    #[schemars(schema_with = "class_schema::patterns")]
    pub resources: Vec<String>,
}

/// Roles of others that may be bound.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ExistingRow {
    /// A pattern of the roles' ARNs.
    #[schemars(schema_with = "class_schema::pattern")]
    pub arn: String,

    /// The most that Lanyard may do about their trust policies: Check says what is missing, Manage keeps a statement of
    /// Lanyard's own there. Absent: Check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::existing_trust")]
    pub trust: Option<ExistingTrust>,
}

/// How identities move together from one binding to another.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct QueueSpec {
    /// How many identities change at a time. Absent: 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "class_schema::count")]
    pub max_concurrent: Option<i64>,

    /// After how many failures no further identity begins. Absent: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "class_schema::count")]
    pub pause_after_failures: Option<i64>,

    /// How long a change that is done is watched before the next takes its place, up to 24h. Absent: 0s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "class_schema::wait")]
    pub soak: Option<String>,

    /// How long a replaced pod may take to become ready, up to 24h. Absent: 10m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "class_schema::wait")]
    pub fail_after: Option<String>,

    /// While true, no further identity begins.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub paused: bool,
}

impl WorkloadIdentityClass {
    /// The class as core takes it. What is wrong with it is kept: a class that cannot be used allows nothing.
    #[must_use]
    pub fn listed(&self) -> ClassEntry {
        let spec = serde_json::to_value(&self.spec).unwrap_or_default();
        listed(&self.metadata, spec)
    }
}

/// A class as core takes it, from an object that may not fit the types of this version.
#[must_use]
pub fn listed(metadata: &ObjectMeta, spec: serde_json::Value) -> ClassEntry {
    let name = metadata.name.clone().unwrap_or_default();
    let annotations = metadata.annotations.as_ref();
    let marked = annotations.and_then(|all| all.get(ANNOTATION_DEFAULT_CLASS));
    ClassEntry {
        is_default: marked.is_some_and(|mark| mark == "true"),
        is_deleting: metadata.deletion_timestamp.is_some(),
        class: Class::read(&name, spec),
        name,
    }
}
