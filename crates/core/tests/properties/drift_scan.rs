//! Properties of the drift scan, compared with a reconcile: the scan finds every change that a reconcile would make or report,
//! the result of a reconcile never counts as drifted, and an unreadable fact is neither drifted nor checked. No I/O.

use lanyard_core::bulk::{Judgement, Known, Part, compare, compare_listed, has_settings, is_steady};
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

use crate::adoption_setups::adoption;
use crate::operator_model::Model;
use crate::out_of_band_edits::{Edit, PolicyEffect, apply_edit, edit};
use crate::setups::{ForeignRole, Setup, setup};
use crate::unreadable_facts::{UnreadableFact, unreadable_facts};

/// A model in a steady state. Returns `None` if the setup never becomes steady.
fn steady(setup: &Setup) -> Result<Option<(Model, Identity)>, TestCaseError> {
    steady_model(setup.model()?, setup.identity())
}

fn steady_model(mut model: Model, identity: Identity) -> Result<Option<(Model, Identity)>, TestCaseError> {
    // Another property checks that every setup becomes steady.
    if model.settle(&identity).is_err() {
        return Ok(None);
    }
    model.reconcile(&identity)?;
    let is_steady = is_steady(&known(&model, &identity), &model.world.object);
    Ok(is_steady.then_some((model, identity)))
}

/// A setup that becomes steady: the current spec was applied before, and nothing blocked it.
fn applied() -> impl Strategy<Value = Setup> {
    let setups = prop_oneof![
        2 => setup(),
        1 => setup().prop_filter("not an existing role", |setup| setup.spec.existing.is_some()),
    ];
    setups.prop_map(|setup| Setup {
        before: Some(setup.spec.clone()),
        foreign_role: ForeignRole::Admits,
        provider: Some(vec!["sts.amazonaws.com"]),
        service_account: true,
        ..setup.untouched()
    })
}

fn known<'a>(model: &'a Model, identity: &'a Identity) -> Known<'a> {
    Known {
        identity,
        status: &model.status,
        generation: 1,
        gate: model.gate,
        verified_trust: None,
    }
}

fn unread<T>() -> Fact<T> {
    Fact::Unreadable(ReadError::NotRead)
}

/// The facts of a role that a page of the whole account shows.
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

/// The facts of a role that a page of the roles under a path shows.
fn under_path(role: RoleFacts) -> RoleFacts {
    RoleFacts {
        id: role.id,
        trust: role.trust,
        description: role.description,
        max_session: role.max_session,
        ..RoleFacts::unreadable(&ReadError::NotRead)
    }
}

/// The judgement of each read of a drift scan.
fn scan(model: &Model, identity: &Identity) -> Vec<(Part, Judgement)> {
    let observed = model.observe(identity);
    let known = known(model, identity);
    let arn = identity.role_arn();
    let with_role = |facts: RoleFacts| Observed {
        roles: [(arn.clone(), facts)].into(),
        ..Observed::unread()
    };
    let cluster = Observed {
        service_account: observed.service_account.clone(),
        provider: match identity.binding.is_irsa() {
            true => observed.provider.clone(),
            false => unread(),
        },
        agent: observed.agent.clone(),
        ..Observed::unread()
    };
    let association = Observed {
        association: observed.association.clone(),
        ..Observed::unread()
    };
    let mut judgements = vec![
        (
            Part::Role,
            compare(Part::Role, &known, with_role(in_account(observed.role(arn)))),
        ),
        (Part::Cluster, compare(Part::Cluster, &known, cluster)),
        (Part::Association, compare(Part::Association, &known, association)),
    ];
    // A list of settings shows no absent role. The read of the account does.
    if has_settings(identity) && observed.role(arn).id.present().is_some() {
        let facts = with_role(under_path(observed.role(arn)));
        judgements.push((Part::Settings, compare(Part::Settings, &known, facts)));
    }
    match &observed.association {
        Fact::Present(association) => {
            judgements.push((Part::Association, compare_listed(&known, Some(&association.id))))
        }
        Fact::Absent => judgements.push((Part::Association, compare_listed(&known, None))),
        Fact::Unreadable(_) => {}
    }
    judgements
}

fn has(judgements: &[(Part, Judgement)], expected: Judgement) -> bool {
    judgements.iter().any(|(_, judgement)| *judgement == expected)
}

/// The steps and the status changes that a reconcile would make.
fn changes(model: &Model, identity: &Identity) -> Vec<String> {
    let decision = model.decide(identity);
    let summary = model
        .clone()
        .summarise(&decision, &Outcome::default(), &model.observe(identity));
    let mut changes: Vec<String> = decision.plan.steps().map(ToString::to_string).collect();
    if summary.status != model.status {
        changes.push(format!("{:?} instead of {:?}", summary.status, model.status));
    }
    changes
}

/// Returns true if a foreign policy stays because of its effect, which no page shows.
fn depends_on_effect(status: &Status) -> bool {
    let mut items = status.drift.listed();
    items
        .any(|item| item.reason == Some(DriftReason::Unmanaged) && item.field.starts_with("attachedPolicies"))
}

/// Edits that a page can show. The effect of an attached policy is not on a page: a reported policy that grants access may
/// change to one that only denies, which only a reconcile finds.
fn visible_edit() -> impl Strategy<Value = Edit> {
    let is_hidden = |edit: &Edit| {
        matches!(
            edit,
            Edit::Attached(_, PolicyEffect::OnlyDenies | PolicyEffect::Unknown)
        )
    };
    edit().prop_filter("the effect of a policy", move |edit| !is_hidden(edit))
}

/// The part of the drift scan that an unreadable fact affects.
fn hidden_by(fact: UnreadableFact) -> Option<Part> {
    match fact {
        UnreadableFact::Association => Some(Part::Association),
        UnreadableFact::ServiceAccount => Some(Part::Cluster),
        _ => None,
    }
}

/// Fails unless the drift scan finds drift exactly where a reconcile would make a change.
fn scan_agrees_with_reconcile(
    mut model: Model,
    identity: &Identity,
    edits: &[Edit],
) -> Result<(), TestCaseError> {
    for edit in edits {
        apply_edit(&mut model.world, identity.role_arn(), edit);
    }
    let judgements = scan(&model, identity);
    let changes = changes(&model, identity);
    prop_assert_eq!(
        has(&judgements, Judgement::Drifted),
        !changes.is_empty(),
        "{:?}: {:?}, and a reconcile: {:?}",
        edits,
        judgements,
        changes
    );
    Ok(())
}

proptest! {
    #![proptest_config(crate::cases())]

    #[test]
    fn result_of_reconcile_is_never_drifted(setup in setup()) {
        let Some((model, identity)) = steady(&setup)? else { return Ok(()) };
        let judgements = scan(&model, &identity);
        prop_assert!(!has(&judgements, Judgement::Drifted), "{judgements:?} of {:?}", model.status);
        let is_unknown = has(&judgements, Judgement::Unknown);
        prop_assert_eq!(is_unknown, depends_on_effect(&model.status), "{:?} of {:?}", judgements, model.status);
    }

    #[test]
    fn edit_is_drifted_exactly_if_reconcile_makes_change(setup in applied(), edits in vec(edit(), 1..4)) {
        let Some((model, identity)) = steady(&setup)? else { return Ok(()) };
        scan_agrees_with_reconcile(model, &identity, &edits)?;
    }

    #[test]
    fn adopted_role_is_drifted_exactly_if_reconcile_makes_change(
        adoption in adoption(), edits in vec(visible_edit(), 0..3),
    ) {
        let Some((model, identity)) = steady_model(adoption.model()?, adoption.identity())? else { return Ok(()) };
        scan_agrees_with_reconcile(model, &identity, &edits)?;
    }

    /// A read-only operator reports the steps that it would apply. Then an operator with write access takes over.
    #[test]
    fn step_blocked_by_write_gate_is_not_in_sync(setup in setup(), edits in vec(edit(), 0..3)) {
        let (mut model, identity) = (setup.model()?, setup.identity());
        for edit in &edits {
            apply_edit(&mut model.world, identity.role_arn(), edit);
        }
        model.gate = WriteGate::ReportOnly(Reporting::ReadOnly);
        model.reconcile(&identity)?;
        model.gate = WriteGate::Open;
        if model.decide(&identity).plan.is_empty() || !is_steady(&known(&model, &identity), &model.world.object) {
            return Ok(());
        }
        let judgements = scan(&model, &identity);
        prop_assert!(!judgements.iter().all(|(_, judgement)| *judgement == Judgement::InSync), "{judgements:?} of {:?}", model.status);
    }

    /// Reported drift exists, and a user reverts some of it or adds more.
    #[test]
    fn reverted_or_added_drift_is_found(setup in applied(), reported in vec(edit(), 1..3), more in vec(visible_edit(), 0..2)) {
        let setup = setup.reporting();
        let Some((mut model, identity)) = steady(&setup)? else { return Ok(()) };
        let before = model.world.clone();
        for edit in &reported {
            apply_edit(&mut model.world, identity.role_arn(), edit);
        }
        model.reconcile(&identity)?;
        if !is_steady(&known(&model, &identity), &model.world.object) {
            return Ok(());
        }
        model.world = before;
        for edit in &more {
            apply_edit(&mut model.world, identity.role_arn(), edit);
        }
        let judgements = scan(&model, &identity);
        let changes = changes(&model, &identity);
        prop_assert!(
            changes.is_empty() || !judgements.iter().all(|(_, judgement)| *judgement == Judgement::InSync),
            "{reported:?}, {more:?}: {judgements:?}, and a reconcile: {changes:?}"
        );
        prop_assert!(!changes.is_empty() || !has(&judgements, Judgement::Drifted), "{reported:?}, {more:?}: {judgements:?}");
    }

    #[test]
    fn unreadable_fact_is_neither_drifted_nor_in_sync(setup in applied(), unreadable in unreadable_facts()) {
        let Some((mut model, identity)) = steady(&setup)? else { return Ok(()) };
        model.unreadable.clone_from(&unreadable);
        let judgements = scan(&model, &identity);
        prop_assert!(!has(&judgements, Judgement::Drifted), "{unreadable:?}: {judgements:?}");
        for part in unreadable.iter().filter_map(|fact| hidden_by(*fact)) {
            prop_assert!(!judgements.contains(&(part, Judgement::InSync)), "{unreadable:?}: {judgements:?}");
        }
    }

    /// Some of the differences are readable: the drift scan finds them.
    #[test]
    fn readable_drift_is_found_beside_unreadable_facts(setup in applied(), edits in vec(edit(), 1..4), unreadable in unreadable_facts()) {
        let Some((mut model, identity)) = steady(&setup)? else { return Ok(()) };
        for edit in &edits {
            apply_edit(&mut model.world, identity.role_arn(), edit);
        }
        model.unreadable = unreadable;
        let decision = model.decide(&identity);
        let is_readable_drift = |difference: &Difference| {
            let readable = [Resource::Association, Resource::ServiceAccount, Resource::Provider];
            difference.cause == Cause::OutOfBand && readable.contains(&difference.field.resource())
        };
        let reported = &model.status.drift.items;
        if reported.is_empty() && decision.drift.differences.iter().any(is_readable_drift) {
            let judgements = scan(&model, &identity);
            prop_assert!(has(&judgements, Judgement::Drifted), "{judgements:?}: {:?}", decision.drift.differences);
        }
    }
}
