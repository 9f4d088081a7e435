//! The WorkloadIdentityClass: defaults and limits set by the platform team, with the rules that the API server
//! enforces. The doc comments are the text of `kubectl explain`. Input: YAML. Output: typed fields, and a
//! [`ClassEntry`] class for core. No I/O.
//!
//! Guardrails are closed by default: an unset field allows nothing.

use std::collections::BTreeMap;
use std::ops::Not;

use kube::core::ObjectMeta;
use kube::{CustomResource, KubeSchema};
use lanyard_core::class::{Class, ClassEntry};
use lanyard_core::model::cluster::ProviderPolicy;
use lanyard_core::model::spec::{DeletionPolicy, DriftPolicy, ExistingTrust, Method, PodRestart};
use schemars::{Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use crate::schema::{self, class as class_schema};

mod status;

pub use status::{IdentitiesStatus, MethodCount, TransitionsStatus, WorkloadIdentityClassStatus};

/// Maximum number of rows in a list of inline permissions or existing roles.
const ROWS_LIMIT: usize = 64;

/// The annotation that marks the class used by identities without `className`.
pub const ANNOTATION_DEFAULT_CLASS: &str = "lanyard.dev/is-default-class";

/// The finalizer that keeps a class while identities use it.
pub const FINALIZER_CLASS: &str = "lanyard.dev/workloadidentityclass";

/// WorkloadIdentityClassSpec holds the defaults and limits of the WorkloadIdentities that use the class.
#[expect(
    clippy::duplicated_attributes,
    reason = "printer columns repeat the same keys"
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
    doc = "WorkloadIdentityClass holds the platform's defaults for WorkloadIdentities and the limits of their specs, as a StorageClass does for volumes.",
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
        "aws is immutable, because roles cannot move to another account. Restore the previous value, or create a new class"
    ),
    validation = (
        "!has(self.defaults) || !has(self.defaults.method) || (has(self.guardrails) && has(self.guardrails.methods) && self.defaults.method in self.guardrails.methods)",
        "guardrails.methods must contain defaults.method. Add the method to guardrails.methods, or change defaults.method"
    ),
    validation = (
        "!has(self.defaults) || !has(self.defaults.maxSessionDuration) || !has(self.guardrails) || !has(self.guardrails.maxSessionDuration) || duration(self.defaults.maxSessionDuration) <= duration(self.guardrails.maxSessionDuration)",
        "defaults.maxSessionDuration must not exceed guardrails.maxSessionDuration"
    )
)]
#[schemars(transform = schema::unwrap_descriptions)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadIdentityClassSpec {
    /// aws is the AWS account in which roles are managed. Immutable. Defaults to the account of the operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "AwsSpec")]
    pub aws: Option<AwsSpec>,

    /// provider controls the IAM OIDC provider that IRSA requires. Ensure lets Lanyard create it and add an
    /// audience to it. Require only reports a missing provider or audience. Defaults to Ensure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "class_schema::provider")]
    pub provider: Option<ProviderPolicy>,

    /// defaults are the values used where an identity sets none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "DefaultsSpec")]
    pub defaults: Option<DefaultsSpec>,

    /// enforcedTags are the tags of every managed role. Identities cannot override their values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::tags")]
    pub enforced_tags: BTreeMap<String, String>,

    /// guardrails limit the specs of identities. An unset field allows nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "GuardrailsSpec")]
    pub guardrails: Option<GuardrailsSpec>,

    /// transition limits how many identities change their binding at the same time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "QueueSpec")]
    pub transition: Option<QueueSpec>,
}

/// AwsSpec is the AWS account in which roles are managed.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[x_kube(
    validation = (
        "!has(self.externalId) || has(self.assumeRoleArn)",
        "externalId requires assumeRoleArn. Set assumeRoleArn, or remove externalId"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct AwsSpec {
    /// assumeRoleArn is the ARN of the role that Lanyard assumes to manage roles in the account of that role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::role_arn")]
    pub assume_role_arn: Option<String>,

    /// externalId is the external id that the trust policy of assumeRoleArn requires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "class_schema::external_id")]
    pub external_id: Option<String>,
}

/// DefaultsSpec holds the values used where an identity sets none.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct DefaultsSpec {
    /// method is the way pods get credentials: IRSA or PodIdentity. A change moves every identity that sets no
    /// method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::method")]
    pub method: Option<Method>,

    /// driftPolicy is the reaction to out-of-band changes: Correct or Report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::drift_policy")]
    pub drift_policy: Option<DriftPolicy>,

    /// deletionPolicy is the handling of AWS resources when an identity is deleted: Delete, DeleteWhenUnused or
    /// Retain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::deletion_policy")]
    pub deletion_policy: Option<DeletionPolicy>,

    /// podRestart controls whether Lanyard restarts workloads when a binding changes: Never or Rollout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::pod_restart")]
    pub pod_restart: Option<PodRestart>,

    /// rolePath is appended to /lanyard/, Region and cluster in the path of a new role, such as /tenants/.
    /// Existing roles keep their path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "class_schema::role_path")]
    pub role_path: Option<String>,

    /// roleNamePrefix is the prefix of the derived name of a new role. Existing roles keep their name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "class_schema::role_name_prefix")]
    pub role_name_prefix: Option<String>,

    /// maxSessionDuration is the maximum session duration of a managed role, from 1h to 12h. Defaults to 1h.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::session_duration")]
    pub max_session_duration: Option<String>,
}

/// GuardrailsSpec limits the specs of identities. In patterns, * matches any text, ? matches one character, and
/// {namespace} is replaced by the namespace of the identity.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct GuardrailsSpec {
    /// namespaceSelector selects the namespaces whose identities may use the class. Unset selects none, {}
    /// selects all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "NamespaceSelector")]
    pub namespace_selector: Option<NamespaceSelector>,

    /// methods are the allowed methods. Empty allows none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "class_schema::methods")]
    pub methods: Vec<Method>,

    /// policyArns are patterns of the managed policies that may be attached. Empty allows none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "class_schema::patterns")]
    pub policy_arns: Vec<String>,

    /// inline lists the permissions that inline policies may grant. Each Allow statement must fit completely
    /// into one row. Deny statements and conditions are always allowed.
    /// Empty allows none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "rows")]
    pub inline: Vec<InlineRow>,

    /// roleNames are patterns of the names that managed roles may have. Empty allows only the derived name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "class_schema::patterns")]
    pub role_names: Vec<String>,

    /// existingRoles lists the existing roles that may be bound. Roles under /lanyard/ match only a pattern
    /// that names that path. Empty allows none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "existing_rows")]
    pub existing_roles: Vec<ExistingRow>,

    /// targetRoleArns are patterns of the roles that EKS may assume from the first role. Empty allows none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "class_schema::patterns")]
    pub target_role_arns: Vec<String>,

    /// tagKeys are patterns of the tag keys that managed roles may have, ignoring case. Empty allows none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "class_schema::patterns")]
    pub tag_keys: Vec<String>,

    /// audiences are patterns of the token audiences allowed besides sts.amazonaws.com. Empty allows none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "class_schema::patterns")]
    pub audiences: Vec<String>,

    /// adopt lists patterns of the roles and associations that may be adopted. Empty allows none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "class_schema::patterns")]
    pub adopt: Vec<String>,

    /// permissionsBoundaryArn is the ARN of the managed policy set as the permissions boundary of every managed
    /// role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::policy_arn")]
    pub permissions_boundary_arn: Option<String>,

    /// maxSessionDuration is the longest maxSessionDuration that an identity may set, from 1h to 12h. Defaults
    /// to the default of this class, otherwise to 1h.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::session_duration")]
    pub max_session_duration: Option<String>,
}

/// NamespaceSelector selects namespaces by their labels. All requirements must hold.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct NamespaceSelector {
    /// matchLabels are labels with their required values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "class_schema::labels")]
    pub match_labels: BTreeMap<String, String>,

    /// matchExpressions are further requirements on labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "expressions")]
    pub match_expressions: Vec<SelectorExpression>,
}

/// SelectorExpression is a requirement on one label.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[x_kube(
    validation = (
        "(self.operator in ['In', 'NotIn']) == (has(self.values) && self.values.size() > 0)",
        "values must be set for In and NotIn, and unset for Exists and DoesNotExist"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct SelectorExpression {
    /// key is the key of the label.
    #[schemars(schema_with = "class_schema::label")]
    pub key: String,

    /// operator is In, NotIn, Exists or DoesNotExist.
    #[schemars(schema_with = "class_schema::label_operator")]
    pub operator: lanyard_core::class::selector::Operator,

    /// values are the values for In and NotIn. Must be unset for Exists and DoesNotExist.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "class_schema::label_values")]
    pub values: Vec<String>,
}

/// InlineRow is a set of actions, and the resources on which a statement may allow them.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct InlineRow {
    /// actions are patterns of actions, such as s3:Get*, ignoring case.
    #[schemars(schema_with = "class_schema::patterns")]
    pub actions: Vec<String>,

    /// resources are patterns of resources, such as arn:aws:s3:::{namespace}.*.
    #[schemars(schema_with = "class_schema::patterns")]
    pub resources: Vec<String>,
}

/// ExistingRow is a set of existing roles that may be bound.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ExistingRow {
    /// arn is a pattern of role ARNs.
    #[schemars(schema_with = "class_schema::pattern")]
    pub arn: String,

    /// trust is the most permissive value of role.existing.trust that identities may set. Check reports a
    /// missing statement. Manage maintains a statement of Lanyard in the trust policy. Defaults to Check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::existing_trust")]
    pub trust: Option<ExistingTrust>,
}

/// QueueSpec limits how many identities change their binding at the same time.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct QueueSpec {
    /// maxConcurrent is the maximum number of identities in transition at the same time. Defaults to 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "class_schema::count")]
    pub max_concurrent: Option<i64>,

    /// pauseAfterFailures is the number of failed transitions after which no further transition starts.
    /// Defaults to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "class_schema::count")]
    pub pause_after_failures: Option<i64>,

    /// soak is the time that a completed transition is observed before the next one takes its slot, up to 24h.
    /// Defaults to 0s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "class_schema::wait")]
    pub soak: Option<String>,

    /// failAfter is the time in which the rollout of a restarted workload has to make progress, up to 24h.
    /// Defaults to 10m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "class_schema::wait")]
    pub fail_after: Option<String>,

    /// paused prevents further transitions from starting while true. Defaults to false.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub paused: bool,
}

impl WorkloadIdentityClass {
    /// The class as input for core. An invalid class is kept with its error, because it allows nothing.
    #[must_use]
    pub fn listed(&self) -> ClassEntry {
        let spec = serde_json::to_value(&self.spec).unwrap_or_default();
        listed(&self.metadata, spec)
    }
}

/// Reads a class from an object whose spec may not match the types of this version.
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

fn rows(generator: &mut SchemaGenerator) -> Schema {
    schema::list_of::<InlineRow>(generator, ROWS_LIMIT)
}

fn existing_rows(generator: &mut SchemaGenerator) -> Schema {
    schema::list_of::<ExistingRow>(generator, ROWS_LIMIT)
}

fn expressions(generator: &mut SchemaGenerator) -> Schema {
    schema::list_of::<SelectorExpression>(generator, class_schema::LABELS_LIMIT)
}
