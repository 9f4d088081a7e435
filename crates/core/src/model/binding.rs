//! The binding of a subject to its role, as one value. A change of any part of it is a transition. Pure values; no
//! I/O.

use serde::{Deserialize, Serialize};

use crate::model::arn::{Issuer, RoleArn};
use crate::model::name::Audience;
use crate::model::spec::Method;
use crate::model::subject::hex_hash;

/// The binding of a subject to its role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Binding {
    /// The role that pods get first.
    pub role_arn: RoleArn,
    /// The settings of the method.
    #[serde(flatten)]
    pub settings: MethodSettings,
}

/// The settings of one method.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all_fields = "camelCase")]
pub enum MethodSettings {
    /// A token of the cluster's issuer for an audience, exchanged at STS.
    #[serde(rename = "IRSA")]
    Irsa {
        /// The issuer of the token.
        issuer: Issuer,
        /// The audience of the token.
        audience: Audience,
    },
    /// An association, which the agent on the node reads.
    PodIdentity {
        /// The target role that EKS chains to, if set.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target_role_arn: Option<RoleArn>,
        /// True if sessions carry the tags of cluster, namespace and ServiceAccount.
        session_tags: bool,
    },
}

impl Binding {
    /// The method of the binding.
    #[must_use]
    pub fn method(&self) -> Method {
        match self.settings {
            MethodSettings::Irsa { .. } => Method::Irsa,
            MethodSettings::PodIdentity { .. } => Method::PodIdentity,
        }
    }

    /// Returns true if the method is IRSA.
    #[must_use]
    pub fn is_irsa(&self) -> bool {
        self.method() == Method::Irsa
    }

    /// The ARN of the IAM OIDC provider that the binding needs, in the account of its role
    /// (docs/dev/aws-behaviour.md#web-identity-errors). Returns `None` if the method is Pod Identity.
    #[must_use]
    pub fn provider_arn(&self) -> Option<String> {
        let RoleArn {
            partition, account, ..
        } = &self.role_arn;
        match &self.settings {
            MethodSettings::Irsa { issuer, .. } => Some(issuer.provider_arn(partition, account)),
            MethodSettings::PodIdentity { .. } => None,
        }
    }

    /// A short hash that identifies the binding.
    #[must_use]
    pub fn token(&self) -> String {
        hex_hash(&self.key(), 16)
    }

    /// The binding as one line of JSON. Equal bindings have equal keys; short names are derived from it.
    #[must_use]
    pub fn key(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// A description of the difference between two bindings, for the message of a transition.
    #[must_use]
    pub fn change_to(&self, other: &Self) -> String {
        let mut parts = Vec::new();
        if self.method() != other.method() {
            parts.push(format!("method {} to {}", self.method(), other.method()));
        }
        if self.role_arn != other.role_arn {
            parts.push(format!("role {} to {}", self.role_arn, other.role_arn));
        }
        match (&self.settings, &other.settings) {
            (
                MethodSettings::Irsa { issuer, audience },
                MethodSettings::Irsa {
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
                MethodSettings::PodIdentity {
                    target_role_arn,
                    session_tags,
                },
                MethodSettings::PodIdentity {
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
            (MethodSettings::Irsa { .. }, MethodSettings::PodIdentity { .. })
            | (MethodSettings::PodIdentity { .. }, MethodSettings::Irsa { .. }) => {}
        }
        crate::model::text::list(&parts)
    }
}
