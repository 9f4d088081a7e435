//! Desired, custody: which roles and which seats in others' trust policies are ours to remove, now or one day.
//! An identity, the bindings that pods may depend on and the facts in, custody and what is left over out. No I/O.

use std::collections::{BTreeMap, BTreeSet};

use crate::identity::Identity;
use crate::model::arn::RoleArn;
use crate::model::binding::{Binding, MethodSettings};
use crate::model::fact::Fact;
use crate::model::inventory::{Inventory, InventoryEntry};
use crate::model::observed::Observed;
use crate::model::shared_trust::{RoleMembership, StatementKey};
use crate::model::status::Status;
use crate::model::subject::{Subject, TAG_ADOPTED, TAG_RETAINED};
use crate::reconcile::transition::TransitionState;

/// Roles of ours in custody that no binding leads to any more. While a change runs, none is.
pub(super) fn obsolete_roles(
    identity: &Identity,
    stage: &TransitionState,
    observed: &Observed,
) -> BTreeSet<RoleArn> {
    let managed = left(stage, observed).filter(|entry| entry.managed);
    managed
        .map(|entry| entry.arn.clone())
        .filter(|arn| !leads_to(&identity.binding, arn))
        .collect()
}

/// Seats in custody that the binding does not need. While a change runs, it may need each.
pub(super) fn left_seats(
    identity: &Identity,
    stage: &TransitionState,
    observed: &Observed,
) -> BTreeSet<RoleMembership> {
    left(stage, observed)
        .filter(|entry| !is_seat_of(entry, &identity.binding))
        .filter_map(|entry| entry.membership(&identity.subject))
        .collect()
}

fn left<'a>(stage: &TransitionState, observed: &'a Observed) -> impl Iterator<Item = &'a InventoryEntry> {
    let inventory = observed.object.inventory.iter();
    let at_rest = *stage == TransitionState::Settled;
    inventory
        .flat_map(|inventory| &inventory.roles)
        .filter(move |_| at_rest)
}

/// Whether pods of a binding come to a role: at once, or by way of the one that they get.
fn leads_to(binding: &Binding, role: &RoleArn) -> bool {
    let target = match &binding.settings {
        MethodSettings::PodIdentity { target_role_arn, .. } => target_role_arn.as_ref(),
        MethodSettings::Irsa { .. } => None,
    };
    binding.role_arn == *role || target == Some(role)
}

/// Whether a binding rests on the very statement that was touched.
fn is_seat_of(entry: &InventoryEntry, binding: &Binding) -> bool {
    entry.arn == binding.role_arn && entry.statement == Some(StatementKey::of(binding))
}

/// Custody of every role that a binding leads to, of those that Lanyard made until they are known to be gone, and of
/// the seats in others' until they are known to be free.
pub(super) fn custody_for(
    identity: &Identity,
    binding: &Binding,
    kept: &[Binding],
    observed: &Observed,
    shares: bool,
) -> Inventory {
    let before = observed.object.inventory.as_ref();
    let wanted = &identity.binding;
    let used = |entry: &InventoryEntry| {
        let mut bindings = kept.iter().chain([binding, wanted]);
        bindings.any(|binding| match entry.statement {
            Some(_) => is_seat_of(entry, binding),
            None => binding.role_arn == entry.arn && binding.method() == entry.method,
        })
    };
    let made = |entry: &InventoryEntry| {
        let another = entry.arn != wanted.role_arn || identity.managed.is_none();
        entry.managed && another && may_be_ours(&identity.subject, &entry.arn, observed)
    };
    let memberships = |entry: &InventoryEntry| {
        let memberships = entry.membership(&identity.subject);
        memberships.is_some_and(|memberships| may_be_taken(&memberships, observed))
    };
    // What the role's owner keeps from now on stays as it is, and is not ours to take away any more.
    let given_up =
        |entry: &InventoryEntry| identity.managed.is_none() && !shares && is_seat_of(entry, wanted);
    let touches = InventoryEntry {
        statement: shares.then(|| StatementKey::of(wanted)),
        ..identity.inventory_entry()
    };
    let mut inventory = Inventory::including(before, identity.deletion_policy, touches);
    inventory
        .roles
        .retain(|entry| (used(entry) || made(entry) || memberships(entry)) && !given_up(entry));
    if identity.class.is_some() {
        inventory = inventory.under(identity.class.clone());
    }
    for other in kept.iter().chain([binding]) {
        let entry = touched_for(identity, other, observed, shares);
        let known = |known: &InventoryEntry| {
            let same = known.arn == entry.arn && known.method == entry.method;
            same && (entry.statement.is_none() || known.statement == entry.statement)
        };
        if !inventory.roles.iter().any(known) {
            inventory = Inventory::including(Some(&inventory), identity.deletion_policy, entry);
        }
    }
    inventory
}

/// What is touched for a binding beside the one asked for. Where custody of its role is lost, the role's tags may still
/// say that Lanyard made it.
fn touched_for(identity: &Identity, other: &Binding, observed: &Observed, shares: bool) -> InventoryEntry {
    let tags = observed.role(&other.role_arn).tags;
    let made = tags.present().is_some_and(|tags| identity.subject.owns(tags));
    let adopted = tags.present().is_some_and(|tags| tags.contains_key(TAG_ADOPTED));
    let shared = match other.role_arn == identity.binding.role_arn {
        true => shares,
        false => made && adopted,
    };
    InventoryEntry {
        arn: other.role_arn.clone(),
        managed: made || identity.managed.is_some(),
        method: other.method(),
        statement: shared.then(|| StatementKey::of(other)),
    }
}

/// Whether a role that was touched may still be ours: what is gone or was let go is not.
fn may_be_ours(subject: &Subject, arn: &RoleArn, observed: &Observed) -> bool {
    let facts = observed.role(arn);
    let released = |tags: &BTreeMap<String, String>| tags.contains_key(TAG_RETAINED) && !subject.owns(tags);
    !facts.id.is_absent() && !facts.tags.present().is_some_and(released)
}

/// Whether a subject may still be in a seat: what cannot be read may.
fn may_be_taken(memberships: &RoleMembership, observed: &Observed) -> bool {
    match observed.role(&memberships.role).own_trust() {
        Fact::Present(trust) => memberships.membership.is_listed(trust) != Some(false),
        Fact::Absent => false,
        Fact::Unreadable(_) => true,
    }
}

/// Every seat that the subject was put into: those in custody, and those that the status says were applied.
pub(super) fn seats_taken(
    subject: &Subject,
    previous: &Status,
    inventory: Option<&Inventory>,
) -> BTreeSet<RoleMembership> {
    let in_custody = inventory
        .into_iter()
        .flat_map(|inventory| inventory.memberships(subject));
    let bindings = previous.bindings.iter().map(|known| &known.binding);
    let recorded = bindings.map(|binding| RoleMembership {
        role: binding.role_arn.clone(),
        membership: StatementKey::of(binding).membership(subject),
    });
    let applied = recorded.filter(|memberships| {
        previous
            .last_applied_hashes
            .contains_key(&memberships.field().key())
    });
    in_custody.chain(applied).collect()
}
