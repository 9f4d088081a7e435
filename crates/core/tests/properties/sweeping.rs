//! The sweep's judgement against the look's: it never misses what a look would do or say, a look's own word never
//! deviates, and what cannot be read neither deviates nor counts as checked.

use lanyard_core::bulk::{Judgement, Known, Part, has_settings, is_steady, judge, judge_listed};
use lanyard_core::identity::Identity;
use lanyard_core::model::fact::{Fact, ReadError};
use lanyard_core::model::field::Resource;
use lanyard_core::model::observed::{Observed, RoleFacts};
use lanyard_core::model::status::{DriftReason, Status};
use lanyard_core::reconcile::diff::{Cause, Difference};
use lanyard_core::reconcile::gate::{Reporting, WriteGate};
use lanyard_core::reconcile::outcome::Outcome;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::adoptions::adoption;
use crate::blinds::{Blind, blinds};
use crate::edits::{Can, Edit, edit, make};
use crate::model::Model;
use crate::scenes::{Scene, Theirs, scene};

/// A model whose identity rests, if it ever does.
fn steady(scene: &Scene) -> Result<Option<(Model, Identity)>, TestCaseError> {
    at_rest(scene.model()?, scene.identity())
}

fn at_rest(mut model: Model, identity: Identity) -> Result<Option<(Model, Identity)>, TestCaseError> {
    // Whether everything comes to rest is another property's to say.
    if model.settle(&identity).is_err() {
        return Ok(None);
    }
    model.pass(&identity)?;
    let is_steady = is_steady(&known(&model, &identity), &model.truth.object);
    Ok(is_steady.then_some((model, identity)))
}

/// A scene that comes to rest: what is asked for now was carried out before, and nothing was in the way.
fn calm() -> impl Strategy<Value = Scene> {
    let which = prop_oneof![
        2 => scene(),
        1 => scene().prop_filter("somebody else's role", |scene| scene.spec.existing.is_some()),
    ];
    which.prop_map(|scene| Scene {
        before: Some(scene.spec.clone()),
        theirs: Theirs::LetsIn,
        provider: Some(vec!["sts.amazonaws.com"]),
        account: true,
        ..scene.untouched()
    })
}

fn known<'a>(model: &'a Model, identity: &'a Identity) -> Known<'a> {
    Known {
        identity,
        status: &model.status,
        generation: 1,
        gate: model.gate,
    }
}

fn unread<T>() -> Fact<T> {
    Fact::Unreadable(ReadError::NotRead)
}

/// What a page of the whole account shows of a role.
fn in_account(role: RoleFacts) -> RoleFacts {
    let attached = |policies: std::collections::BTreeMap<_, _>| {
        let names = policies.into_keys();
        names.map(|arn| (arn, unread())).collect()
    };
    RoleFacts {
        description: unread(),
        max_session: unread(),
        attached: role.attached.map(attached),
        ..role
    }
}

/// What a page of the roles under a path shows of a role.
fn under_path(role: RoleFacts) -> RoleFacts {
    RoleFacts {
        id: role.id,
        trust: role.trust,
        description: role.description,
        max_session: role.max_session,
        ..RoleFacts::unreadable(&ReadError::NotRead)
    }
}

/// What each read of a sweep says.
fn sweep(model: &Model, identity: &Identity) -> Vec<(Part, Judgement)> {
    let (seen, known) = (model.observe(identity), known(model, identity));
    let arn = identity.role_arn();
    let with_role = |facts: RoleFacts| Observed {
        roles: [(arn.clone(), facts)].into(),
        ..Observed::unread()
    };
    let cluster = Observed {
        service_account: seen.service_account.clone(),
        provider: match identity.binding.is_irsa() {
            true => seen.provider.clone(),
            false => unread(),
        },
        agent: seen.agent.clone(),
        ..Observed::unread()
    };
    let association = Observed {
        association: seen.association.clone(),
        ..Observed::unread()
    };
    let mut said = vec![
        (
            Part::Role,
            judge(Part::Role, &known, with_role(in_account(seen.role(arn)))),
        ),
        (Part::Cluster, judge(Part::Cluster, &known, cluster)),
        (Part::Association, judge(Part::Association, &known, association)),
    ];
    // A list of those that are there says nothing of one that is not: the other read does.
    if has_settings(identity) && seen.role(arn).id.present().is_some() {
        let facts = with_role(under_path(seen.role(arn)));
        said.push((Part::Settings, judge(Part::Settings, &known, facts)));
    }
    match &seen.association {
        Fact::Present(found) => said.push((Part::Association, judge_listed(&known, Some(&found.id)))),
        Fact::Absent => said.push((Part::Association, judge_listed(&known, None))),
        Fact::Unreadable(_) => {}
    }
    said
}

fn says(said: &[(Part, Judgement)], judgement: Judgement) -> bool {
    said.iter().any(|(_, said)| *said == judgement)
}

/// What a look would do or say that nobody has done or said.
fn news(model: &Model, identity: &Identity) -> Vec<String> {
    let decision = model.decide(identity);
    let rendered = model
        .clone()
        .tell(&decision, &Outcome::default(), &model.observe(identity));
    let mut news: Vec<String> = decision.plan.steps().map(ToString::to_string).collect();
    if rendered.status != model.status {
        news.push(format!("{:?} and not {:?}", rendered.status, model.status));
    }
    news
}

/// Whether a foreign policy stands because of what it does, which no page shows.
fn rests_on_an_effect(status: &Status) -> bool {
    let mut items = status.drift.items.iter();
    items
        .any(|item| item.reason == Some(DriftReason::Unmanaged) && item.field.starts_with("attachedPolicies"))
}

/// Edits that a page can show. What a policy that stands already can do is not on it: one that is told for what it grants
/// may come to deny alone, and the next look says so.
fn shown() -> impl Strategy<Value = Edit> {
    let hidden = |edit: &Edit| matches!(edit, Edit::Attached(_, Can::OnlyDeny | Can::Unknown));
    edit().prop_filter("what a policy can do", move |edit| !hidden(edit))
}

/// The part that a blind hides from a sweep.
fn hidden_by(blind: Blind) -> Option<Part> {
    match blind {
        Blind::Association => Some(Part::Association),
        Blind::ServiceAccount => Some(Part::Cluster),
        _ => None,
    }
}

/// Fails unless what others did deviates exactly where a look would do or say something.
fn only_news_deviate(mut model: Model, identity: &Identity, edits: &[Edit]) -> Result<(), TestCaseError> {
    for edit in edits {
        make(&mut model.truth, identity.role_arn(), edit);
    }
    let (said, news) = (sweep(&model, identity), news(&model, identity));
    prop_assert_eq!(
        says(&said, Judgement::Drifted),
        !news.is_empty(),
        "{:?}: {:?}, and a decision: {:?}",
        edits,
        said,
        news
    );
    Ok(())
}

proptest! {
    #![proptest_config(crate::cases())]

    #[test]
    fn what_a_look_said_never_deviates(scene in scene()) {
        let Some((model, identity)) = steady(&scene)? else { return Ok(()) };
        let said = sweep(&model, &identity);
        prop_assert!(!says(&said, Judgement::Drifted), "{said:?} of {:?}", model.status);
        let unsure = says(&said, Judgement::Unknown);
        prop_assert_eq!(unsure, rests_on_an_effect(&model.status), "{:?} of {:?}", said, model.status);
    }

    #[test]
    fn what_a_look_would_do_or_say_deviates_and_nothing_else(scene in calm(), edits in vec(edit(), 1..4)) {
        let Some((model, identity)) = steady(&scene)? else { return Ok(()) };
        only_news_deviate(model, &identity, &edits)?;
    }

    #[test]
    fn what_a_look_said_of_an_adopted_role_never_deviates_and_news_do(
        adoption in adoption(), edits in vec(shown(), 0..3),
    ) {
        let Some((model, identity)) = at_rest(adoption.model()?, adoption.identity())? else { return Ok(()) };
        only_news_deviate(model, &identity, &edits)?;
    }

    /// An operator that may not write told of what it would do; then one comes that may.
    #[test]
    fn what_waited_for_leave_to_write_does_not_go_on_waiting(scene in scene(), edits in vec(edit(), 0..3)) {
        let (mut model, identity) = (scene.model()?, scene.identity());
        for edit in &edits {
            make(&mut model.truth, identity.role_arn(), edit);
        }
        model.gate = WriteGate::ReportOnly(Reporting::ReadOnly);
        model.pass(&identity)?;
        model.gate = WriteGate::Open;
        if model.decide(&identity).plan.is_empty() || !is_steady(&known(&model, &identity), &model.truth.object) {
            return Ok(());
        }
        let said = sweep(&model, &identity);
        prop_assert!(!said.iter().all(|(_, said)| *said == Judgement::InSync), "{said:?} of {:?}", model.status);
    }

    /// Drift that was told stands, and somebody puts some of it back, or does more.
    #[test]
    fn drift_that_goes_or_comes_is_news(scene in calm(), rendered in vec(edit(), 1..3), more in vec(shown(), 0..2)) {
        let scene = scene.reporting();
        let Some((mut model, identity)) = steady(&scene)? else { return Ok(()) };
        let before = model.truth.clone();
        for edit in &rendered {
            make(&mut model.truth, identity.role_arn(), edit);
        }
        model.pass(&identity)?;
        if !is_steady(&known(&model, &identity), &model.truth.object) {
            return Ok(());
        }
        model.truth = before;
        for edit in &more {
            make(&mut model.truth, identity.role_arn(), edit);
        }
        let (said, news) = (sweep(&model, &identity), news(&model, &identity));
        prop_assert!(
            news.is_empty() || !said.iter().all(|(_, said)| *said == Judgement::InSync),
            "{rendered:?}, {more:?}: {said:?}, and a decision: {news:?}"
        );
        prop_assert!(!news.is_empty() || !says(&said, Judgement::Drifted), "{rendered:?}, {more:?}: {said:?}");
    }

    #[test]
    fn what_cannot_be_read_never_deviates(scene in calm(), blinds in blinds()) {
        let Some((mut model, identity)) = steady(&scene)? else { return Ok(()) };
        model.blinds.clone_from(&blinds);
        let said = sweep(&model, &identity);
        prop_assert!(!says(&said, Judgement::Drifted), "{blinds:?}: {said:?}");
        for part in blinds.iter().filter_map(|blind| hidden_by(*blind)) {
            prop_assert!(!said.contains(&(part, Judgement::InSync)), "{blinds:?}: {said:?}");
        }
    }

    /// Half of what differs can be read and half cannot: what can be read is told.
    #[test]
    fn what_can_be_read_deviates_whatever_else_cannot(scene in calm(), edits in vec(edit(), 1..4), blinds in blinds()) {
        let Some((mut model, identity)) = steady(&scene)? else { return Ok(()) };
        for edit in &edits {
            make(&mut model.truth, identity.role_arn(), edit);
        }
        model.blinds = blinds;
        let decision = model.decide(&identity);
        let found = |difference: &Difference| {
            let readable = [Resource::Association, Resource::ServiceAccount, Resource::Provider];
            difference.cause == Cause::OutOfBand && readable.contains(&difference.field.resource())
        };
        let rendered = &model.status.drift.items;
        if rendered.is_empty() && decision.drift.differences.iter().any(found) {
            let said = sweep(&model, &identity);
            prop_assert!(says(&said, Judgement::Drifted), "{said:?}: {:?}", decision.drift.differences);
        }
    }
}
