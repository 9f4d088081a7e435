//! Properties of failed steps, for every subset of failing steps: the steps that narrow access or repair a binding still
//! run, no grant precedes a step that it must follow, and later reconciles converge. The rules are stated independently
//! of `Step::depends_on`. No I/O.

use lanyard_core::model::reason::Reason;
use lanyard_core::reconcile::outcome::{Disposition, Outcome, Skip, StepFailure, StepResult};
use lanyard_core::reconcile::plan::Plan;
use lanyard_core::reconcile::step::Step;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::interruptions::timeless;
use crate::operator_model::Model;
use crate::setups::setup;

/// The steps of a plan that fail: bit n of the mask is the step n.
type Failing = u64;

fn fails(failing: Failing, at: usize) -> bool {
    failing >> (at % 64) & 1 == 1
}

/// The results of a plan in which these steps fail if they are tried.
fn outcome_of(plan: &Plan, failing: Failing) -> Outcome {
    let mut outcome = Outcome::default();
    for (at, step) in plan.steps().enumerate() {
        let result = match (outcome.holds_back(step), fails(failing, at)) {
            (true, _) => StepResult::Skipped(Skip::BehindAnother),
            (false, true) => StepResult::Failed(failure()),
            (false, false) => StepResult::Done(Default::default()),
        };
        outcome.steps.push((step.clone(), result));
    }
    outcome
}

fn failure() -> StepFailure {
    StepFailure {
        disposition: Disposition::WaitForChange,
        reason: Reason::Refused,
        message: "refused".to_owned(),
    }
}

fn records(step: &Step) -> bool {
    matches!(step, Step::RecordInventory { .. })
}

fn adopts(step: &Step) -> bool {
    matches!(step, Step::AdoptRole { .. } | Step::AdoptAssociation { .. })
}

fn creates_role(step: &Step) -> bool {
    matches!(step, Step::CreateRole { .. })
}

fn binds(step: &Step) -> bool {
    matches!(
        step,
        Step::CreateAssociation { repairs: false, .. }
            | Step::UpdateAssociation { repairs: false, .. }
            | Step::Annotate { repairs: false, .. }
    )
}

/// A step that removes something others rely on only after another binding, or that undoes a change of others.
fn narrows_or_repairs(step: &Step) -> bool {
    match step {
        Step::DetachPolicy { .. }
        | Step::DeleteInlinePolicy { .. }
        | Step::PutInlinePolicy { narrows: true, .. }
        | Step::SetTrust { narrows: false, .. }
        | Step::UntagRole { .. }
        | Step::TagRole { .. }
        | Step::UntagAssociation { .. }
        | Step::TagAssociation { .. }
        | Step::UpdateRole { .. }
        | Step::DeleteServiceAccount {} => true,
        Step::UpdateAssociation { repairs, .. }
        | Step::Annotate { repairs, .. }
        | Step::DeleteAssociation { repairs } => *repairs,
        _ => false,
    }
}

/// A failure of one of these can hold back a step that narrows or repairs; a failure of any other step cannot.
fn may_hold_back_repairs(step: &Step) -> bool {
    // A new binding to another role precedes the removal of the policies of the old role.
    records(step) || adopts(step) || creates_role(step) || binds(step)
}

type Is = fn(&Step) -> bool;

/// If a step of the first kind does not take effect, no step of the second kind for the same role does.
const FOLLOWS: [(Is, Is); 7] = [
    (|step| matches!(step, Step::SetBoundary { .. }), grants_policy),
    (creates_role, |step| grants_policy(step) || binds(step)),
    (
        |step| matches!(step, Step::AdoptRole { .. }),
        |step| step.role().is_some() && !adopts(step),
    ),
    (opens_trust, binds),
    (|step| matches!(step, Step::SetBoundary { .. }), binds),
    (opens_trust, closes_trust),
    (
        |step| matches!(step, Step::DetachPolicy { .. } | Step::DeleteInlinePolicy { .. }),
        |step| matches!(step, Step::DeleteRole { .. }),
    ),
];

/// If a step of the first kind does not take effect, no step of the second kind does, whatever its role.
const FOLLOWS_ALL: [(Is, Is); 3] = [
    (records, |step| {
        !matches!(step, Step::ReleaseObject { regardless: true })
    }),
    (binds, closes_trust),
    (
        |_| true,
        |step| matches!(step, Step::ReleaseObject { regardless: false }),
    ),
];

fn grants_policy(step: &Step) -> bool {
    matches!(
        step,
        Step::AttachPolicy { .. } | Step::PutInlinePolicy { narrows: false, .. }
    )
}

fn opens_trust(step: &Step) -> bool {
    matches!(
        step,
        Step::SetTrust { narrows: false, .. } | Step::PutSubject { .. }
    )
}

fn closes_trust(step: &Step) -> bool {
    matches!(
        step,
        Step::SetTrust { narrows: true, .. } | Step::RemoveSubject { .. }
    )
}

/// The role of a step or, for an association, the role that it binds.
fn role_of(step: &Step) -> Option<String> {
    match step {
        Step::CreateAssociation { desired, .. } | Step::UpdateAssociation { desired, .. } => {
            Some(desired.role_arn.to_string())
        }
        _ => step.role().map(ToString::to_string),
    }
}

fn follows_rules(outcome: &Outcome) -> Result<(), TestCaseError> {
    let is_done = |result: &StepResult| matches!(result, StepResult::Done(_));
    for (at, (step, result)) in outcome
        .steps
        .iter()
        .enumerate()
        .filter(|(_, (_, result))| is_done(result))
    {
        for (before, earlier_result) in outcome.steps.iter().take(at) {
            if is_done(earlier_result) {
                continue;
            }
            let is_same_role = role_of(before).is_some() && role_of(before) == role_of(step);
            let broken = FOLLOWS
                .iter()
                .any(|(first, second)| is_same_role && first(before) && second(step))
                || FOLLOWS_ALL
                    .iter()
                    .any(|(first, second)| first(before) && second(step));
            prop_assert!(!broken, "`{step}` took effect without `{before}`: {result:?}");
        }
    }
    Ok(())
}

fn repairs_run(outcome: &Outcome) -> Result<(), TestCaseError> {
    for (at, (step, result)) in outcome.steps.iter().enumerate() {
        let before = outcome.steps.iter().take(at);
        let may_wait = before
            .filter(|(_, result)| !matches!(result, StepResult::Done(_)))
            .any(|(earlier, _)| may_hold_back_repairs(earlier));
        let is_skipped = matches!(result, StepResult::Skipped(_));
        prop_assert!(
            !(narrows_or_repairs(step) && is_skipped && !may_wait),
            "`{step}` was held back: {:#?}",
            outcome.steps
        );
    }
    Ok(())
}

fn plans(model: &Model, identity: &lanyard_core::identity::Identity) -> [Plan; 3] {
    [
        model.decide(identity).plan,
        model.decide_deletion(Some(identity), false).plan,
        model.decide_deletion(Some(identity), true).plan,
    ]
}

proptest! {
    #![proptest_config(crate::cases())]

    #[test]
    fn failing_grant_never_holds_back_repair(setup in setup(), failing in any::<Failing>()) {
        let identity = setup.identity();
        let model = setup.model()?;
        for plan in plans(&model, &identity) {
            repairs_run(&outcome_of(&plan, failing))?;
            // Each step alone, too: a random mask holds back most of a plan.
            for at in 0..plan.steps().count() {
                repairs_run(&outcome_of(&plan, 1 << (at % 64)))?;
            }
        }
    }

    #[test]
    fn grant_never_precedes_what_it_follows(setup in setup(), failing in any::<Failing>()) {
        let identity = setup.identity();
        let model = setup.model()?;
        for plan in plans(&model, &identity) {
            follows_rules(&outcome_of(&plan, failing))?;
            for at in 0..plan.steps().count() {
                follows_rules(&outcome_of(&plan, 1 << (at % 64)))?;
            }
        }
    }

    /// Independent steps that run while others fail never lead to another world.
    #[test]
    fn failed_steps_converge_to_same_world(setup in setup(), failing in vec(any::<Failing>(), 1..4)) {
        let identity = setup.identity();
        let mut undisturbed = setup.model()?;
        let mut disturbed = undisturbed.clone();
        undisturbed.settle(&identity)?;
        for mask in failing {
            let plan = disturbed.decide(&identity).plan;
            let outcome = outcome_of(&plan, mask);
            let done: Vec<Step> = outcome.done().map(|(step, _)| step.clone()).collect();
            disturbed.apply_without_answers(done.iter())?;
        }
        disturbed.settle(&identity)?;
        prop_assert_eq!(timeless(&disturbed.world), timeless(&undisturbed.world));
    }
}
