//! One round of the sweep: the identities that rest, and what each read of it has said of them so far.
//! The store in; judgements, references to look at and what was checked out. Reads nothing itself: `roles` and `cluster`
//! bring the pages. Kept small: some 70 bytes an identity beside the store's own copy.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use lanyard_core::bulk::{Judgement, has_settings, recorded};
use lanyard_core::class;
use lanyard_core::model::arn::RoleArn;
use lanyard_core::model::name::AccountId;
use lanyard_engine::AccountAccess;

use super::read::Read;
use super::{Outcome, Term};
use crate::hash::hash;
use crate::identity::IdentityRef;
use crate::identity::key::ObjectKey;
use crate::identity::pod_count::recount_pods;
use crate::identity::reference::reference_of;
use crate::identity::triage::SteadyIdentity;
use lanyard_engine::raw::RawIdentity;

/// Objects that are decoded before others have their turn.
const BATCH: usize = 100;

/// An identity that rests, and what is known of it by now.
struct Entry {
    object: Arc<RawIdentity>,
    key: ObjectKey,
    /// How its role is reached.
    way: Option<u16>,
    /// Whether it has an association whose fields take a call of their own.
    associated: bool,
    /// The reads that concern it, those that have shown it, those that found it as told, and those that will not.
    needs: u8,
    seen: u8,
    sure: u8,
    refused: u8,
    drifted: bool,
    /// Whether a look at what deviates would change nothing.
    no_effect: bool,
}

/// What a round came to.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub checked: usize,
    pub drifted: usize,
    pub unchecked: usize,
}

/// One round.
pub(super) struct Round<'a> {
    pub term: Term<'a>,
    pub began: Instant,
    /// What was looked at since then may be younger than any page.
    fresh_since: Instant,
    entries: Vec<Entry>,
    /// Entries by the hash of their role, sorted: several may share one.
    by_role: Vec<(u64, u32)>,
    by_subject: HashMap<u64, u32>,
    pub ways: Vec<AccountAccess>,
    /// Whether a read failed that is worth trying again.
    pub failed: bool,
    /// Whether a read was refused, or would cost too much.
    pub refused: bool,
}

impl<'a> Round<'a> {
    /// Begins with everything that rests, and with every account that a class leads to.
    pub async fn begin(term: &Term<'a>) -> Self {
        let (context, began) = (term.context, Instant::now());
        let mut round = Self {
            term: *term,
            began,
            fresh_since: began
                .checked_sub(context.engine.timings().read_consistency)
                .unwrap_or(began),
            entries: Vec::new(),
            by_role: Vec::new(),
            by_subject: HashMap::new(),
            ways: Vec::new(),
            failed: false,
            refused: false,
        };
        let account = &context.engine.cluster().account;
        round.way(&class::Aws::default(), account);
        for by in context.classes.accounts() {
            let leads = by.assume_role_arn.as_ref().map(|role| role.account.clone());
            round.way(&by, leads.as_ref().unwrap_or(account));
        }
        for (count, object) in context.store.state().into_iter().enumerate() {
            yield_every(count).await;
            round.add(object).await;
        }
        round.by_role.sort_unstable();
        context.retain_stored_objects();
        round
    }

    async fn add(&mut self, object: Arc<RawIdentity>) {
        let Some(steady) = self.term.context.steady(&object) else {
            return;
        };
        // Pods may have come and gone while nobody led, or while nobody knew of the object.
        recount_pods(self.term.context, &steady.decoded, self.term.requeue).await;
        let (identity, target) = (&steady.identity, &steady.decoded.target);
        let Ok(at) = u32::try_from(self.entries.len()) else {
            return;
        };
        self.by_role.push((hash(identity.role_arn()), at));
        let subject = (target.subject.namespace.as_str(), target.subject.name.as_str());
        self.by_subject.insert(hash(&subject), at);
        let settings = if has_settings(identity) {
            Read::Settings.bit()
        } else {
            0
        };
        let listed = match self.term.context.engine.cluster().eks_name() {
            Some(_) => Read::Associations.bit(),
            None => 0,
        };
        let entry = Entry {
            key: ObjectKey::of(&target.uid),
            way: self.way(&target.access, &identity.role_arn().account),
            associated: recorded(&steady.decoded.status).is_some(),
            needs: Read::Roles.bit() | Read::Cluster.bit() | settings | listed,
            seen: 0,
            sure: 0,
            refused: 0,
            drifted: false,
            no_effect: false,
            object,
        };
        self.entries.push(entry);
    }

    fn way(&mut self, by: &class::Aws, account: &AccountId) -> Option<u16> {
        let way = self.term.context.engine.access_to(by, account)?;
        let known = self.ways.iter().position(|known| *known == way);
        let at = known.unwrap_or_else(|| {
            self.ways.push(way);
            self.ways.len() - 1
        });
        u16::try_from(at).ok()
    }

    /// The entries whose role this is, reached by this way.
    pub fn of_role(&self, way: u16, role: &RoleArn) -> Vec<usize> {
        let wanted = hash(role);
        let from = self.by_role.partition_point(|(hash, _)| *hash < wanted);
        let of_role = self.by_role.iter().skip(from);
        of_role
            .take_while(|(hash, _)| *hash == wanted)
            .filter_map(|(_, at)| usize::try_from(*at).ok())
            .filter(|at| self.entries.get(*at).is_some_and(|entry| entry.way == Some(way)))
            .collect()
    }

    /// The entry of a ServiceAccount.
    pub fn of_subject(&self, namespace: &str, name: &str) -> Option<usize> {
        let at = self.by_subject.get(&hash(&(namespace, name)))?;
        usize::try_from(*at).ok()
    }

    /// Entries that a read concerns and has not shown. `way`: only those whose role is reached so.
    pub fn unseen(&self, read: Read, way: Option<u16>) -> Vec<usize> {
        let concerns = |entry: &Entry| entry.needs & read.bit() != 0 && (way.is_none() || entry.way == way);
        let entries = self.entries.iter().enumerate();
        entries
            .filter(|(_, entry)| concerns(entry) && entry.seen & read.bit() == 0)
            .map(|(at, _)| at)
            .collect()
    }

    /// How many identities have their role where this way leads.
    pub fn count(&self, way: u16) -> usize {
        let entries = self.entries.iter();
        entries.filter(|entry| entry.way == Some(way)).count()
    }

    /// The identity of an entry, if its facts are worth being judged: one that deviates is looked at already, and one that
    /// was looked at since may have changed after the page was made.
    pub fn judged(&mut self, at: usize, read: Read) -> Option<SteadyIdentity> {
        let entry = self.entries.get_mut(at)?;
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
            entry.sure |= read.bit();
            return None;
        }
        self.term.context.steady(&entry.object)
    }

    /// Takes note of a judgement, and asks for a look at what deviates.
    pub fn note(&mut self, at: usize, read: Read, judgement: Judgement) {
        let Some(entry) = self.entries.get_mut(at) else {
            return;
        };
        match judgement {
            Judgement::InSync => entry.sure |= read.bit(),
            Judgement::Unknown => {}
            Judgement::Drifted => {
                let object = IdentityRef::from_obj(&*entry.object);
                entry.drifted = true;
                entry.no_effect = !self.term.drifted(entry.key, object, read.as_str());
            }
        }
    }

    /// What a read has not shown it will not check: that is looked at one by one. `way`: only roles that are reached so.
    pub fn leave_to_looks(&mut self, read: Read, way: Option<u16>) {
        for at in self.unseen(read, way) {
            if let Some(entry) = self.entries.get_mut(at) {
                entry.refused |= read.bit();
            }
        }
    }

    /// How it went so far.
    pub const fn outcome(&self) -> Outcome {
        match (self.failed, self.refused) {
            (true, _) => Outcome::Broken,
            (false, true) => Outcome::Refused,
            (false, false) => Outcome::Complete,
        }
    }

    /// The associations to describe, those that were read longest ago first.
    pub fn to_describe(&self) -> Vec<IdentityRef> {
        let checks = &self.term.context.objects;
        let due = |entry: &&Entry| {
            entry.associated && !entry.drifted && !checks.reconciled_since(entry.key, self.fresh_since)
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

    /// Remembers what was checked, and asks for a look at what sweeps cannot check and nobody has looked at yet.
    pub fn end(self) -> Tally {
        let mut tally = Tally::default();
        let checks = &self.term.context.objects;
        for entry in &self.entries {
            if entry.no_effect {
                tally.unchecked += 1;
            } else if entry.drifted {
                tally.drifted += 1;
            } else if entry.sure & entry.needs == entry.needs {
                tally.checked += 1;
                checks.checked(entry.key, self.began);
            } else {
                tally.unchecked += 1;
                // All that sweeps read was read, and does not tell.
                let in_vain = entry.seen & entry.needs == entry.needs;
                let never = entry.way.is_none() || entry.refused & entry.needs != 0 || in_vain;
                if never && checks.uncovered(entry.key) {
                    self.term.wakes.look(IdentityRef::from_obj(&*entry.object));
                }
            }
        }
        tally
    }
}

/// Lets others have their turn once in a while.
pub(super) async fn yield_every(count: usize) {
    if count.is_multiple_of(BATCH) {
        tokio::task::yield_now().await;
    }
}
