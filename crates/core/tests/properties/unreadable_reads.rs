//! Properties of unreadable facts: an unreadable fact is never written, and a missing fact never adds a step. No I/O.

use lanyard_core::model::fact::Fact;
use lanyard_core::model::observed::{Observed, RoleFacts};
use lanyard_core::reconcile::plan::Plan;
use lanyard_core::reconcile::step::Step;
use lanyard_core::reconcile::transition::{Phase, TransitionState};
use proptest::prelude::*;

use crate::plan_effects::effects;
use crate::setups::setup;
use crate::unreadable_facts::{UNREADABLE_FACTS, UnreadableFact, unreadable_facts};

/// The unreadable fact that a step changes, independently of `Step::requires`. Returns `None` if the step reads all of them.
fn unread_fact(step: &Step, observed: &Observed) -> Option<&'static str> {
    let hidden = |unreadable: bool, name| unreadable.then_some(name);
    match step {
        Step::CreateProvider { .. } | Step::AddClientId { .. } => {
            hidden(unknown(&observed.provider), "provider")
        }
        Step::CreateAssociation { .. } => hidden(
            unknown(&observed.association) || unknown(&observed.agent),
            "association or agent",
        ),
        Step::UpdateAssociation { .. }
        | Step::TagAssociation { .. }
        | Step::UntagAssociation { .. }
        | Step::DeleteAssociation { .. }
        | Step::ReleaseAssociation {} => hidden(unknown(&observed.association), "association"),
        Step::Annotate { .. } | Step::DeleteServiceAccount {} => {
            hidden(unknown(&observed.service_account), "ServiceAccount")
        }
        _ => unread_fact_of_role(step, observed),
    }
}

fn unread_fact_of_role(step: &Step, observed: &Observed) -> Option<&'static str> {
    let (arn, is_part_unknown, name): (_, fn(&RoleFacts) -> bool, _) = match step {
        Step::SetBoundary { role, .. } | Step::RemoveBoundary { role } => {
            (role, |role| unknown(&role.boundary), "boundary")
        }
        Step::AttachPolicy { role, .. } => (role, |role| unknown(&role.attached), "attached policies"),
        Step::DetachPolicy {
            role, policy, first, ..
        } if *first => {
            let facts = observed.roles.get(role)?;
            let effect = facts.attached.present().and_then(|attached| attached.get(policy));
            return effect.is_none_or(unknown).then_some("effect of the policy");
        }
        Step::DetachPolicy { role, .. } => (role, |role| unknown(&role.attached), "attached policies"),
        Step::PutInlinePolicy { role, .. } | Step::DeleteInlinePolicy { role, .. } => {
            (role, |role| unknown(&role.inline), "inline policies")
        }
        Step::SetTrust { role, .. } => (role, |role| unknown(&role.trust), "trust"),
        Step::DeleteRole { role } => (
            role,
            |role| unknown(&role.attached) || unknown(&role.inline),
            "policies",
        ),
        Step::CreateRole { role, .. }
        | Step::UpdateRole { role, .. }
        | Step::TagRole { role, .. }
        | Step::UntagRole { role, .. }
        | Step::LeaveInstanceProfiles { role }
        | Step::ReleaseRole { role } => (role, |_| false, "role"),
        _ => return None,
    };
    let facts = observed.roles.get(arn);
    // The owner of a role is in its tags, so every step has to read them.
    let hidden = |role: &RoleFacts| is_part_unknown(role) || unknown(&role.id) || unknown(&role.tags);
    facts.is_none_or(hidden).then_some(name)
}

fn unknown<T>(fact: &Fact<T>) -> bool {
    fact.unreadable().is_some()
}

fn no_step_is_blind(plan: &Plan, observed: &Observed) -> Result<(), TestCaseError> {
    for step in plan.steps() {
        if let Some(name) = unread_fact(step, observed) {
            return Err(TestCaseError::fail(format!(
                "{step} without having read the {name}"
            )));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(crate::cases())]

    #[test]
    fn unreadable_fact_is_never_written(setup in setup(), unreadable in unreadable_facts()) {
        let identity = setup.identity();
        let mut model = setup.model()?;
        model.unreadable = unreadable;
        no_step_is_blind(&model.decide(&identity).plan, &model.observe(&identity))?;
        no_step_is_blind(&model.decide_deletion(Some(&identity), false).plan, &model.observe_deletion(Some(&identity)))?;
    }

    #[test]
    fn missing_fact_never_adds_step(setup in setup()) {
        let identity = setup.identity();
        let mut model = setup.model()?;
        let readable = effects(&model.decide(&identity).plan);
        let readable_deletion = effects(&model.decide_deletion(Some(&identity), false).plan);
        for fact in UNREADABLE_FACTS {
            model.unreadable = vec![fact];
            let decision = model.decide(&identity);
            // An unknown effect may require approval, and the effective binding is kept meanwhile.
            let awaits_approval = matches!(&decision.transition, TransitionState::Moving(moving) if matches!(moving.phase, Phase::AwaitingApproval(_)));
            if fact == UnreadableFact::Effects && awaits_approval {
                continue;
            }
            let more: Vec<_> = effects(&decision.plan).difference(&readable).cloned().collect();
            prop_assert!(more.is_empty(), "{fact:?} adds {more:?}");
            let deletion = effects(&model.decide_deletion(Some(&identity), false).plan);
            let more: Vec<_> = deletion.difference(&readable_deletion).cloned().collect();
            prop_assert!(more.is_empty(), "{fact:?} adds {more:?} to a deletion");
        }
    }
}
