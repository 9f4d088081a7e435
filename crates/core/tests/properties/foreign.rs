//! Nothing foreign is changed, and an emergency is not undone.
//! Whose a thing is, is judged here anew: by its tags, or by the id that our own create recorded.

use std::collections::BTreeMap;

use lanyard_core::identity::Identity;
use lanyard_core::model::arn::RoleArn;
use lanyard_core::model::fact::Fact;
use lanyard_core::model::observed::{Effect, RoleFacts};
use lanyard_core::model::status::Status;
use lanyard_iam_policy::{Document, only_denies};
use proptest::prelude::*;

use crate::model::Model;
use crate::scenes::scene;
use crate::shares::others_part;
use crate::specs::subject;
use crate::world::Truth;

pub fn role_is_ours(status: &Status, arn: &RoleArn, role: &RoleFacts) -> bool {
    let recorded = status.role.as_ref().is_some_and(|known| {
        known.arn == *arn && known.id.is_some() && known.id.as_ref() == role.id.present()
    });
    let tags = role.tags.present();
    (recorded && !tags.is_some_and(names_another)) || tags.is_some_and(|tags| subject().owns(tags))
}

fn names_another(tags: &BTreeMap<String, String>) -> bool {
    let ours = subject().ownership_tags();
    ours.keys().all(|key| tags.contains_key(key)) && ours.iter().any(|(key, value)| tags[key] != *value)
}

pub fn association_is_ours(status: &Status, truth: &Truth) -> bool {
    truth.association.present().is_some_and(|found| {
        let recorded = status
            .bindings
            .iter()
            .filter_map(|known| known.association.as_ref())
            .any(|known| known.id == found.id);
        let recorded = recorded && !names_another(&found.tags);
        found.owner_arn.is_none() && (recorded || subject().owns(&found.tags))
    })
}

fn annotation_is_ours(status: &Status, key: &str, ours: bool) -> bool {
    ours || status
        .last_applied_hashes
        .contains_key(&format!("annotation/{key}"))
}

/// Fails when something that was not ours is not as it was.
pub fn foreign_is_as_it_was(before: &Model, after: &Truth) -> Result<(), TestCaseError> {
    let status = &before.status;
    for (arn, role) in &before.truth.roles {
        if role.id.present().is_some() && !role_is_ours(status, arn, role) {
            let now = after.roles.get(arn);
            let apart = |role: &RoleFacts| RoleFacts {
                trust: Fact::Absent,
                ..role.clone()
            };
            prop_assert_eq!(now.map(apart), Some(apart(role)), "role {}", arn);
            // Of the trust, what is in none of the statements that Lanyard shares.
            let others = |role: &RoleFacts| role.trust.present().map(others_part);
            prop_assert_eq!(now.and_then(others), others(role), "trust of {}", arn);
        }
    }
    if before.truth.association.present().is_some() && !association_is_ours(status, &before.truth) {
        prop_assert_eq!(&after.association, &before.truth.association);
    }
    // A ServiceAccount that Lanyard created goes with whatever others wrote on it.
    if let Fact::Present(account) = &before.truth.service_account
        && !(account.created_by_us && after.service_account.is_absent())
    {
        for (key, found) in &account.annotations {
            if !annotation_is_ours(status, key, found.ours) {
                let now = after
                    .service_account
                    .present()
                    .and_then(|account| account.annotations.get(key));
                prop_assert_eq!(
                    now.map(|now| &now.value),
                    Some(&found.value),
                    "annotation {}",
                    key
                );
            }
        }
    }
    if let Fact::Present(provider) = &before.truth.provider {
        let kept = after
            .provider
            .present()
            .is_some_and(|now| now.client_ids.is_superset(&provider.client_ids));
        prop_assert!(kept, "the provider lost client IDs");
    }
    Ok(())
}

/// What nobody asked for and we never applied.
fn never_ours(status: &Status, asked: bool, key: String) -> bool {
    !asked && !status.last_applied_hashes.contains_key(&key)
}

/// Fails when an emergency measure or somebody's tag on the role that is kept was undone.
fn emergency_stands(before: &Model, identity: &Identity, after: &Truth) -> Result<(), TestCaseError> {
    let (status, arn) = (&before.status, identity.role_arn());
    let (Some(was), Some(now)) = (before.truth.roles.get(arn), after.roles.get(arn)) else {
        return Ok(());
    };
    let Some(managed) = &identity.managed else {
        return Ok(());
    };
    if was.id.present().is_none() {
        return Ok(());
    }
    for (key, value) in was.tags.present().into_iter().flatten() {
        if never_ours(status, managed.tags.contains_key(key), format!("tag/{key}")) {
            prop_assert_eq!(
                now.tags.present().and_then(|tags| tags.get(key)),
                Some(value),
                "tag {}",
                key
            );
        }
    }
    for (policy, effect) in was.attached.present().into_iter().flatten() {
        let harmless = *effect != Fact::Present(Effect::Grants);
        if harmless
            && never_ours(
                status,
                managed.attached.contains(policy),
                format!("policy/{policy}"),
            )
        {
            prop_assert!(now.attached_arns().contains(policy), "{} was detached", policy);
        }
    }
    let none = BTreeMap::new();
    for (name, document) in was.inline.present().unwrap_or(&none) {
        let denies = only_denies(document);
        if denies
            && never_ours(
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
    denials_stand(&was.trust, &now.trust)
}

fn denials_stand(was: &Fact<Document>, now: &Fact<Document>) -> Result<(), TestCaseError> {
    let statements = |trust: &Fact<Document>| {
        let trust = trust.present().map(Document::statements);
        trust.unwrap_or_default().to_vec()
    };
    for statement in statements(was) {
        if statement.element("Effect").is_some_and(|effect| effect == "Deny") {
            prop_assert!(
                statements(now).contains(&statement),
                "{} went",
                statement.to_json()
            );
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(crate::cases())]

    #[test]
    fn nothing_foreign_is_changed(scene in scene()) {
        let identity = scene.identity();
        let before = scene.model()?;
        let mut after = before.clone();
        after.settle(&identity)?;
        foreign_is_as_it_was(&before, &after.truth)?;
    }

    #[test]
    fn nothing_foreign_is_changed_by_a_removal(scene in scene(), valid in any::<bool>(), release in any::<bool>()) {
        let identity = scene.identity();
        let before = scene.model()?;
        let mut after = before.clone();
        after.remove(Some(&identity).filter(|_| valid), release)?;
        foreign_is_as_it_was(&before, &after.truth)?;
    }

    #[test]
    fn an_emergency_is_not_undone(scene in scene()) {
        let identity = scene.identity();
        let before = scene.model()?;
        let mut after = before.clone();
        after.settle(&identity)?;
        emergency_stands(&before, &identity, &after.truth)?;
    }
}
