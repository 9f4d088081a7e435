//! The comparison of one part of an identity with its status. Input: the facts of the part, and [`Known`]. Output: a
//! [`Judgement`]. No I/O.

use super::drift::{compare_drift, is_attachment};
use super::judgement::Judgement;
use super::known::{Known, recorded_association};
use super::part::Part;
use crate::model::binding::MethodSettings;
use crate::model::condition::{Condition, ConditionStatus, ConditionType};
use crate::model::fact::{Fact, ReadError};
use crate::model::field::{Field, Resource};
use crate::model::observed::{Association, Effect, Observed};
use crate::model::status::{AssociationStatus, DriftReason, Status};
use crate::reconcile::desired::{Desired, DesiredState};
use crate::reconcile::diff::{Cause, Difference, Drift, diff};
use crate::reconcile::gate::WriteGate;
use crate::reconcile::summary::{Basis, Verdict, role_verdict, trust_verdict};
use crate::reconcile::transition::TransitionState;

/// Compares the facts of one part with the status. `facts` has this part read and all other parts unread.
#[must_use]
pub fn compare(part: Part, known: &Known<'_>, facts: Observed) -> Judgement {
    let mut observed = treat_unread_policies_as_granting(facts);
    observed.object.verified_trust = known.verified_trust.map(str::to_owned);
    let desired = Desired::present(known.identity, &TransitionState::Settled, known.status, &observed);
    let Desired::Present(state) = &desired else {
        return Judgement::Unknown;
    };
    let mut drift = diff(&desired, known.status, &observed);
    // The role exists and its owner is unknown: `diff` compared no field of it.
    let owner_unknown = part.is_on(Resource::Role) && drift.of(&Field::Role).is_some_and(is_unread);
    drift.differences.retain(|difference| part.has(&difference.field));
    let unread = owner_unknown || drift.differences.iter().any(is_unread);
    let mut conflicts = drift.conflicts.iter();
    let judgement = compare_drift(part, known, &drift.differences, unread);
    let drifted = conflicts.any(|conflict| part.is_on(conflict.resource))
        || judgement == Judgement::Drifted
        || has_pending_changes(known, &drift.differences)
        || conditions_differ(part, known, state, &drift, &observed);
    match (drifted, unread || judgement == Judgement::Unknown) {
        (true, _) => Judgement::Drifted,
        (false, true) => Judgement::Unknown,
        (false, false) => compare_undiffed_facts(part, known, state, &observed),
    }
}

/// Compares the list of associations with the status. `id`: the association of the ServiceAccount in the list.
#[must_use]
pub fn compare_listed(known: &Known<'_>, id: Option<&str>) -> Judgement {
    let Some(id) = id else {
        let facts = Observed {
            association: Fact::Absent,
            ..Observed::unread()
        };
        return compare(Part::Association, known, facts);
    };
    match recorded_association(known.status) {
        Some(recorded) if recorded.id == id => Judgement::InSync,
        Some(_) | None => Judgement::Drifted,
    }
}

fn is_unread(difference: &Difference) -> bool {
    matches!(difference.cause, Cause::Unreadable(_))
}

/// A page lists the attached policies without their effect. An attached policy that is not desired is a difference with
/// any effect, and the reconcile reads the effect.
fn treat_unread_policies_as_granting(mut facts: Observed) -> Observed {
    for role in facts.roles.values_mut() {
        let attached = role.attached.present_mut().into_iter().flatten();
        for (_, effect) in attached.filter(|(_, effect)| effect.unreadable() == Some(&ReadError::NotRead)) {
            *effect = Fact::Present(Effect::Grants);
        }
    }
    facts
}

/// Returns true if a change waits to be applied, and the operator may apply it now or the status does not report it.
fn has_pending_changes(known: &Known<'_>, differences: &[Difference]) -> bool {
    let in_sync = known.status.condition(ConditionType::InSync);
    let unreported = in_sync.is_some_and(|condition| condition.status == ConditionStatus::True);
    differences.iter().any(|difference| match difference.cause {
        Cause::Spec => unreported || known.gate == WriteGate::Open,
        Cause::Frozen => unreported,
        _ => false,
    })
}

/// Returns true if a reconcile would change a condition of the role: for example because the trust policy allows
/// another principal, or because the role was replaced.
fn conditions_differ(
    part: Part,
    known: &Known<'_>,
    state: &DesiredState,
    drift: &Drift,
    after: &Observed,
) -> bool {
    if part != Part::Role {
        return false;
    }
    let basis = Basis {
        after,
        previous: known.status,
        generation: known.generation,
        consistency: None,
    };
    let reports = |kind, verdict: &Verdict| {
        let condition = known.status.condition(kind);
        condition.is_some_and(|condition| matches_verdict(condition, verdict))
    };
    !reports(ConditionType::RoleReady, &role_verdict(&basis, drift, state))
        || !reports(ConditionType::TrustReady, &trust_verdict(&basis, drift, state))
}

fn matches_verdict(condition: &Condition, verdict: &Verdict) -> bool {
    condition.status == verdict.status
        && condition.reason == verdict.reason
        && condition.message == crate::model::text::message(&verdict.message)
}

/// Compares the facts that are no fields of a diff and still change a reconcile. Returns `Unknown` for facts that a
/// page does not have.
fn compare_undiffed_facts(
    part: Part,
    known: &Known<'_>,
    state: &DesiredState,
    observed: &Observed,
) -> Judgement {
    let facts = observed.role(&state.binding.role_arn);
    match part {
        Part::Role if facts.id.unreadable().is_some() || facts.trust.unreadable().is_some() => {
            Judgement::Unknown
        }
        Part::Role if depends_on_policy_effect(known.status) => Judgement::Unknown,
        Part::Settings if facts.id.present().is_none() => Judgement::Unknown,
        Part::Role | Part::Settings => Judgement::InSync,
        Part::Association => compare_association(known.status, &observed.association),
        Part::Cluster => compare_credential_delivery(&known.identity.binding.settings, state, observed),
    }
}

/// Returns true if an unmanaged policy is accepted because it only denies. Its effect may change, and pages do not show
/// it.
fn depends_on_policy_effect(status: &Status) -> bool {
    let mut items = status.drift.listed();
    items.any(|item| item.reason == Some(DriftReason::Unmanaged) && is_attachment(item))
}

fn compare_association(status: &Status, observed: &Fact<Association>) -> Judgement {
    let same = |recorded: &AssociationStatus, observed: &Association| {
        recorded.id == observed.id
            && recorded.arn == observed.arn
            && recorded.external_id == observed.external_id
    };
    match (recorded_association(status), observed) {
        (_, Fact::Unreadable(_)) => Judgement::Unknown,
        (Some(recorded), Fact::Present(observed)) if !same(recorded, observed) => Judgement::Drifted,
        (Some(_), Fact::Absent) => Judgement::Drifted,
        (Some(_) | None, Fact::Present(_) | Fact::Absent) => Judgement::InSync,
    }
}

/// Checks the agent or the webhook that delivers credentials to pods. Both were available when the identity became
/// steady.
fn compare_credential_delivery(by: &MethodSettings, state: &DesiredState, observed: &Observed) -> Judgement {
    let available = match by {
        MethodSettings::PodIdentity { .. } => observed.agent.as_ref().map(|agent| agent.ready),
        MethodSettings::Irsa { .. } if state.needs_webhook() => observed.webhook.as_ref().map(|_| true),
        MethodSettings::Irsa { .. } => return Judgement::InSync,
    };
    match available {
        Fact::Present(true) => Judgement::InSync,
        Fact::Present(false) | Fact::Absent => Judgement::Drifted,
        Fact::Unreadable(_) => Judgement::Unknown,
    }
}
