//! The desired inventory: the roles, and the entries in shared trust policies, that Lanyard has to remove now or later.
//! Inputs are the identity, the bindings in use and the observed state; outputs are the inventory and the obsolete
//! resources. No I/O.

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

/// The roles of the inventory that Lanyard created and that the binding does not lead to. Empty during a transition.
pub(super) fn obsolete_roles(
    identity: &Identity,
    state: &TransitionState,
    observed: &Observed,
) -> BTreeSet<RoleArn> {
    let managed = entries_when_settled(state, observed).filter(|entry| entry.managed);
    managed
        .map(|entry| entry.arn.clone())
        .filter(|arn| !leads_to(&identity.binding, arn))
        .collect()
}

/// The entries in shared trust policies that the binding does not need. During a transition only those of bindings that
/// need no trust any more.
pub(super) fn obsolete_memberships(
    identity: &Identity,
    state: &TransitionState,
    observed: &Observed,
) -> BTreeSet<RoleMembership> {
    let inventory = observed.object.inventory.iter();
    let entries = inventory.flat_map(|inventory| &inventory.roles);
    entries
        .filter(|entry| !is_membership_of(entry, &identity.binding) && is_obsolete(entry, state))
        .filter_map(|entry| entry.membership(&identity.subject))
        .collect()
}

/// Returns true if no binding in use needs the statement of an inventory entry.
fn is_obsolete(entry: &InventoryEntry, state: &TransitionState) -> bool {
    let transition = match state {
        TransitionState::Settled => return true,
        TransitionState::Unknown(..) => return false,
        TransitionState::Moving(transition) => transition,
    };
    let in_use = transition.in_use.iter();
    let users: Vec<&Binding> = in_use
        .filter(|binding| is_membership_of(entry, binding))
        .collect();
    !users.is_empty() && !users.iter().any(|binding| transition.needs_trust(binding))
}

fn entries_when_settled<'a>(
    state: &TransitionState,
    observed: &'a Observed,
) -> impl Iterator<Item = &'a InventoryEntry> {
    let inventory = observed.object.inventory.iter();
    let is_settled = *state == TransitionState::Settled;
    inventory
        .flat_map(|inventory| &inventory.roles)
        .filter(move |_| is_settled)
}

/// Returns true if pods of a binding get a role, either directly or as the target role.
fn leads_to(binding: &Binding, role: &RoleArn) -> bool {
    let target = match &binding.settings {
        MethodSettings::PodIdentity { target_role_arn, .. } => target_role_arn.as_ref(),
        MethodSettings::Irsa { .. } => None,
    };
    binding.role_arn == *role || target == Some(role)
}

/// Returns true if a binding depends on the statement of an inventory entry.
fn is_membership_of(entry: &InventoryEntry, binding: &Binding) -> bool {
    entry.arn == binding.role_arn && entry.statement == Some(StatementKey::of(binding))
}

/// The inventory: every role of a binding, every role that Lanyard created until it is known to be gone, and every entry in
/// a shared trust policy until it is known to be removed.
pub(super) fn desired_inventory(
    identity: &Identity,
    binding: &Binding,
    in_use: &[Binding],
    observed: &Observed,
    shares: bool,
) -> Inventory {
    let before = observed.object.inventory.as_ref();
    let desired = &identity.binding;
    let is_used = |entry: &InventoryEntry| {
        let mut bindings = in_use.iter().chain([binding, desired]);
        bindings.any(|binding| match entry.statement {
            Some(_) => is_membership_of(entry, binding),
            None => binding.role_arn == entry.arn && binding.method() == entry.method,
        })
    };
    let is_created = |entry: &InventoryEntry| {
        let is_other = entry.arn != desired.role_arn || identity.managed.is_none();
        entry.managed && is_other && may_be_ours(&identity.subject, &entry.arn, observed)
    };
    let has_membership = |entry: &InventoryEntry| {
        let memberships = entry.membership(&identity.subject);
        memberships.is_some_and(|memberships| may_be_taken(&memberships, observed))
    };
    // Once the owner of the role maintains the trust policy, its statements stay and Lanyard does not remove them.
    let is_given_up =
        |entry: &InventoryEntry| identity.managed.is_none() && !shares && is_membership_of(entry, desired);
    let touches = InventoryEntry {
        statement: shares.then(|| StatementKey::of(desired)),
        ..identity.inventory_entry()
    };
    let mut inventory = Inventory::including(before, identity.deletion_policy, touches);
    inventory.roles.retain(|entry| {
        (is_used(entry) || is_created(entry) || has_membership(entry)) && !is_given_up(entry)
    });
    if identity.class.is_some() {
        inventory = inventory.under(identity.class.clone());
    }
    for other in in_use.iter().chain([binding]) {
        let entry = entry_for(identity, other, observed, shares);
        let is_known = |known: &InventoryEntry| {
            let same = known.arn == entry.arn && known.method == entry.method;
            same && (entry.statement.is_none() || known.statement == entry.statement)
        };
        if !inventory.roles.iter().any(is_known) {
            inventory = Inventory::including(Some(&inventory), identity.deletion_policy, entry);
        }
    }
    inventory
}

/// The inventory entry of a binding other than the desired one. If the inventory lost its role, the tags of the role may
/// still show that Lanyard created it.
fn entry_for(identity: &Identity, other: &Binding, observed: &Observed, shares: bool) -> InventoryEntry {
    let tags = observed.role(&other.role_arn).tags;
    let owned = tags.present().is_some_and(|tags| identity.subject.owns(tags));
    let adopted = tags.present().is_some_and(|tags| tags.contains_key(TAG_ADOPTED));
    let shared = match other.role_arn == identity.binding.role_arn {
        true => shares,
        false => owned && adopted,
    };
    InventoryEntry {
        arn: other.role_arn.clone(),
        managed: owned || identity.managed.is_some(),
        method: other.method(),
        statement: shared.then(|| StatementKey::of(other)),
    }
}

/// Returns true if Lanyard may still own a role: it exists, or could not be read, and was not released.
fn may_be_ours(subject: &Subject, arn: &RoleArn, observed: &Observed) -> bool {
    let facts = observed.role(arn);
    let is_released =
        |tags: &BTreeMap<String, String>| tags.contains_key(TAG_RETAINED) && !subject.owns(tags);
    !facts.id.is_absent() && !facts.tags.present().is_some_and(is_released)
}

/// Returns true if a statement may still list the subject. A trust policy that could not be read may list it.
fn may_be_taken(memberships: &RoleMembership, observed: &Observed) -> bool {
    match observed.role(&memberships.role).own_trust() {
        Fact::Present(trust) => memberships.membership.is_listed(trust) != Some(false),
        Fact::Absent => false,
        Fact::Unreadable(_) => true,
    }
}

/// Every entry of the subject in a shared trust policy, from the inventory and from the hashes that the status recorded.
pub(super) fn recorded_memberships(
    subject: &Subject,
    previous: &Status,
    inventory: Option<&Inventory>,
) -> BTreeSet<RoleMembership> {
    let in_inventory = inventory
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
    in_inventory.chain(applied).collect()
}
