//! The timers of a transition: how long until time alone permits the next phase. Inputs are the recorded times, the times
//! that the servers report, and the clock. No I/O.
//!
//! A recorded time may only delay a phase and never permits one: an unknown time counts as now.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::view::TransitionView;
use crate::model::binding::MethodSettings;
use crate::model::reason::Reason;
use crate::model::status::{BindingState, BindingStatus, TransitionStatus};
use crate::model::timings::remaining;

impl TransitionView<'_> {
    /// Returns true if the change that has to propagate is the deletion of an association.
    pub fn waits_for_unbinding(&self) -> bool {
        let was_bound = |known: &BindingStatus| {
            !known.binding.is_irsa() && (known.state != BindingState::Pending || known.association.is_some())
        };
        self.identity.binding.is_irsa() && self.previous.bindings.iter().any(was_bound)
    }

    /// Returns true if the record shows that the operator began to prepare the binding. Approval for pods that no reconcile
    /// sees was given before, or was not required.
    pub fn is_prepared(&self) -> bool {
        let stages = [Reason::Preparing, Reason::Propagating, Reason::Switching];
        self.record.is_some_and(|record| stages.contains(&record.stage))
    }

    /// The remaining propagation time of the trust policy. Returns `None` if it has passed.
    pub fn propagates_in(&self) -> Option<Duration> {
        let duration = self.timings.propagation;
        match self.record {
            Some(record) if record.stage == Reason::Switching => None,
            Some(record) if record.stage == Reason::Propagating => {
                remaining(duration, record.stage_transition_time, self.now)
            }
            Some(_) | None => Some(duration).filter(|duration| !duration.is_zero()),
        }
    }

    /// The remaining propagation time of the last change to the binding, measured by the operator's clock from the first
    /// observation and by the clock of the server that made the change. Returns `None` if both have passed.
    pub fn settles_in(&self) -> Option<Duration> {
        let duration = self.timings.binding_propagation;
        // A binding that took effect stays in effect as long as it is in place, whatever changes beside it.
        if self.record.is_some_and(|record| record.effective_time.is_some())
            && !self.is_blocked_by_association()
        {
            return None;
        }
        let server = self.applies_in();
        let own = match self.record {
            Some(record) if self.is_past_settling(record) => None,
            Some(record) if self.is_settling(record) => {
                remaining(duration, record.stage_transition_time, self.now)
            }
            Some(_) | None => Some(duration).filter(|duration| !duration.is_zero()),
        };
        own.max(server)
    }

    fn is_settling(&self, record: &TransitionStatus) -> bool {
        if self.waits_for_unbinding() && !self.is_blocked_by_association() {
            record.stage == Reason::Unbound
        } else {
            record.stage == Reason::Settling
        }
    }

    /// The remaining time until every server applies the binding in place to new pods. Returns `None` if it has passed.
    pub fn applies_in(&self) -> Option<Duration> {
        remaining(self.timings.binding_propagation, self.changed_at()?, self.now)
    }

    /// The time of the last change of the binding, by the server that made it.
    fn changed_at(&self) -> Option<Timestamp> {
        match &self.identity.binding.settings {
            MethodSettings::PodIdentity { .. } => {
                self.association().and_then(|association| association.modified_at)
            }
            MethodSettings::Irsa { .. } => {
                let account = self.observed.service_account.present();
                account.and_then(|account| account.applied_at)
            }
        }
    }

    /// Returns true if the record shows that this wait has ended before.
    fn is_past_settling(&self, record: &TransitionStatus) -> bool {
        let unbinding = [Reason::ApprovalRequired, Reason::Unbinding, Reason::Paused];
        self.is_blocked_by_association() && record.bound_time.is_some() && unbinding.contains(&record.stage)
    }

    /// The remaining time for which all pods have to stay current before the operator removes the old binding.
    pub fn soaks_in(&self) -> Option<Duration> {
        remaining(self.timings.soak, self.stage_start(Reason::Soaking), self.now)
    }

    /// The time at which the operator first observed this transition.
    pub fn start_time(&self) -> Timestamp {
        self.record.map_or(self.now, |record| record.start_time)
    }

    /// The time at which the operator first observed this stage of the transition.
    pub fn stage_start(&self, stage: Reason) -> Timestamp {
        let record = self.record.filter(|record| record.stage == stage);
        record.map_or(self.now, |record| record.stage_transition_time)
    }

    /// The time before which a pod of a Pod Identity binding may have got a session of the previous role. Its spec does not
    /// show the role, so the creation time decides. Returns `None` if no pod can hold such a session.
    pub fn stale_before(&self) -> Option<Timestamp> {
        let was_associated = self.other_bindings.iter().any(|other| !other.is_irsa());
        let association = self
            .association()
            .filter(|_| was_associated && !self.identity.binding.is_irsa())?;
        // The operator's clock counts too, since creation times of pods follow it.
        let observed = self
            .record
            .and_then(|record| record.bound_time)
            .unwrap_or(self.now);
        let changed = association.modified_at.map_or(observed, |at| at.max(observed));
        let propagation = SignedDuration::try_from(self.timings.binding_propagation).ok()?;
        Some(changed.checked_add(propagation).unwrap_or(changed))
    }
}
