//! Properties of foreign resources: no reconcile changes them, and no reconcile reverts an emergency measure. The properties
//! determine the owner themselves, by the tags or by the ID that Lanyard's own create recorded. No I/O.

use std::collections::BTreeMap;

use lanyard_core::identity::Identity;
use lanyard_core::model::arn::RoleArn;
use lanyard_core::model::fact::Fact;
use lanyard_core::model::observed::{Effect, RoleFacts};
use lanyard_core::model::status::Status;
use lanyard_iam_policy::{Document, only_denies};
use proptest::prelude::*;

use crate::fake_world::World;
use crate::operator_model::Model;
use crate::setups::setup;
use crate::shared_trust::foreign_part;
use crate::specs::subject;

pub fn role_is_ours(status: &Status, arn: &RoleArn, role: &RoleFacts) -> bool {
    let recorded = status.role.as_ref().is_some_and(|known| {
        known.arn == *arn && known.id.is_some() && known.id.as_ref() == role.id.present()
    });
    let tags = role.tags.present();
    (recorded && !tags.is_some_and(name_another_owner)) || tags.is_some_and(|tags| subject().owns(tags))
}

fn name_another_owner(tags: &BTreeMap<String, String>) -> bool {
    let ours = subject().ownership_tags();
    ours.keys().all(|key| tags.contains_key(key)) && ours.iter().any(|(key, value)| tags[key] != *value)
}

pub fn association_is_ours(status: &Status, world: &World) -> bool {
    world.association.present().is_some_and(|association| {
        let recorded = status
            .bindings
            .iter()
            .filter_map(|known| known.association.as_ref())
            .any(|known| known.id == association.id);
        let recorded = recorded && !name_another_owner(&association.tags);
        association.owner_arn.is_none() && (recorded || subject().owns(&association.tags))
    })
}

fn annotation_is_ours(status: &Status, key: &str, ours: bool) -> bool {
    ours || status
        .last_applied_hashes
        .contains_key(&format!("annotation/{key}"))
}

/// Fails if a foreign resource changed.
pub fn foreign_is_unchanged(before: &Model, after: &World) -> Result<(), TestCaseError> {
    let status = &before.status;
    for (arn, role) in &before.world.roles {
        if role.id.present().is_some() && !role_is_ours(status, arn, role) {
            let now = after.roles.get(arn);
            let without_trust = |role: &RoleFacts| RoleFacts {
                trust: Fact::Absent,
                ..role.clone()
            };
            prop_assert_eq!(now.map(without_trust), Some(without_trust(role)), "role {}", arn);
            // The statements of the trust policy that Lanyard does not share.
            let foreign = |role: &RoleFacts| role.trust.present().map(foreign_part);
            prop_assert_eq!(now.and_then(foreign), foreign(role), "trust of {}", arn);
        }
    }
    if before.world.association.present().is_some() && !association_is_ours(status, &before.world) {
        prop_assert_eq!(&after.association, &before.world.association);
    }
    // A ServiceAccount that Lanyard created is deleted with every foreign annotation.
    if let Fact::Present(account) = &before.world.service_account
        && !(account.created_by_us && after.service_account.is_absent())
    {
        for (key, annotation) in &account.annotations {
            if !annotation_is_ours(status, key, annotation.ours) {
                let now = after
                    .service_account
                    .present()
                    .and_then(|account| account.annotations.get(key));
                prop_assert_eq!(
                    now.map(|now| &now.value),
                    Some(&annotation.value),
                    "annotation {}",
                    key
                );
            }
        }
    }
    if let Fact::Present(provider) = &before.world.provider {
        let kept = after
            .provider
            .present()
            .is_some_and(|now| now.client_ids.is_superset(&provider.client_ids));
        prop_assert!(kept, "the provider lost client IDs");
    }
    Ok(())
}

/// Returns true for a field that the spec does not set and that Lanyard never applied.
fn was_never_applied(status: &Status, is_desired: bool, key: String) -> bool {
    !is_desired && !status.last_applied_hashes.contains_key(&key)
}

/// Fails if an emergency measure, or a foreign tag, on the managed role was removed.
fn emergency_measures_stay(before: &Model, identity: &Identity, after: &World) -> Result<(), TestCaseError> {
    let (status, arn) = (&before.status, identity.role_arn());
    let (Some(before_role), Some(now)) = (before.world.roles.get(arn), after.roles.get(arn)) else {
        return Ok(());
    };
    let Some(managed) = &identity.managed else {
        return Ok(());
    };
    if before_role.id.present().is_none() {
        return Ok(());
    }
    for (key, value) in before_role.tags.present().into_iter().flatten() {
        if was_never_applied(status, managed.tags.contains_key(key), format!("tag/{key}")) {
            prop_assert_eq!(
                now.tags.present().and_then(|tags| tags.get(key)),
                Some(value),
                "tag {}",
                key
            );
        }
    }
    for (policy, effect) in before_role.attached.present().into_iter().flatten() {
        let grants_nothing = *effect != Fact::Present(Effect::Grants);
        if grants_nothing
            && was_never_applied(
                status,
                managed.attached.contains(policy),
                format!("policy/{policy}"),
            )
        {
            prop_assert!(now.attached_arns().contains(policy), "{} was detached", policy);
        }
    }
    let none = BTreeMap::new();
    for (name, document) in before_role.inline.present().unwrap_or(&none) {
        let denies = only_denies(document);
        if denies
            && was_never_applied(
                status,
                managed.inline.contains_key(name),
                format!("inline/{name}"),
            )
        {
            prop_assert_eq!(
                now.inline.present().and_then(|inline| inline.get(name)),
                Some(document)
            );
        }
    }
    denials_stay(&before_role.trust, &now.trust)
}

fn denials_stay(before: &Fact<Document>, now: &Fact<Document>) -> Result<(), TestCaseError> {
    let statements = |trust: &Fact<Document>| {
        let trust = trust.present().map(Document::statements);
        trust.unwrap_or_default().to_vec()
    };
    for statement in statements(before) {
        if statement.element("Effect").is_some_and(|effect| effect == "Deny") {
            prop_assert!(
                statements(now).contains(&statement),
                "{} was removed",
                statement.to_json()
            );
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(crate::cases())]

    #[test]
    fn foreign_resources_are_unchanged(setup in setup()) {
        let identity = setup.identity();
        let before = setup.model()?;
        let mut after = before.clone();
        after.settle(&identity)?;
        foreign_is_unchanged(&before, &after.world)?;
    }

    #[test]
    fn foreign_resources_are_unchanged_by_deletion(setup in setup(), valid in any::<bool>(), release in any::<bool>()) {
        let identity = setup.identity();
        let before = setup.model()?;
        let mut after = before.clone();
        after.delete(Some(&identity).filter(|_| valid), release)?;
        foreign_is_unchanged(&before, &after.world)?;
    }

    #[test]
    fn emergency_measure_is_not_reverted(setup in setup()) {
        let identity = setup.identity();
        let before = setup.model()?;
        let mut after = before.clone();
        after.settle(&identity)?;
        emergency_measures_stay(&before, &identity, &after.world)?;
    }
}
