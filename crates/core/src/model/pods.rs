//! The pods of a subject that are not terminal, each with the credentials of its containers. The engine derives these
//! values from a watch or a list. Pure values; no I/O.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::arn::RoleArn;
use crate::model::binding::{Binding, MethodSettings};
use crate::model::workload::WorkloadRef;

/// The pods of a subject that are not terminal, including pending and terminating pods.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodList {
    /// The pods.
    pub items: Vec<PodCredentials>,
    /// True if the pods were listed for this reconciliation. A watch cache may lag, so nothing is removed based on
    /// it.
    pub fresh: bool,
}

/// One pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodCredentials {
    /// The distinct credentials of its containers. They can differ, for example if the webhook skips some containers.
    /// A container without credentials is not relevant, and a pod of only such containers has no credentials.
    #[serde(default)]
    pub credentials: BTreeSet<Credential>,
    /// The environment variable by which a container sets credentials of its own, which SDKs prefer to the binding. Only
    /// the name is kept. `None` if no container sets one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overridden_by: Option<String>,
    /// True if a container loads variables from a ConfigMap or Secret, which may set credentials too.
    #[serde(default)]
    pub loads_variables: bool,
    /// True if the pod asks the webhook to skip it or some of its containers.
    #[serde(default)]
    pub skips_webhook: bool,
    /// The SecretProviderClass of a volume for which a CSI driver creates tokens of the ServiceAccount itself. The driver
    /// reads the role annotation, whatever the containers carry. `None` if the pod has no such volume.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_volume: Option<String>,
    /// The creation time.
    pub created: Timestamp,
    /// The workload that owns it; absent: the pod has no owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<WorkloadRef>,
    /// The kind of node it runs on, as far as it matters for Pod Identity.
    #[serde(default)]
    pub place: Place,
}

/// The credentials of a container: those that SDKs use first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Credential {
    /// A token that is exchanged for a role. A container with the credentials of both methods counts as this, since
    /// SDKs prefer web identity (docs/dev/aws-behaviour.md#sdk-credential-order).
    WebIdentity {
        /// The ARN of the role in the environment.
        role: String,
        /// The audience of the token; empty if its volume does not show it.
        audience: String,
    },
    /// The address of the agent: the role is the role of the association.
    PodIdentity,
}

impl Credential {
    /// Returns true if a binding provides this credential. A Pod Identity credential shows neither its role nor its
    /// settings.
    #[must_use]
    pub fn is_of(&self, binding: &Binding) -> bool {
        match (self, &binding.settings) {
            (Self::WebIdentity { role, audience: seen }, MethodSettings::Irsa { audience, .. }) => {
                *role == binding.role_arn.to_string() && (seen.is_empty() || seen == audience.as_str())
            }
            (Self::PodIdentity, MethodSettings::PodIdentity { .. }) => true,
            (Self::WebIdentity { .. }, MethodSettings::PodIdentity { .. })
            | (Self::PodIdentity, MethodSettings::Irsa { .. }) => false,
        }
    }
}

/// The support of Pod Identity by the node of a pod (docs/dev/aws-behaviour.md#supported-nodes).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    /// The pod has no node yet, or the agent serves its node.
    #[default]
    Reached,
    /// The node has no ready agent, in a cluster whose agent is a DaemonSet.
    WithoutAgent,
    /// AWS Fargate, which has no agent.
    Fargate,
    /// A Windows node, which has no agent.
    Windows,
}

impl PodCredentials {
    /// Returns true if one of its containers uses a credential of the binding. The pod then depends on the binding.
    #[must_use]
    pub fn depends_on(&self, binding: &Binding) -> bool {
        self.credentials
            .iter()
            .any(|credential| credential.is_of(binding))
    }

    /// The roles of its web identities, each with the audience of its token.
    pub fn web_identities(&self) -> impl Iterator<Item = (RoleArn, &str)> {
        self.credentials.iter().filter_map(|credential| match credential {
            Credential::WebIdentity { role, audience } => {
                Some((RoleArn::parse(role).ok()?, audience.as_str()))
            }
            Credential::PodIdentity => None,
        })
    }

    /// Returns true if one of its containers uses Pod Identity.
    #[must_use]
    pub fn has_pod_identity(&self) -> bool {
        self.credentials.contains(&Credential::PodIdentity)
    }

    /// Returns true if the pod uses only credentials of the binding and was created after the last in-place change of
    /// the binding.
    #[must_use]
    pub fn is_current(&self, binding: &Binding, since: Option<Timestamp>) -> bool {
        self.carries(binding, since) && self.overridden_by.is_none()
    }

    /// Returns true if the webhook gave the pod only credentials of the binding, after the last in-place change of the
    /// binding. A container may prefer credentials of its own: these do not depend on any binding.
    #[must_use]
    pub fn carries(&self, binding: &Binding, since: Option<Timestamp>) -> bool {
        let mut credentials = self.credentials.iter();
        !self.credentials.is_empty()
            && credentials.all(|credential| credential.is_of(binding))
            && since.is_none_or(|since| self.created >= since)
    }

    /// The cause for which the pod is not current. Returns `None` if it is. `bound` is the time since which new pods get
    /// the binding; `None` if they do not get it yet.
    #[must_use]
    pub fn stale_cause(
        &self,
        binding: &Binding,
        since: Option<Timestamp>,
        bound: Option<Timestamp>,
    ) -> Option<StaleCause> {
        if self.is_current(binding, since) {
            return None;
        }
        if let Some(variable) = &self.overridden_by {
            return Some(StaleCause::Variable(variable.clone()));
        }
        if self.credentials.is_empty() && self.skips_webhook {
            return Some(StaleCause::Skipped);
        }
        let is_older = bound.is_none_or(|bound| self.created < bound);
        if is_older {
            return Some(StaleCause::Older);
        }
        Some(match self.other_web_identity(binding) {
            Some(variable) => StaleCause::Variable(variable.to_owned()),
            None if self.credentials.is_empty() => StaleCause::Missed,
            None => StaleCause::Older,
        })
    }

    /// The variable of a web identity that is not of the binding. The webhook does not set it in a pod that was created
    /// after the binding, so the pod template or a second webhook does.
    fn other_web_identity(&self, binding: &Binding) -> Option<&'static str> {
        let is_other = |credential: &&Credential| {
            matches!(credential, Credential::WebIdentity { .. }) && !credential.is_of(binding)
        };
        self.credentials.iter().find(is_other)?;
        Some(match binding.is_irsa() {
            true => "AWS_ROLE_ARN",
            false => "AWS_WEB_IDENTITY_TOKEN_FILE",
        })
    }
}

/// The cause for which a pod does not use the binding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum StaleCause {
    /// A container sets credentials of its own by this environment variable.
    Variable(String),
    /// The pod asks the webhook to skip it.
    Skipped,
    /// It was created after the binding, and the webhook did not change it.
    Missed,
    /// It was created before the binding.
    Older,
}

/// The pods that are not current for one cause.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StalePods {
    /// The number of pods.
    pub count: usize,
    /// The ways to replace them.
    pub replacements: BTreeSet<Replacement>,
}

/// The way in which a user replaces a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Replacement {
    /// A restart of its workload.
    Restart,
    /// The pod has no owner that would create it again.
    Recreate,
    /// A Job, which has no restart: its pods end.
    Job,
}

impl Replacement {
    /// The way to replace the pods of an owner; `None`: of pods without owner.
    #[must_use]
    pub fn of(owner: Option<&WorkloadRef>) -> Self {
        match owner {
            None => Self::Recreate,
            Some(owner) if owner.kind == "Job" => Self::Job,
            Some(_) => Self::Restart,
        }
    }
}

impl PodList {
    /// The pods that are not current, by cause. See [`PodCredentials::stale_cause`].
    #[must_use]
    pub fn stale_causes(
        &self,
        binding: &Binding,
        since: Option<Timestamp>,
        bound: Option<Timestamp>,
    ) -> BTreeMap<StaleCause, StalePods> {
        let mut causes: BTreeMap<StaleCause, StalePods> = BTreeMap::new();
        for pod in &self.items {
            if let Some(cause) = pod.stale_cause(binding, since, bound) {
                let pods = causes.entry(cause).or_default();
                pods.count += 1;
                pods.replacements.insert(Replacement::of(pod.owner.as_ref()));
            }
        }
        causes
    }

    /// The number of pods on nodes where Pod Identity has no effect, by kind of node.
    #[must_use]
    pub fn unsupported(&self) -> Vec<(Place, usize)> {
        let count = |place: Place| self.items.iter().filter(|pod| pod.place == place).count();
        let places = [Place::Fargate, Place::Windows, Place::WithoutAgent];
        let counted = places.into_iter().map(|place| (place, count(place)));
        counted.filter(|(_, count)| *count > 0).collect()
    }

    /// The number of pods.
    #[must_use]
    pub fn total(&self) -> usize {
        self.items.len()
    }

    /// The number of pods that do not use the binding, or that were created before `since`: the time of an in-place
    /// change of the binding, which pods do not show.
    #[must_use]
    pub fn stale(&self, binding: &Binding, since: Option<Timestamp>) -> usize {
        let current = |pod: &&PodCredentials| pod.is_current(binding, since);
        self.total() - self.items.iter().filter(current).count()
    }
}
