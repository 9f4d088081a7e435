//! The report of a drift scan. Input: counts, and listings of orphans. Output: metrics, log lines, and the associations
//! whose tags have to be read. No I/O.

use std::collections::BTreeMap;
use std::time::Duration;

use lanyard_core::model::field::Resource;
use lanyard_core::model::name::AccountId;

use super::cluster_lists::{UnknownAssociation, UnknownAssociations};
use super::orphans::{OrphanListing, Place};
use super::outcome::Outcome;
use super::scan::ScanCounts;
use super::term::Term;
use crate::identity::Context;

pub(super) fn report_scan(context: &Context, counts: &ScanCounts, duration: Duration, outcome: Outcome) {
    let ScanCounts {
        checked,
        drifted,
        unchecked,
    } = *counts;
    let outcome = outcome.as_str();
    context.metrics.drift_scan.ended(outcome, duration);
    let objects = [
        ("checked", checked),
        ("drifted", drifted),
        ("unchecked", unchecked),
    ];
    context.metrics.drift_scan.objects(objects);
    if drifted > 0 {
        tracing::info!(
            checked,
            drifted,
            unchecked,
            ?duration,
            outcome,
            "drift scan ended"
        );
    } else {
        tracing::debug!(
            checked,
            drifted,
            unchecked,
            ?duration,
            outcome,
            "drift scan ended"
        );
    }
}

/// Reports the roles that no object references, for each account.
pub(super) fn report_orphaned_roles(term: &Term<'_>, listings: BTreeMap<AccountId, OrphanListing>) {
    term.orphans.keep_only(&listings.keys().cloned().collect());
    for (account, listing) in listings {
        term.orphans.note(Place::Roles(account), listing);
    }
    let count = term.orphans.count(Resource::Role);
    term.context.metrics.drift_scan.orphans(Resource::Role, count);
}

/// Reports the associations that are known as orphans. Returns the associations without an object that are new: their
/// tags take one call each, once.
pub(super) fn new_unknown_associations(
    term: &Term<'_>,
    UnknownAssociations {
        associations,
        complete,
    }: UnknownAssociations,
) -> Vec<UnknownAssociation> {
    let memory = &term.orphans;
    if complete {
        memory.retain_foreign(&associations.iter().map(|unknown| unknown.id.as_str()).collect());
    }
    let not_foreign = associations
        .into_iter()
        .filter(|unknown| !memory.is_foreign(&unknown.id));
    let (orphans, new): (Vec<_>, Vec<_>) =
        not_foreign.partition(|unknown| memory.is_orphan_candidate(&unknown.id));
    let orphans = orphans
        .into_iter()
        .map(|orphan| (orphan.id, orphan.owner))
        .collect();
    memory.note(Place::Associations, OrphanListing { orphans, complete });
    let count = memory.count(Resource::Association);
    term.context
        .metrics
        .drift_scan
        .orphans(Resource::Association, count);
    new
}
