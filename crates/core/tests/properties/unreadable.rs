//! What could not be read is never written, and a fact less never makes a step more.

use lanyard_core::model::fact::Fact;
use lanyard_core::model::observed::{Observed, RoleFacts};
use lanyard_core::reconcile::plan::Plan;
use lanyard_core::reconcile::step::Step;
use lanyard_core::reconcile::transition::{Phase, TransitionState};
use proptest::prelude::*;

use crate::atoms::atoms;
use crate::blinds::{BLINDS, Blind, blinds};
use crate::scenes::scene;

/// What a step changes and could not be read, judged apart from `Step::requires`.
fn blindly(step: &Step, observed: &Observed) -> Option<&'static str> {
    let hidden = |unreadable: bool, what| unreadable.then_some(what);
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
        | Step::DeleteAssociation {}
        | Step::ReleaseAssociation {} => hidden(unknown(&observed.association), "association"),
        Step::Annotate { .. } | Step::DeleteServiceAccount {} => {
            hidden(unknown(&observed.service_account), "ServiceAccount")
        }
        _ => blindly_on_role(step, observed),
    }
}

fn blindly_on_role(step: &Step, observed: &Observed) -> Option<&'static str> {
    let (arn, parts, what): (_, fn(&RoleFacts) -> bool, _) = match step {
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
    // Whose a role is stands in its tags, whatever is done to it.
    let hidden = |role: &RoleFacts| parts(role) || unknown(&role.id) || unknown(&role.tags);
    facts.is_none_or(hidden).then_some(what)
}

fn unknown<T>(fact: &Fact<T>) -> bool {
    fact.unreadable().is_some()
}

fn none_blindly(plan: &Plan, observed: &Observed) -> Result<(), TestCaseError> {
    for step in plan.steps() {
        if let Some(what) = blindly(step, observed) {
            return Err(TestCaseError::fail(format!(
                "{step} without having read the {what}"
            )));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(crate::cases())]

    #[test]
    fn an_unreadable_fact_never_becomes_a_write(scene in scene(), blinds in blinds()) {
        let identity = scene.identity();
        let mut model = scene.model()?;
        model.blinds = blinds;
        none_blindly(&model.decide(&identity).plan, &model.observe(&identity))?;
        none_blindly(&model.decide_deletion(Some(&identity), false).plan, &model.observe_removal(Some(&identity)))?;
    }

    #[test]
    fn a_fact_less_never_makes_a_step_more(scene in scene()) {
        let identity = scene.identity();
        let mut model = scene.model()?;
        let seeing = atoms(&model.decide(&identity).plan);
        let seeing_removal = atoms(&model.decide_deletion(Some(&identity), false).plan);
        for blind in BLINDS {
            model.blinds = vec![blind];
            let decision = model.decide(&identity);
            // What nobody knows may have to be asked about, and the binding in effect is held meanwhile.
            let asks = matches!(&decision.stage, TransitionState::Moving(moving) if matches!(moving.phase, Phase::Consent(_)));
            if blind == Blind::Effects && asks {
                continue;
            }
            let more: Vec<_> = atoms(&decision.plan).difference(&seeing).cloned().collect();
            prop_assert!(more.is_empty(), "{blind:?} makes {more:?}");
            let removal = atoms(&model.decide_deletion(Some(&identity), false).plan);
            let more: Vec<_> = removal.difference(&seeing_removal).cloned().collect();
            prop_assert!(more.is_empty(), "{blind:?} makes {more:?} in a removal");
        }
    }
}
