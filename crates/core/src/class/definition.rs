//! `Class`: the settings of a WorkloadIdentityClass as plain values. They mirror the CRD without Kubernetes types.
//! Input: the JSON of an object's spec; output: a class, or the error that makes it unusable. No I/O.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

use crate::class::selector::Selector;
use crate::model::arn::{PolicyArn, RoleArn};
use crate::model::cluster::ProviderPolicy;
use crate::model::duration::Seconds;
use crate::model::name::{RoleName, RolePath, TagKey};
use crate::model::spec::{DeletionPolicy, DriftPolicy, ExistingTrust, Method, PodRestart};
use crate::model::subject::is_reserved_tag;

/// A class. A change of a class updates the defaults, guardrails, boundary and tags of its identities. It never renames or
/// moves an existing role.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Class {
    /// The name; absent if no class exists in the cluster.
    #[serde(skip)]
    pub name: Option<String>,
    /// The AWS access of the class.
    pub aws: Aws,
    /// The permission to create the IAM OIDC provider.
    pub provider: ProviderPolicy,
    /// The values where a spec sets none.
    pub defaults: Defaults,
    /// The tags of every managed role, regardless of its spec.
    pub enforced_tags: BTreeMap<TagKey, String>,
    /// The guardrails of its identities.
    #[serde(rename = "guardrails")]
    pub limits: Limits,
    /// The rollout of a change of the binding.
    pub transition: RolloutPolicy,
}

impl Class {
    /// The class of a cluster without classes: the defaults of Lanyard, and no limits except those of the operator's IAM
    /// policy.
    #[must_use]
    pub fn unrestricted() -> Self {
        Self {
            limits: Limits::Unrestricted,
            ..Self::default()
        }
    }

    /// Parses the spec of a class.
    ///
    /// # Errors
    /// Returns an error if the spec is malformed, or has a field that this version does not know. Such a class is unusable
    /// as a whole, since that part may be a limit.
    pub fn read(name: &str, spec: serde_json::Value) -> Result<Self, Box<UnusableClass>> {
        let aws = spec.get("aws").cloned();
        let unusable = |message: String| {
            let aws = aws.and_then(|aws| Aws::known_fields(&aws));
            Box::new(UnusableClass { message, aws })
        };
        let class: Self = match serde_json::from_value(spec) {
            Ok(class) => class,
            Err(error) => return Err(unusable(error.to_string())),
        };
        if let Some(key) = class.enforced_tags.keys().find(|key| is_reserved_tag(key)) {
            return Err(unusable(format!("enforcedTags has the reserved key {key}")));
        }
        Ok(Self {
            name: Some(name.to_owned()),
            ..class
        })
    }

    /// The guardrails. Returns `None` if no class exists.
    #[must_use]
    pub fn guardrails(&self) -> Option<&Guardrails> {
        match &self.limits {
            Limits::Unrestricted => None,
            Limits::Restricted(guardrails) => Some(guardrails),
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "class {name}"),
            None => f.write_str("no class"),
        }
    }
}

/// A class that is invalid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnusableClass {
    /// The error.
    pub message: String,
    /// The AWS access of the class, if it could be read. Existing resources in its account stay manageable.
    pub aws: Option<Aws>,
}

/// The AWS account of a class.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Aws {
    /// The role that Lanyard assumes to manage roles in its account; absent: the account of the operator.
    pub assume_role_arn: Option<RoleArn>,
    /// The external ID that the trust policy of the role requires.
    pub external_id: Option<String>,
}

impl Aws {
    /// The AWS access of an unusable class without fields that this version does not know. Returns `None` if it is malformed.
    fn known_fields(aws: &serde_json::Value) -> Option<Self> {
        let known = serde_json::json!({"assumeRoleArn": aws.get("assumeRoleArn"), "externalId": aws.get("externalId")});
        serde_json::from_value(known).ok()
    }
}

/// The values where a spec sets none. A value that is absent here too has the default of Lanyard.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Defaults {
    /// The method by which pods get their role.
    pub method: Option<Method>,
    /// The handling of drift.
    pub drift_policy: Option<DriftPolicy>,
    /// The handling of AWS resources at deletion.
    pub deletion_policy: Option<DeletionPolicy>,
    /// The permission to restart workloads when the binding changes.
    pub pod_restart: Option<PodRestart>,
    /// The suffix of the path of a new role, after the path of the cluster, such as `/tenants/`.
    pub role_path: Option<RolePath>,
    /// The prefix of the derived name of a new role.
    pub role_name_prefix: Option<RoleName>,
    /// The maximum session duration of a managed role.
    pub max_session_duration: Option<Seconds>,
}

/// The limits of the identities of a class.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "Guardrails")]
pub enum Limits {
    /// No limits: only if no class exists. Never parsed from an object.
    Unrestricted,
    /// The limits of these guardrails.
    Restricted(Box<Guardrails>),
}

impl From<Guardrails> for Limits {
    fn from(guardrails: Guardrails) -> Self {
        Self::Restricted(Box::new(guardrails))
    }
}

impl Default for Limits {
    fn default() -> Self {
        Guardrails::default().into()
    }
}

/// The guardrails of a class. A value that is not listed is not allowed.
///
/// Every text except the ARN of the boundary is a pattern, in which `*` stands for any text, `?` for one character, and
/// `{namespace}` for the namespace of the identity.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Guardrails {
    /// The namespaces whose identities may follow the class; absent: none; empty: all.
    pub namespace_selector: Option<Selector>,
    /// The allowed methods; empty: none.
    pub methods: Vec<Method>,
    /// The managed policies that may be attached; empty: none.
    pub policy_arns: Vec<String>,
    /// The permissions of inline policies: each statement must fit into one row; empty: none.
    pub inline: Vec<Row>,
    /// The allowed names of managed roles; empty: only the derived name.
    pub role_names: Vec<String>,
    /// The existing roles that may be bound; empty: none.
    pub existing_roles: Vec<ExistingRow>,
    /// The target roles that EKS may chain to; empty: none.
    pub target_role_arns: Vec<String>,
    /// The allowed tag keys of managed roles in addition to those of the class; empty: none.
    pub tag_keys: Vec<String>,
    /// The allowed audiences in addition to the default; empty: none.
    pub audiences: Vec<String>,
    /// The roles and associations that may be adopted; empty: none.
    pub adopt: Vec<String>,
    /// The permissions boundary of every managed role; absent: that of its spec.
    pub permissions_boundary_arn: Option<PolicyArn>,
    /// The limit of the session duration of managed roles; absent: the default of the class, else one hour.
    pub max_session_duration: Option<Seconds>,
}

/// Actions, and the resources on which they may be allowed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Row {
    /// Patterns of actions.
    pub actions: Vec<String>,
    /// Patterns of resources.
    pub resources: Vec<String>,
}

/// Existing roles that may be bound.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExistingRow {
    /// The pattern of the ARNs.
    pub arn: String,
    /// The maximum of what Lanyard may do with their trust policies.
    #[serde(default)]
    pub trust: ExistingTrust,
}

/// The rollout of a change of the binding over the identities of a class.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct RolloutPolicy {
    /// The maximum number of concurrent changes.
    pub max_concurrent: u32,
    /// The number of failures after which no further change starts.
    pub pause_after_failures: u32,
    /// The time for which all pods must be current before a change is complete.
    pub soak: Seconds,
    /// The time in which the rollout of a restarted workload has to make progress.
    pub fail_after: Seconds,
    /// True if no further change starts.
    pub paused: bool,
}

impl Default for RolloutPolicy {
    fn default() -> Self {
        Self {
            max_concurrent: 5,
            pause_after_failures: 1,
            soak: Seconds(0),
            fail_after: Seconds(600),
            paused: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn empty_class_allows_nothing() {
        let class: Class = serde_json::from_value(json!({})).unwrap();
        assert_eq!(class.guardrails(), Some(&Guardrails::default()));
        assert_eq!(Class::unrestricted().guardrails(), None);
        assert_eq!(class.transition, RolloutPolicy::default());
    }

    #[test]
    fn class_is_parsed_from_its_object() {
        let class: Class = serde_json::from_value(json!({
            "aws": {"assumeRoleArn": "arn:aws:iam::111122223333:role/lanyard", "externalId": "x"},
            "provider": "Require",
            "defaults": {"method": "IRSA", "rolePath": "/tenants/", "maxSessionDuration": "2h"},
            "guardrails": {
                "namespaceSelector": {"matchLabels": {"tier": "tenant"}},
                "existingRoles": [{"arn": "arn:aws:iam::*:role/shared-*"}],
            },
            "transition": {"soak": "1m"},
        }))
        .unwrap();
        let guardrails = class.guardrails().unwrap();
        assert_eq!(class.defaults.max_session_duration, Some(Seconds(7200)));
        assert_eq!(guardrails.existing_roles[0].trust, ExistingTrust::Check);
        assert_eq!(
            (class.transition.soak, class.transition.max_concurrent),
            (Seconds(60), 5)
        );
    }

    #[test]
    fn unusable_class_keeps_its_account() {
        let aws = json!({"assumeRoleArn": "arn:aws:iam::111122223333:role/lanyard"});
        let spec = json!({"aws": aws, "guardrails": {"methods": ["Kerberos"]}});
        let account = Class::read("tenants", spec).unwrap_err().aws.unwrap();
        assert_eq!(account.assume_role_arn.unwrap().account.as_str(), "111122223333");
    }

    #[test]
    fn unknown_class_field_makes_the_class_unusable() {
        for spec in [
            json!({"limits": {}}),
            json!({"guardrails": {"allowSuspend": false}}),
            json!({"guardrails": {"inline": [{"actions": ["*"], "resources": ["*"], "condition": "x"}]}}),
            json!({"guardrails": {"existingRoles": [{"arn": "*", "namespace": "shop"}]}}),
            json!({"guardrails": {"namespaceSelector": {"matchFields": {}}}}),
            json!({"guardrails": {"namespaceSelector": {"matchExpressions": [{"key": "a", "operator": "Exists", "b": 1}]}}}),
            json!({"defaults": {"suspend": true}}),
            json!({"transition": {"window": "1h"}}),
            json!({"aws": {"assumeRoleArn": "arn:aws:iam::111122223333:role/lanyard", "sessionPolicy": "x"}}),
        ] {
            let class = Class::read("tenants", spec.clone()).unwrap_err();
            assert!(
                class.message.contains("unknown field"),
                "{spec}: {}",
                class.message
            );
            let has_account = class.aws.is_some_and(|aws| aws.assume_role_arn.is_some());
            assert_eq!(has_account, spec.get("aws").is_some());
        }
    }

    #[test]
    fn malformed_class_field_makes_the_class_unusable() {
        for (spec, message) in [
            (
                json!({"guardrails": {"permissionsBoundaryArn": "tenant"}}),
                "is not a managed policy ARN",
            ),
            (
                json!({"guardrails": {"maxSessionDuration": "soon"}}),
                "is not a duration",
            ),
            (json!({"enforcedTags": {"Kubernetes-Namespace": "a"}}), "reserved"),
        ] {
            let class = Class::read("tenants", spec).unwrap_err();
            assert!(class.message.contains(message), "{}", class.message);
        }
    }
}
