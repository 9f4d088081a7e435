//! Properties of the summary: conditions follow their table, messages fit their limits, and an outage makes no condition False.
//! No I/O.

use lanyard_core::identity::Identity;
use lanyard_core::model::condition::{CONDITIONS, ConditionStatus, ConditionType, Polarity};
use lanyard_core::model::reason::Reason;
use lanyard_core::model::status::{DRIFT_ITEMS_LIMIT, Status};
use lanyard_core::model::text::MESSAGE_LIMIT;
use lanyard_core::model::timings::Timings;
use lanyard_core::reconcile::decide::Decision;
use lanyard_core::reconcile::desired::{Desired, DesiredRole};
use lanyard_core::reconcile::gate::{Reporting, WriteGate};
use lanyard_core::reconcile::outcome::{Disposition, Outcome, Skip, StepFailure, StepResult};
use lanyard_core::reconcile::summary::{SummaryInput, summarise};
use lanyard_core::reconcile::transition::TransitionState;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use crate::operator_model::{Model, ReconcileRun};
use crate::out_of_band_edits::edit;
use crate::setups::setup;
use crate::unreadable_facts::{UnreadableFact, unreadable_facts};

const READY_INPUTS: [ConditionType; 3] = [
    ConditionType::RoleReady,
    ConditionType::TrustReady,
    ConditionType::BindingReady,
];

fn status_of(status: &Status, kind: ConditionType) -> Option<ConditionStatus> {
    status.condition(kind).map(|condition| condition.status)
}

/// Fails if a status breaks an invariant of every status.
fn well_formed(status: &Status, run: Option<&ReconcileRun>) -> Result<(), TestCaseError> {
    prop_assert!(status.drift.items.len() <= DRIFT_ITEMS_LIMIT);
    prop_assert!(status.drift.count >= i64::try_from(status.drift.items.len()).unwrap());
    prop_assert!(status.drift.unmanaged.len() <= DRIFT_ITEMS_LIMIT);
    prop_assert!(status.drift.unmanaged_count >= i64::try_from(status.drift.unmanaged.len()).unwrap());
    for condition in &status.conditions {
        prop_assert!(condition.message.len() <= MESSAGE_LIMIT, "{}", condition.message);
        prop_assert!(
            !condition.message.contains(char::is_control),
            "{:?}",
            condition.message
        );
        prop_assert!(!condition.message.is_empty(), "{:?}", condition.kind);
    }
    for row in CONDITIONS {
        match row.polarity {
            Polarity::Positive => {
                prop_assert!(status_of(status, row.kind).is_some(), "{:?} is missing", row.kind)
            }
            Polarity::OnlyWhenTrue => {
                prop_assert!(matches!(
                    status_of(status, row.kind),
                    None | Some(ConditionStatus::True)
                ));
            }
        }
    }
    let ready = status_of(status, ConditionType::Ready) == Some(ConditionStatus::True);
    let inputs_hold = READY_INPUTS
        .iter()
        .all(|kind| status_of(status, *kind) == Some(ConditionStatus::True));
    let in_transition = status_of(status, ConditionType::Transitioning).is_some();
    // During a transition, Ready also waits for the transition.
    prop_assert!(!ready || inputs_hold);
    prop_assert!(in_transition || ready == inputs_hold);
    let (reconciling, stalled) = (
        status_of(status, ConditionType::Reconciling),
        status_of(status, ConditionType::Stalled),
    );
    prop_assert!(
        reconciling.is_none() || stalled.is_none(),
        "Reconciling and Stalled are both present"
    );
    prop_assert!(
        ready || reconciling.is_some() || stalled.is_some(),
        "Ready is not True, and neither Reconciling nor Stalled is present"
    );
    if let Some(run) = run {
        prop_assert_eq!(
            in_transition,
            matches!(run.decision.transition, TransitionState::Moving(_))
        );
        for event in &run.summary.events {
            prop_assert!(event.note.len() <= MESSAGE_LIMIT && !event.note.contains(char::is_control));
        }
    }
    Ok(())
}

/// A failed call with control characters and a long text in its message.
fn failure() -> impl Strategy<Value = StepFailure> {
    let disposition = select(vec![Disposition::RetrySoon, Disposition::WaitForChange]);
    let reason = select(vec![Reason::Throttled, Reason::AccessDenied, Reason::Propagating]);
    (disposition, reason).prop_map(|(disposition, reason)| StepFailure {
        disposition,
        reason,
        message: format!("\u{1b}[31mnot\nauthorised {}", "é".repeat(1200)),
    })
}

/// The outcome of a plan of which one step does not succeed.
fn outcome_with(run: &ReconcileRun, at: usize, result: StepResult) -> Outcome {
    let steps: Vec<_> = run.decision.plan.steps().cloned().collect();
    let at = at % steps.len().max(1);
    let result_of = |index: usize| match index.cmp(&at) {
        std::cmp::Ordering::Less => StepResult::Skipped(Skip::WriteGate),
        std::cmp::Ordering::Equal => result.clone(),
        std::cmp::Ordering::Greater => StepResult::Skipped(Skip::BehindAnother),
    };
    Outcome {
        steps: steps
            .into_iter()
            .enumerate()
            .map(|(index, step)| (step, result_of(index)))
            .collect(),
    }
}

/// A steady model in which every change has propagated.
fn steady(setup: &crate::setups::Setup) -> Result<(Model, Identity), TestCaseError> {
    let identity = setup.identity();
    let mut model = setup.model()?;
    model.settle(&identity)?;
    model.reconcile(&identity)?;
    Ok((model, identity))
}

/// Returns true if an unreadable fact could have drifted.
fn hides_drift(fact: UnreadableFact, decision: &Decision) -> bool {
    let Desired::Present(desired) = &decision.desired else {
        return false;
    };
    match fact {
        UnreadableFact::Association | UnreadableFact::ServiceAccount => true,
        UnreadableFact::Provider => desired.provider.is_some(),
        UnreadableFact::Agent
        | UnreadableFact::Pods
        | UnreadableFact::Effects
        | UnreadableFact::Egress
        | UnreadableFact::TokenClients => false,
        _ => matches!(desired.role, DesiredRole::Managed(_) | DesiredRole::Adopted(..)),
    }
}

fn without_times(status: &Status) -> Status {
    let mut status = status.clone();
    for condition in &mut status.conditions {
        condition.last_transition_time = jiff::Timestamp::UNIX_EPOCH;
    }
    for item in status.drift.items.iter_mut().chain(&mut status.drift.unmanaged) {
        item.since = None;
    }
    status
}

proptest! {
    #![proptest_config(crate::cases())]

    #[test]
    fn status_is_well_formed(setup in setup(), unreadable in option::of(unreadable_facts())) {
        let identity = setup.identity();
        let mut model = setup.model()?;
        model.unreadable = unreadable.unwrap_or_default();
        for _ in 0..3 {
            let run = model.reconcile(&identity)?;
            well_formed(&model.status, Some(&run))?;
        }
    }

    #[test]
    fn status_of_failed_step_is_well_formed(
        setup in setup(), at in 0..10usize, failure in failure(), waiting in any::<bool>(), gate in 0..3u8,
    ) {
        let identity = setup.identity();
        let model = setup.model()?;
        let observed = model.observe(&identity);
        let decision = model.decide(&identity);
        let result = if waiting { StepResult::Waiting(failure) } else { StepResult::Failed(failure) };
        let run = model.clone().reconcile(&identity)?;
        let outcome = outcome_with(&run, at, result);
        let gate = [WriteGate::Open, WriteGate::ReportOnly(Reporting::ReadOnly), WriteGate::ReportOnly(Reporting::Suspended)]
            [usize::from(gate)];
        let summary = summarise(&SummaryInput {
            generation: 2,
            decision: &decision,
            outcome: &outcome,
            after: &observed,
            previous: &model.status,
            gate,
            timings: &Timings::default(),
            now: model.now,
        });
        well_formed(&summary.status, None)?;
        for event in &summary.events {
            prop_assert!(event.note.len() <= MESSAGE_LIMIT && !event.note.contains(char::is_control));
        }
    }

    #[test]
    fn outage_makes_no_condition_false(setup in setup(), unreadable in unreadable_facts()) {
        let (mut model, identity) = steady(&setup)?;
        let before = model.status.clone();
        // A waiting transition is not steady.
        prop_assume!(before.transition.is_none());
        model.unreadable = unreadable.clone();
        let run = model.reconcile(&identity)?;
        for kind in READY_INPUTS.into_iter().chain([ConditionType::Ready]) {
            prop_assert_eq!(status_of(&model.status, kind), status_of(&before, kind), "{:?}", kind);
        }
        let hidden = unreadable.iter().any(|fact| hides_drift(*fact, &run.decision));
        let in_sync = status_of(&model.status, ConditionType::InSync);
        prop_assert!(!hidden || in_sync != Some(ConditionStatus::True), "InSync is True although a fact is unreadable");
        if hidden && status_of(&before, ConditionType::InSync) == Some(ConditionStatus::True) {
            prop_assert_eq!(in_sync, Some(ConditionStatus::Unknown));
        }
    }

    #[test]
    fn ended_outage_restores_status(setup in setup(), unreadable in unreadable_facts()) {
        let (mut model, identity) = steady(&setup)?;
        let before = model.clone();
        prop_assume!(before.status.transition.is_none());
        model.unreadable = unreadable;
        model.reconcile(&identity)?;
        model.reconcile(&identity)?;
        model.unreadable.clear();
        model.reconcile(&identity)?;
        prop_assert_eq!(&model.world, &before.world);
        let (now, before) = (without_times(&model.status), without_times(&before.status));
        for (now, before) in now.conditions.iter().zip(&before.conditions) {
            prop_assert_eq!(now, before);
        }
        prop_assert_eq!(&now.last_applied_hashes, &before.last_applied_hashes);
        prop_assert_eq!(now, before);
    }

    /// A reconcile records its corrections with their time, and the next reconcile keeps the record.
    #[test]
    fn correction_is_recorded_once(setup in setup(), edit in edit()) {
        let (mut model, identity) = steady(&setup.correcting())?;
        crate::out_of_band_edits::apply_edit(&mut model.world, identity.role_arn(), &edit);
        let start = model.now;
        model.settle(&identity)?;
        let recorded = model.status.drift.last_correction.clone();
        model.reconcile(&identity)?;
        prop_assert_eq!(&model.status.drift.last_correction, &recorded);
        prop_assert!(recorded.is_none_or(|recorded| recorded.at <= model.now && (recorded.at >= start || !recorded.items.is_empty())));
    }
}
