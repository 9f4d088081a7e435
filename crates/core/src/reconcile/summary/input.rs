//! `SummaryInput`: everything that `summarise` reads. Plain values; no I/O.

use jiff::Timestamp;

use crate::model::observed::Observed;
use crate::model::status::Status;
use crate::model::timings::Timings;
use crate::reconcile::decide::Decision;
use crate::reconcile::desired::{Desired, DesiredState};
use crate::reconcile::gate::WriteGate;
use crate::reconcile::outcome::Outcome;
use crate::reconcile::transition::TransitionState;

/// Everything that `summarise` reads.
#[derive(Debug, Clone, Copy)]
pub struct SummaryInput<'a> {
    /// The generation of the reconciled spec.
    pub generation: i64,
    /// The decision of this reconcile.
    pub decision: &'a Decision,
    /// The results of its steps.
    pub outcome: &'a Outcome,
    /// The facts after the completed steps.
    pub after: &'a Observed,
    /// The status before this reconcile.
    pub previous: &'a Status,
    /// The write gate of this reconcile.
    pub gate: WriteGate,
    /// The limits of waits.
    pub timings: &'a Timings,
    /// The time of this reconcile.
    pub now: Timestamp,
}

impl<'a> SummaryInput<'a> {
    /// Returns the desired state, or `None` if it is unknown or the object is being deleted.
    pub(super) fn desired(&self) -> Option<&'a DesiredState> {
        match (&self.decision.desired, &self.decision.transition) {
            (Desired::Absent(_), _) | (_, TransitionState::Unknown(..)) => None,
            (Desired::Present(desired), _) => Some(desired),
        }
    }
}
