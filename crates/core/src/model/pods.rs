//! Holders: the pods of the subject that are not terminal, each with the credentials its containers really carry.
//! Pure values and counts of them; the engine folds a watch or a list into these. No I/O.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::arn::RoleArn;
use crate::model::binding::{Binding, By};
use crate::model::workload::WorkloadRef;

/// The holders of a subject: its pods that are not terminal, pending and terminating ones too.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Pods {
    /// Each of them.
    pub pods: Vec<PodCredentials>,
    /// Whether they were listed for this very look. What a watch has folded may lag behind, and nothing is retired on it.
    pub fresh: bool,
}

/// One pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodCredentials {
    /// What its containers carry, each form once: they can differ, as where a webhook was told to skip some of them.
    /// A container without any is none of ours, and a pod of nothing but those carries nothing.
    #[serde(default)]
    pub carries: BTreeSet<Credential>,
    /// When it was created.
    pub created: Timestamp,
    /// What restarts it; absent: it is a bare pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<WorkloadRef>,
    /// Where it runs, as far as Pod Identity cares.
    #[serde(default)]
    pub place: Place,
}

/// The credentials that a container carries: those that SDKs use first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Credential {
    /// A token to be exchanged for a role. A container that carries both methods' counts as this: SDKs prefer web
    /// identity (docs/dev/aws-behaviour.md#sdk-credential-order).
    WebIdentity {
        /// The role's ARN as it stands in the environment.
        role: String,
        /// Whom its token is for; empty when its volume does not tell.
        audience: String,
    },
    /// The agent's address: the role is the association's.
    PodIdentity,
}

impl Credential {
    /// Whether this is what a binding gives. Pod Identity shows neither its role nor its flags.
    #[must_use]
    pub fn is_of(&self, binding: &Binding) -> bool {
        match (self, &binding.by) {
            (Self::WebIdentity { role, audience: seen }, By::Irsa { audience, .. }) => {
                *role == binding.role_arn.to_string() && (seen.is_empty() || seen == audience.as_str())
            }
            (Self::PodIdentity, By::PodIdentity { .. }) => true,
            (Self::WebIdentity { .. }, By::PodIdentity { .. }) | (Self::PodIdentity, By::Irsa { .. }) => {
                false
            }
        }
    }
}

/// Where a pod runs, as far as Pod Identity cares (docs/dev/aws-behaviour.md#supported-nodes).
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

impl PodCredentials {
    /// Whether a container of it carries what a binding gives: then it depends on that binding.
    #[must_use]
    pub fn carries(&self, binding: &Binding) -> bool {
        self.carries.iter().any(|carried| carried.is_of(binding))
    }

    /// The roles that its web identities are for, each with the audience of its token.
    pub fn web_identities(&self) -> impl Iterator<Item = (RoleArn, &str)> {
        self.carries.iter().filter_map(|carried| match carried {
            Credential::WebIdentity { role, audience } => {
                Some((RoleArn::parse(role).ok()?, audience.as_str()))
            }
            Credential::PodIdentity => None,
        })
    }

    /// Whether a container of it carries Pod Identity.
    #[must_use]
    pub fn has_pod_identity(&self) -> bool {
        self.carries.contains(&Credential::PodIdentity)
    }

    /// Whether it carries what a binding gives and nothing else, and was made after the binding's last change in place.
    #[must_use]
    pub fn is_current(&self, binding: &Binding, since: Option<Timestamp>) -> bool {
        let all = self.carries.iter().all(|carried| carried.is_of(binding));
        all && !self.carries.is_empty() && since.is_none_or(|since| self.created >= since)
    }
}

impl Pods {
    /// All holders.
    #[must_use]
    pub fn total(&self) -> usize {
        self.pods.len()
    }

    /// How many do not carry what a binding gives, or were made before it: `since`, where the binding was changed in
    /// place and pods do not show it.
    #[must_use]
    pub fn stale(&self, binding: &Binding, since: Option<Timestamp>) -> usize {
        let current = |pod: &&PodCredentials| pod.is_current(binding, since);
        self.total() - self.pods.iter().filter(current).count()
    }
}
