//! The selection of steady identities, which the drift scan compares instead of a reconcile. Input: the identity, its
//! status and its control metadata. Output: a decision. No I/O.

use super::known::Known;
use crate::model::condition::{ConditionStatus, ConditionType};
use crate::model::inventory::{Inventory, InventoryEntry};
use crate::model::observed::ControlMetadata;
use crate::model::reason::Reason;
use crate::model::shared_trust::StatementKey;
use crate::model::status::{DriftItem, DriftReason};
use crate::reconcile::transition::is_steady_binding;

/// Returns true if an identity waits for nothing: its last reconcile observed it bound, read everything and had nothing
/// to do. Drift that is only reported does not count.
#[must_use]
pub fn is_steady(known: &Known<'_>, control: &ControlMetadata) -> bool {
    let Known {
        identity,
        status,
        generation,
        ..
    } = known;
    let is = |kind: ConditionType| status.condition(kind).map(|condition| condition.status);
    let unblocked = identity.frozen.is_none() && identity.queued_for.is_none();
    let absent = [
        ConditionType::Stalled,
        ConditionType::Reconciling,
        ConditionType::Transitioning,
    ];
    // Contested drift is corrected after a backoff that only reconciles know.
    let is_reported_only = |item: &DriftItem| {
        !matches!(
            item.reason,
            Some(DriftReason::Unreadable | DriftReason::Contested)
        )
    };
    // With every other reason of `InSync: False`, a change waits to be applied.
    let applied = status.condition(ConditionType::InSync).is_some_and(|condition| {
        condition.status == ConditionStatus::True || condition.reason == Reason::Drifted
    });
    unblocked
        && status.observed_generation == Some(*generation)
        && is_steady_binding(identity, status)
        && is(ConditionType::Ready) == Some(ConditionStatus::True)
        && absent.into_iter().all(|kind| is(kind).is_none())
        && status.applied_from_class == identity.from_class
        && applied
        && status.drift.items.iter().all(is_reported_only)
        && control.finalizer
        && has_current_role_only(known, control)
}

/// Returns true if the inventory has exactly the role in use. Any other role in it still has to be removed, or to be
/// observed as absent.
fn has_current_role_only(known: &Known<'_>, control: &ControlMetadata) -> bool {
    let identity = known.identity;
    let adopted = known.status.role.as_ref().is_some_and(|role| role.adopted);
    let entry = InventoryEntry {
        statement: (adopted || identity.shares_trust).then(|| StatementKey::of(&identity.binding)),
        ..identity.inventory_entry()
    };
    let is_current = |inventory: &Inventory| {
        let of_class = identity.class.is_none() || inventory.class == identity.class;
        of_class
            && inventory.deletion_policy == identity.deletion_policy
            && inventory.roles.as_slice() == std::slice::from_ref(&entry)
    };
    control.inventory.as_ref().is_some_and(is_current)
}
