//! Properties of the order of steps, stated pair by pair and independently of `Step::rank`. No I/O.

use lanyard_core::reconcile::plan::Plan;
use lanyard_core::reconcile::step::Step;
use proptest::prelude::*;

use crate::setups::setup;
use crate::unreadable_facts::unreadable_facts;

type Is = fn(&Step) -> bool;

fn is_aws(step: &Step) -> bool {
    step.resource().is_some()
}

fn writes_inventory(step: &Step) -> bool {
    matches!(step, Step::RecordInventory { .. })
}

fn provides(step: &Step) -> bool {
    matches!(step, Step::CreateProvider { .. } | Step::AddClientId { .. })
}

fn adopts(step: &Step) -> bool {
    matches!(step, Step::AdoptRole { .. } | Step::AdoptAssociation { .. })
}

/// Every change of an existing role or association.
fn changes(step: &Step) -> bool {
    let of_adoptable = step.role().is_some() || associates(step) || unbinds(step);
    of_adoptable && !adopts(step)
}

fn bounds(step: &Step) -> bool {
    matches!(step, Step::SetBoundary { .. })
}

fn takes_extras_off(step: &Step) -> bool {
    matches!(
        step,
        Step::DetachPolicy { first: true, .. } | Step::DeleteInlinePolicy { first: true, .. }
    )
}

fn creates_role(step: &Step) -> bool {
    matches!(step, Step::CreateRole { .. })
}

fn puts_policies_on(step: &Step) -> bool {
    matches!(step, Step::AttachPolicy { .. } | Step::PutInlinePolicy { .. })
}

fn takes_policies_off(step: &Step) -> bool {
    matches!(
        step,
        Step::DetachPolicy { first: false, .. } | Step::DeleteInlinePolicy { first: false, .. }
    )
}

fn trusts(step: &Step) -> bool {
    matches!(
        step,
        Step::SetTrust { .. } | Step::CreateRole { .. } | Step::PutSubject { .. }
    )
}

fn takes_trust_away(step: &Step) -> bool {
    matches!(step, Step::RemoveSubject { .. })
}

fn binds(step: &Step) -> bool {
    match step {
        Step::CreateAssociation { .. } | Step::UpdateAssociation { .. } => true,
        Step::Annotate { set, .. } => !set.is_empty(),
        _ => false,
    }
}

fn associates(step: &Step) -> bool {
    matches!(
        step,
        Step::CreateAssociation { .. } | Step::UpdateAssociation { .. }
    )
}

fn unbinds(step: &Step) -> bool {
    match step {
        Step::DeleteAssociation { .. } => true,
        Step::Annotate { set, remove, .. } => set.is_empty() && !remove.is_empty(),
        _ => false,
    }
}

fn deletes_account(step: &Step) -> bool {
    matches!(step, Step::DeleteServiceAccount {})
}

fn deletes_role(step: &Step) -> bool {
    matches!(step, Step::DeleteRole { .. } | Step::ReleaseRole { .. })
}

fn releases(step: &Step) -> bool {
    matches!(step, Step::ReleaseObject { .. })
}

/// Every step of the first kind completes before any step of the second kind begins.
const ORDER: [(Is, Is); 22] = [
    (writes_inventory, is_aws),
    (adopts, changes),
    (provides, creates_role),
    (bounds, puts_policies_on),
    (takes_extras_off, puts_policies_on),
    (takes_extras_off, trusts),
    (creates_role, puts_policies_on),
    (puts_policies_on, takes_policies_off),
    (puts_policies_on, binds),
    (trusts, binds),
    (provides, binds),
    (creates_role, binds),
    (associates, unbinds),
    (binds, takes_policies_off),
    (unbinds, takes_policies_off),
    (unbinds, deletes_role),
    (takes_policies_off, deletes_role),
    (trusts, takes_trust_away),
    (binds, takes_trust_away),
    (unbinds, takes_trust_away),
    (deletes_account, deletes_role),
    (is_aws, releases),
];

pub fn in_order(plan: &Plan) -> Result<(), TestCaseError> {
    let waves = || plan.waves.iter().enumerate();
    for (at, (first, second)) in ORDER.iter().enumerate() {
        // A step of both kinds (the creation of a role also sets its trust policy) breaks no rule.
        let last_of_first = waves()
            .filter(|(_, wave)| wave.iter().any(first))
            .map(|(wave, _)| wave)
            .max();
        let second_only = |step: &Step| second(step) && !first(step);
        let first_of_second = waves()
            .filter(|(_, wave)| wave.iter().any(second_only))
            .map(|(wave, _)| wave)
            .min();
        if let (Some(first), Some(second)) = (last_of_first, first_of_second) {
            prop_assert!(first < second, "rule {} is broken by {:#?}", at, plan.waves);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(crate::cases())]

    #[test]
    fn plan_follows_step_order(setup in setup(), unreadable in unreadable_facts()) {
        let identity = setup.identity();
        let mut model = setup.model()?;
        in_order(&model.decide(&identity).plan)?;
        in_order(&model.decide_deletion(Some(&identity), false).plan)?;
        in_order(&model.decide_deletion(None, true).plan)?;
        model.unreadable = unreadable;
        in_order(&model.decide(&identity).plan)?;
    }

    #[test]
    fn inventory_is_written_before_first_aws_step(setup in setup()) {
        let identity = setup.identity();
        let model = setup.model()?;
        let plan = model.decide(&identity).plan;
        let is_recorded = model.world.object.finalizer
            && model.world.object.inventory.as_ref().is_some_and(|inventory| inventory.roles.contains(&identity.inventory_entry()));
        if plan.steps().any(is_aws) {
            prop_assert!(is_recorded || plan.steps().next().is_some_and(writes_inventory));
        }
    }

    #[test]
    fn release_of_object_is_last_step_and_alone(setup in setup()) {
        let model = setup.model()?;
        let plan = model.decide_deletion(None, false).plan;
        if plan.steps().any(releases) {
            prop_assert_eq!(plan.waves.last().map(Vec::len), Some(1));
            prop_assert!(plan.steps().last().is_some_and(releases));
        }
    }
}
