//! Properties of adoption: a foreign role changes only if the annotation has its exact ARN, its existing content stays in any
//! case, and the operator releases it when its object is deleted. The properties record the existing content themselves and do
//! not rely on the code under test to tell it from Lanyard's. No I/O.

use std::collections::{BTreeMap, BTreeSet};

use lanyard_core::identity::Identity;
use lanyard_core::model::arn::{PolicyArn, RoleArn};
use lanyard_core::model::fact::Fact;
use lanyard_core::model::observed::RoleFacts;
use lanyard_core::model::reason::Reason;
use lanyard_core::model::spec::DeletionPolicy;
use lanyard_core::model::subject::{
    OWN_TAGS, TAG_ADOPTED, TAG_CLUSTER, TAG_NAME, TAG_NAMESPACE, TAG_RETAINED,
};
use lanyard_core::reconcile::step::Step;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use crate::adoption_setups::{Adoption, adoption};
use crate::fake_world::{World, foreign_association};
use crate::interruptions::{Stop, stop, timeless};
use crate::operator_model::Model;
use crate::out_of_band_edits::{Edit, apply_edit};
use crate::plan_effects::effects;
use crate::setups::{Setup, setup};
use crate::specs::{identity, subject};
use crate::step_order::in_order;
use crate::unreadable_facts::UNREADABLE_FACTS;

fn role<'a>(world: &'a World, arn: &RoleArn) -> &'a RoleFacts {
    &world.roles[arn]
}

/// Fails if any content of a foreign role changed.
fn content_stays(before: &RoleFacts, now: &RoleFacts) -> Result<(), TestCaseError> {
    prop_assert_eq!(&now.id, &before.id);
    let statements = |role: &RoleFacts| {
        role.trust
            .present()
            .map(|trust| trust.statements().to_vec())
            .unwrap()
    };
    for statement in statements(before) {
        prop_assert!(
            statements(now).contains(&statement),
            "{} was removed",
            statement.to_json()
        );
    }
    for (key, value) in before.tags.present().unwrap() {
        if !OWN_TAGS.contains(&key.as_str()) {
            prop_assert_eq!(now.tags.present().unwrap().get(key), Some(value), "tag {}", key);
        }
    }
    for policy in before.attached_arns() {
        prop_assert!(now.attached_arns().contains(policy), "{} was detached", policy);
    }
    for (name, document) in before.inline.present().unwrap() {
        prop_assert_eq!(
            now.inline.present().unwrap().get(name),
            Some(document),
            "inline {}",
            name
        );
    }
    prop_assert_eq!(&now.boundary, &before.boundary);
    if before.description.present().is_some() {
        prop_assert_eq!(&now.description, &before.description);
    }
    prop_assert!(now.max_session.present() >= before.max_session.present());
    Ok(())
}

/// Fails if a released role still has ownership tags, or still admits the subject.
fn is_released(role: &RoleFacts, identity: &Identity) -> Result<(), TestCaseError> {
    let tags: BTreeSet<&str> = role.tags.present().unwrap().keys().map(String::as_str).collect();
    let own: Vec<&str> = tags.into_iter().filter(|key| OWN_TAGS.contains(key)).collect();
    prop_assert_eq!(own, vec![TAG_RETAINED]);
    let request = lanyard_core::reconcile::admission::Request {
        subject: &identity.subject,
        cluster: &identity.cluster,
        binding: &identity.binding,
    };
    prop_assert!(!lanyard_core::reconcile::admission::may_admit(
        role.trust.present().unwrap(),
        request
    ));
    Ok(())
}

/// Returns true if the role was adopted. Fails if it was not and either changed or does not lack the boundary.
fn was_adopted(model: &Model, adoption: &Adoption, identity: &Identity) -> Result<bool, TestCaseError> {
    let now = role(&model.world, identity.role_arn());
    let has_tag = now.tags.present().unwrap().contains_key(TAG_ADOPTED);
    if !has_tag {
        let drift = model.decide(identity).drift;
        let reasons: Vec<Reason> = drift.conflicts.iter().map(|conflict| conflict.reason).collect();
        prop_assert_eq!(reasons, vec![Reason::BoundaryMissing]);
        prop_assert_eq!(now, &adoption.role);
    }
    Ok(has_tag)
}

proptest! {
    #![proptest_config(crate::cases())]

    #[test]
    fn adopted_role_keeps_foreign_content_whatever_spec_says(
        adoption in adoption(),
        extra in select(vec![
            Edit::Inline("more", 2),
            Edit::RoleTag("cost-center", "x"),
            Edit::TrustDenyAdded,
            Edit::MaxSession(43_200),
        ]),
    ) {
        let first = adoption.identity();
        let mut model = adoption.model()?;
        model.settle(&first)?;
        content_stays(&adoption.role, role(&model.world, first.role_arn()))?;
        if !was_adopted(&model, &adoption, &first)? {
            return Ok(());
        }
        apply_edit(&mut model.world, first.role_arn(), &extra);
        let mut foreign = adoption.role.clone();
        let mut world = model.world.clone();
        world.roles.insert(first.role_arn().clone(), foreign);
        apply_edit(&mut world, first.role_arn(), &extra);
        foreign = role(&world, first.role_arn()).clone();
        adoption.lose_records(&mut model);
        let second = identity(&adoption.second);
        model.settle(&second)?;
        content_stays(&foreign, role(&model.world, first.role_arn()))?;
        model.delete(Some(&second), false)?;
        let released = role(&model.world, first.role_arn());
        content_stays(&foreign, released)?;
        is_released(released, &second)?;
        prop_assert!(!model.world.object.finalizer);
    }

    #[test]
    fn plan_of_adopted_role_removes_only_applied_content(adoption in adoption()) {
        let mut model = adoption.model()?;
        model.settle(&adoption.identity())?;
        if !was_adopted(&model, &adoption, &adoption.identity())? {
            return Ok(());
        }
        adoption.lose_records(&mut model);
        let applied = model.status.last_applied_hashes.clone();
        for step in model.decide(&identity(&adoption.second)).plan.steps() {
            let by_us = |key: String| applied.contains_key(&key);
            let ours = match step {
                Step::DetachPolicy { policy, .. } => by_us(format!("policy/{policy}")),
                Step::DeleteInlinePolicy { name, .. } => by_us(format!("inline/{name}")),
                Step::UntagRole { keys, .. } => keys.iter().all(|key| by_us(format!("tag/{key}"))),
                Step::SetBoundary { .. } | Step::RemoveBoundary { .. } => by_us("permissionsBoundary".to_owned()),
                Step::SetTrust { .. } | Step::DeleteRole { .. } | Step::CreateRole { .. } => false,
                _ => true,
            };
            prop_assert!(ours, "{step}");
        }
    }

    #[test]
    fn interrupted_adoption_converges_to_same_world(adoption in adoption(), stops in vec(stop(), 1..4)) {
        let identity = adoption.identity();
        let mut uninterrupted = adoption.model()?;
        let mut interrupted = uninterrupted.clone();
        in_order(&uninterrupted.decide(&identity).plan)?;
        uninterrupted.settle(&identity)?;
        for stop in &stops {
            let steps = stop.cut(&interrupted.decide(&identity).plan);
            interrupted.apply_without_answers(steps.iter())?;
            content_stays(&adoption.role, role(&interrupted.world, identity.role_arn()))?;
        }
        interrupted.settle(&identity)?;
        prop_assert_eq!(timeless(&interrupted.world), timeless(&uninterrupted.world));
    }

    #[test]
    fn deletion_after_interruption_releases_adopted_role(
        adoption in adoption(),
        stops in vec(stop(), 0..3),
        deletion_stops in vec(stop(), 0..3),
    ) {
        let identity = adoption.identity();
        let mut model = adoption.model()?;
        cut(&mut model, &stops, |model| model.decide(&identity).plan)?;
        let adopted = role(&model.world, identity.role_arn()).tags.present().unwrap().contains_key(TAG_ADOPTED);
        cut(&mut model, &deletion_stops, |model| model.decide_deletion(None, false).plan)?;
        model.delete(Some(&identity), false)?;
        let released = role(&model.world, identity.role_arn());
        content_stays(&adoption.role, released)?;
        if adopted {
            is_released(released, &identity)?;
        }
    }

    /// Without the annotation, or with it while another WorkloadIdentity owns the role, even if that one has begun to release
    /// it.
    #[test]
    fn foreign_role_without_exact_arn_is_unchanged(adoption in adoption(), tags in option::of(tags_of_another_owner())) {
        let mut adoption = adoption;
        match tags {
            Some(tags) => adoption.role.tags = Fact::Present(tags),
            None => adoption.first.adopt.clear(),
        }
        let identity = adoption.identity();
        let mut model = adoption.model()?;
        model.settle(&identity)?;
        prop_assert_eq!(role(&model.world, identity.role_arn()), &adoption.role);
        model.delete(Some(&identity), false)?;
        prop_assert_eq!(role(&model.world, identity.role_arn()), &adoption.role);
    }

    /// The tags of another owner win over the status and over the adoption tag, since they were set last.
    #[test]
    fn role_with_tags_of_another_owner_is_unchanged(
        adoption in adoption(),
        adopts in any::<bool>(),
        tags in tags_of_another_owner(),
    ) {
        let mut adoption = adoption;
        let mut model = match adopts {
            true => adoption.model()?,
            false => {
                adoption.first.adopt.clear();
                Model::new(crate::fake_world::empty())
            }
        };
        let identity = adoption.identity();
        model.settle(&identity)?;
        let Some(now) = model.world.roles.get_mut(identity.role_arn()) else {
            return Ok(());
        };
        now.tags = Fact::Present(tags);
        let foreign = now.clone();
        model.settle(&identity)?;
        prop_assert_eq!(role(&model.world, identity.role_arn()), &foreign);
        model.delete(Some(&identity), false)?;
        let released = role(&model.world, identity.role_arn());
        prop_assert_eq!(&released.tags, &foreign.tags);
        prop_assert_eq!(released.attached_arns(), foreign.attached_arns());
    }

    /// After an interrupted release and the return of the object, an owned resource has no retained tag.
    #[test]
    fn owned_resource_has_no_retained_tag(adoption in adoption()) {
        let identity = adoption.identity();
        let mut model = adoption.model()?;
        model.settle(&identity)?;
        if !was_adopted(&model, &adoption, &identity)? {
            return Ok(());
        }
        apply_edit(&mut model.world, identity.role_arn(), &Edit::RoleTag(TAG_RETAINED, "true"));
        if let Some(association) = model.world.association.present_mut() {
            association.tags.insert(TAG_RETAINED.to_owned(), "true".to_owned());
        }
        model.settle(&identity)?;
        let now = role(&model.world, identity.role_arn());
        content_stays(&adoption.role, now)?;
        let tags = now.tags.present().unwrap();
        prop_assert!(subject().owns(tags) && !tags.contains_key(TAG_RETAINED), "{:?}", tags);
        if let Some(association) = model.world.association.present() {
            prop_assert!(!association.tags.contains_key(TAG_RETAINED), "{:?}", association.tags);
        }
    }

    /// While the adoption tag exists, users of the role may rely on the session duration that Lanyard set.
    #[test]
    fn session_of_adopted_role_never_gets_shorter(adoption in adoption()) {
        let mut model = adoption.model()?;
        let mut longest = 0;
        for identity in [adoption.identity(), identity(&adoption.second)] {
            model.settle(&identity)?;
            let now = role(&model.world, identity.role_arn()).max_session.present().copied();
            prop_assert!(now >= Some(longest), "{:?} after {}", now, longest);
            longest = now.unwrap();
        }
    }

    /// After the spec names another role, the adopted role has its original content.
    #[test]
    fn obsolete_adopted_role_is_released(adoption in adoption()) {
        let first = adoption.identity();
        let mut model = adoption.model()?;
        model.settle(&first)?;
        let mut spec = adoption.second.clone();
        spec.adopt.clear();
        spec.managed.as_mut().unwrap().name = Some("another".to_owned());
        let second = identity(&spec);
        if !was_adopted(&model, &adoption, &first)? {
            return Ok(());
        }
        let last = model.settle(&second)?;
        let released = role(&model.world, first.role_arn());
        content_stays(&adoption.role, released)?;
        if last.decision.transition == lanyard_core::reconcile::transition::TransitionState::Settled && last.decision.drift.conflicts.is_empty() {
            is_released(released, &first)?;
        }
    }

    /// Only the adoption tag keeps Lanyard from owning the whole role. Without it, the role is a managed role.
    #[test]
    fn role_without_adoption_tag_is_managed(adoption in adoption()) {
        let mut adoption = adoption;
        adoption.first.drift_policy = Some(lanyard_core::model::spec::DriftPolicy::Correct);
        let identity = adoption.identity();
        let mut model = adoption.model()?;
        model.settle(&identity)?;
        if !was_adopted(&model, &adoption, &identity)? {
            return Ok(());
        }
        apply_edit(&mut model.world, identity.role_arn(), &Edit::RoleTagRemoved(TAG_ADOPTED));
        model.settle(&identity)?;
        let managed = identity.managed.as_ref().unwrap();
        let now = role(&model.world, identity.role_arn());
        let attached: BTreeSet<&PolicyArn> = managed.attached.iter().collect();
        prop_assert_eq!(now.attached_arns(), attached);
        model.delete(Some(&identity), false)?;
        prop_assert!(role(&model.world, identity.role_arn()).id.is_absent());
    }

    /// An adopted association may be changed. It stays when its object is deleted, unless its role is deleted.
    #[test]
    fn adopted_association_stays_unless_its_role_is_deleted(setup in setup(), requested in any::<bool>()) {
        let mut spec = setup.spec.clone();
        spec.deletion_policy = Some(DeletionPolicy::Delete);
        let mut association = foreign_association(None);
        association.tags.clear();
        spec.adopt = if requested { vec![association.arn.clone()] } else { Vec::new() };
        let identity = identity(&spec);
        let setup = Setup { spec, before: None, edits: Vec::new(), ..setup };
        let mut model = setup.model()?;
        model.world.association = Fact::Present(association.clone());
        model.settle(&identity)?;
        if !requested {
            prop_assert_eq!(&model.world.association, &Fact::Present(association.clone()));
        }
        let associated_role = model.world.association.present().map(|now| now.role_arn.clone());
        let tags = model.world.association.present().map(|now| now.tags.clone());
        let adopted = tags.is_some_and(|tags| tags.contains_key(TAG_ADOPTED));
        let readable = effects(&model.decide_deletion(Some(&identity), false).plan);
        for fact in UNREADABLE_FACTS {
            model.unreadable = vec![fact];
            let deletion = effects(&model.decide_deletion(Some(&identity), false).plan);
            let more: Vec<_> = deletion.difference(&readable).cloned().collect();
            prop_assert!(more.is_empty(), "{fact:?} adds {more:?} to a deletion");
        }
        model.unreadable.clear();
        model.delete(Some(&identity), false)?;
        let exists = |arn: &RoleArn| model.world.roles.get(arn).is_none_or(|role| role.id.present().is_some());
        let released = model.world.association.present();
        match associated_role {
            Some(associated_role) if adopted => {
                prop_assert_eq!(released.is_some(), exists(&associated_role));
                prop_assert!(released.is_none_or(|released| released.tags.contains_key(TAG_RETAINED)));
            }
            Some(_) => prop_assert_eq!(released, Some(&association)),
            None => prop_assert_eq!(released, None),
        }
    }
}

/// The tags of another WorkloadIdentity that owns a role, with or without an interrupted release.
fn tags_of_another_owner() -> impl Strategy<Value = BTreeMap<String, String>> {
    let another = select(vec![
        (TAG_CLUSTER, "blue"),
        (TAG_NAMESPACE, "bank"),
        (TAG_NAME, "basket"),
    ]);
    (another, any::<bool>(), any::<bool>()).prop_map(|((key, value), retained, adopted)| {
        let mut tags = subject().ownership_tags();
        tags.insert(key.to_owned(), value.to_owned());
        let control = [(TAG_RETAINED, retained), (TAG_ADOPTED, adopted)];
        let present = control.into_iter().filter(|(_, is_present)| *is_present);
        tags.extend(present.map(|(tag, _)| (tag.to_owned(), "true".to_owned())));
        tags
    })
}

fn cut(
    model: &mut Model,
    stops: &[Stop],
    plan: impl Fn(&Model) -> lanyard_core::reconcile::plan::Plan,
) -> Result<(), TestCaseError> {
    for stop in stops {
        let steps = stop.cut(&plan(model));
        model.apply_without_answers(steps.iter())?;
    }
    Ok(())
}
