//! Adoption: nothing foreign changes without the exact ARN; what others put on an adopted role stays, whatever is asked
//! for, forgotten or stopped; and the role is let go, not removed, when its object goes.
//! What others put there is remembered here before anything begins, apart from what the code takes for theirs.

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

use crate::adoptions::{Adoption, adoption};
use crate::atoms::atoms;
use crate::blinds::BLINDS;
use crate::edits::{Edit, make};
use crate::model::Model;
use crate::ordering::in_order;
use crate::scenes::{Scene, scene};
use crate::specs::{identity, subject};
use crate::stopping::{Stop, stop, timeless};
use crate::world::{Truth, association_of_others};

fn role<'a>(truth: &'a Truth, arn: &RoleArn) -> &'a RoleFacts {
    &truth.roles[arn]
}

/// Fails when something of a role that others put there is not as they left it.
fn stays(theirs: &RoleFacts, now: &RoleFacts) -> Result<(), TestCaseError> {
    prop_assert_eq!(&now.id, &theirs.id);
    let statements = |role: &RoleFacts| {
        role.trust
            .present()
            .map(|trust| trust.statements().to_vec())
            .unwrap()
    };
    for statement in statements(theirs) {
        prop_assert!(
            statements(now).contains(&statement),
            "{} went",
            statement.to_json()
        );
    }
    for (key, value) in theirs.tags.present().unwrap() {
        if !OWN_TAGS.contains(&key.as_str()) {
            prop_assert_eq!(now.tags.present().unwrap().get(key), Some(value), "tag {}", key);
        }
    }
    for policy in theirs.attached_arns() {
        prop_assert!(now.attached_arns().contains(policy), "{} was detached", policy);
    }
    for (name, document) in theirs.inline.present().unwrap() {
        prop_assert_eq!(
            now.inline.present().unwrap().get(name),
            Some(document),
            "inline {}",
            name
        );
    }
    prop_assert_eq!(&now.boundary, &theirs.boundary);
    if theirs.description.present().is_some() {
        prop_assert_eq!(&now.description, &theirs.description);
    }
    prop_assert!(now.max_session.present() >= theirs.max_session.present());
    Ok(())
}

/// Fails when a role that its object let go still says that it is Lanyard's, or still lets the subject in.
fn is_released(role: &RoleFacts, identity: &Identity) -> Result<(), TestCaseError> {
    let tags: BTreeSet<&str> = role.tags.present().unwrap().keys().map(String::as_str).collect();
    let own: Vec<&str> = tags.into_iter().filter(|key| OWN_TAGS.contains(key)).collect();
    prop_assert_eq!(own, vec![TAG_RETAINED]);
    let request = lanyard_core::reconcile::admission::Request {
        subject: &identity.subject,
        cluster: &identity.cluster,
        binding: &identity.binding,
    };
    prop_assert!(!lanyard_core::reconcile::admission::lets_in(
        role.trust.present().unwrap(),
        request
    ));
    Ok(())
}

/// Whether the role was adopted; if not, it has to be as it was, and the reason is that it lacks the boundary.
fn was_adopted(model: &Model, adoption: &Adoption, identity: &Identity) -> Result<bool, TestCaseError> {
    let now = role(&model.truth, identity.role_arn());
    let marked = now.tags.present().unwrap().contains_key(TAG_ADOPTED);
    if !marked {
        let drift = model.decide(identity).drift;
        let reasons: Vec<Reason> = drift.conflicts.iter().map(|conflict| conflict.reason).collect();
        prop_assert_eq!(reasons, vec![Reason::BoundaryMissing]);
        prop_assert_eq!(now, &adoption.role);
    }
    Ok(marked)
}

proptest! {
    #![proptest_config(crate::cases())]

    #[test]
    fn what_others_put_on_an_adopted_role_stays_whatever_is_asked_for(
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
        stays(&adoption.role, role(&model.truth, first.role_arn()))?;
        if !was_adopted(&model, &adoption, &first)? {
            return Ok(());
        }
        make(&mut model.truth, first.role_arn(), &extra);
        let mut theirs = adoption.role.clone();
        let mut world = model.truth.clone();
        world.roles.insert(first.role_arn().clone(), theirs);
        make(&mut world, first.role_arn(), &extra);
        theirs = role(&world, first.role_arn()).clone();
        adoption.forget(&mut model);
        let then = identity(&adoption.then);
        model.settle(&then)?;
        stays(&theirs, role(&model.truth, first.role_arn()))?;
        model.remove(Some(&then), false)?;
        let left = role(&model.truth, first.role_arn());
        stays(&theirs, left)?;
        is_released(left, &then)?;
        prop_assert!(!model.truth.object.finalizer);
    }

    #[test]
    fn no_plan_for_an_adopted_role_takes_away_what_was_not_applied(adoption in adoption()) {
        let mut model = adoption.model()?;
        model.settle(&adoption.identity())?;
        if !was_adopted(&model, &adoption, &adoption.identity())? {
            return Ok(());
        }
        adoption.forget(&mut model);
        let applied = model.status.last_applied_hashes.clone();
        for step in model.decide(&identity(&adoption.then)).plan.steps() {
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
    fn an_adoption_that_is_stopped_anywhere_comes_out_the_same(adoption in adoption(), stops in vec(stop(), 1..4)) {
        let identity = adoption.identity();
        let mut straight = adoption.model()?;
        let mut torn = straight.clone();
        in_order(&straight.decide(&identity).plan)?;
        straight.settle(&identity)?;
        for stop in &stops {
            let steps = stop.cut(&torn.decide(&identity).plan);
            torn.take_unheard(steps.iter())?;
            stays(&adoption.role, role(&torn.truth, identity.role_arn()))?;
        }
        torn.settle(&identity)?;
        prop_assert_eq!(timeless(&torn.truth), timeless(&straight.truth));
    }

    #[test]
    fn a_removal_after_any_stop_lets_the_role_go(
        adoption in adoption(),
        stops in vec(stop(), 0..3),
        leaving in vec(stop(), 0..3),
    ) {
        let identity = adoption.identity();
        let mut model = adoption.model()?;
        cut(&mut model, &stops, |model| model.decide(&identity).plan)?;
        let adopted = role(&model.truth, identity.role_arn()).tags.present().unwrap().contains_key(TAG_ADOPTED);
        cut(&mut model, &leaving, |model| model.decide_deletion(None, false).plan)?;
        model.remove(Some(&identity), false)?;
        let left = role(&model.truth, identity.role_arn());
        stays(&adoption.role, left)?;
        if adopted {
            is_released(left, &identity)?;
        }
    }

    /// Without the annotation, and with it while another WorkloadIdentity holds the role, even one that was about to let
    /// it go and came back.
    #[test]
    fn without_its_exact_arn_a_role_of_others_is_as_it_was(adoption in adoption(), pod in option::of(pod())) {
        let mut adoption = adoption;
        match pod {
            Some(tags) => adoption.role.tags = Fact::Present(tags),
            None => adoption.first.adopt.clear(),
        }
        let identity = adoption.identity();
        let mut model = adoption.model()?;
        model.settle(&identity)?;
        prop_assert_eq!(role(&model.truth, identity.role_arn()), &adoption.role);
        model.remove(Some(&identity), false)?;
        prop_assert_eq!(role(&model.truth, identity.role_arn()), &adoption.role);
    }

    /// Whatever the status remembers, and whether the mark stands: tags that name another holder were set last.
    #[test]
    fn a_role_that_came_to_name_another_holder_is_theirs(
        adoption in adoption(),
        adopts in any::<bool>(),
        pod in pod(),
    ) {
        let mut adoption = adoption;
        let mut model = match adopts {
            true => adoption.model()?,
            false => {
                adoption.first.adopt.clear();
                Model::new(crate::world::empty())
            }
        };
        let identity = adoption.identity();
        model.settle(&identity)?;
        let Some(now) = model.truth.roles.get_mut(identity.role_arn()) else {
            return Ok(());
        };
        now.tags = Fact::Present(pod);
        let theirs = now.clone();
        model.settle(&identity)?;
        prop_assert_eq!(role(&model.truth, identity.role_arn()), &theirs);
        model.remove(Some(&identity), false)?;
        let left = role(&model.truth, identity.role_arn());
        prop_assert_eq!(&left.tags, &theirs.tags);
        prop_assert_eq!(left.attached_arns(), theirs.attached_arns());
    }

    /// A release that was stopped half way, and the object came back: what is ours does not say that it was let go.
    #[test]
    fn what_is_held_does_not_say_that_it_was_let_go(adoption in adoption()) {
        let identity = adoption.identity();
        let mut model = adoption.model()?;
        model.settle(&identity)?;
        if !was_adopted(&model, &adoption, &identity)? {
            return Ok(());
        }
        make(&mut model.truth, identity.role_arn(), &Edit::RoleTag(TAG_RETAINED, "true"));
        if let Some(found) = model.truth.association.present_mut() {
            found.tags.insert(TAG_RETAINED.to_owned(), "true".to_owned());
        }
        model.settle(&identity)?;
        let now = role(&model.truth, identity.role_arn());
        stays(&adoption.role, now)?;
        let tags = now.tags.present().unwrap();
        prop_assert!(subject().owns(tags) && !tags.contains_key(TAG_RETAINED), "{:?}", tags);
        if let Some(found) = model.truth.association.present() {
            prop_assert!(!found.tags.contains_key(TAG_RETAINED), "{:?}", found.tags);
        }
    }

    /// While the mark stands others may have come to count on a session as long as Lanyard made it.
    #[test]
    fn the_session_of_an_adopted_role_is_never_made_shorter(adoption in adoption()) {
        let mut model = adoption.model()?;
        let mut longest = 0;
        for identity in [adoption.identity(), identity(&adoption.then)] {
            model.settle(&identity)?;
            let now = role(&model.truth, identity.role_arn()).max_session.present().copied();
            prop_assert!(now >= Some(longest), "{:?} after {}", now, longest);
            longest = now.unwrap();
        }
    }

    /// The spec came to name another role: the adopted one is left behind as it was found.
    #[test]
    fn an_adopted_role_that_is_left_behind_is_let_go(adoption in adoption()) {
        let first = adoption.identity();
        let mut model = adoption.model()?;
        model.settle(&first)?;
        let mut spec = adoption.then.clone();
        spec.adopt.clear();
        spec.managed.as_mut().unwrap().name = Some("another".to_owned());
        let then = identity(&spec);
        if !was_adopted(&model, &adoption, &first)? {
            return Ok(());
        }
        let last = model.settle(&then)?;
        let left = role(&model.truth, first.role_arn());
        stays(&adoption.role, left)?;
        if last.decision.stage == lanyard_core::reconcile::transition::TransitionState::Settled && last.decision.drift.conflicts.is_empty() {
            is_released(left, &first)?;
        }
    }

    /// The mark is the only thing that keeps Lanyard from owning a role whole: taken off, it is as any managed role.
    #[test]
    fn a_role_whose_mark_is_taken_off_is_lanyards_whole(adoption in adoption()) {
        let mut adoption = adoption;
        adoption.first.drift_policy = Some(lanyard_core::model::spec::DriftPolicy::Correct);
        let identity = adoption.identity();
        let mut model = adoption.model()?;
        model.settle(&identity)?;
        if !was_adopted(&model, &adoption, &identity)? {
            return Ok(());
        }
        make(&mut model.truth, identity.role_arn(), &Edit::RoleTagGone(TAG_ADOPTED));
        model.settle(&identity)?;
        let managed = identity.managed.as_ref().unwrap();
        let now = role(&model.truth, identity.role_arn());
        let attached: BTreeSet<&PolicyArn> = managed.attached.iter().collect();
        prop_assert_eq!(now.attached_arns(), attached);
        model.remove(Some(&identity), false)?;
        prop_assert!(role(&model.truth, identity.role_arn()).id.is_absent());
    }

    /// An association is Lanyard's to change once it is adopted, and stays when its object goes, unless its role does not.
    #[test]
    fn an_adopted_association_stays_unless_the_role_that_it_gives_goes(scene in scene(), asked in any::<bool>()) {
        let mut spec = scene.spec.clone();
        spec.deletion_policy = Some(DeletionPolicy::Delete);
        let mut found = association_of_others(None);
        found.tags.clear();
        spec.adopt = if asked { vec![found.arn.clone()] } else { Vec::new() };
        let identity = identity(&spec);
        let scene = Scene { spec, before: None, edits: Vec::new(), ..scene };
        let mut model = scene.model()?;
        model.truth.association = Fact::Present(found.clone());
        model.settle(&identity)?;
        if !asked {
            prop_assert_eq!(&model.truth.association, &Fact::Present(found.clone()));
        }
        let given = model.truth.association.present().map(|now| now.role_arn.clone());
        let tags = model.truth.association.present().map(|now| now.tags.clone());
        let adopted = tags.is_some_and(|tags| tags.contains_key(TAG_ADOPTED));
        let seeing = atoms(&model.decide_deletion(Some(&identity), false).plan);
        for blind in BLINDS {
            model.blinds = vec![blind];
            let removal = atoms(&model.decide_deletion(Some(&identity), false).plan);
            let more: Vec<_> = removal.difference(&seeing).cloned().collect();
            prop_assert!(more.is_empty(), "{blind:?} makes {more:?} in a removal");
        }
        model.blinds.clear();
        model.remove(Some(&identity), false)?;
        let there = |arn: &RoleArn| model.truth.roles.get(arn).is_none_or(|role| role.id.present().is_some());
        let left = model.truth.association.present();
        match given {
            Some(given) if adopted => {
                prop_assert_eq!(left.is_some(), there(&given));
                prop_assert!(left.is_none_or(|left| left.tags.contains_key(TAG_RETAINED)));
            }
            Some(_) => prop_assert_eq!(left, Some(&found)),
            None => prop_assert_eq!(left, None),
        }
    }
}

/// The tags of another WorkloadIdentity that holds a role: of another namespace or cluster, stopped or not in letting go.
fn pod() -> impl Strategy<Value = BTreeMap<String, String>> {
    let another = select(vec![
        (TAG_CLUSTER, "blue"),
        (TAG_NAMESPACE, "bank"),
        (TAG_NAME, "basket"),
    ]);
    (another, any::<bool>(), any::<bool>()).prop_map(|((key, value), retained, adopted)| {
        let mut tags = subject().ownership_tags();
        tags.insert(key.to_owned(), value.to_owned());
        let control = [(TAG_RETAINED, retained), (TAG_ADOPTED, adopted)];
        let stand = control.into_iter().filter(|(_, stands)| *stands);
        tags.extend(stand.map(|(mark, _)| (mark.to_owned(), "true".to_owned())));
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
        model.take_unheard(steps.iter())?;
    }
    Ok(())
}
