//! `Scan`: the state of one drift scan. Input: the object store, and judgements of bulk reads. Output: requeues of
//! drifted objects, and the time of the last check of all others. No I/O: `role_lists` and `cluster_lists` read the
//! pages.
//!
//! An entry takes about 70 bytes for each steady object, in addition to the copy in the store.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use lanyard_core::bulk::{Judgement, has_settings, recorded_association};
use lanyard_core::class;
use lanyard_core::model::arn::RoleArn;
use lanyard_core::model::name::AccountId;
use lanyard_engine::AccountAccess;

use super::outcome::Outcome;
use super::read::Read;
use super::term::Term;
use crate::hash::hash;
use crate::identity::IdentityRef;
use crate::identity::key::ObjectKey;
use crate::identity::pod_count::recount_pods;
use crate::identity::reference::reference_of;
use crate::identity::triage::SteadyIdentity;
use lanyard_engine::raw::RawIdentity;

/// Number of objects to process before other tasks may run.
const BATCH: usize = 100;

/// A steady object, and the results of the reads so far.
struct Entry {
    object: Arc<RawIdentity>,
    key: ObjectKey,
    /// The index of the account access of its role.
    access: Option<u16>,
    /// The object has an association. Reading the fields of the association takes one call.
    has_association: bool,
    /// The reads that the object requires, as bits of [`Read`].
    required: u8,
    /// The reads that returned it.
    seen: u8,
    /// The reads that found it in sync.
    in_sync: u8,
    /// The reads that cannot return it in this scan.
    refused: u8,
    drifted: bool,
    /// A reconcile of the drifted object would have no effect.
    no_effect: bool,
}

/// The number of objects for each result of a scan.
#[derive(Debug, Default)]
pub(super) struct ScanCounts {
    pub checked: usize,
    pub drifted: usize,
    pub unchecked: usize,
}

/// One drift scan.
pub(super) struct Scan<'a> {
    pub term: Term<'a>,
    pub start: Instant,
    /// Objects that were reconciled since this time may be newer than the pages.
    fresh_since: Instant,
    entries: Vec<Entry>,
    /// The entries by the hash of their role, sorted. Several entries may have the same role.
    by_role: Vec<(u64, u32)>,
    /// The entries by the hash of their ServiceAccount.
    by_service_account: HashMap<u64, u32>,
    pub accesses: Vec<AccountAccess>,
    /// A read failed with an error that a retry may resolve.
    pub failed: bool,
    /// A read was denied, or costs too many calls.
    pub refused: bool,
}

impl<'a> Scan<'a> {
    /// Starts a scan with all steady objects and with the accounts of all classes.
    pub async fn begin(term: &Term<'a>) -> Self {
        let context = term.context;
        let start = Instant::now();
        let mut scan = Self {
            term: *term,
            start,
            fresh_since: start
                .checked_sub(context.engine.timings().read_consistency)
                .unwrap_or(start),
            entries: Vec::new(),
            by_role: Vec::new(),
            by_service_account: HashMap::new(),
            accesses: Vec::new(),
            failed: false,
            refused: false,
        };
        let own_account = &context.engine.cluster().account;
        scan.access_index(&class::Aws::default(), own_account);
        for settings in context.classes.accounts() {
            let assumed = settings.assume_role_arn.as_ref();
            let account = assumed.map(|role| role.account.clone());
            scan.access_index(&settings, account.as_ref().unwrap_or(own_account));
        }
        for (count, object) in context.store.state().into_iter().enumerate() {
            yield_every(count).await;
            scan.add(object).await;
        }
        scan.by_role.sort_unstable();
        context.retain_stored_objects();
        scan
    }

    async fn add(&mut self, object: Arc<RawIdentity>) {
        let Some(steady) = self.term.context.steady(&object) else {
            return;
        };
        // Pods may have changed while no leader was elected, or before the object was in the store.
        recount_pods(self.term.context, &steady.decoded, self.term.requeue).await;
        let (identity, target) = (&steady.identity, &steady.decoded.target);
        let Ok(index) = u32::try_from(self.entries.len()) else {
            return;
        };
        self.by_role.push((hash(identity.role_arn()), index));
        let service_account = (target.subject.namespace.as_str(), target.subject.name.as_str());
        self.by_service_account.insert(hash(&service_account), index);
        let settings = if has_settings(identity) {
            Read::Settings.bit()
        } else {
            0
        };
        let associations = match self.term.context.engine.cluster().eks_name() {
            Some(_) => Read::Associations.bit(),
            None => 0,
        };
        let entry = Entry {
            key: ObjectKey::of(&target.uid),
            access: self.access_index(&target.access, &identity.role_arn().account),
            has_association: recorded_association(&steady.decoded.status).is_some(),
            required: Read::Roles.bit() | Read::Cluster.bit() | settings | associations,
            seen: 0,
            in_sync: 0,
            refused: 0,
            drifted: false,
            no_effect: false,
            object,
        };
        self.entries.push(entry);
    }

    /// The index of the access to an account, which is added if it is new.
    fn access_index(&mut self, settings: &class::Aws, account: &AccountId) -> Option<u16> {
        let access = self.term.context.engine.access_to(settings, account)?;
        let known = self.accesses.iter().position(|known| *known == access);
        let index = known.unwrap_or_else(|| {
            self.accesses.push(access);
            self.accesses.len() - 1
        });
        u16::try_from(index).ok()
    }

    /// The entries with this role and this account access.
    pub fn entries_of_role(&self, access: u16, role: &RoleArn) -> Vec<usize> {
        let role_hash = hash(role);
        let first = self.by_role.partition_point(|(hash, _)| *hash < role_hash);
        let of_role = self.by_role.iter().skip(first);
        of_role
            .take_while(|(hash, _)| *hash == role_hash)
            .filter_map(|(_, index)| usize::try_from(*index).ok())
            .filter(|index| {
                let entry = self.entries.get(*index);
                entry.is_some_and(|entry| entry.access == Some(access))
            })
            .collect()
    }

    /// The entry of a ServiceAccount. Returns `None` if no steady object uses it.
    pub fn entry_of(&self, namespace: &str, name: &str) -> Option<usize> {
        let index = self.by_service_account.get(&hash(&(namespace, name)))?;
        usize::try_from(*index).ok()
    }

    /// The entries that require a read and that the read has not returned. `access`: only entries with this account
    /// access.
    pub fn unseen(&self, read: Read, access: Option<u16>) -> Vec<usize> {
        let concerns =
            |entry: &Entry| entry.required & read.bit() != 0 && (access.is_none() || entry.access == access);
        let entries = self.entries.iter().enumerate();
        entries
            .filter(|(_, entry)| concerns(entry) && entry.seen & read.bit() == 0)
            .map(|(index, _)| index)
            .collect()
    }

    /// The number of entries with this account access.
    pub fn identities_with(&self, access: u16) -> usize {
        let entries = self.entries.iter();
        entries.filter(|entry| entry.access == Some(access)).count()
    }

    /// Marks an entry as seen and returns its identity. Returns `None` if a comparison is not useful: a drifted entry
    /// is requeued already, and an entry that was reconciled recently may be newer than the page.
    pub fn identity_to_compare(&mut self, index: usize, read: Read) -> Option<SteadyIdentity> {
        let entry = self.entries.get_mut(index)?;
        entry.seen |= read.bit();
        if entry.drifted {
            return None;
        }
        if self
            .term
            .context
            .objects
            .reconciled_since(entry.key, self.fresh_since)
        {
            entry.in_sync |= read.bit();
            return None;
        }
        self.term.context.steady(&entry.object)
    }

    /// Records a judgement, and requeues a drifted object.
    pub fn record(&mut self, index: usize, read: Read, judgement: Judgement) {
        let Some(entry) = self.entries.get_mut(index) else {
            return;
        };
        match judgement {
            Judgement::InSync => entry.in_sync |= read.bit(),
            Judgement::Unknown => {}
            Judgement::Drifted => {
                let object = IdentityRef::from_obj(&*entry.object);
                entry.drifted = true;
                entry.no_effect = !self.term.drifted(entry.key, object, read.as_str());
            }
        }
    }

    /// Leaves the entries that a read has not returned to single reconciles. `access`: only entries with this account
    /// access.
    pub fn leave_to_reconciles(&mut self, read: Read, access: Option<u16>) {
        for index in self.unseen(read, access) {
            if let Some(entry) = self.entries.get_mut(index) {
                entry.refused |= read.bit();
            }
        }
    }

    /// The outcome of the reads so far.
    pub const fn outcome(&self) -> Outcome {
        match (self.failed, self.refused) {
            (true, _) => Outcome::Broken,
            (false, true) => Outcome::Refused,
            (false, false) => Outcome::Complete,
        }
    }

    /// The objects whose associations have to be described, least recently described first.
    pub fn associations_to_describe(&self) -> Vec<IdentityRef> {
        let checks = &self.term.context.objects;
        let due = |entry: &&Entry| {
            entry.has_association && !entry.drifted && !checks.reconciled_since(entry.key, self.fresh_since)
        };
        let mut all: Vec<(u32, IdentityRef)> = self
            .entries
            .iter()
            .filter(due)
            .map(|entry| (checks.last_described(entry.key), reference_of(&entry.object)))
            .collect();
        all.sort_by_key(|(described, _)| *described);
        all.into_iter().map(|(_, object)| object).collect()
    }

    /// Records the checked objects, and requeues the objects that scans cannot check and that were not reconciled in
    /// this term.
    pub fn finish(self) -> ScanCounts {
        let mut counts = ScanCounts::default();
        let checks = &self.term.context.objects;
        for entry in &self.entries {
            if entry.no_effect {
                counts.unchecked += 1;
            } else if entry.drifted {
                counts.drifted += 1;
            } else if entry.in_sync & entry.required == entry.required {
                counts.checked += 1;
                checks.checked(entry.key, self.start);
            } else {
                counts.unchecked += 1;
                // Every read returned the object, and the results are not sufficient.
                let inconclusive = entry.seen & entry.required == entry.required;
                let refused = entry.refused & entry.required != 0;
                let uncheckable = entry.access.is_none() || refused || inconclusive;
                if uncheckable && checks.uncovered(entry.key) {
                    self.term
                        .background
                        .requeue(IdentityRef::from_obj(&*entry.object));
                }
            }
        }
        counts
    }
}

/// Lets other tasks run after each batch of objects.
pub(super) async fn yield_every(count: usize) {
    if count.is_multiple_of(BATCH) {
        tokio::task::yield_now().await;
    }
}
