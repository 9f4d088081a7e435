//! A role that Lanyard made changes hands inside one cluster: one object lets it go, another of its namespace adopts it.
//! Whatever either asks for, the heir waits until then and gets in, and who had the role before is not put out.

use std::collections::BTreeMap;

use lanyard_core::identity::Identity;
use lanyard_core::model::fact::Fact;
use lanyard_core::model::observed::ServiceAccount;
use lanyard_core::model::reason::Reason;
use lanyard_core::model::spec::{DeletionPolicy, Spec};
use lanyard_core::model::subject::{TAG_ADOPTED, TAG_RETAINED};
use lanyard_core::reconcile::admission::{Request, lets_in};
use lanyard_core::reconcile::transition::TransitionState;
use proptest::prelude::*;

use crate::model::Model;
use crate::scenes::scene;
use crate::specs::{identity, identity_of, neighbour};
use crate::world::{Truth, empty};

/// What the one asked for who had the role, and what the heir asks for.
fn specs() -> impl Strategy<Value = (Spec, Spec)> {
    (scene(), scene()).prop_filter_map("Lanyard makes no role", |(before, after)| {
        let (mut before, mut heir) = (before.spec, after.spec);
        before.managed.as_mut()?.name = Some("orders-b".to_owned());
        let (had, asks) = (before.managed.as_ref()?, heir.managed.as_mut()?);
        asks.name.clone_from(&had.name);
        asks.permissions_boundary_arn
            .clone_from(&had.permissions_boundary_arn);
        heir.adopt = vec![identity(&heir).role_arn().to_string()];
        heir.deletion_policy = Some(DeletionPolicy::Delete);
        Some((before, heir))
    })
}

/// The world in which the role was made and let go.
fn let_go(had: &Identity) -> Result<Truth, TestCaseError> {
    let mut truth = empty();
    truth.service_account = Fact::Present(ServiceAccount::default());
    let mut model = Model::new(truth);
    model.settle(had)?;
    let mut truth = empty();
    truth.service_account = Fact::Present(ServiceAccount::default());
    truth.provider = model.truth.provider;
    truth.roles = model.truth.roles;
    for role in truth.roles.values_mut() {
        role.tags = Fact::Present(BTreeMap::from([(TAG_RETAINED.to_owned(), "true".to_owned())]));
    }
    Ok(truth)
}

fn is_let_in(model: &Model, identity: &Identity) -> bool {
    let request = Request {
        subject: &identity.subject,
        cluster: &identity.cluster,
        binding: &identity.binding,
    };
    let trust = &model.truth.roles[identity.role_arn()].trust;
    trust.present().is_some_and(|trust| lets_in(trust, request))
}

proptest! {
    #![proptest_config(crate::cases())]

    #[test]
    fn whoever_asks_for_a_role_that_is_held_waits_and_changes_nothing((before, heir) in specs()) {
        let (had, heir) = (identity_of(&before, &neighbour()), identity(&heir));
        let mut truth = let_go(&had)?;
        for role in truth.roles.values_mut() {
            role.tags = Fact::Present(had.subject.ownership_tags());
        }
        let mut model = Model::new(truth.clone());
        // It is no change of a binding either: that somebody is let in is nobody else's record.
        for _ in 0..3 {
            let pass = model.pass(&heir)?;
            let reasons: Vec<Reason> = pass.decision.drift.conflicts.iter().map(|conflict| conflict.reason).collect();
            prop_assert_eq!(reasons, vec![Reason::RoleConflict]);
            prop_assert_eq!(&pass.decision.stage, &TransitionState::Settled);
        }
        prop_assert_eq!(&model.truth.roles, &truth.roles);
    }

    #[test]
    fn whoever_adopts_a_role_that_was_let_go_gets_in_beside_who_had_it((before, heir) in specs()) {
        let (had, heir) = (identity_of(&before, &neighbour()), identity(&heir));
        let mut model = Model::new(let_go(&had)?);
        let last = model.settle(&heir)?;
        prop_assert_eq!(last.decision.drift.conflicts, vec![]);
        let role = &model.truth.roles[heir.role_arn()];
        prop_assert!(role.tags.present().unwrap().contains_key(TAG_ADOPTED));
        prop_assert!(is_let_in(&model, &heir) && is_let_in(&model, &had));
        model.remove(Some(&heir), false)?;
        prop_assert!(is_let_in(&model, &had), "the heir put the other out when it went");
    }
}
