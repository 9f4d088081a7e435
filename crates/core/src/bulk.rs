//! Sweep: whether what a bulk read shows of one identity is what its status tells. Facts of one part of it in, a
//! judgement out; no I/O. What deviates gets a look, which reads afresh and acts; nothing is ever done on a page alone.
//!
//! Only an identity that [`is_steady`] is judged: of it, everything but drift is settled, so that what differs is drift or
//! news. What cannot be read is neither, and what was not read at all is left out.

use crate::identity::Identity;
use crate::model::binding::MethodSettings;
use crate::model::condition::{Condition, ConditionStatus, ConditionType};
use crate::model::fact::{Fact, ReadError};
use crate::model::field::{Field, Resource};
use crate::model::inventory::{Inventory, InventoryEntry};
use crate::model::observed::{Association, ControlMetadata, Effect, Observed};
use crate::model::reason::Reason;
use crate::model::shared_trust::StatementKey;
use crate::model::spec::DriftPolicy;
use crate::model::status::{AssociationStatus, DriftItem, DriftReason, Status};
use crate::reconcile::desired::{Desired, DesiredState};
use crate::reconcile::diff::{Cause, Difference, Drift, diff};
use crate::reconcile::gate::WriteGate;
use crate::reconcile::summary::{Basis, Verdict, role_verdict, trust_verdict};
use crate::reconcile::transition::{TransitionState, is_steady_binding};

mod drifted;
pub mod orphans;

use drifted::{drifted, is_attachment};

/// What of an identity one kind of read shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Its role, but for the two fields that a read of the whole account lacks.
    Role,
    /// Those two: description and longest session.
    Settings,
    /// The fields of its association.
    Association,
    /// The cluster's side and what all share: ServiceAccount, OIDC provider, agent, webhook.
    Cluster,
}

/// What is known of an identity beside the facts.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// What is asked for.
    pub identity: &'a Identity,
    /// What was told last.
    pub status: &'a Status,
    /// The generation of the spec.
    pub generation: i64,
    /// What may be written for it at this moment.
    pub gate: WriteGate,
}

impl Known<'_> {
    /// Whether a look would put back what somebody changed.
    fn is_corrected(&self) -> bool {
        self.gate == WriteGate::Open && self.identity.drift_policy == DriftPolicy::Correct
    }
}

/// What a bulk read says of a part of an identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// It is as the status tells.
    InSync,
    /// Something is otherwise: a look has to see it for itself.
    Drifted,
    /// The read does not tell.
    Unknown,
}

/// Whether nothing about an identity waits for anything: its last look found it bound and had nothing left to do, and
/// what it found could be read. Drift that only stands does not count.
#[must_use]
pub fn is_steady(known: &Known<'_>, control: &ControlMetadata) -> bool {
    let Known {
        identity,
        status,
        generation,
        ..
    } = known;
    let is = |kind: ConditionType| status.condition(kind).map(|condition| condition.status);
    let free = identity.frozen.is_none() && identity.queued_for.is_none();
    let quiet = [
        ConditionType::Stalled,
        ConditionType::Reconciling,
        ConditionType::Transitioning,
    ];
    // What is contested is put back once a while has passed, of which only looks know.
    let stands = |item: &DriftItem| {
        !matches!(
            item.reason,
            Some(DriftReason::Unreadable | DriftReason::Contested)
        )
    };
    // Anything else that it may say of what differs waits to be applied.
    let settled = status
        .condition(ConditionType::InSync)
        .is_some_and(|said| said.status == ConditionStatus::True || said.reason == Reason::Drifted);
    // What custody holds beside the role in use is still to be removed, or seen to be gone.
    let adopted = status.role.as_ref().is_some_and(|role| role.adopted);
    let entry = InventoryEntry {
        statement: (adopted || identity.shares_trust).then(|| StatementKey::of(&identity.binding)),
        ..identity.inventory_entry()
    };
    let holds = |inventory: &Inventory| {
        let of_class = identity.class.is_none() || inventory.class == identity.class;
        of_class
            && inventory.deletion_policy == identity.deletion_policy
            && inventory.roles.as_slice() == std::slice::from_ref(&entry)
    };
    free && status.observed_generation == Some(*generation)
        && is_steady_binding(identity, status)
        && is(ConditionType::Ready) == Some(ConditionStatus::True)
        && quiet.into_iter().all(|kind| is(kind).is_none())
        && status.applied_from_class == identity.from_class
        && settled
        && status.drift.items.iter().all(stands)
        && control.finalizer
        && control.inventory.as_ref().is_some_and(holds)
}

/// Holds the facts of one part against what the status tells of it. `facts` has that part read and the rest not.
#[must_use]
pub fn judge(part: Part, known: &Known<'_>, facts: Observed) -> Judgement {
    let observed = showing(facts);
    let desired = Desired::present(known.identity, &TransitionState::Settled, known.status, &observed);
    let Desired::Present(wanted) = &desired else {
        return Judgement::Unknown;
    };
    let mut drift = diff(&desired, known.status, &observed);
    // Whose a role is that is there, nobody knows: then nothing of it was compared.
    let unclaimed = part.is_on(Resource::Role) && drift.of(&Field::Role).is_some_and(is_unread);
    drift.differences.retain(|difference| part.has(&difference.field));
    let unread = unclaimed || drift.differences.iter().any(is_unread);
    let mut conflicts = drift.conflicts.iter();
    let judged = drifted(part, known, &drift.differences, unread);
    let drifted = conflicts.any(|conflict| part.is_on(conflict.resource))
        || judged == Judgement::Drifted
        || unapplied(known, &drift.differences)
        || says_otherwise(part, known, wanted, &drift, &observed);
    match (drifted, unread || judged == Judgement::Unknown) {
        (true, _) => Judgement::Drifted,
        (false, true) => Judgement::Unknown,
        (false, false) => beside_drift(part, known, wanted, &observed),
    }
}

fn is_unread(difference: &Difference) -> bool {
    matches!(difference.cause, Cause::Unreadable(_))
}

/// What the list of associations alone tells: which one, if any, the ServiceAccount has.
#[must_use]
pub fn judge_listed(known: &Known<'_>, id: Option<&str>) -> Judgement {
    let Some(id) = id else {
        let facts = Observed {
            association: Fact::Absent,
            ..Observed::unread()
        };
        return judge(Part::Association, known, facts);
    };
    match recorded(known.status) {
        Some(recorded) if recorded.id == id => Judgement::InSync,
        Some(_) | None => Judgement::Drifted,
    }
}

/// The association that is on record.
#[must_use]
pub fn recorded(status: &Status) -> Option<&AssociationStatus> {
    let mut bindings = status.bindings.iter();
    bindings.find_map(|binding| binding.association.as_ref())
}

impl Part {
    /// Whether an aspect belongs to it.
    fn has(self, field: &Field) -> bool {
        let setting = matches!(field, Field::Description | Field::MaxSession);
        self.is_on(field.resource())
            && match self {
                Self::Role => !setting,
                // That the role is there at all is the other read's to say.
                Self::Settings => setting,
                Self::Association | Self::Cluster => true,
            }
    }

    fn is_on(self, resource: Resource) -> bool {
        match self {
            Self::Role | Self::Settings => resource == Resource::Role,
            Self::Association => resource == Resource::Association,
            Self::Cluster => matches!(resource, Resource::ServiceAccount | Resource::Provider),
        }
    }

    /// Whether an item of the status tells of it.
    fn told_by(self, item: &DriftItem) -> bool {
        let is = |resource: Resource| item.resource == resource.as_str();
        let is_field = |field: Field| item.field == field.to_string();
        let setting = is_field(Field::Description) || is_field(Field::MaxSession);
        match self {
            Self::Role => is(Resource::Role) && !setting,
            Self::Settings => is(Resource::Role) && setting,
            Self::Association => is(Resource::Association),
            Self::Cluster => is(Resource::ServiceAccount) || is(Resource::Provider),
        }
    }
}

/// A page says which policies are attached and not what they can do. Whatever they do, one that nobody asked for is a
/// difference, and a look reads what it does.
fn showing(mut facts: Observed) -> Observed {
    for role in facts.roles.values_mut() {
        let attached = role.attached.present_mut().into_iter().flatten();
        for (_, effect) in attached.filter(|(_, effect)| effect.unreadable() == Some(&ReadError::NotRead)) {
            *effect = Fact::Present(Effect::Grants);
        }
    }
    facts
}

/// Whether something waits to be applied that may be applied now, or of which the status does not say that it waits.
fn unapplied(known: &Known<'_>, differences: &[Difference]) -> bool {
    let in_sync = known.status.condition(ConditionType::InSync);
    let untold = in_sync.is_some_and(|said| said.status == ConditionStatus::True);
    differences.iter().any(|difference| match difference.cause {
        Cause::Spec => untold || known.gate == WriteGate::Open,
        Cause::Frozen => untold,
        _ => false,
    })
}

/// Whether the conditions would say otherwise of a role: who else its trust lets in, or that it is not the one it was.
fn says_otherwise(
    part: Part,
    known: &Known<'_>,
    wanted: &DesiredState,
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
    };
    let said = |kind| known.status.condition(kind);
    !says(
        said(ConditionType::RoleReady),
        &role_verdict(&basis, drift, wanted),
    ) || !says(
        said(ConditionType::TrustReady),
        &trust_verdict(&basis, drift, wanted),
    )
}

fn says(condition: Option<&Condition>, verdict: &Verdict) -> bool {
    condition.is_some_and(|said| {
        said.status == verdict.status
            && said.reason == verdict.reason
            && said.message == crate::model::text::message(&verdict.message)
    })
}

/// What is no drift and still makes a look differ, and what a page cannot show.
fn beside_drift(part: Part, known: &Known<'_>, wanted: &DesiredState, observed: &Observed) -> Judgement {
    let facts = observed.role(&wanted.binding.role_arn);
    match part {
        Part::Role if facts.id.unreadable().is_some() || facts.trust.unreadable().is_some() => {
            Judgement::Unknown
        }
        Part::Role if rests_on_an_effect(known.status) => Judgement::Unknown,
        Part::Settings if facts.id.present().is_none() => Judgement::Unknown,
        Part::Role | Part::Settings => Judgement::InSync,
        Part::Association => same_association(known.status, &observed.association),
        Part::Cluster => hands_out(&known.identity.binding.settings, wanted, observed),
    }
}

/// A foreign policy that stands because it only denies: what it does may change, and no page shows that.
fn rests_on_an_effect(status: &Status) -> bool {
    let mut items = status.drift.items.iter();
    items.any(|item| item.reason == Some(DriftReason::Unmanaged) && is_attachment(item))
}

fn same_association(status: &Status, found: &Fact<Association>) -> Judgement {
    let same = |recorded: &AssociationStatus, found: &Association| {
        recorded.id == found.id && recorded.arn == found.arn && recorded.external_id == found.external_id
    };
    match (recorded(status), found) {
        (_, Fact::Unreadable(_)) => Judgement::Unknown,
        (Some(recorded), Fact::Present(found)) if !same(recorded, found) => Judgement::Drifted,
        (Some(_), Fact::Absent) => Judgement::Drifted,
        (Some(_) | None, Fact::Present(_) | Fact::Absent) => Judgement::InSync,
    }
}

/// Whether there is still what hands credentials to pods: of an identity that rests, there was.
fn hands_out(by: &MethodSettings, wanted: &DesiredState, observed: &Observed) -> Judgement {
    let found = match by {
        MethodSettings::PodIdentity { .. } => observed.agent.as_ref().map(|agent| agent.ready),
        MethodSettings::Irsa { .. } if wanted.needs_webhook() => observed.webhook.as_ref().map(|_| true),
        MethodSettings::Irsa { .. } => return Judgement::InSync,
    };
    match found {
        Fact::Present(true) => Judgement::InSync,
        Fact::Present(false) | Fact::Absent => Judgement::Drifted,
        Fact::Unreadable(_) => Judgement::Unknown,
    }
}

/// Whether a read of the two settings says anything of an identity: somebody else's role has none that matter.
#[must_use]
pub fn has_settings(identity: &Identity) -> bool {
    identity.managed.is_some()
}

/// Whether reading all roles of an account, page by page, costs more than reading so many of them one by one. A few
/// pages are always worth it: they also show what nobody owns any more.
#[must_use]
pub fn costs_more_than_single_reads(pages: usize, roles: usize) -> bool {
    /// Calls that one role takes by itself: itself, its attached policies, its inline policies.
    const CALLS: usize = 3;
    /// Pages that are read however few roles are asked for.
    const ALWAYS: usize = 25;
    pages > ALWAYS.max(roles.saturating_mul(CALLS))
}

#[cfg(test)]
mod tests;
