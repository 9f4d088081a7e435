//! Anchors: since when things are as they are, and how long until time alone permits the next phase. The record, what
//! servers tell and the clock in, what is left out; no I/O. Called by `stage` only.
//!
//! An anchor may delay and never permits: one that is not known counts as now.

use std::time::Duration;

use jiff::Timestamp;

use super::left_of;
use super::view::TransitionView;
use crate::model::binding::MethodSettings;
use crate::model::reason::Reason;
use crate::model::status::{BindingState, BindingStatus, TransitionStatus};

impl TransitionView<'_> {
    /// Whether what has to reach everybody is that an association is gone.
    pub fn waits_for_unbinding(&self) -> bool {
        let was_bound = |known: &BindingStatus| {
            !known.binding.is_irsa() && (known.state != BindingState::Pending || known.association.is_some())
        };
        self.identity.binding.is_irsa() && self.previous.bindings.iter().any(was_bound)
    }

    /// How long the trust that was set still needs to reach every place where roles are assumed.
    pub fn propagates_in(&self) -> Option<Duration> {
        let time = self.timings.propagation;
        match self.record {
            Some(record) if record.stage == Reason::Switching => None,
            Some(record) if record.stage == Reason::Propagating => {
                left_of(time, record.stage_transition_time, self.now)
            }
            Some(_) | None => Some(time).filter(|time| !time.is_zero()),
        }
    }

    /// How long the change that was made last still needs to reach everybody: by our own clock, from when we first saw
    /// it in place, and by that of the server that made it. Both have to be over.
    pub fn settles_in(&self) -> Option<Duration> {
        let time = self.timings.binding_propagation;
        let server = match &self.identity.binding.settings {
            MethodSettings::PodIdentity { .. } => self.association().and_then(|found| found.modified_at),
            MethodSettings::Irsa { .. } => self
                .observed
                .service_account
                .present()
                .and_then(|account| account.applied_at),
        };
        // Once it was known to be in effect it stays so, whatever is changed beside it, as long as it stays in place.
        if self.record.is_some_and(|record| record.effective_time.is_some())
            && !self.is_blocked_by_association()
        {
            return None;
        }
        let server = server.and_then(|at| left_of(time, at, self.now));
        let own = match self.record {
            Some(record) if self.is_past_settling(record) => None,
            Some(record) if self.is_settling(record) => left_of(time, record.stage_transition_time, self.now),
            Some(_) | None => Some(time).filter(|time| !time.is_zero()),
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

    /// Whether the record has seen this wait to its end before.
    fn is_past_settling(&self, record: &TransitionStatus) -> bool {
        let unbinding = [Reason::ApprovalRequired, Reason::Unbinding, Reason::Paused];
        self.is_blocked_by_association() && record.bound_time.is_some() && unbinding.contains(&record.stage)
    }

    /// How long all pods have to stay current before the old binding goes.
    pub fn soaks_in(&self) -> Option<Duration> {
        let time = self.timings.soak;
        let since = match self.record {
            Some(record) if record.stage == Reason::Soaking => record.stage_transition_time,
            Some(_) | None => self.now,
        };
        left_of(time, since, self.now)
    }

    /// When this change was first seen.
    pub fn began(&self) -> Timestamp {
        self.record.map_or(self.now, |record| record.start_time)
    }

    /// When this stage of the change was first seen.
    pub fn since(&self, stage: Reason) -> Timestamp {
        let record = self.record.filter(|record| record.stage == stage);
        record.map_or(self.now, |record| record.stage_transition_time)
    }

    /// Pods of a Pod Identity binding do not show its role: those made before its last change reached everybody may
    /// hold a session of the role before.
    pub fn made_before(&self) -> Option<Timestamp> {
        let in_place = self.others.iter().any(|other| !other.is_irsa());
        let changed = self
            .association()
            .filter(|_| in_place && !self.identity.binding.is_irsa())?;
        // By our own clock as well: pods are made by that one.
        let seen = self
            .record
            .and_then(|record| record.bound_time)
            .unwrap_or(self.now);
        let changed = changed.modified_at.map_or(seen, |at| at.max(seen));
        let settle = jiff::SignedDuration::try_from(self.timings.binding_propagation).ok()?;
        Some(changed.checked_add(settle).unwrap_or(changed))
    }
}

/// Whether a change may have come as far as to put its binding in place: the last pass of it may not be recorded.
pub(super) fn may_have_bound(record: &TransitionStatus) -> bool {
    let after = [
        Reason::Propagating,
        Reason::Switching,
        Reason::Settling,
        Reason::Unbinding,
        Reason::Unbound,
        Reason::Draining,
        Reason::Soaking,
    ];
    record.bound_time.is_some() || after.contains(&record.stage)
}
