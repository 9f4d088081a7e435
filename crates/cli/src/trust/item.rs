//! The statements of one subject, as they are shown. Plain values; no I/O.

use lanyard_core::identity::Identity;
use lanyard_core::model::arn::RoleArn;
use lanyard_core::model::binding::MethodSettings;
use lanyard_core::model::role_chain;
use lanyard_iam_policy::Document;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::terraform;
use crate::screen::{Screen, Tone};

/// The default quota of a trust policy, in characters without white space (IAM, "Quotas and name requirements").
const TRUST_QUOTA: usize = 2048;

/// The statements that a subject needs.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrustItem {
    /// The ServiceAccount, as `namespace/name`.
    pub subject: String,
    /// The method.
    pub method: String,
    /// The role.
    pub role: String,
    /// The trust policy of the role, with the statements of this subject alone.
    pub trust_policy: Value,
    /// Its size in characters without white space.
    pub size: usize,
    /// The default quota for that size.
    pub quota: usize,
    /// Both halves of a role chain, if the subject has a target role.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<TargetItem>,
    /// The same documents in Terraform.
    pub terraform: String,
}

/// Both halves of a role chain.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TargetItem {
    /// The target role.
    pub role: String,
    /// The permissions policy that the role of the subject needs.
    pub permission: Value,
    /// The trust policy of the target role, with the statement of this subject alone.
    pub trust_policy: Value,
}

impl TrustItem {
    /// The statements of an identity. `trust` is its trust policy.
    pub(crate) fn new(identity: &Identity, trust: &Document, external_id: Option<&str>) -> Self {
        let role = identity.role_arn();
        let chain = target(identity).map(|(target, session_tags)| {
            let permission = Document::of(vec![role_chain::permission(target)]);
            let admits = role_chain::trust(role, &identity.subject, external_id, session_tags);
            (target.to_string(), permission, Document::of(vec![admits]))
        });
        let mut terraform = terraform::data("trust", trust);
        if let Some((_, permission, admits)) = &chain {
            terraform.push('\n');
            terraform.push_str(&terraform::data("chain", permission));
            terraform.push('\n');
            terraform.push_str(&terraform::data("target_trust", admits));
        }
        Self {
            subject: identity.subject.to_string(),
            method: identity.binding.method().to_string(),
            role: role.to_string(),
            trust_policy: trust.to_value(),
            size: trust.size(),
            quota: TRUST_QUOTA,
            target: chain.map(|(role, permission, admits)| TargetItem {
                role,
                permission: permission.to_value(),
                trust_policy: admits.to_value(),
            }),
            terraform,
        }
    }

    /// Writes the documents with their headings.
    pub(super) fn render(&self, screen: &mut Screen) {
        let mut show = |heading: String, value: &Value| {
            screen.put(Tone::Strong, &heading).end();
            for line in format!("{value:#}").lines() {
                screen.put(Tone::Plain, line).end();
            }
        };
        show(format!("Trust policy of {}", self.role), &self.trust_policy);
        if let Some(target) = &self.target {
            show(format!("Permissions of {}", self.role), &target.permission);
            show(format!("Trust policy of {}", target.role), &target.trust_policy);
        }
    }
}

/// The target role of an identity, and true if sessions carry tags.
fn target(identity: &Identity) -> Option<(&RoleArn, bool)> {
    match &identity.binding.settings {
        MethodSettings::PodIdentity {
            target_role_arn,
            session_tags,
        } => Some((target_role_arn.as_ref()?, *session_tags)),
        MethodSettings::Irsa { .. } => None,
    }
}
