//! Workloads: what restarts the pods of a subject, as far as a transition restarts them.
//! Pure values; the engine reads them and only while a transition may restart something. No I/O.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a pod belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Owner {
    /// Its kind, such as `Deployment` or `Job`.
    pub kind: String,
    /// Its name, in the subject's namespace.
    pub name: String,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

/// A Deployment, StatefulSet or DaemonSet whose pods use the subject's ServiceAccount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Workload {
    /// Which one.
    pub owner: Owner,
    /// The transition that its pod template was last restarted for; see [`ANNOTATION_RESTARTED_FOR`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restarted_for: Option<String>,
    /// Whether every pod of its newest template is there and available, and none of an older one.
    pub rolled_out: bool,
    /// Whether it replaces pods only when somebody deletes them (`updateStrategy: OnDelete`).
    #[serde(default)]
    pub on_delete: bool,
    /// Whether somebody paused it (`spec.paused` of a Deployment): its template may change, and nothing rolls.
    #[serde(default)]
    pub paused: bool,
    /// How many of its pods may be away now, by the tightest of the disruption budgets that select them; absent: none
    /// selects them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disruptions_allowed: Option<i32>,
}

/// The annotation of a pod template that says for which transition it was restarted. It makes a restart happen once,
/// whatever was lost on the way.
pub const ANNOTATION_RESTARTED_FOR: &str = "lanyard.dev/restarted-for";
