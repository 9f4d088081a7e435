//! The statements of Lanyard in a trust policy, of a managed or an existing role: the statement that a binding needs,
//! and its `Sid`. Input: a subject and a binding; output: keys and entries. No I/O. The `Sid`s are permanent: a
//! changed `Sid` orphans statements in accounts.
//!
//! A role can change its owner. A role that Lanyard creates, releases and adopts again keeps its statements.
//! Therefore the `Sid`s do not depend on the owner, and statements with different content never share a `Sid`.
//!
//! Subjects share a statement if it can list them: the subjects of a cluster with IRSA, the subjects of a namespace
//! with Pod Identity. The rest of the statement's content is part of the key that the `Sid` is derived from.

use serde::{Deserialize, Serialize};

use crate::model::arn::{Issuer, RoleArn};
use crate::model::binding::{Binding, MethodSettings};
use crate::model::field::Field;
use crate::model::name::Audience;
use crate::model::subject::{Subject, statement_id};
use lanyard_iam_policy::Statement;
use lanyard_iam_policy::membership::Membership;
use lanyard_iam_policy::trust::TAG_SERVICE_ACCOUNT;

/// The key of a statement of Lanyard in a trust policy, beside the cluster and namespace of the subject.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StatementKey {
    /// Tokens of an issuer for an audience: one statement per cluster.
    Irsa {
        /// The issuer of the token.
        issuer: Issuer,
        /// The audience of the token.
        audience: Audience,
    },
    /// Pod Identity with session tags: one statement per namespace.
    PodIdentityTagged,
    /// Pod Identity without session tags: the condition admits the whole cluster and cannot name a subject. Each
    /// subject has its own statement, since a shared one could never be removed safely.
    PodIdentityUntagged,
}

/// A statement of Lanyard in a trust policy that other subjects may share, as one subject needs it.
#[derive(Debug, Clone, PartialEq)]
pub struct SharedStatement {
    /// The entry of the subject.
    pub membership: Membership,
    /// The statement with this subject as its only entry.
    pub statement: Statement,
}

/// The entry of a subject in the trust policy of one role.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoleMembership {
    /// The role.
    pub role: RoleArn,
    /// The entry.
    pub membership: Membership,
}

impl RoleMembership {
    /// The field of this entry.
    #[must_use]
    pub fn field(&self) -> Field {
        Field::Statement(self.membership.sid.clone())
    }
}

impl StatementKey {
    /// The key of the statement that a binding needs.
    #[must_use]
    pub fn of(binding: &Binding) -> Self {
        match &binding.settings {
            MethodSettings::Irsa { issuer, audience } => Self::Irsa {
                issuer: issuer.clone(),
                audience: audience.clone(),
            },
            MethodSettings::PodIdentity {
                session_tags: true, ..
            } => Self::PodIdentityTagged,
            MethodSettings::PodIdentity {
                session_tags: false, ..
            } => Self::PodIdentityUntagged,
        }
    }

    /// The entry of the subject in the statement.
    #[must_use]
    pub fn membership(&self, subject: &Subject) -> Membership {
        let Subject {
            cluster,
            namespace,
            name,
        } = subject;
        let (sid, list, member) = match self {
            Self::Irsa { issuer, audience } => {
                let issuer = issuer.host_and_path();
                let sid = statement_id(&format!("{cluster}/IRSA/{issuer}/{audience}"));
                (sid, Some(format!("{issuer}:sub")), subject.claim())
            }
            Self::PodIdentityTagged => {
                let sid = statement_id(&format!("{cluster}/PodIdentity/{namespace}"));
                (sid, Some(TAG_SERVICE_ACCOUNT.to_owned()), name.to_string())
            }
            Self::PodIdentityUntagged => {
                let sid = statement_id(&format!("{cluster}/PodIdentity/{namespace}/{name}"));
                (sid, None, name.to_string())
            }
        };
        Membership { sid, list, member }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::{identity, spec, subject};
    use crate::model::spec::{Method, Spec};

    #[test]
    fn shared_statement_sids_are_stable() {
        // Computed independently with `sha256sum`: statements with these `Sid`s exist in accounts.
        let sid = |spec: &Spec| {
            StatementKey::of(&identity(spec).binding)
                .membership(&subject())
                .sid
        };
        let mut untagged = spec(Method::PodIdentity);
        untagged.pod_identity.disable_session_tags = true;
        assert_eq!(sid(&spec(Method::Irsa)), "Lanyard7da7837223a13b3c");
        assert_eq!(sid(&spec(Method::PodIdentity)), "Lanyard929b7db005e467bd");
        assert_eq!(sid(&untagged), "Lanyard8673860148a4f709");
    }
}
