//! Holders: the pods of the subject that are not terminal, each with the credentials it really carries.
//! Pure values and counts of them; the engine folds a watch or a list into these. No I/O.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::arn::RoleArn;
use crate::binding::{Binding, By};
use crate::workload::Owner;

/// The holders of a subject: its pods that are not terminal, pending and terminating ones too.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Pods {
    /// Each of them.
    pub holders: Vec<Holder>,
    /// Whether they were listed for this very look. What a watch has folded may lag behind, and nothing is retired on it.
    pub fresh: bool,
}

/// One pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Holder {
    /// What it carries.
    pub carries: Carries,
    /// When it was created.
    pub created: Timestamp,
    /// Whether it is Ready.
    #[serde(default)]
    pub ready: bool,
    /// What restarts it; absent: it is a bare pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// Where it runs, as far as Pod Identity cares.
    #[serde(default)]
    pub place: Place,
}

/// The credentials that a pod carries: those of its containers that SDKs use first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Carries {
    /// A token to be exchanged for a role. A pod that carries both methods' counts as this: SDKs prefer web identity.
    WebIdentity {
        /// The role's ARN as it stands in the environment.
        role: String,
        /// Whom its token is for; empty when its volume does not tell.
        audience: String,
    },
    /// The agent's address: the role is the association's.
    PodIdentity,
    /// Neither.
    Nothing,
}

/// Where a pod runs, as far as Pod Identity cares [F 2.3].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    /// On no node yet, or on one that the agent reaches.
    #[default]
    Reached,
    /// On a node without a ready agent, in a cluster whose agent is a DaemonSet.
    WithoutAgent,
    /// On AWS Fargate, which has no agent.
    Fargate,
    /// On a Windows node, which has no agent.
    Windows,
}

impl Holder {
    /// Whether it carries what a binding gives. A Pod Identity pod shows neither its role nor its flags.
    #[must_use]
    pub fn carries(&self, binding: &Binding) -> bool {
        match (&self.carries, &binding.by) {
            (Carries::WebIdentity { role, audience: seen }, By::Irsa { audience, .. }) => {
                *role == binding.role_arn.to_string() && (seen.is_empty() || seen == audience.as_str())
            }
            (Carries::PodIdentity, By::PodIdentity { .. }) => true,
            _ => false,
        }
    }

    /// The role that its web identity is for.
    #[must_use]
    pub fn web_identity(&self) -> Option<(RoleArn, &str)> {
        match &self.carries {
            Carries::WebIdentity { role, audience } => Some((RoleArn::parse(role).ok()?, audience)),
            Carries::PodIdentity | Carries::Nothing => None,
        }
    }

    /// Whether it carries Pod Identity.
    #[must_use]
    pub fn has_pod_identity(&self) -> bool {
        self.carries == Carries::PodIdentity
    }

    /// Whether it carries what a binding gives, and was made after the binding's last change in place.
    #[must_use]
    pub fn is_current(&self, binding: &Binding, since: Option<Timestamp>) -> bool {
        self.carries(binding) && since.is_none_or(|since| self.created >= since)
    }
}

impl Pods {
    /// All holders.
    #[must_use]
    pub fn total(&self) -> usize {
        self.holders.len()
    }

    /// How many do not carry what a binding gives, or were made before it: `since`, where the binding was changed in
    /// place and pods do not show it.
    #[must_use]
    pub fn stale(&self, binding: &Binding, since: Option<Timestamp>) -> usize {
        let current = |holder: &&Holder| holder.is_current(binding, since);
        self.total() - self.holders.iter().filter(current).count()
    }
}
