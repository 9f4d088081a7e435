//! A class: what the platform's side says about the identities that follow it, as plain values that were checked once.
//! Mirrors the CRD without Kubernetes types; the api crate converts, `select` picks, `validate` applies it. No I/O.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

use crate::model::arn::{PolicyArn, RoleArn};
use crate::model::cluster::ProviderPolicy;
use crate::model::duration::Seconds;
use crate::model::name::{RoleName, RolePath, TagKey};
use crate::model::spec::{DeletionPolicy, DriftPolicy, ExistingTrust, Method, PodRestart};
use crate::model::subject::is_reserved_tag;

pub mod adoption;
pub mod from_class;
pub mod guardrails;
pub mod readiness;
pub mod rollout;
pub mod selection;
pub mod selector;
pub mod slots;

pub use readiness::ClassReadiness;
pub use rollout::{FleetCounts, RolloutState};
pub use selection::{ClassRequest, Listed, Selection, Unusable, select};
pub use selector::Selector;
pub use slots::RolloutSlots;

/// A class. What a class says later changes the defaults, limits, boundary and tags of its identities; it never renames
/// or moves a role that exists.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Class {
    /// Its name; absent where no class exists in the cluster at all.
    #[serde(skip)]
    pub name: Option<String>,
    /// How its roles are reached in AWS.
    pub aws: Aws,
    /// Whether Lanyard may create the IAM OIDC provider.
    pub provider: ProviderPolicy,
    /// What holds where a spec says nothing.
    pub defaults: Defaults,
    /// Tags that every managed role has, whatever its spec says.
    pub enforced_tags: BTreeMap<TagKey, String>,
    /// What its identities may ask for.
    #[serde(rename = "guardrails")]
    pub limits: Limits,
    /// How a fleet moves from one binding to another.
    pub transition: RolloutPolicy,
}

impl Class {
    /// What holds where no class exists in the cluster at all: no defaults but Lanyard's own, and no limits but those of
    /// the operator's own IAM policy.
    #[must_use]
    pub fn unrestricted() -> Self {
        Self {
            limits: Limits::None,
            ..Self::default()
        }
    }

    /// Reads a class as its object is written.
    ///
    /// # Errors
    /// What is wrong with it, in words: such a class cannot be used at all, since what is malformed may be a limit.
    pub fn read(name: &str, spec: serde_json::Value) -> Result<Self, Box<Unusable>> {
        let aws = spec.get("aws").cloned();
        let unusable = |why: String| {
            let aws = aws.and_then(|aws| serde_json::from_value(aws).ok());
            Box::new(Unusable { why, aws })
        };
        let class: Self = match serde_json::from_value(spec) {
            Ok(class) => class,
            Err(error) => return Err(unusable(error.to_string())),
        };
        if let Some(key) = class.enforced_tags.keys().find(|key| is_reserved_tag(key)) {
            return Err(unusable(format!("enforcedTags has {key}, which is reserved")));
        }
        Ok(Self {
            name: Some(name.to_owned()),
            ..class
        })
    }

    /// The guardrails, where there are any.
    #[must_use]
    pub fn guardrails(&self) -> Option<&Guardrails> {
        match &self.limits {
            Limits::None => None,
            Limits::Within(guardrails) => Some(guardrails),
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

/// The AWS account of a class.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Aws {
    /// The role that Lanyard assumes to manage roles in that role's account; absent: Lanyard's own account.
    pub assume_role_arn: Option<RoleArn>,
    /// The external id that the role's trust policy demands.
    pub external_id: Option<String>,
}

/// What holds where a spec says nothing. What is absent here too is as if there were no class.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Defaults {
    /// How pods get their role.
    pub method: Option<Method>,
    /// What becomes of drift.
    pub drift_policy: Option<DriftPolicy>,
    /// What a deletion removes.
    pub deletion_policy: Option<DeletionPolicy>,
    /// Whether a change of the binding may restart workloads.
    pub pod_restart: Option<PodRestart>,
    /// What follows the cluster's own path in the path of a new role, such as `/tenants/`.
    pub role_path: Option<RolePath>,
    /// What the derived name of a new role begins with.
    pub role_name_prefix: Option<RoleName>,
    /// The longest session of a managed role.
    pub max_session_duration: Option<Seconds>,
}

/// What the identities of a class may ask for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "Guardrails")]
pub enum Limits {
    /// Anything: only where no class exists. Never read from an object.
    None,
    /// Only this.
    Within(Box<Guardrails>),
}

impl From<Guardrails> for Limits {
    fn from(guardrails: Guardrails) -> Self {
        Self::Within(Box::new(guardrails))
    }
}

impl Default for Limits {
    fn default() -> Self {
        Guardrails::default().into()
    }
}

/// The limits of a class, closed by default: what is not named is not allowed.
///
/// Every text but the ARN of the boundary is a pattern in which `*` stands for any text, `?` for one character, and
/// `{namespace}` for the namespace of the identity.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Guardrails {
    /// The namespaces whose identities may follow the class; absent: none; empty: all.
    pub namespace_selector: Option<Selector>,
    /// The methods that may be used; empty: none.
    pub methods: Vec<Method>,
    /// Managed policies that may be attached; empty: none.
    pub policy_arns: Vec<String>,
    /// What inline policies may allow: each statement has to fit whole into one row; empty: nothing.
    pub inline: Vec<Row>,
    /// Names that a managed role may be given; empty: only the derived one.
    pub role_names: Vec<String>,
    /// Roles of others that may be bound; empty: none.
    pub existing_roles: Vec<ExistingRow>,
    /// Roles that EKS may chain to; empty: none.
    pub target_role_arns: Vec<String>,
    /// Keys of tags that a managed role may have beside those of the class; empty: none.
    pub tag_keys: Vec<String>,
    /// Audiences that tokens may have beside the default one; empty: none.
    pub audiences: Vec<String>,
    /// Roles and associations that may be adopted; empty: none.
    pub adopt: Vec<String>,
    /// The boundary of every managed role; absent: that of its spec.
    pub permissions_boundary_arn: Option<PolicyArn>,
    /// The longest session that a managed role may allow; absent: the default of the class, else one hour.
    pub max_session_duration: Option<Seconds>,
}

/// Actions together with the resources on which they may be allowed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Row {
    /// Patterns of actions.
    pub actions: Vec<String>,
    /// Patterns of resources.
    pub resources: Vec<String>,
}

/// Roles of others that may be bound.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExistingRow {
    /// A pattern of the roles' ARNs.
    pub arn: String,
    /// The most that Lanyard may do about their trust policies.
    #[serde(default)]
    pub trust: ExistingTrust,
}

/// How a fleet moves from one binding to another: as a queue.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RolloutPolicy {
    /// How many identities change at a time.
    pub max_concurrent: u32,
    /// After how many failures no further one begins.
    pub pause_after_failures: u32,
    /// How long a change that is done is watched before it counts as done.
    pub soak: Seconds,
    /// How long a replaced pod may take to become ready.
    pub fail_after: Seconds,
    /// Whether no further one begins.
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
    fn a_class_that_says_nothing_allows_nothing() {
        let class: Class = serde_json::from_value(json!({})).unwrap();
        assert_eq!(class.guardrails(), Some(&Guardrails::default()));
        assert_eq!(Class::unrestricted().guardrails(), None);
        assert_eq!(class.transition, RolloutPolicy::default());
    }

    #[test]
    fn a_class_is_read_as_its_object_is_written() {
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
    fn the_account_of_a_class_that_cannot_be_used_is_still_known() {
        let aws = json!({"assumeRoleArn": "arn:aws:iam::111122223333:role/lanyard"});
        let spec = json!({"aws": aws, "guardrails": {"methods": ["Kerberos"]}});
        let account = Class::read("tenants", spec).unwrap_err().aws.unwrap();
        assert_eq!(account.assume_role_arn.unwrap().account.as_str(), "111122223333");
    }

    #[test]
    fn what_is_malformed_in_a_class_is_never_read_as_absent() {
        for (spec, why) in [
            (
                json!({"guardrails": {"permissionsBoundaryArn": "tenant"}}),
                "is not a managed policy's ARN",
            ),
            (
                json!({"guardrails": {"maxSessionDuration": "soon"}}),
                "is not a duration",
            ),
            (json!({"enforcedTags": {"Kubernetes-Namespace": "a"}}), "reserved"),
        ] {
            let wrong = Class::read("tenants", spec).unwrap_err();
            assert!(wrong.why.contains(why), "{}", wrong.why);
        }
    }
}
