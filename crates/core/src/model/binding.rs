//! The binding: what ties a subject to its role, as one value. A change of any part of it is a transition.
//! Pure values; no I/O.

use serde::{Deserialize, Serialize};

use crate::model::arn::{Issuer, RoleArn};
use crate::model::name::Audience;
use crate::model::spec::Method;
use crate::model::subject::hex_hash;

/// What ties a subject to its role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Binding {
    /// The role that pods get first.
    pub role_arn: RoleArn,
    /// How they get it, with what only that method knows.
    #[serde(flatten)]
    pub by: By,
}

/// The method of a binding, with what only that method knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all_fields = "camelCase")]
pub enum By {
    /// A token of the cluster's issuer for an audience, exchanged at STS.
    #[serde(rename = "IRSA")]
    Irsa {
        /// Who issues the token.
        issuer: Issuer,
        /// Whom the token is for.
        audience: Audience,
    },
    /// An association, read by the agent on the node.
    PodIdentity {
        /// The role EKS chains to, when there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target_role_arn: Option<RoleArn>,
        /// Whether sessions carry the tags of cluster, namespace and ServiceAccount.
        session_tags: bool,
    },
}

impl Binding {
    /// The method of the binding.
    #[must_use]
    pub fn method(&self) -> Method {
        match self.by {
            By::Irsa { .. } => Method::Irsa,
            By::PodIdentity { .. } => Method::PodIdentity,
        }
    }

    /// Whether pods get it by a token and an annotation, and not by an association.
    #[must_use]
    pub fn is_irsa(&self) -> bool {
        self.method() == Method::Irsa
    }

    /// The IAM OIDC provider that its tokens need, in the account of its role (docs/dev/aws-behaviour.md#web-identity-errors); `None`: it has no tokens.
    #[must_use]
    pub fn provider_arn(&self) -> Option<String> {
        let RoleArn {
            partition, account, ..
        } = &self.role_arn;
        match &self.by {
            By::Irsa { issuer, .. } => Some(issuer.provider_arn(partition, account)),
            By::PodIdentity { .. } => None,
        }
    }

    /// A short name of the binding: what a change of it is known by.
    #[must_use]
    pub fn token(&self) -> String {
        hex_hash(&self.key(), 16)
    }

    /// The binding as one line of text, the same for equal bindings: what short names of it are made from.
    #[must_use]
    pub fn key(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// What differs between two bindings, in words, for the message of a transition.
    #[must_use]
    pub fn change_to(&self, other: &Self) -> String {
        let mut parts = Vec::new();
        if self.method() != other.method() {
            parts.push(format!("method {} to {}", self.method(), other.method()));
        }
        if self.role_arn != other.role_arn {
            parts.push(format!("role {} to {}", self.role_arn, other.role_arn));
        }
        match (&self.by, &other.by) {
            (
                By::Irsa { issuer, audience },
                By::Irsa {
                    issuer: new_issuer,
                    audience: new_audience,
                },
            ) => {
                if issuer != new_issuer {
                    parts.push(format!("issuer {issuer} to {new_issuer}"));
                }
                if audience != new_audience {
                    parts.push(format!("audience {audience} to {new_audience}"));
                }
            }
            (
                By::PodIdentity {
                    target_role_arn,
                    session_tags,
                },
                By::PodIdentity {
                    target_role_arn: new_target,
                    session_tags: new_tags,
                },
            ) => {
                if target_role_arn != new_target {
                    let say =
                        |arn: &Option<RoleArn>| arn.as_ref().map_or("none".to_owned(), ToString::to_string);
                    parts.push(format!(
                        "target role {} to {}",
                        say(target_role_arn),
                        say(new_target)
                    ));
                }
                if session_tags != new_tags {
                    let say = |on: bool| if on { "on" } else { "off" };
                    parts.push(format!(
                        "session tags {} to {}",
                        say(*session_tags),
                        say(*new_tags)
                    ));
                }
            }
            (By::Irsa { .. }, By::PodIdentity { .. }) | (By::PodIdentity { .. }, By::Irsa { .. }) => {}
        }
        crate::model::text::list(&parts)
    }
}
