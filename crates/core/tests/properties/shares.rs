//! Somebody else's role that Lanyard keeps statements in: who else is in them, and what of ours is.
//! A trust policy in, its parts out, told apart by ids and names alone. Called by the scenes and the properties.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use lanyard_core::model::arn::RoleArn;
use lanyard_core::model::fact::Fact;
use lanyard_core::model::name::Audience;
use lanyard_core::model::observed::RoleFacts;
use lanyard_core::model::shared_trust::StatementKey;
use lanyard_core::model::spec::{DriftPolicy, ExistingTrust, Spec};
use lanyard_core::model::status::Status;
use lanyard_core::model::subject::Subject;
use lanyard_core::model::timings::Timings;
use lanyard_core::reconcile::decide::decide;
use lanyard_core::reconcile::desired::{Desired, DesiredRole};
use lanyard_iam_policy::{Document, Statement};
use proptest::prelude::*;

use crate::edits::{Edit, is_ours};
use crate::model::Model;
use crate::scenes::{Scene, Theirs, scene};
use crate::specs::{THEIRS, cluster, identity_of, neighbour, subject};
use crate::world::{Truth, empty};

/// What a spec wants of its role's trust, for this subject.
fn wanted(spec: &Spec, subject: &Subject) -> (Document, DesiredRole) {
    let identity = identity_of(spec, subject);
    let (none, now) = (Status::default(), Timestamp::UNIX_EPOCH);
    match decide(&identity, &none, &empty(), &Timings::default(), now).desired {
        Desired::Present(wanted) => (wanted.trust, wanted.role),
        Desired::Absent(_) => unreachable!("it stays"),
    }
}

/// The statements that let the subject in, as somebody else would write them.
pub fn written_by_others(spec: &Spec) -> Vec<Statement> {
    let (trust, _) = wanted(spec, &subject());
    let statements = trust.statements().iter();
    statements.map(|statement| statement.without("Sid")).collect()
}

/// The trust with another subject of the namespace in each statement that the spec would share.
pub fn with_a_neighbour(trust: Document, spec: &Spec) -> Document {
    match wanted(spec, &neighbour()).1 {
        DesiredRole::Shared(entries) => entries.iter().fold(trust, |trust, entry| {
            entry.membership.put(&trust, &entry.statement)
        }),
        _ => trust,
    }
}

/// What of a trust policy is not ours: whole statements, and who else is listed in those that Lanyard shares.
pub fn others_part(trust: &Document) -> (Vec<Statement>, BTreeMap<String, BTreeSet<String>>) {
    let listed = |statement: &Statement| {
        let equals = statement.element("Condition")?.get("StringEquals")?.as_object()?;
        let (_, names) = equals
            .iter()
            .find(|(key, _)| key.ends_with(":sub") || key.ends_with("/kubernetes-service-account"))?;
        let names = names.as_array().cloned().unwrap_or_else(|| vec![names.clone()]);
        names
            .iter()
            .map(|name| name.as_str().map(str::to_owned))
            .collect::<Option<BTreeSet<_>>>()
    };
    let own = StatementKey::PodIdentityUntagged.membership(&subject()).sid;
    let mut whole = Vec::new();
    let mut lists = BTreeMap::new();
    for statement in trust.statements() {
        match (is_ours(statement), listed(statement)) {
            (true, _) if statement.sid() == Some(own.as_str()) => {}
            (true, Some(mut names)) => {
                for name in ["orders", "system:serviceaccount:shop:orders", "-"] {
                    names.remove(name);
                }
                if !names.is_empty() {
                    lists.insert(statement.sid().unwrap().to_owned(), names);
                }
            }
            _ => whole.push(statement.clone()),
        }
    }
    (whole, lists)
}

/// The statements of others' roles in which the subject is, in words.
pub fn memberships(truth: &Truth) -> Vec<String> {
    let token = |audience| StatementKey::Irsa {
        issuer: cluster().issuer,
        audience: Audience::parse(audience).unwrap(),
    };
    let keys = [
        token("sts.amazonaws.com"),
        token("vault"),
        StatementKey::PodIdentityTagged,
        StatementKey::PodIdentityUntagged,
    ];
    let theirs = RoleArn::parse(THEIRS).unwrap();
    let trust = truth.roles.get(&theirs).and_then(|role| role.trust.present());
    let taken = |trust: &Document| {
        let is_in = |key: &&StatementKey| key.membership(&subject()).is_listed(trust) == Some(true);
        keys.iter()
            .filter(is_in)
            .map(|key| format!("the membership {key:?}"))
            .collect()
    };
    trust.map(taken).unwrap_or_default()
}

/// The scene in which nobody takes the trust over from Lanyard, or makes it so that nobody can read it.
pub fn keeping_trust(mut scene: Scene) -> Scene {
    let checks = |spec: &Spec| {
        spec.existing
            .as_ref()
            .is_some_and(|role| role.trust == ExistingTrust::Check)
    };
    if checks(&scene.spec)
        && let Some(before) = scene.before.as_mut().and_then(|before| before.existing.as_mut())
    {
        before.trust = ExistingTrust::Check;
    }
    scene.edits.retain(|edit| *edit != Edit::StatementOpened);
    scene
}

/// Another spec of the same role, whose trust Lanyard keeps.
fn managing(mut scene: Scene) -> Option<Scene> {
    let keeps = |spec: &Spec| {
        spec.existing
            .as_ref()
            .is_some_and(|role| role.trust == ExistingTrust::Manage)
    };
    scene.theirs = Theirs::KeepsOut;
    scene.spec.drift_policy = Some(DriftPolicy::Correct);
    keeps(&scene.spec).then_some(scene)
}

fn trust(model: &Model, arn: &RoleArn) -> Document {
    let facts = model
        .truth
        .roles
        .get(arn)
        .cloned()
        .unwrap_or_else(RoleFacts::absent);
    facts
        .trust
        .present()
        .cloned()
        .unwrap_or_else(|| Document::of(Vec::new()))
}

proptest! {
    #![proptest_config(crate::cases())]

    #[test]
    fn a_role_whose_trust_is_only_checked_is_never_changed(scene in scene()) {
        let checks = |spec: &Spec| spec.existing.as_ref().is_some_and(|role| role.trust == ExistingTrust::Check);
        let before_too = scene.before.as_ref().is_none_or(checks);
        if !checks(&scene.spec) || !before_too {
            return Ok(());
        }
        let identity = scene.identity();
        let mut model = scene.model()?;
        let before = model.truth.roles.get(identity.role_arn()).cloned();
        model.settle(&identity)?;
        model.remove(Some(&identity), false)?;
        prop_assert_eq!(model.truth.roles.get(identity.role_arn()).cloned(), before);
    }

    /// Whatever was there, and whatever was asked for before: in the end the subject sits where it should, and nowhere
    /// else.
    #[test]
    fn a_subject_ends_in_the_one_seat_that_it_needs(scene in scene()) {
        let Some(scene) = managing(keeping_trust(scene)) else { return Ok(()) };
        let identity = scene.identity();
        let mut model = scene.model()?;
        let last = model.settle(&identity)?;
        let in_the_way = !last.decision.drift.conflicts.is_empty() || !last.decision.plan.waiting_for.is_empty();
        let there = model.truth.roles.get(identity.role_arn()).is_some_and(|role| role.id.present().is_some());
        if in_the_way || !there {
            return Ok(());
        }
        let wanted = StatementKey::of(&identity.binding);
        prop_assert_eq!(memberships(&model.truth), vec![format!("the membership {wanted:?}")]);
    }

    /// An owner who takes the trust over keeps what is in it: pods lose nothing, and nothing is ours any more.
    #[test]
    fn what_the_owner_takes_over_stays(scene in scene()) {
        let Some(mut scene) = managing(keeping_trust(scene).untouched()) else { return Ok(()) };
        scene.before = Some(scene.spec.clone());
        let mut model = scene.model()?;
        let arn = scene.identity().role_arn().clone();
        let before = trust(&model, &arn);
        if let Some(role) = &mut scene.spec.existing {
            role.trust = ExistingTrust::Check;
        }
        let identity = scene.identity();
        model.settle(&identity)?;
        model.remove(Some(&identity), false)?;
        prop_assert_eq!(trust(&model, &arn), before);
    }

    #[test]
    fn a_statement_that_nobody_can_read_holds_an_object_that_goes(scene in scene()) {
        let Some(mut scene) = managing(keeping_trust(scene).untouched()) else { return Ok(()) };
        scene.spec.deletion_policy = Some(lanyard_core::model::spec::DeletionPolicy::Delete);
        scene.before = Some(scene.spec.clone());
        let identity = scene.identity();
        let mut model = scene.model()?;
        let needs = StatementKey::of(&identity.binding);
        if needs == StatementKey::PodIdentityUntagged || memberships(&model.truth).is_empty() {
            return Ok(());
        }
        crate::edits::make(&mut model.truth, identity.role_arn(), &Edit::StatementOpened);
        model.remove(Some(&identity), false)?;
        prop_assert!(model.truth.object.finalizer);
        let role = model.truth.roles.get_mut(identity.role_arn()).unwrap();
        let Fact::Present(found) = &mut role.trust else { unreachable!() };
        found.retain(|statement| !is_ours(statement));
        model.remove(Some(&identity), false)?;
        prop_assert!(!model.truth.object.finalizer);
    }
}
