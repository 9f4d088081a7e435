//! Triage: decides whether a queued object is reconciled now or requeued, and which objects the drift scan covers.
//! An object of the store in; a decision out. No I/O.

use std::time::Duration;

use jiff::Timestamp;
use kube_runtime::controller::Action;
use lanyard_core::bulk::{Known, is_steady};
use lanyard_core::identity::Identity;
use lanyard_core::reconcile::class_decision::ClassDecision;
use lanyard_core::reconcile::gate::WriteGate;

use super::context::Context;
use super::fingerprint::external_fingerprint;
use super::key::ObjectKey;
use super::object_state::Schedule;
use super::reference::reference_of;
use super::triggers::Priority;
use crate::backoff::spread;
use lanyard_engine::raw::{Decoded, RawIdentity};

/// The decision about a queued object.
#[derive(Debug)]
pub(crate) enum Triage {
    /// It is not reconciled now.
    Requeue(Action),
    /// It is reconciled now.
    Reconcile(Priority),
}

/// An identity that waits only for drift, decoded for one comparison.
#[derive(Debug)]
pub(crate) struct SteadyIdentity {
    pub decoded: Decoded,
    pub identity: Identity,
    gate: WriteGate,
}

impl SteadyIdentity {
    /// Everything known of the identity except the observed facts.
    pub fn known(&self) -> Known<'_> {
        Known {
            identity: &self.identity,
            status: &self.decoded.status,
            generation: self.decoded.generation,
            gate: self.gate,
            verified_trust: self.decoded.target.control.verified_trust.as_deref(),
        }
    }
}

impl Context {
    /// Decodes an object that waits only for drift. Returns `None` if it waits for something else.
    pub(crate) fn steady(&self, object: &RawIdentity) -> Option<SteadyIdentity> {
        let cluster = self.engine.cluster();
        let mut decoded = object.decode(&cluster.identity)?;
        if decoded.is_deleting {
            return None;
        }
        decoded.target.access = self.classes.account(&decoded);
        let spec = decoded.spec.as_ref().ok()?;
        let ClassDecision::Accepted(identity) = self.classes.rule_at_rest(spec, &decoded, cluster) else {
            return None;
        };
        let steady = SteadyIdentity {
            gate: self.gate(spec.suspend),
            identity: *identity,
            decoded,
        };
        is_steady(&steady.known(), &steady.decoded.target.control).then_some(steady)
    }

    /// Decides whether a queued object is reconciled now.
    pub(crate) fn triage(&self, object: &RawIdentity) -> Triage {
        let (fingerprint, now) = (external_fingerprint(object), self.clock.now());
        let Some(key) = ObjectKey::of_object(object) else {
            return Triage::Reconcile(Priority::Normal);
        };
        let timings = self.engine.timings();
        let rules = Rules {
            key,
            resync: timings.resync,
            annotation_interval: timings.annotation_interval,
            period: timings.full_resync,
            since_epoch: now.timestamp.duration_since(Timestamp::UNIX_EPOCH).unsigned_abs(),
        };
        let schedule = self.objects.schedule(key, fingerprint, now.instant);
        let trigger = self.objects.take_trigger(key);
        let verdict = rules.decide(schedule, trigger, || {
            let steady = self.steady(object)?;
            Some(steady.decoded.is_requested())
        });
        let resync = || Triage::Requeue(Action::requeue(spread(timings.resync, &reference_of(object))));
        match verdict {
            Verdict::Reconcile(priority) => Triage::Reconcile(priority),
            Verdict::RequeueIn(delay) => Triage::Requeue(Action::requeue(delay)),
            Verdict::RequeueAtResync => resync(),
            Verdict::Defer => {
                self.objects.defer_to_scan(key, fingerprint, now.instant);
                resync()
            }
        }
    }
}

/// The inputs of the decision that do not depend on the object's state.
#[derive(Debug, Clone, Copy)]
struct Rules {
    key: ObjectKey,
    resync: Duration,
    /// The shortest interval between reconciles for annotations alone. A writer of annotations could otherwise keep all
    /// workers busy with one object.
    annotation_interval: Duration,
    /// The period in which each object is fully reconciled once.
    period: Duration,
    since_epoch: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Reconcile(Priority),
    RequeueIn(Duration),
    RequeueAtResync,
    /// The drift scan covers the object, which is new in this term.
    Defer,
}

impl Rules {
    /// An object without a trigger was queued because it changed, because its time has come, or because a term began. In
    /// the last case, the drift scan covers the steady objects.
    ///
    /// `steady` returns `None` unless the object waits only for drift, or else whether a reconcile is requested.
    fn decide(
        &self,
        schedule: Schedule,
        trigger: Option<Priority>,
        steady: impl FnOnce() -> Option<bool>,
    ) -> Verdict {
        match (schedule, trigger) {
            (Schedule::Changed, _) => Verdict::Reconcile(Priority::Normal),
            (Schedule::AnnotationsChanged(elapsed), trigger) => {
                match self
                    .annotation_interval
                    .checked_sub(elapsed)
                    .filter(|left| !left.is_zero())
                {
                    Some(left) if trigger.is_none() => Verdict::RequeueIn(left),
                    Some(_) | None => Verdict::Reconcile(Priority::Normal),
                }
            }
            (_, Some(priority)) | (Schedule::Due(priority), None) => Verdict::Reconcile(priority),
            (Schedule::DueIn(remaining), None) => Verdict::RequeueIn(remaining),
            (
                Schedule::OnDrift {
                    confirmed_for,
                    unreconciled_for,
                    reconciled,
                    uncovered,
                },
                None,
            ) => {
                let is_confirmed = !uncovered && confirmed_for < self.resync * 2;
                match is_confirmed && !self.is_slot_due(unreconciled_for, reconciled) && steady().is_some() {
                    true => Verdict::RequeueAtResync,
                    false => Verdict::Reconcile(Priority::Background),
                }
            }
            (Schedule::New, None) => match steady() {
                Some(false) => Verdict::Defer,
                Some(true) | None => Verdict::Reconcile(Priority::Normal),
            },
        }
    }

    /// True if the object's slot for a full reconcile has passed since it was last reconciled. An object that was not
    /// reconciled in this term may have missed its slot while there was no leader.
    fn is_slot_due(&self, unreconciled_for: Duration, reconciled: bool) -> bool {
        let window = match reconciled {
            true => unreconciled_for,
            false => unreconciled_for + self.resync,
        };
        self.key.slot_is_within(window, self.period, self.since_epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESYNC: Duration = Duration::from_secs(600);
    const ANNOTATION_INTERVAL: Duration = Duration::from_secs(5);

    /// Rules at a time that is far from the object's slot for a full reconcile.
    fn rules() -> Rules {
        let (key, period) = (ObjectKey::of("a"), Duration::from_secs(24 * 3600));
        let hours = (0..24).map(|hour| Duration::from_secs(hour * 3600));
        let far = |now: &Duration| !key.slot_is_within(period / 2, period, *now);
        Rules {
            key,
            resync: RESYNC,
            annotation_interval: ANNOTATION_INTERVAL,
            period,
            since_epoch: hours.clone().find(far).unwrap(),
        }
    }

    fn on_drift(confirmed_for: Duration, uncovered: bool) -> Schedule {
        Schedule::OnDrift {
            confirmed_for,
            unreconciled_for: confirmed_for,
            reconciled: true,
            uncovered,
        }
    }

    #[test]
    fn new_steady_object_is_deferred_unless_requested() {
        let decide = |steady| rules().decide(Schedule::New, None, || steady);
        assert_eq!(decide(Some(false)), Verdict::Defer);
        assert_eq!(decide(Some(true)), Verdict::Reconcile(Priority::Normal));
        assert_eq!(decide(None), Verdict::Reconcile(Priority::Normal));
    }

    #[test]
    fn annotations_alone_cause_one_reconcile_in_five_seconds() {
        let decide = |elapsed: u64, trigger| {
            let schedule = Schedule::AnnotationsChanged(Duration::from_secs(elapsed));
            rules().decide(schedule, trigger, || None)
        };
        let now = Verdict::Reconcile(Priority::Normal);
        assert_eq!(decide(2, None), Verdict::RequeueIn(Duration::from_secs(3)));
        assert_eq!(decide(5, None), now);
        assert_eq!(decide(2, Some(Priority::Background)), now);
    }

    #[test]
    fn trigger_keeps_its_priority_unless_object_changed() {
        let background = Some(Priority::Background);
        let decide = |schedule| rules().decide(schedule, background, || None);
        for schedule in [Schedule::New, Schedule::DueIn(RESYNC), on_drift(RESYNC, false)] {
            assert_eq!(decide(schedule), Verdict::Reconcile(Priority::Background));
        }
        assert_eq!(decide(Schedule::Changed), Verdict::Reconcile(Priority::Normal));
    }

    #[test]
    fn confirmed_steady_object_waits_for_resync() {
        let decide = |schedule, steady| rules().decide(schedule, None, || steady);
        let reconcile = Verdict::Reconcile(Priority::Background);
        assert_eq!(
            decide(on_drift(RESYNC, false), Some(false)),
            Verdict::RequeueAtResync
        );
        assert_eq!(decide(on_drift(RESYNC, false), None), reconcile);
        assert_eq!(decide(on_drift(RESYNC, true), Some(false)), reconcile);
        assert_eq!(decide(on_drift(RESYNC * 2, false), Some(false)), reconcile);
        assert_eq!(
            decide(Schedule::DueIn(RESYNC), Some(false)),
            Verdict::RequeueIn(RESYNC)
        );
    }
}
