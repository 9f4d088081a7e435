//! The plain fields of the status: class, role, provider and the number of stale pods. The input of
//! `summarise` in, field values out; no I/O. A field that could not be determined keeps its previous value.

use super::input::SummaryInput;
use super::recreated;
use super::transition;
use crate::model::fact::Fact;
use crate::model::from_class::FromClass;
use crate::model::status::{PodsStatus, RoleStatus};
use crate::ownership::{Ownership, current_role_ownership};
use crate::reconcile::desired::{Desired, DesiredRole};
use crate::reconcile::gate::WriteGate;

/// The class of the object, which never changes once it is recorded.
pub(super) fn class_name(input: &SummaryInput<'_>) -> Option<String> {
    let selected = input
        .desired()
        .and_then(|desired| desired.inventory.class.clone());
    selected.or_else(|| input.previous.class_name.clone())
}

/// The values from the class, recorded once all of them are applied. A frozen identity keeps its previous ones.
pub(super) fn applied_from_class(input: &SummaryInput<'_>) -> Option<FromClass> {
    let is_free = input.desired().is_some() && input.decision.frozen.is_none();
    let is_applied = is_free && input.gate == WriteGate::Open && input.outcome.all_done();
    let values = if is_applied {
        &input.decision.from_class
    } else {
        &input.previous.applied_from_class
    };
    values.clone()
}

/// The role. Its id is recorded only if the role is Lanyard's, because the id later proves that.
pub(super) fn role(input: &SummaryInput<'_>) -> Option<RoleStatus> {
    let Some(desired) = input.desired() else {
        return input.previous.role.clone();
    };
    let arn = desired.binding.role_arn.clone();
    let facts = input.after.role(&arn);
    if facts.id.unreadable().is_some() {
        return input.previous.role.clone().or(Some(RoleStatus {
            arn,
            id: None,
            adopted: false,
        }));
    }
    let previous = input.previous.role.as_ref().filter(|known| known.arn == arn);
    if let (DesiredRole::Unchanged, Some(previous)) = (&desired.role, previous.filter(|known| known.adopted))
    {
        // The adoption stays recorded although the spec already names another role.
        return Some(previous.clone());
    }
    let is_managed = matches!(desired.role, DesiredRole::Managed(_) | DesiredRole::Adopted(..));
    let ownership = match is_managed {
        true => current_role_ownership(&desired.subject, input.previous, &arn, &facts),
        false => Ownership::Foreign,
    };
    let adopted = match &facts.id {
        Fact::Present(_) => ownership.is_adopted(),
        // Stays recorded like the id: Lanyard does not create a role in place of an adopted one.
        Fact::Absent | Fact::Unreadable(_) => is_managed && previous.is_some_and(|known| known.adopted),
    };
    let id = match facts.id {
        Fact::Present(id) => Some(id).filter(|_| ownership.is_owned()),
        // Stays recorded until the role exists again: a different id then shows that the role was created again.
        Fact::Absent if is_managed => recreated::known_id(input.previous, &arn).cloned(),
        Fact::Absent | Fact::Unreadable(_) => None,
    };
    Some(RoleStatus { arn, id, adopted })
}

pub(super) fn provider_arn(input: &SummaryInput<'_>) -> Option<String> {
    let Some(desired) = input.desired() else {
        return input.previous.oidc_provider_arn.clone();
    };
    desired.provider.as_ref().map(|provider| provider.arn.clone())
}

/// The number of pods without the credentials that the spec requires.
pub(super) fn pods(input: &SummaryInput<'_>) -> PodsStatus {
    let (Some(pods), Desired::Present(desired)) = (input.after.pods.present(), &input.decision.desired)
    else {
        return input.previous.pods;
    };
    let transition = transition::in_progress(input);
    // During a transition, a pod is stale if it does not carry the new binding.
    let binding = transition.map_or(&desired.binding, |transition| &transition.desired);
    let stale = pods.stale(binding, transition.and_then(|transition| transition.stale_before));
    PodsStatus {
        stale: i64::try_from(stale).unwrap_or(i64::MAX),
    }
}
