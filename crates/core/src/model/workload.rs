//! Workloads: what restarts the pods of a subject, as far as a transition restarts them.
//! Pure values; the engine reads them and only while a transition may restart something. No I/O.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What a pod belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadRef {
    /// Its kind, such as `Deployment` or `Job`.
    pub kind: String,
    /// Its name, in the subject's namespace.
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
    /// Which one.
    pub owner: WorkloadRef,
    /// What its pod template was last restarted for; see [`ANNOTATION_RESTARTED_FOR`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restarted_for: Option<RestartedFor>,
    /// When its pod template was last restarted, by us or as `kubectl rollout restart` says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restarted_at: Option<Timestamp>,
    /// Whether every pod of its newest template is there and available, and none of an older one.
    pub rolled_out: bool,
    /// What keeps a new template from replacing all of its pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub obstacle: Option<Obstacle>,
    /// How many of its pods may be away now, by the tightest of the disruption budgets that select them; absent: none
    /// selects them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disruptions_allowed: Option<i32>,
}

/// What keeps a new template from replacing all pods of a workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Obstacle {
    /// It replaces pods only when somebody deletes them (`updateStrategy: OnDelete`).
    OnDelete,
    /// Somebody paused it (`spec.paused` of a Deployment): its template may change, and nothing rolls.
    Paused,
    /// It replaces only the pods from an ordinal on (`partition` of a StatefulSet).
    Partition,
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OnDelete => "OnDelete",
            Self::Paused => "paused",
            Self::Partition => "partition",
        })
    }
}

/// The annotation of a pod template that says what it was restarted for, as a [`RestartedFor`]. It makes a restart
/// happen once, whatever was lost on the way.
pub const ANNOTATION_RESTARTED_FOR: &str = "lanyard.dev/restarted-for";

/// What a restart was for: a binding, and the pods that depended on another. Both times are the API server's, so that
/// no other clock has a say in whether a pod was there to be replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RestartedFor {
    /// A short name of the binding that the new pods are to get.
    pub binding: String,
    /// When the youngest of the pods to be replaced was made.
    pub made_until: Timestamp,
}

impl RestartedFor {
    /// Reads what [`fmt::Display`] wrote. `None`: somebody else wrote it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (binding, made_until) = text.split_once('/')?;
        Some(Self {
            binding: binding.to_owned(),
            made_until: made_until.parse().ok()?,
        })
    }

    /// Whether the restart replaces a pod that is to get a binding and was made at a time.
    #[must_use]
    pub fn replaces(&self, binding: &str, made: Timestamp) -> bool {
        self.binding == binding && made <= self.made_until
    }
}

impl fmt::Display for RestartedFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.binding, self.made_until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_restart_was_for_is_read_as_it_was_written() {
        let mark = RestartedFor {
            binding: "abc".to_owned(),
            made_until: "2026-03-01T10:00:00Z".parse().unwrap(),
        };
        assert_eq!(mark.to_string(), "abc/2026-03-01T10:00:00Z");
        assert_eq!(RestartedFor::parse(&mark.to_string()), Some(mark));
        assert_eq!(RestartedFor::parse("abc"), None);
        let unknown = RestartedFor {
            binding: "abc".to_owned(),
            made_until: Timestamp::MIN,
        };
        assert_eq!(RestartedFor::parse(&unknown.to_string()), Some(unknown));
    }
}
