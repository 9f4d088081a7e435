//! The conditions of a WorkloadIdentity: one table says for each what it tells, its polarity and what it feeds.
//! Pure data; `summarise` fills them, the api crate writes them, `docs/conditions.md` is generated from the table.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::reason::Reason;

/// The type of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ConditionType {
    /// A pod created now gets the spec's binding.
    Ready,
    /// Work is under way (kstatus); present only while true.
    Reconciling,
    /// A person has to act (kstatus); present only while true.
    Stalled,
    /// The role is there and usable.
    RoleReady,
    /// The role's trust lets the subject in.
    TrustReady,
    /// The annotation or association is in effect.
    BindingReady,
    /// No pod carries other credentials than the spec's.
    PodsCurrent,
    /// Nothing differs from what is wanted.
    InSync,
    /// A change of the binding is under way or waits; present only while true.
    Transitioning,
}

/// How a condition is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Polarity {
    /// True is good, and it is always present.
    Positive,
    /// Present only while true, as kstatus expects.
    OnlyWhenTrue,
}

/// One row of the table of conditions.
#[derive(Debug, Clone, Copy)]
pub struct ConditionRow {
    /// Which condition.
    pub kind: ConditionType,
    /// How it is to be read.
    pub polarity: Polarity,
    /// Whether it must be true for `Ready` to be.
    pub feeds_ready: bool,
    /// What it tells, for the generated page.
    pub tells: &'static str,
}

/// Every condition Lanyard owns, in the order users see them.
pub const CONDITIONS: &[ConditionRow] = &[
    row(
        ConditionType::Ready,
        Polarity::Positive,
        false,
        "A pod created now gets the binding that the spec asks for.",
    ),
    row(
        ConditionType::Reconciling,
        Polarity::OnlyWhenTrue,
        false,
        "Lanyard is at work or waits for AWS; wait with it.",
    ),
    row(
        ConditionType::Stalled,
        Polarity::OnlyWhenTrue,
        false,
        "Nothing more happens until somebody acts on the message.",
    ),
    row(
        ConditionType::RoleReady,
        Polarity::Positive,
        true,
        "The role exists and is the one that the spec asks for.",
    ),
    row(
        ConditionType::TrustReady,
        Polarity::Positive,
        true,
        "The role's trust policy lets the ServiceAccount in.",
    ),
    row(
        ConditionType::BindingReady,
        Polarity::Positive,
        true,
        "The annotation (IRSA) or the association (Pod Identity) is in place, and what it needs is there.",
    ),
    row(
        ConditionType::PodsCurrent,
        Polarity::Positive,
        false,
        "Every pod of the ServiceAccount carries the credentials that the spec asks for.",
    ),
    row(
        ConditionType::InSync,
        Polarity::Positive,
        false,
        "Nothing in AWS or in the cluster differs from what is wanted; Unknown when something could not be read.",
    ),
    row(
        ConditionType::Transitioning,
        Polarity::OnlyWhenTrue,
        false,
        "The spec asks for another binding than the one in effect; the reason is the stage.",
    ),
];

const fn row(
    kind: ConditionType,
    polarity: Polarity,
    feeds_ready: bool,
    tells: &'static str,
) -> ConditionRow {
    ConditionRow {
        kind,
        polarity,
        feeds_ready,
        tells,
    }
}

/// True, False or Unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConditionStatus {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// Nobody knows.
    Unknown,
}

/// One condition as it will be written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Which condition.
    #[serde(rename = "type")]
    pub kind: ConditionType,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// The word for why.
    pub reason: Reason,
    /// The sentence for why.
    pub message: String,
    /// The generation of the spec it was judged against.
    pub observed_generation: i64,
    /// When the status last changed; a new message alone does not move it.
    pub last_transition_time: Timestamp,
}

impl ConditionType {
    /// The word as it stands in the status.
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
