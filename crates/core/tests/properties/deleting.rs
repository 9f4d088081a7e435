//! A removal leaves nothing that is ours and lets the object go: without a valid spec, with half of its memory, after
//! an outage. A release leaves everything and takes our name off it.

use lanyard_core::model::arn::RoleArn;
use lanyard_core::model::fact::{Fact, ReadError};
use lanyard_core::model::observed::{ControlMetadata, RoleFacts};
use lanyard_core::model::pods::PodList;
use lanyard_core::model::spec::DeletionPolicy;
use lanyard_core::model::subject::TAG_RETAINED;
use lanyard_core::reconcile::step::Step;
use proptest::prelude::*;

use crate::blinds::blinds;
use crate::foreign::{association_is_ours, role_is_ours};
use crate::model::Model;
use crate::scenes::{Memory, Scene, scene};
use crate::shares::{keeping_trust, memberships};
use crate::specs::subject;
use crate::world::Truth;

/// What of ours is in the world, in words.
pub fn ours(model: &Model) -> Vec<String> {
    let truth = &model.truth;
    let there = |role: &RoleFacts| role.id.present().is_some();
    let roles = truth
        .roles
        .iter()
        .filter(|(arn, role)| there(role) && role_is_ours(&model.status, arn, role))
        .map(|(arn, _)| arn.to_string());
    let mut ours: Vec<String> = roles.collect();
    ours.extend(memberships(truth));
    if association_is_ours(&model.status, truth) {
        ours.push("the association".to_owned());
    }
    if let Some(account) = truth.service_account.present() {
        let kept = account.annotations.iter().filter(|(_, found)| found.ours);
        ours.extend(kept.map(|(key, _)| key.clone()));
        ours.extend(account.created_by_us.then(|| "the ServiceAccount".to_owned()));
    }
    ours
}

/// The scene under which everything is removed.
pub fn deleting(scene: Scene) -> Scene {
    let mut scene = keeping_trust(scene);
    scene.spec.deletion_policy = Some(DeletionPolicy::Delete);
    if let Some(before) = &mut scene.before {
        before.deletion_policy = Some(DeletionPolicy::Delete);
    }
    scene
}

fn when_unused(scene: Scene) -> Scene {
    let mut scene = keeping_trust(scene);
    scene.spec.deletion_policy = Some(DeletionPolicy::DeleteWhenUnused);
    if let Some(before) = &mut scene.before {
        before.deletion_policy = Some(DeletionPolicy::DeleteWhenUnused);
    }
    scene
}

fn retaining(mut scene: Scene) -> Scene {
    scene.spec.deletion_policy = Some(DeletionPolicy::Retain);
    scene.before = Some(scene.spec.clone());
    scene
}

/// Fails when a role that carried our tags went, or still carries them.
fn only_released(before: &Truth, after: &Truth) -> Result<(), TestCaseError> {
    let tagged = |role: &&RoleFacts| role.tags.present().is_some_and(|tags| subject().owns(tags));
    let of = |arn: &RoleArn| after.roles.get(arn).and_then(|role| role.tags.present());
    for (arn, _) in before.roles.iter().filter(|(_, role)| tagged(role)) {
        let tags = of(arn).cloned().unwrap_or_default();
        prop_assert!(
            tags.contains_key(TAG_RETAINED),
            "{} is not released: {:?}",
            arn,
            tags
        );
        prop_assert!(!subject().owns(&tags), "{} still carries our tags", arn);
    }
    prop_assert_eq!(
        after.association.present().is_some(),
        before.association.present().is_some()
    );
    prop_assert_eq!(&after.service_account, &before.service_account);
    Ok(())
}

proptest! {
    #![proptest_config(crate::cases())]

    #[test]
    fn a_removal_leaves_nothing_of_ours(scene in scene(), valid in any::<bool>()) {
        let scene = deleting(scene);
        let identity = scene.identity();
        let mut model = scene.model()?;
        model.remove(Some(&identity).filter(|_| valid), false)?;
        prop_assert_eq!(ours(&model), Vec::<String>::new());
        prop_assert_eq!(&model.truth.object, &ControlMetadata::default());
    }

    /// Custody and status both gone: what the spec names and what the tags say is still enough.
    #[test]
    fn a_removal_without_any_memory_still_finds_what_the_spec_names(scene in scene()) {
        let mut scene = deleting(scene);
        scene.before = Some(scene.spec.clone());
        scene.memory = Memory::WithoutStatus;
        let identity = scene.identity();
        let mut model = scene.model()?;
        model.truth.object.inventory = None;
        model.remove(Some(&identity), false)?;
        prop_assert_eq!(ours(&model), Vec::<String>::new());
    }

    #[test]
    fn an_object_is_not_let_go_before_everything_of_ours_was_seen_to_be_gone(scene in scene(), blinds in blinds()) {
        let scene = deleting(scene);
        let identity = scene.identity();
        let mut model = scene.model()?;
        // An object that was never looked at has neither marks nor anything of ours behind it.
        if !model.truth.object.finalizer {
            return Ok(());
        }
        model.blinds = blinds;
        model.remove(Some(&identity), false)?;
        if !model.truth.object.finalizer {
            prop_assert_eq!(ours(&model), Vec::<String>::new());
        }
        model.blinds.clear();
        model.remove(Some(&identity), false)?;
        prop_assert_eq!(ours(&model), Vec::<String>::new());
        prop_assert!(!model.truth.object.finalizer);
    }

    #[test]
    fn a_role_is_not_taken_from_under_a_binding_that_may_still_be_there(scene in scene(), blinds in blinds()) {
        let scene = deleting(scene);
        let mut model = scene.model()?;
        model.blinds = blinds;
        let identity = scene.identity();
        let plan = model.decide_deletion(Some(&identity), false).plan;
        let takes = |which: fn(&Step) -> bool| plan.steps().any(which);
        if takes(|step| matches!(step, Step::DeleteRole { .. })) {
            let observed = model.observe_removal(Some(&identity));
            prop_assert!(observed.association.unreadable().is_none());
            prop_assert!(observed.service_account.unreadable().is_none());
            let unbinds = takes(|step| matches!(step, Step::DeleteAssociation {}));
            prop_assert_eq!(unbinds, association_is_ours(&model.status, &observed));
        }
    }

    /// Whatever of ours is there stays for as long as a pod may use it, and goes when none does.
    #[test]
    fn what_pods_use_is_removed_only_after_the_last_of_them(scene in scene(), unread in any::<bool>()) {
        let scene = when_unused(scene);
        let mut model = scene.model()?;
        // Custody says so only once a look has been taken; before, nothing of ours is there.
        if model.truth.object.inventory.as_ref().is_none_or(|inventory| inventory.deletion_policy != DeletionPolicy::DeleteWhenUnused) {
            return Ok(());
        }
        model.truth.pods = match unread {
            true => Fact::Unreadable(ReadError::Throttled),
            false => Fact::Present(PodList { items: vec![crate::scenes::old_pod()], fresh: true }),
        };
        let before = ours(&model);
        let plan = model.decide_deletion(None, false).plan;
        if !before.is_empty() {
            prop_assert!(plan.is_empty() && !plan.waiting_for.is_empty(), "{:?}", plan);
        }
        model.truth.pods = Fact::Present(PodList { fresh: true, ..PodList::default() });
        model.remove(None, false)?;
        prop_assert_eq!(ours(&model), Vec::<String>::new());
    }

    #[test]
    fn retaining_releases_and_removes_nothing(scene in scene()) {
        let scene = retaining(scene);
        let identity = scene.identity();
        let mut model = scene.model()?;
        model.truth.object.inventory.get_or_insert_with(|| {
            lanyard_core::model::inventory::Inventory::new(DeletionPolicy::Retain, vec![identity.inventory_entry()])
        });
        let before = model.truth.clone();
        model.remove(Some(&identity), false)?;
        only_released(&before, &model.truth)?;
        prop_assert!(!model.truth.object.finalizer);
    }

    #[test]
    fn a_suspended_object_is_released_by_steps_that_only_release(scene in scene(), blinds in blinds()) {
        let identity = scene.identity();
        let mut model = scene.model()?;
        model.blinds = blinds;
        let plan = model.decide_deletion(Some(&identity), true).plan;
        prop_assert!(plan.steps().all(Step::only_releases));
        model.remove(Some(&identity), true)?;
        prop_assert_eq!(&model.truth.object, &ControlMetadata::default());
    }
}
