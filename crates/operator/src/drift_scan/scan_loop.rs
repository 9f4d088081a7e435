//! The sequence of drift scans in each term of the leader. Input: the context and the channels. Output: requeues, and
//! reports of each scan. Reads AWS and the API server.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use futures::channel::mpsc::UnboundedSender;
use lanyard_core::model::name::AccountId;

use super::background_requeues::BackgroundRequeues;
use super::describes::{Task, describe_until, tasks};
use super::orphans::{OrphanListing, OrphanMemory};
use super::outcome::{Outcome, next_delay};
use super::report::{new_unknown_associations, report_orphaned_roles, report_scan};
use super::role_lists::OrphanCandidates;
use super::scan::Scan;
use super::term::Term;
use crate::backoff::spread;
use crate::identity::{Context, IdentityRef};

/// Scans in each term of this operator as leader.
pub(super) async fn scan_while_leading(
    context: &Context,
    requeue: &UnboundedSender<IdentityRef>,
    background: BackgroundRequeues,
    describes_per_second: u16,
) {
    context.classes.known().await;
    context.classes.all_listed().await;
    let (mut number, memory) = (0, OrphanMemory::default());
    loop {
        number = context.objects.term_after(number).await;
        memory.begin_term();
        let term = Term {
            context,
            number,
            requeue,
            background: &background,
            orphans: &memory,
        };
        let (mut scans, mut broken) = (0_u64, 0_u32);
        while term.leads() {
            scans += 1;
            let start = Instant::now();
            let (outcome, tasks) = scan_once(&term).await;
            broken = if outcome == Outcome::Broken { broken + 1 } else { 0 };
            let delay = next_delay(context.engine.timings().resync, broken);
            let next = start + spread(delay, &(&context.instance, scans));
            describe_until(&term, tasks, next, describes_per_second).await;
            term.sleep_until(next).await;
        }
        context.metrics.drift_scan.clear();
    }
}

/// Performs one scan. Returns its outcome, and the associations to describe before the next one. The cluster's own
/// account is read first, so that it does not wait for another account that does not respond.
async fn scan_once(term: &Term<'_>) -> (Outcome, VecDeque<Task>) {
    let context = term.context;
    let mut scan = Scan::begin(term).await;
    let mut listings = BTreeMap::new();
    scan_roles(0, &mut scan, &mut listings).await;
    let unknown = scan.associations().await;
    scan.service_accounts().await;
    for access in 1..u16::try_from(scan.accesses.len()).unwrap_or(u16::MAX) {
        scan_roles(access, &mut scan, &mut listings).await;
    }
    let steady = scan.associations_to_describe();
    let duration = scan.start.elapsed();
    let outcome = scan.outcome();
    let counts = scan.finish();
    if !term.leads() {
        return (outcome, VecDeque::new());
    }
    report_orphaned_roles(term, listings);
    let tasks = tasks(steady, new_unknown_associations(term, unknown));
    report_scan(context, &counts, duration, outcome);
    (outcome, tasks)
}

async fn scan_roles(access: u16, scan: &mut Scan<'_>, listings: &mut BTreeMap<AccountId, OrphanListing>) {
    let OrphanCandidates { roles, complete } = scan.roles(access).await;
    let context = scan.term.context;
    let Some(account_access) = scan.accesses.get(usize::from(access)) else {
        return;
    };
    // An object may have been created while the list was read.
    let orphans = roles
        .into_iter()
        .filter(|candidate| !context.has_object_of(&candidate.owner, &candidate.role));
    let listing = OrphanListing {
        orphans: orphans
            .map(|candidate| (candidate.role.to_string(), candidate.owner))
            .collect(),
        complete,
    };
    let previous = listings.remove(&account_access.account).unwrap_or_default();
    listings.insert(account_access.account.clone(), previous.and(listing));
}
