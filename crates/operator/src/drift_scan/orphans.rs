//! Orphans and refusals: what sweeps found that no object names, and what they were refused, each told once.
//! Suspects in, log lines and gauges out. They are told and never removed: see `docs/operations.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use lanyard_core::bulk::orphans::{IdentityName, names};
use lanyard_core::model::arn::RoleArn;
use lanyard_core::model::field::Resource;
use lanyard_core::model::name::AccountId;

use crate::identity::{Context, IdentityRef};

/// What was listed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// The roles of an account.
    Roles(AccountId),
    /// The cluster's associations.
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

/// What a list showed that carries our tags while no object knows of it.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// ARNs of roles, or ids of associations.
    pub orphans: BTreeMap<String, IdentityName>,
    /// Whether the list came to its end: what it did not show is not there.
    pub whole: bool,
}

impl Found {
    /// What another list of the same place showed: one that came to its end shows everything.
    pub fn and(mut self, other: Self) -> Self {
        self.orphans.extend(other.orphans);
        self.whole |= other.whole;
        self
    }
}

/// What was told before.
#[derive(Debug, Default)]
pub struct Sweeps(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    places: BTreeMap<Place, Nobodys>,
    /// Associations that nobody has an object for and whose tags are not ours.
    foreign: BTreeSet<String>,
    refused: BTreeSet<String>,
}

/// What of one place nobody knows of: seen once, it may be on its way, and so is only suspected.
#[derive(Debug, Default)]
struct Nobodys {
    suspected: BTreeSet<String>,
    orphans: BTreeSet<String>,
}

impl Sweeps {
    /// A read was refused: said once.
    pub(super) fn refused(&self, read: &str, account: &AccountId, missing: &str) {
        if self.known().refused.insert(format!("{read} {account}")) {
            tracing::warn!(
                read, %account, missing,
                "sweeps may not read in bulk; what concerns it is looked at one by one, at more calls"
            );
        }
    }

    /// Takes note of what a place was found to hold. What two sweeps in a row find nobody's is an orphan, and told once.
    pub(super) fn note(&self, place: Place, found: Found) {
        let mut known = self.known();
        let resource = place.resource().as_str();
        let before = known.places.entry(place).or_default();
        let mut now = Nobodys::default();
        for (what, owner) in found.orphans {
            let told = before.orphans.contains(&what);
            if !told && !before.suspected.contains(&what) {
                now.suspected.insert(what);
                continue;
            }
            if !told {
                tracing::warn!(
                    resource, what, %owner,
                    "orphan: it carries the tags of an object that does not exist or does not use it; Lanyard does not remove it"
                );
            }
            now.orphans.insert(what);
        }
        if !found.whole {
            let still = before.suspected.difference(&now.orphans);
            now.suspected.extend(still.cloned());
            now.orphans.append(&mut before.orphans);
        }
        *before = now;
    }

    /// Forgets the roles of all accounts but these: no class leads to them any more.
    pub(super) fn keep_only(&self, accounts: &BTreeSet<AccountId>) {
        self.known().places.retain(|place, _| match place {
            Place::Roles(account) => accounts.contains(account),
            Place::Associations => true,
        });
    }

    /// How many orphans of a kind there are.
    pub(super) fn count(&self, resource: Resource) -> usize {
        let known = self.known();
        let of_kind = known
            .places
            .iter()
            .filter(|(place, _)| place.resource() == resource);
        of_kind.map(|(_, orphans)| orphans.orphans.len()).sum()
    }

    /// Whether an association is known to be somebody else's.
    pub(super) fn is_foreign(&self, id: &str) -> bool {
        self.known().foreign.contains(id)
    }

    /// Whether an association is known to carry our tags for an object that is not there.
    pub(super) fn is_nobodys(&self, id: &str) -> bool {
        let known = self.known();
        let orphans = known.places.get(&Place::Associations);
        orphans.is_some_and(|orphans| orphans.suspected.contains(id) || orphans.orphans.contains(id))
    }

    /// An association carries our tags for an object that is not there.
    pub(super) fn suspect(&self, id: String) {
        let mut known = self.known();
        let orphans = known.places.entry(Place::Associations).or_default();
        orphans.suspected.insert(id);
    }

    /// An association is somebody else's.
    pub(super) fn foreign(&self, id: String) {
        self.known().foreign.insert(id);
    }

    /// These are all associations of which nobody has an object: what else was known to be somebody's is gone.
    pub(super) fn strangers_are(&self, ids: &BTreeSet<&str>) {
        self.known().foreign.retain(|id| ids.contains(id.as_str()));
    }

    /// Another term has begun: everything is found anew.
    pub(super) fn begin_term(&self) {
        *self.known() = Known::default();
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Context {
    /// Whether the object that a role's tags name is there and knows of the role.
    pub(super) fn knows(&self, owner: &IdentityName, role: &RoleArn) -> bool {
        let object = self
            .store
            .get(&IdentityRef::new(&owner.name).within(&owner.namespace));
        object.is_some_and(|object| {
            let inventory = object.inventory();
            names(&object.decode_status(), inventory.as_ref(), role)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(roles: &[&str], whole: bool) -> Found {
        let owner = || IdentityName {
            namespace: "shop".to_owned(),
            name: "orders".to_owned(),
        };
        let orphans = roles.iter().map(|role| ((*role).to_owned(), owner())).collect();
        Found { orphans, whole }
    }

    fn roles(account: &str) -> Place {
        Place::Roles(AccountId::parse(account).unwrap())
    }

    #[test]
    fn what_two_sweeps_in_a_row_find_nobodys_is_an_orphan_until_one_does_not() {
        let (sweeps, here) = (Sweeps::default(), || roles("111122223333"));
        let count = |found| {
            sweeps.note(here(), found);
            sweeps.count(Resource::Role)
        };
        assert_eq!(count(found(&["a", "b"], true)), 0);
        assert_eq!(count(found(&["a"], true)), 1);
        assert_eq!(
            count(found(&["b"], false)),
            1,
            "nothing is known of what was not shown"
        );
        assert_eq!(count(found(&["a", "b"], true)), 2);
        assert_eq!(count(found(&["a"], true)), 1);
        assert_eq!(sweeps.count(Resource::Association), 0);
    }

    #[test]
    fn an_account_that_cannot_be_read_keeps_no_other_from_coming_clean() {
        let sweeps = Sweeps::default();
        for _ in 0..2 {
            sweeps.note(roles("111122223333"), found(&["a"], true));
            sweeps.note(roles("444455556666"), found(&["b"], true));
        }
        sweeps.note(roles("111122223333"), found(&[], true));
        sweeps.note(roles("444455556666"), found(&[], false));
        assert_eq!(sweeps.count(Resource::Role), 1);
        sweeps.keep_only(&BTreeSet::from([AccountId::parse("111122223333").unwrap()]));
        assert_eq!(sweeps.count(Resource::Role), 0);
    }

    #[test]
    fn a_stranger_that_is_gone_is_forgotten() {
        let sweeps = Sweeps::default();
        sweeps.foreign("a-1".to_owned());
        sweeps.foreign("a-2".to_owned());
        sweeps.strangers_are(&BTreeSet::from(["a-1"]));
        assert!(sweeps.is_foreign("a-1") && !sweeps.is_foreign("a-2"));
    }
}
