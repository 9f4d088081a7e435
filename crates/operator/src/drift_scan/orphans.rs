//! The memory of orphans and denied reads, each of which is logged once per term. Input: listings of candidates.
//! Output: log lines and counts. No I/O. Orphans are never removed: see `docs/operations.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use lanyard_core::bulk::orphans::{IdentityName, references_role};
use lanyard_core::model::arn::RoleArn;
use lanyard_core::model::field::Resource;
use lanyard_core::model::name::AccountId;

use crate::identity::{Context, IdentityRef};

/// The list that an orphan is in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// The roles of an account.
    Roles(AccountId),
    /// The associations of the cluster.
    Associations,
}

impl Place {
    const fn resource(&self) -> Resource {
        match self {
            Self::Roles(_) => Resource::Role,
            Self::Associations => Resource::Association,
        }
    }
}

/// The resources in a list that have Lanyard's tags and that no object references.
#[derive(Debug, Default)]
pub(super) struct OrphanListing {
    /// The objects in the tags, by ARN of the role or ID of the association.
    pub orphans: BTreeMap<String, IdentityName>,
    /// The list was read to its end, so that missing items are absent.
    pub complete: bool,
}

impl OrphanListing {
    /// Adds another listing of the same place. One complete listing makes the result complete.
    pub fn and(mut self, other: Self) -> Self {
        self.orphans.extend(other.orphans);
        self.complete |= other.complete;
        self
    }
}

/// The orphans and denied reads that earlier scans reported.
#[derive(Debug, Default)]
pub struct OrphanMemory(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    places: BTreeMap<Place, PlaceState>,
    /// The associations without an object and without Lanyard's tags.
    foreign: BTreeSet<String>,
    /// The denied reads, as read and account.
    refused: BTreeSet<String>,
}

/// The orphans of one place. A resource that only one scan found is a candidate, because its object may not be in the
/// cache yet.
#[derive(Debug, Default)]
struct PlaceState {
    candidates: BTreeSet<String>,
    orphans: BTreeSet<String>,
}

impl OrphanMemory {
    /// Logs a denied read once.
    pub(super) fn refused(&self, read: &str, account: &AccountId, missing: &str) {
        if self.state().refused.insert(format!("{read} {account}")) {
            tracing::warn!(
                read, %account, missing,
                "bulk read denied: Lanyard reconciles the affected objects one by one, with more calls; allow the missing action"
            );
        }
    }

    /// Records the listing of a place. A resource that two scans in a row find is an orphan, and is logged once.
    pub(super) fn note(&self, place: Place, listing: OrphanListing) {
        let mut state = self.state();
        let resource = place.resource().as_str();
        let previous = state.places.entry(place).or_default();
        let mut current = PlaceState::default();
        for (id, owner) in listing.orphans {
            let is_known = previous.orphans.contains(&id);
            if !is_known && !previous.candidates.contains(&id) {
                current.candidates.insert(id);
                continue;
            }
            if !is_known {
                tracing::warn!(
                    resource, id, %owner,
                    "orphan: it carries the tags of an object that does not exist or does not use it; Lanyard does not remove it"
                );
            }
            current.orphans.insert(id);
        }
        if !listing.complete {
            let unconfirmed = previous.candidates.difference(&current.orphans);
            current.candidates.extend(unconfirmed.cloned());
            current.orphans.append(&mut previous.orphans);
        }
        *previous = current;
    }

    /// Removes the roles of all other accounts, which no class uses any more.
    pub(super) fn keep_only(&self, accounts: &BTreeSet<AccountId>) {
        self.state().places.retain(|place, _| match place {
            Place::Roles(account) => accounts.contains(account),
            Place::Associations => true,
        });
    }

    /// The number of orphans of a kind.
    pub(super) fn count(&self, resource: Resource) -> usize {
        let state = self.state();
        let of_kind = state
            .places
            .iter()
            .filter(|(place, _)| place.resource() == resource);
        of_kind.map(|(_, place)| place.orphans.len()).sum()
    }

    /// Returns true if an association is known to lack Lanyard's tags.
    pub(super) fn is_foreign(&self, id: &str) -> bool {
        self.state().foreign.contains(id)
    }

    /// Returns true if an association is known to have Lanyard's tags for an object that does not exist.
    pub(super) fn is_orphan_candidate(&self, id: &str) -> bool {
        let state = self.state();
        let place = state.places.get(&Place::Associations);
        place.is_some_and(|place| place.candidates.contains(id) || place.orphans.contains(id))
    }

    /// Records an association with Lanyard's tags for an object that does not exist.
    pub(super) fn add_candidate(&self, id: String) {
        let mut state = self.state();
        let place = state.places.entry(Place::Associations).or_default();
        place.candidates.insert(id);
    }

    /// Records an association without Lanyard's tags.
    pub(super) fn foreign(&self, id: String) {
        self.state().foreign.insert(id);
    }

    /// Removes the associations that no longer exist. `ids`: all associations without an object.
    pub(super) fn retain_foreign(&self, ids: &BTreeSet<&str>) {
        self.state().foreign.retain(|id| ids.contains(id.as_str()));
    }

    /// Clears the state at the start of a term.
    pub(super) fn begin_term(&self) {
        *self.state() = State::default();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Context {
    /// Returns true if the object in the tags of a role exists and references the role.
    pub(super) fn has_object_of(&self, owner: &IdentityName, role: &RoleArn) -> bool {
        let object = self
            .store
            .get(&IdentityRef::new(&owner.name).within(&owner.namespace));
        object.is_some_and(|object| {
            let inventory = object.inventory();
            references_role(&object.decode_status(), inventory.as_ref(), role)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(roles: &[&str], complete: bool) -> OrphanListing {
        let owner = || IdentityName {
            namespace: "shop".to_owned(),
            name: "orders".to_owned(),
        };
        let orphans = roles.iter().map(|role| ((*role).to_owned(), owner())).collect();
        OrphanListing { orphans, complete }
    }

    fn roles(account: &str) -> Place {
        Place::Roles(AccountId::parse(account).unwrap())
    }

    #[test]
    fn orphan_is_reported_after_two_scans_in_a_row() {
        let memory = OrphanMemory::default();
        let count = |listing| {
            memory.note(roles("111122223333"), listing);
            memory.count(Resource::Role)
        };
        assert_eq!(count(listing(&["a", "b"], true)), 0);
        assert_eq!(count(listing(&["a"], true)), 1);
        assert_eq!(
            count(listing(&["b"], false)),
            1,
            "an incomplete listing removes no orphan"
        );
        assert_eq!(count(listing(&["a", "b"], true)), 2);
        assert_eq!(count(listing(&["a"], true)), 1);
        assert_eq!(memory.count(Resource::Association), 0);
    }

    #[test]
    fn unreadable_account_keeps_its_orphans_only() {
        let memory = OrphanMemory::default();
        for _ in 0..2 {
            memory.note(roles("111122223333"), listing(&["a"], true));
            memory.note(roles("444455556666"), listing(&["b"], true));
        }
        memory.note(roles("111122223333"), listing(&[], true));
        memory.note(roles("444455556666"), listing(&[], false));
        assert_eq!(memory.count(Resource::Role), 1);
        memory.keep_only(&BTreeSet::from([AccountId::parse("111122223333").unwrap()]));
        assert_eq!(memory.count(Resource::Role), 0);
    }

    #[test]
    fn deleted_foreign_association_is_removed() {
        let memory = OrphanMemory::default();
        memory.foreign("a-1".to_owned());
        memory.foreign("a-2".to_owned());
        memory.retain_foreign(&BTreeSet::from(["a-1"]));
        assert!(memory.is_foreign("a-1") && !memory.is_foreign("a-2"));
    }
}
