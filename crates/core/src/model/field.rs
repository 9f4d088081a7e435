//! Fields: the smallest keyed values that can drift on their own, and the comparison of two values of one field. Pure
//! values; no I/O. `Field::key` is the key in `status.lastAppliedHashes`: a changed key makes every identity look
//! new.

use std::fmt;

use crate::model::arn::{PolicyArn, RoleArn};
use crate::model::name::PolicyName;
use crate::model::subject::hex_hash;
use lanyard_iam_policy::{self, Document, Statement};

/// The smallest value that can drift on its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// The OIDC provider with its client ID.
    Provider,
    /// The existence of the role.
    Role,
    /// The trust policy, except for foreign statements that stay.
    Trust,
    /// A foreign statement of the trust policy that stays, by its `Sid` or index.
    TrustOther(String),
    /// The entry of the subject in a statement of Lanyard in the trust policy of an existing role, by the `Sid`.
    Statement(String),
    /// The role's description.
    Description,
    /// The maximum session duration of the role.
    MaxSession,
    /// The role's permissions boundary.
    Boundary,
    /// One tag of the role.
    RoleTag(String),
    /// All managed policies attached to the role, if their list could not be read.
    Attachments,
    /// One managed policy attached to the role.
    Attached(PolicyArn),
    /// All inline policies of the role, if their list could not be read.
    InlinePolicies,
    /// One inline policy of the role.
    Inline(PolicyName),
    /// The existence of the association.
    Association,
    /// The role of the association.
    AssociationRole,
    /// The target role of the association.
    AssociationTarget,
    /// The session tags of the association.
    AssociationSessionTags,
    /// The association's session policy.
    AssociationPolicy,
    /// One tag of the association.
    AssociationTag(String),
    /// The existence of the ServiceAccount.
    ServiceAccount,
    /// One annotation of the ServiceAccount.
    Annotation(String),
    /// The pods of the ServiceAccount. Lanyard does not correct them; they are reported only if they could not be
    /// read.
    Pods,
}

/// The resource that a field belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// The IAM OIDC provider.
    Provider,
    /// The IAM role.
    Role,
    /// The Pod Identity association.
    Association,
    /// The Kubernetes ServiceAccount.
    ServiceAccount,
    /// The pods of the ServiceAccount.
    Pods,
}

impl Resource {
    /// The name in `status.drift` and in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Provider => "Provider",
            Self::Role => "Role",
            Self::Association => "Association",
            Self::ServiceAccount => "ServiceAccount",
            Self::Pods => "Pods",
        }
    }
}

impl Field {
    /// The resource of the field.
    #[must_use]
    pub fn resource(&self) -> Resource {
        match self {
            Self::Provider => Resource::Provider,
            Self::Role
            | Self::Trust
            | Self::TrustOther(_)
            | Self::Statement(_)
            | Self::Description
            | Self::MaxSession
            | Self::Boundary
            | Self::RoleTag(_)
            | Self::Attachments
            | Self::Attached(_)
            | Self::InlinePolicies
            | Self::Inline(_) => Resource::Role,
            Self::Association
            | Self::AssociationRole
            | Self::AssociationTarget
            | Self::AssociationSessionTags
            | Self::AssociationPolicy
            | Self::AssociationTag(_) => Resource::Association,
            Self::ServiceAccount | Self::Annotation(_) => Resource::ServiceAccount,
            Self::Pods => Resource::Pods,
        }
    }

    /// Returns true if the field is part of the binding in the cluster or in EKS.
    #[must_use]
    pub fn is_of_binding(&self) -> bool {
        matches!(
            self,
            Self::Association
                | Self::AssociationRole
                | Self::AssociationTarget
                | Self::AssociationSessionTags
                | Self::AssociationPolicy
                | Self::Annotation(_)
        )
    }

    /// Returns true if the field is the part of the trust policy that admits the subject.
    #[must_use]
    pub fn is_trust(&self) -> bool {
        matches!(self, Self::Trust | Self::Statement(_))
    }

    /// Returns true if the field is a value of the role that the spec may set and that may exist without Lanyard.
    #[must_use]
    pub const fn is_role_value(&self) -> bool {
        matches!(
            self,
            Self::Description
                | Self::MaxSession
                | Self::Boundary
                | Self::RoleTag(_)
                | Self::Attached(_)
                | Self::Inline(_)
        )
    }

    /// The key in `status.last_applied_hashes`.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Provider => "provider".to_owned(),
            Self::Role => "role".to_owned(),
            Self::Trust => "trust".to_owned(),
            Self::TrustOther(id) => format!("trustOther/{id}"),
            Self::Statement(sid) => format!("statement/{sid}"),
            Self::Description => "description".to_owned(),
            Self::MaxSession => "maxSessionDuration".to_owned(),
            Self::Boundary => "permissionsBoundary".to_owned(),
            Self::RoleTag(key) => format!("tag/{key}"),
            Self::Attachments => "policies".to_owned(),
            Self::Attached(arn) => format!("policy/{arn}"),
            Self::InlinePolicies => "inlinePolicies".to_owned(),
            Self::Inline(name) => format!("inline/{name}"),
            Self::Association => "association".to_owned(),
            Self::AssociationRole => "association/roleArn".to_owned(),
            Self::AssociationTarget => "association/targetRoleArn".to_owned(),
            Self::AssociationSessionTags => "association/sessionTags".to_owned(),
            Self::AssociationPolicy => "association/sessionPolicy".to_owned(),
            Self::AssociationTag(key) => format!("association/tag/{key}"),
            Self::ServiceAccount => "serviceAccount".to_owned(),
            Self::Annotation(key) => format!("annotation/{key}"),
            Self::Pods => "pods".to_owned(),
        }
    }
}

/// The name of the field in `status.drift`, events and the command line.
impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Provider => f.write_str("clientIds"),
            Self::Role | Self::Association | Self::ServiceAccount | Self::Pods => f.write_str("exists"),
            Self::Trust => f.write_str("trustPolicy"),
            Self::TrustOther(id) => write!(f, "trustPolicy.{id}"),
            Self::Statement(sid) => write!(f, "trustPolicy.Statement[Sid={sid}]"),
            Self::Description => f.write_str("description"),
            Self::MaxSession => f.write_str("maxSessionDuration"),
            Self::Boundary => f.write_str("permissionsBoundary"),
            Self::RoleTag(key) | Self::AssociationTag(key) => write!(f, "tags[{key}]"),
            Self::Attachments => f.write_str("attachedPolicies"),
            Self::Attached(arn) => write!(f, "attachedPolicies[{arn}]"),
            Self::InlinePolicies => f.write_str("inlinePolicies"),
            Self::Inline(name) => write!(f, "inlinePolicies[{name}]"),
            Self::AssociationRole => f.write_str("roleArn"),
            Self::AssociationTarget => f.write_str("targetRoleArn"),
            Self::AssociationSessionTags => f.write_str("sessionTags"),
            Self::AssociationPolicy => f.write_str("sessionPolicy"),
            Self::Annotation(key) => write!(f, "annotations[{key}]"),
        }
    }
}

/// One value of a field: compared by its digest, shown by its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// The text for users, not yet truncated.
    pub text: String,
    /// The digest that is compared and that `status.lastAppliedHashes` stores.
    pub digest: String,
}

impl Value {
    /// A text value.
    #[must_use]
    pub fn text(text: impl fmt::Display) -> Self {
        let text = text.to_string();
        Self {
            digest: hex_hash(&text, 12),
            text,
        }
    }

    /// The ARN of a managed policy, which IAM compares without regard to case.
    #[must_use]
    pub fn policy(arn: &PolicyArn) -> Self {
        Self {
            digest: hex_hash(&arn.as_str().to_ascii_lowercase(), 12),
            text: arn.to_string(),
        }
    }

    /// The value of an object that exists.
    #[must_use]
    pub fn present() -> Self {
        Self::text("present")
    }

    /// The ARN of a role.
    #[must_use]
    pub fn role(arn: &RoleArn) -> Self {
        Self::text(arn)
    }

    /// A statement of a trust policy, compared by its meaning. The digest includes the role, since a statement
    /// applied to one role proves nothing about another.
    #[must_use]
    pub fn statement(role: &RoleArn, statement: &Statement) -> Self {
        let meaning = lanyard_iam_policy::digest(&Document::of(vec![statement.clone()]));
        Self {
            text: statement.to_json(),
            digest: hex_hash(&format!("{role}/{meaning}"), 12),
        }
    }

    /// A policy document, compared by its meaning.
    #[must_use]
    pub fn document(document: &Document) -> Self {
        Self {
            text: document.to_json(),
            digest: lanyard_iam_policy::digest(document),
        }
    }
}
