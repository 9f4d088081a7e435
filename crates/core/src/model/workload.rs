//! The workloads that restart the pods of a subject, as far as a transition needs them. The engine reads them only
//! while a transition may restart workloads. Pure values; no I/O.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A reference to the owner of a pod.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadRef {
    /// The kind, such as `Deployment` or `Job`.
    pub kind: String,
    /// The name, in the namespace of the subject.
    pub name: String,
}

impl fmt::Display for WorkloadRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

/// A Deployment, StatefulSet or DaemonSet whose pods use the subject's ServiceAccount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Workload {
    /// The workload.
    pub owner: WorkloadRef,
    /// The value of [`ANNOTATION_RESTARTED_FOR`] in its pod template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restarted_for: Option<RestartedFor>,
    /// The time of the last restart of its pod template, by Lanyard or by `kubectl rollout restart`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restarted_at: Option<Timestamp>,
    /// True if every pod of the newest template is available and no pod of an older template exists.
    pub rolled_out: bool,
    /// The setting that prevents a new template from replacing all pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub obstacle: Option<Obstacle>,
    /// The number of pods that may be unavailable now, by the tightest disruption budget that selects them; absent:
    /// no budget selects them, or a rollout replaces no pod before its successor is available.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disruptions_allowed: Option<i32>,
}

/// A setting that prevents a restart from giving all pods of a workload the credentials of a new binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Obstacle {
    /// Pods are replaced only when a user deletes them (`updateStrategy: OnDelete`).
    OnDelete,
    /// The Deployment is paused (`spec.paused`): its template may change, and no pod is replaced.
    Paused,
    /// Only the pods from an ordinal on are replaced (`partition` of a StatefulSet).
    Partition,
    /// The pod template sets the environment variables of one method, which the webhook does not replace.
    SetsCredentials,
    /// The pod template has the label that makes the webhook skip its pods.
    SkipsWebhook,
    /// The API server refuses the patch that restarts it.
    Refused,
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OnDelete => "OnDelete",
            Self::Paused => "paused",
            Self::Partition => "partition",
            Self::SetsCredentials => "its pod template sets credentials",
            Self::SkipsWebhook => "its pod template skips the webhook",
            Self::Refused => "the API server refuses the patch",
        })
    }
}

/// The annotation of a pod template with the cause of its restart, as a [`RestartedFor`]. It ensures that a restart
/// happens once, even if its response was lost.
pub const ANNOTATION_RESTARTED_FOR: &str = "lanyard.dev/restarted-for";

/// The cause of a restart: a binding, and the pods with another binding. Both times are those of the API server, so
/// no other clock affects the set of pods to replace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RestartedFor {
    /// A short hash of the binding for the new pods.
    pub binding: String,
    /// The creation time of the youngest pod to be replaced.
    pub created_until: Timestamp,
}

impl RestartedFor {
    /// Parses the output of [`fmt::Display`]. Returns `None` if the value has another form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (binding, created_until) = text.split_once('/')?;
        Some(Self {
            binding: binding.to_owned(),
            created_until: created_until.parse().ok()?,
        })
    }

    /// Returns true if the restart replaces a pod that was created at `created` and needs `binding`.
    #[must_use]
    pub fn replaces(&self, binding: &str, created: Timestamp) -> bool {
        self.binding == binding && created <= self.created_until
    }
}

impl fmt::Display for RestartedFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.binding, self.created_until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restarted_for_round_trips() {
        let restart = RestartedFor {
            binding: "abc".to_owned(),
            created_until: "2026-03-01T10:00:00Z".parse().unwrap(),
        };
        assert_eq!(restart.to_string(), "abc/2026-03-01T10:00:00Z");
        assert_eq!(RestartedFor::parse(&restart.to_string()), Some(restart));
        assert_eq!(RestartedFor::parse("abc"), None);
        let unknown = RestartedFor {
            binding: "abc".to_owned(),
            created_until: Timestamp::MIN,
        };
        assert_eq!(RestartedFor::parse(&unknown.to_string()), Some(unknown));
    }
}
