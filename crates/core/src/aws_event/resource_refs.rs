//! What an object is tied to in AWS, by the names that events have for it. An object's roles, provider and associations
//! in; whether a notice concerns it out. No I/O. Filled by the operator from each object's status, custody and spec.

use super::About;
use crate::model::arn::RoleArn;

/// What an object is tied to in AWS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResourceRefs {
    /// Every role that a look at it reads.
    pub roles: Vec<RoleArn>,
    /// The ARN of the IAM OIDC provider, by IRSA.
    pub provider: Option<String>,
    /// The ids of its associations.
    pub associations: Vec<String>,
}

impl ResourceRefs {
    /// Whether what was touched is the object's. A subject is found by its name, not here.
    #[must_use]
    pub fn include(&self, about: &About) -> bool {
        match about {
            About::Role { account, name } => self.roles.iter().any(|role| {
                role.account == *account && role.name.as_str().eq_ignore_ascii_case(name.as_str())
            }),
            About::Provider { arn } => self.provider.as_deref() == Some(arn),
            About::Association { id } => self.associations.contains(id),
            About::Subject { .. } => false,
        }
    }
}
