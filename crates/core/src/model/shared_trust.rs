//! Lanyard's statements in a trust policy, its own or somebody else's: which of them a binding needs, and by which ids.
//! A subject and a binding in, ids and seats out; no I/O. The ids last: changing one orphans what stands in accounts.
//!
//! A role changes hands: what Lanyard makes, lets go and adopts again keeps its statements, so their ids are the same
//! whoever owns the role, and no two statements that say different things have one id.
//!
//! Where a statement can list whom it lets in, subjects share one: those of a cluster by IRSA, those of a namespace by
//! Pod Identity. Whatever else such a statement says is part of the key that its id is made from.

use serde::{Deserialize, Serialize};

use crate::model::arn::{Issuer, RoleArn};
use crate::model::binding::{Binding, By};
use crate::model::field::Field;
use crate::model::name::Audience;
use crate::model::subject::{Subject, statement_id};
use lanyard_iam_policy::Statement;
use lanyard_iam_policy::membership::{Membership, TAG_SERVICE_ACCOUNT};

/// What tells Lanyard's statements in a trust policy apart, beside the subject's cluster and namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StatementKey {
    /// Tokens of an issuer for an audience: one statement for the cluster.
    Token {
        /// Who issues the token.
        issuer: Issuer,
        /// Whom the token is for.
        audience: Audience,
    },
    /// Pod Identity with session tags: one statement for the namespace.
    Tags,
    /// Pod Identity without session tags: the condition admits the whole cluster and can name nobody, so each subject
    /// has such a statement to itself, or nobody could tell when it may go.
    Cluster,
}

/// One statement of Lanyard's in a trust policy, as one subject needs it.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The subject's place.
    pub membership: Membership,
    /// The statement as it is for this subject alone.
    pub alone: Statement,
}

/// One seat in one role.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoleMembership {
    /// The role.
    pub role: RoleArn,
    /// The place in its trust policy.
    pub membership: Membership,
}

impl RoleMembership {
    /// The aspect of the role that this is.
    #[must_use]
    pub fn field(&self) -> Field {
        Field::Statement(self.membership.sid.clone())
    }
}

impl StatementKey {
    /// The key of the statement that a binding needs.
    #[must_use]
    pub fn of(binding: &Binding) -> Self {
        match &binding.by {
            By::Irsa { issuer, audience } => Self::Token {
                issuer: issuer.clone(),
                audience: audience.clone(),
            },
            By::PodIdentity {
                session_tags: true, ..
            } => Self::Tags,
            By::PodIdentity {
                session_tags: false, ..
            } => Self::Cluster,
        }
    }

    /// The subject's place in the statement.
    #[must_use]
    pub fn membership(&self, subject: &Subject) -> Membership {
        let Subject {
            cluster,
            namespace,
            name,
        } = subject;
        let (sid, list, member) = match self {
            Self::Token { issuer, audience } => {
                let issuer = issuer.host_and_path();
                let sid = statement_id(&format!("{cluster}/IRSA/{issuer}/{audience}"));
                (sid, Some(format!("{issuer}:sub")), subject.claim())
            }
            Self::Tags => {
                let sid = statement_id(&format!("{cluster}/PodIdentity/{namespace}"));
                (sid, Some(TAG_SERVICE_ACCOUNT.to_owned()), name.to_string())
            }
            Self::Cluster => {
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
    fn the_lasting_ids_do_not_change() {
        // Computed apart, with `sha256sum`: what these ids name stands in other people's roles.
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
