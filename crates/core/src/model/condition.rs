//! The conditions of a WorkloadIdentity. One table holds the meaning, the polarity and the effect on `Ready` of each.
//! Pure data; `docs/conditions.md` is generated from the table.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::reason::Reason;

/// The type of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ConditionType {
    /// A pod created now gets the spec's binding.
    Ready,
    /// A reconciliation is in progress (kstatus); present only while true.
    Reconciling,
    /// A user must act (kstatus); present only while true.
    Stalled,
    /// The role exists and is usable.
    RoleReady,
    /// The trust policy of the role admits the subject.
    TrustReady,
    /// The annotation or association is in effect.
    BindingReady,
    /// No pod uses other credentials than those of the spec.
    PodsCurrent,
    /// No drift was detected.
    InSync,
    /// A change of the binding is in progress or waits; present only while true.
    Transitioning,
}

/// The meaning of the values of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Polarity {
    /// True is good, and the condition is always present.
    Positive,
    /// Present only while true, as kstatus expects.
    OnlyWhenTrue,
}

/// One row of the table of conditions.
#[derive(Debug, Clone, Copy)]
pub struct ConditionRow {
    /// The type of the condition.
    pub kind: ConditionType,
    /// The polarity.
    pub polarity: Polarity,
    /// True if the condition must be true before `Ready` can be.
    pub feeds_ready: bool,
    /// The meaning, for the generated page.
    pub meaning: &'static str,
}

/// All conditions that Lanyard sets, in the order shown to users.
pub const CONDITIONS: &[ConditionRow] = &[
    row(
        ConditionType::Ready,
        Polarity::Positive,
        false,
        "A pod created now gets the binding of the spec.",
    ),
    row(
        ConditionType::Reconciling,
        Polarity::OnlyWhenTrue,
        false,
        "A reconciliation is in progress, or waits for something that ends by itself. Wait.",
    ),
    row(
        ConditionType::Stalled,
        Polarity::OnlyWhenTrue,
        false,
        "Reconciliation cannot continue until a user acts on the message.",
    ),
    row(
        ConditionType::RoleReady,
        Polarity::Positive,
        true,
        "The role exists and is the role of the spec.",
    ),
    row(
        ConditionType::TrustReady,
        Polarity::Positive,
        true,
        "The role's trust policy admits the ServiceAccount.",
    ),
    row(
        ConditionType::BindingReady,
        Polarity::Positive,
        true,
        "The annotation (IRSA) or the association (Pod Identity) is in place, and the provider, agent or webhook that it needs is available.",
    ),
    row(
        ConditionType::PodsCurrent,
        Polarity::Positive,
        false,
        "Every pod of the ServiceAccount uses the credentials of the spec.",
    ),
    row(
        ConditionType::InSync,
        Polarity::Positive,
        false,
        "No drift was detected in AWS or in the cluster. Unknown if a read failed.",
    ),
    row(
        ConditionType::Transitioning,
        Polarity::OnlyWhenTrue,
        false,
        "The binding of the spec is not the binding in effect. The reason is the stage of the transition.",
    ),
];

const fn row(
    kind: ConditionType,
    polarity: Polarity,
    feeds_ready: bool,
    meaning: &'static str,
) -> ConditionRow {
    ConditionRow {
        kind,
        polarity,
        feeds_ready,
        meaning,
    }
}

/// The status of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConditionStatus {
    /// The condition is met.
    True,
    /// The condition is not met.
    False,
    /// The status could not be determined.
    Unknown,
}

/// One condition of the status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// The type of the condition.
    #[serde(rename = "type")]
    pub kind: ConditionType,
    /// The status of the condition.
    pub status: ConditionStatus,
    /// The machine-readable cause.
    pub reason: Reason,
    /// The human-readable message.
    pub message: String,
    /// The generation of the spec that the condition refers to.
    pub observed_generation: i64,
    /// When the status last changed; a new message alone does not move it.
    pub last_transition_time: Timestamp,
}

impl ConditionType {
    /// The name of the condition in the status.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::Reconciling => "Reconciling",
            Self::Stalled => "Stalled",
            Self::RoleReady => "RoleReady",
            Self::TrustReady => "TrustReady",
            Self::BindingReady => "BindingReady",
            Self::PodsCurrent => "PodsCurrent",
            Self::InSync => "InSync",
            Self::Transitioning => "Transitioning",
        }
    }
}
