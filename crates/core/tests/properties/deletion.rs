//! Properties of deletion: it removes everything that Lanyard owns and then the finalizer, without a valid spec, with half of
//! the records, and after an outage. A release keeps every resource and removes the ownership tags. No I/O.

use lanyard_core::model::arn::RoleArn;
use lanyard_core::model::fact::{Fact, ReadError};
use lanyard_core::model::observed::{ControlMetadata, RoleFacts};
use lanyard_core::model::pods::PodList;
use lanyard_core::model::spec::DeletionPolicy;
use lanyard_core::model::subject::TAG_RETAINED;
use lanyard_core::reconcile::step::Step;
use proptest::prelude::*;

use crate::fake_world::World;
use crate::foreign_resources::{association_is_ours, role_is_ours};
use crate::operator_model::Model;
use crate::setups::{Recorded, Setup, setup};
use crate::shared_trust::{keeping_trust, memberships};
use crate::specs::subject;
use crate::unreadable_facts::unreadable_facts;

/// The resources in the world that Lanyard owns, as text.
pub fn owned(model: &Model) -> Vec<String> {
    let world = &model.world;
    let exists = |role: &RoleFacts| role.id.present().is_some();
    let roles = world
        .roles
        .iter()
        .filter(|(arn, role)| exists(role) && role_is_ours(&model.status, arn, role))
        .map(|(arn, _)| arn.to_string());
    let mut owned: Vec<String> = roles.collect();
    owned.extend(memberships(world));
    if association_is_ours(&model.status, world) {
        owned.push("the association".to_owned());
    }
    if let Some(account) = world.service_account.present() {
        let annotations = account
            .annotations
            .iter()
            .filter(|(_, annotation)| annotation.ours);
        owned.extend(annotations.map(|(key, _)| key.clone()));
        owned.extend(account.created_by_us.then(|| "the ServiceAccount".to_owned()));
    }
    owned
}

/// The setup with `deletionPolicy: Delete`.
pub fn deleting(setup: Setup) -> Setup {
    let mut setup = keeping_trust(setup);
    setup.spec.deletion_policy = Some(DeletionPolicy::Delete);
    if let Some(before) = &mut setup.before {
        before.deletion_policy = Some(DeletionPolicy::Delete);
    }
    setup
}

fn when_unused(setup: Setup) -> Setup {
    let mut setup = keeping_trust(setup);
    setup.spec.deletion_policy = Some(DeletionPolicy::DeleteWhenUnused);
    if let Some(before) = &mut setup.before {
        before.deletion_policy = Some(DeletionPolicy::DeleteWhenUnused);
    }
    setup
}

fn retaining(mut setup: Setup) -> Setup {
    setup.spec.deletion_policy = Some(DeletionPolicy::Retain);
    setup.before = Some(setup.spec.clone());
    setup
}

/// Fails if a role with the ownership tags was deleted, or still has them.
fn only_released(before: &World, after: &World) -> Result<(), TestCaseError> {
    let tagged = |role: &&RoleFacts| role.tags.present().is_some_and(|tags| subject().owns(tags));
    let tags_of = |arn: &RoleArn| after.roles.get(arn).and_then(|role| role.tags.present());
    for (arn, _) in before.roles.iter().filter(|(_, role)| tagged(role)) {
        let tags = tags_of(arn).cloned().unwrap_or_default();
        prop_assert!(
            tags.contains_key(TAG_RETAINED),
            "{} is not released: {:?}",
            arn,
            tags
        );
        prop_assert!(!subject().owns(&tags), "{} still has the ownership tags", arn);
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
    fn deletion_removes_every_owned_resource(setup in setup(), valid in any::<bool>()) {
        let setup = deleting(setup);
        let identity = setup.identity();
        let mut model = setup.model()?;
        model.delete(Some(&identity).filter(|_| valid), false)?;
        prop_assert_eq!(owned(&model), Vec::<String>::new());
        prop_assert_eq!(&model.world.object, &ControlMetadata::default());
    }

    /// Without inventory and status, the spec and the tags still identify the resources.
    #[test]
    fn deletion_without_records_removes_resources_of_spec(setup in setup()) {
        let mut setup = deleting(setup);
        setup.before = Some(setup.spec.clone());
        setup.recorded = Recorded::WithoutStatus;
        let identity = setup.identity();
        let mut model = setup.model()?;
        model.world.object.inventory = None;
        model.delete(Some(&identity), false)?;
        prop_assert_eq!(owned(&model), Vec::<String>::new());
    }

    #[test]
    fn finalizer_stays_until_every_owned_resource_is_gone(setup in setup(), unreadable in unreadable_facts()) {
        let setup = deleting(setup);
        let identity = setup.identity();
        let mut model = setup.model()?;
        // An object that was never reconciled has no finalizer and owns no resource.
        if !model.world.object.finalizer {
            return Ok(());
        }
        model.unreadable = unreadable;
        model.delete(Some(&identity), false)?;
        if !model.world.object.finalizer {
            prop_assert_eq!(owned(&model), Vec::<String>::new());
        }
        model.unreadable.clear();
        model.delete(Some(&identity), false)?;
        prop_assert_eq!(owned(&model), Vec::<String>::new());
        prop_assert!(!model.world.object.finalizer);
    }

    #[test]
    fn role_stays_while_its_binding_may_exist(setup in setup(), unreadable in unreadable_facts()) {
        let setup = deleting(setup);
        let mut model = setup.model()?;
        model.unreadable = unreadable;
        let identity = setup.identity();
        let plan = model.decide_deletion(Some(&identity), false).plan;
        let has_step = |is: fn(&Step) -> bool| plan.steps().any(is);
        if has_step(|step| matches!(step, Step::DeleteRole { .. })) {
            let observed = model.observe_deletion(Some(&identity));
            prop_assert!(observed.association.unreadable().is_none());
            prop_assert!(observed.service_account.unreadable().is_none());
            let unbinds = has_step(|step| matches!(step, Step::DeleteAssociation { .. }));
            prop_assert_eq!(unbinds, association_is_ours(&model.status, &observed));
        }
    }

    /// Every owned resource stays while a pod may use it, and is deleted when no pod does.
    #[test]
    fn used_resources_stay_until_last_pod_ends(setup in setup(), unread in any::<bool>()) {
        let setup = when_unused(setup);
        let mut model = setup.model()?;
        // The inventory has the policy only after a reconcile. Before it, Lanyard owns nothing.
        if model.world.object.inventory.as_ref().is_none_or(|inventory| inventory.deletion_policy != DeletionPolicy::DeleteWhenUnused) {
            return Ok(());
        }
        model.world.pods = match unread {
            true => Fact::Unreadable(ReadError::Throttled),
            false => Fact::Present(PodList { items: vec![crate::setups::old_pod()], fresh: true }),
        };
        let before = owned(&model);
        let plan = model.decide_deletion(None, false).plan;
        if !before.is_empty() {
            prop_assert!(plan.is_empty() && !plan.waiting_for.is_empty(), "{:?}", plan);
        }
        model.world.pods = Fact::Present(PodList { fresh: true, ..PodList::default() });
        model.delete(None, false)?;
        prop_assert_eq!(owned(&model), Vec::<String>::new());
    }

    #[test]
    fn retain_releases_and_deletes_nothing(setup in setup()) {
        let setup = retaining(setup);
        let identity = setup.identity();
        let mut model = setup.model()?;
        model.world.object.inventory.get_or_insert_with(|| {
            lanyard_core::model::inventory::Inventory::new(DeletionPolicy::Retain, vec![identity.inventory_entry()])
        });
        let before = model.world.clone();
        model.delete(Some(&identity), false)?;
        only_released(&before, &model.world)?;
        prop_assert!(!model.world.object.finalizer);
    }

    #[test]
    fn deletion_of_suspended_object_only_releases(setup in setup(), unreadable in unreadable_facts()) {
        let identity = setup.identity();
        let mut model = setup.model()?;
        model.unreadable = unreadable;
        let plan = model.decide_deletion(Some(&identity), true).plan;
        prop_assert!(plan.steps().all(Step::only_releases));
        model.delete(Some(&identity), true)?;
        prop_assert_eq!(&model.world.object, &ControlMetadata::default());
    }
}
