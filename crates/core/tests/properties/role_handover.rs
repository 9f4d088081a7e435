//! Properties of a role handover inside one cluster: one object releases a role that Lanyard created, and another object of its
//! namespace adopts it. The new owner waits for the release and is then admitted, and the previous subject stays admitted. No I/O.

use std::collections::BTreeMap;

use lanyard_core::identity::Identity;
use lanyard_core::model::fact::Fact;
use lanyard_core::model::observed::ServiceAccount;
use lanyard_core::model::reason::Reason;
use lanyard_core::model::spec::{DeletionPolicy, Spec};
use lanyard_core::model::subject::{TAG_ADOPTED, TAG_RETAINED};
use lanyard_core::reconcile::admission::{Request, may_admit};
use lanyard_core::reconcile::transition::TransitionState;
use proptest::prelude::*;

use crate::fake_world::{World, empty};
use crate::operator_model::Model;
use crate::setups::setup;
use crate::specs::{identity, identity_of, neighbour};

/// The spec of the previous owner of the role and the spec of the new owner.
fn specs() -> impl Strategy<Value = (Spec, Spec)> {
    (setup(), setup()).prop_filter_map("the role is not managed", |(before, after)| {
        let (mut before, mut new) = (before.spec, after.spec);
        before.managed.as_mut()?.name = Some("orders-b".to_owned());
        let (previous_role, new_role) = (before.managed.as_ref()?, new.managed.as_mut()?);
        new_role.name.clone_from(&previous_role.name);
        new_role
            .permissions_boundary_arn
            .clone_from(&previous_role.permissions_boundary_arn);
        new.adopt = vec![identity(&new).role_arn().to_string()];
        new.deletion_policy = Some(DeletionPolicy::Delete);
        Some((before, new))
    })
}

/// The world in which the role was created and released.
fn released_role(previous_owner: &Identity) -> Result<World, TestCaseError> {
    let mut world = empty();
    world.service_account = Fact::Present(ServiceAccount::default());
    let mut model = Model::new(world);
    model.settle(previous_owner)?;
    let mut world = empty();
    world.service_account = Fact::Present(ServiceAccount::default());
    world.provider = model.world.provider;
    world.roles = model.world.roles;
    for role in world.roles.values_mut() {
        role.tags = Fact::Present(BTreeMap::from([(TAG_RETAINED.to_owned(), "true".to_owned())]));
    }
    Ok(world)
}

fn is_admitted(model: &Model, identity: &Identity) -> bool {
    let request = Request {
        subject: &identity.subject,
        cluster: &identity.cluster,
        binding: &identity.binding,
    };
    let trust = &model.world.roles[identity.role_arn()].trust;
    trust.present().is_some_and(|trust| may_admit(trust, request))
}

proptest! {
    #![proptest_config(crate::cases())]

    #[test]
    fn adoption_of_owned_role_waits_and_changes_nothing((before, new_owner) in specs()) {
        let (previous_owner, new_owner) = (identity_of(&before, &neighbour()), identity(&new_owner));
        let mut world = released_role(&previous_owner)?;
        for role in world.roles.values_mut() {
            role.tags = Fact::Present(previous_owner.subject.ownership_tags());
        }
        let mut model = Model::new(world.clone());
        // It is no transition either: the admission of one subject is no record of another one.
        for _ in 0..3 {
            let run = model.reconcile(&new_owner)?;
            let reasons: Vec<Reason> = run.decision.drift.conflicts.iter().map(|conflict| conflict.reason).collect();
            prop_assert_eq!(reasons, vec![Reason::RoleConflict]);
            prop_assert_eq!(&run.decision.transition, &TransitionState::Settled);
        }
        prop_assert_eq!(&model.world.roles, &world.roles);
    }

    #[test]
    fn adopted_released_role_admits_both_subjects((before, new_owner) in specs()) {
        let (previous_owner, new_owner) = (identity_of(&before, &neighbour()), identity(&new_owner));
        let mut model = Model::new(released_role(&previous_owner)?);
        let last = model.settle(&new_owner)?;
        prop_assert_eq!(last.decision.drift.conflicts, vec![]);
        let role = &model.world.roles[new_owner.role_arn()];
        prop_assert!(role.tags.present().unwrap().contains_key(TAG_ADOPTED));
        prop_assert!(is_admitted(&model, &new_owner) && is_admitted(&model, &previous_owner));
        model.delete(Some(&new_owner), false)?;
        prop_assert!(is_admitted(&model, &previous_owner), "deletion of the new owner removed the admission of the previous one");
    }
}
