//! What is told: conditions that follow their table, messages that fit, and an outage that turns nothing red.

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

use crate::blinds::{Blind, blinds};
use crate::edits::edit;
use crate::model::{Model, Pass};
use crate::scenes::scene;

const FEEDERS: [ConditionType; 3] = [
    ConditionType::RoleReady,
    ConditionType::TrustReady,
    ConditionType::BindingReady,
];

fn is(status: &Status, kind: ConditionType) -> Option<ConditionStatus> {
    status.condition(kind).map(|condition| condition.status)
}

/// Fails when a status breaks what holds for every status.
fn well_formed(status: &Status, pass: Option<&Pass>) -> Result<(), TestCaseError> {
    prop_assert!(status.drift.items.len() <= DRIFT_ITEMS_LIMIT);
    prop_assert!(status.drift.count >= i64::try_from(status.drift.items.len()).unwrap());
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
            Polarity::Positive => prop_assert!(is(status, row.kind).is_some(), "{:?} is not there", row.kind),
            Polarity::OnlyWhenTrue => {
                prop_assert!(matches!(is(status, row.kind), None | Some(ConditionStatus::True)));
            }
        }
    }
    let ready = is(status, ConditionType::Ready) == Some(ConditionStatus::True);
    let fed = FEEDERS
        .iter()
        .all(|kind| is(status, *kind) == Some(ConditionStatus::True));
    let waits = is(status, ConditionType::Transitioning).is_some();
    // While a change of the binding runs, Ready waits for it beside what feeds it.
    prop_assert!(!ready || fed);
    prop_assert!(waits || ready == fed);
    let (reconciling, stalled) = (
        is(status, ConditionType::Reconciling),
        is(status, ConditionType::Stalled),
    );
    prop_assert!(
        reconciling.is_none() || stalled.is_none(),
        "both Reconciling and Stalled"
    );
    prop_assert!(
        ready || reconciling.is_some() || stalled.is_some(),
        "not ready, and neither at work nor stuck"
    );
    if let Some(pass) = pass {
        prop_assert_eq!(waits, matches!(pass.decision.stage, TransitionState::Moving(_)));
        for event in &pass.summary.events {
            prop_assert!(event.note.len() <= MESSAGE_LIMIT && !event.note.contains(char::is_control));
        }
    }
    Ok(())
}

/// A call that goes wrong with the worst text there is.
fn trouble() -> impl Strategy<Value = StepFailure> {
    let disposition = select(vec![Disposition::RetrySoon, Disposition::WaitForChange]);
    let reason = select(vec![Reason::Throttled, Reason::AccessDenied, Reason::Propagating]);
    (disposition, reason).prop_map(|(disposition, reason)| StepFailure {
        disposition,
        reason,
        message: format!("\u{1b}[31mnot\nauthorised {}", "é".repeat(1200)),
    })
}

/// What becomes of a plan of which one step goes wrong.
fn gone_wrong(pass: &Pass, at: usize, ended: StepResult) -> Outcome {
    let steps: Vec<_> = pass.decision.plan.steps().cloned().collect();
    let at = at % steps.len().max(1);
    let ends = |index: usize| match index.cmp(&at) {
        std::cmp::Ordering::Less => StepResult::Skipped(Skip::WriteGate),
        std::cmp::Ordering::Equal => ended.clone(),
        std::cmp::Ordering::Greater => StepResult::Skipped(Skip::BehindAnother),
    };
    Outcome {
        steps: steps
            .into_iter()
            .enumerate()
            .map(|(index, step)| (step, ends(index)))
            .collect(),
    }
}

/// A model at rest for so long that nothing is still on its way.
fn at_rest(scene: &crate::scenes::Scene) -> Result<(Model, Identity), TestCaseError> {
    let identity = scene.identity();
    let mut model = scene.model()?;
    model.settle(&identity)?;
    model.pass(&identity)?;
    Ok((model, identity))
}

/// Whether a blind hides something that could drift.
fn hides_drift(blind: Blind, decision: &Decision) -> bool {
    let Desired::Present(wanted) = &decision.desired else {
        return false;
    };
    match blind {
        Blind::Association | Blind::ServiceAccount => true,
        Blind::Provider => wanted.provider.is_some(),
        Blind::Agent | Blind::Pods | Blind::Effects => false,
        _ => matches!(wanted.role, DesiredRole::Managed(_) | DesiredRole::Adopted(..)),
    }
}

fn without_times(status: &Status) -> Status {
    let mut status = status.clone();
    for condition in &mut status.conditions {
        condition.last_transition_time = jiff::Timestamp::UNIX_EPOCH;
    }
    for item in &mut status.drift.items {
        item.since = None;
    }
    status
}

proptest! {
    #![proptest_config(crate::cases())]

    #[test]
    fn every_status_is_well_formed(scene in scene(), blinds in option::of(blinds())) {
        let identity = scene.identity();
        let mut model = scene.model()?;
        model.blinds = blinds.unwrap_or_default();
        for _ in 0..3 {
            let pass = model.pass(&identity)?;
            well_formed(&model.status, Some(&pass))?;
        }
    }

    #[test]
    fn trouble_is_told_in_a_status_that_is_well_formed(
        scene in scene(), at in 0..10usize, trouble in trouble(), waiting in any::<bool>(), gate in 0..3u8,
    ) {
        let identity = scene.identity();
        let model = scene.model()?;
        let observed = model.observe(&identity);
        let decision = model.decide(&identity);
        let ended = if waiting { StepResult::Waiting(trouble) } else { StepResult::Failed(trouble) };
        let pass = model.clone().pass(&identity)?;
        let outcome = gone_wrong(&pass, at, ended);
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
    fn an_outage_turns_nothing_red(scene in scene(), blinds in blinds()) {
        let (mut model, identity) = at_rest(&scene)?;
        let before = model.status.clone();
        // A change of the binding that waits is not at rest.
        prop_assume!(before.transition.is_none());
        model.blinds = blinds.clone();
        let pass = model.pass(&identity)?;
        for kind in FEEDERS.into_iter().chain([ConditionType::Ready]) {
            prop_assert_eq!(is(&model.status, kind), is(&before, kind), "{:?}", kind);
        }
        let hidden = blinds.iter().any(|blind| hides_drift(*blind, &pass.decision));
        let in_sync = is(&model.status, ConditionType::InSync);
        prop_assert!(!hidden || in_sync != Some(ConditionStatus::True), "in sync without having looked");
        if hidden && is(&before, ConditionType::InSync) == Some(ConditionStatus::True) {
            prop_assert_eq!(in_sync, Some(ConditionStatus::Unknown));
        }
    }

    #[test]
    fn an_outage_leaves_no_trace(scene in scene(), blinds in blinds()) {
        let (mut model, identity) = at_rest(&scene)?;
        let before = model.clone();
        prop_assume!(before.status.transition.is_none());
        model.blinds = blinds;
        model.pass(&identity)?;
        model.pass(&identity)?;
        model.blinds.clear();
        model.pass(&identity)?;
        prop_assert_eq!(&model.truth, &before.truth);
        let (now, before) = (without_times(&model.status), without_times(&before.status));
        for (now, before) in now.conditions.iter().zip(&before.conditions) {
            prop_assert_eq!(now, before);
        }
        prop_assert_eq!(&now.last_applied_hashes, &before.last_applied_hashes);
        prop_assert_eq!(now, before);
    }

    /// What a pass corrects is told once, with when; the next pass leaves it standing.
    #[test]
    fn a_correction_is_told_once(scene in scene(), edit in edit()) {
        let (mut model, identity) = at_rest(&scene.correcting())?;
        crate::edits::make(&mut model.truth, identity.role_arn(), &edit);
        let when = model.now;
        model.settle(&identity)?;
        let rendered = model.status.drift.last_correction.clone();
        model.pass(&identity)?;
        prop_assert_eq!(&model.status.drift.last_correction, &rendered);
        prop_assert!(rendered.is_none_or(|rendered| rendered.at <= model.now && (rendered.at >= when || !rendered.items.is_empty())));
    }
}
