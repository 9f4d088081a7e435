//! Aspects: the smallest keyed things that can drift by themselves, and how two values of one are compared.
//! Pure values. `Field::key` is the key of `status.last_applied_hashes`: the forms last, a change makes everything look new.

use std::fmt;

use crate::model::arn::{PolicyArn, RoleArn};
use crate::model::name::PolicyName;
use crate::model::subject::hex_hash;
use lanyard_iam_policy::{self, Document, Statement};

/// The smallest thing that can drift by itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// The OIDC provider with its client ID.
    Provider,
    /// That the role exists.
    Role,
    /// The trust policy, apart from foreign statements that stay.
    Trust,
    /// A statement of the trust policy that is not ours and stays, by its id or place.
    TrustOther(String),
    /// The subject's part of Lanyard's statement in somebody else's trust policy, by the statement's id.
    Statement(String),
    /// The role's description.
    Description,
    /// The role's longest session.
    MaxSession,
    /// The role's permissions boundary.
    Boundary,
    /// One tag of the role.
    RoleTag(String),
    /// All managed policies attached to the role, where nobody knows which they are.
    Attachments,
    /// One managed policy attached to the role.
    Attached(PolicyArn),
    /// All inline policies of the role, where nobody knows which they are.
    InlinePolicies,
    /// One inline policy of the role.
    Inline(PolicyName),
    /// That the association exists.
    Association,
    /// The role that the association gives.
    AssociationRole,
    /// The role that the association chains to.
    AssociationTarget,
    /// Whether the association's sessions carry tags.
    AssociationSessionTags,
    /// The association's session policy.
    AssociationPolicy,
    /// One tag of the association.
    AssociationTag(String),
    /// That the ServiceAccount exists.
    ServiceAccount,
    /// One annotation of the ServiceAccount.
    Annotation(String),
    /// The pods of the ServiceAccount. They are nobody's to put right: they are told only where they could not be read.
    Pods,
}

/// The thing in the world that an aspect belongs to.
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
    /// The word as it stands in `status.drift` and in metrics.
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
    /// What it belongs to.
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

    /// Whether it is the binding itself, as the cluster's side has it.
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

    /// Whether it is what lets the subject in, in the role's trust policy.
    #[must_use]
    pub fn is_trust(&self) -> bool {
        matches!(self, Self::Trust | Self::Statement(_))
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

/// How the field is called where people read it: in `status.drift`, events and the CLI.
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

/// One value of an aspect: compared by its digest, shown by its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// What people see, not yet cut short.
    pub text: String,
    /// What is compared and what `status.last_applied_hashes` remembers.
    pub digest: String,
}

impl Value {
    /// A plain text.
    #[must_use]
    pub fn text(text: impl fmt::Display) -> Self {
        let text = text.to_string();
        Self {
            digest: hex_hash(&text, 12),
            text,
        }
    }

    /// That something is there at all.
    #[must_use]
    pub fn there() -> Self {
        Self::text("present")
    }

    /// A role's ARN, compared without regard to case in its name, as IAM does.
    #[must_use]
    pub fn role(arn: &RoleArn) -> Self {
        Self::text(arn)
    }

    /// A statement of a role's trust policy, compared by its meaning: what was applied to one role tells nothing of
    /// another.
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
