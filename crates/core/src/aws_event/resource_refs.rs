//! The AWS resources of an object, by the names that events use. Input: the roles, provider and associations of an
//! object, and a changed resource; output: a decision. No I/O.

use crate::aws_event::change::ChangedResource;
use crate::model::arn::RoleArn;

/// The AWS resources of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResourceRefs {
    /// All roles that a reconciliation of the object reads.
    pub roles: Vec<RoleArn>,
    /// The ARN of the IAM OIDC provider, for IRSA.
    pub provider: Option<String>,
    /// The IDs of its associations.
    pub associations: Vec<String>,
}

impl ResourceRefs {
    /// Returns true if the changed resource belongs to the object. Subjects are matched by name elsewhere.
    #[must_use]
    pub fn include(&self, resource: &ChangedResource) -> bool {
        match resource {
            ChangedResource::Role { account, name } => self.roles.iter().any(|role| {
                role.account == *account && role.name.as_str().eq_ignore_ascii_case(name.as_str())
            }),
            ChangedResource::Provider { arn } => self.provider.as_deref() == Some(arn),
            ChangedResource::Association { id } => self.associations.contains(id),
            ChangedResource::Subject { .. } => false,
        }
    }
}
