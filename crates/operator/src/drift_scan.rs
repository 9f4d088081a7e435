//! The sweep: everything that rests is held against AWS and the cluster by reads in bulk, at once when a term begins and
//! then every resync. What deviates is asked a look for, which reads afresh and acts; a sweep itself writes nothing.
//! The store and pages of lists in; references to look at, and what was checked, out. Runs beside the controller.
//!
//! ```text
//!   store ---> what rests ---> roles of each account, page by page ---+
//!                              the cluster's roles, for two fields ---+---> judge ---> look, if it deviates
//!                              associations, ServiceAccounts ---------+       ^
//!                                                                             |
//!              until the next one: one association described at a time -------+
//! ```

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::channel::mpsc::UnboundedSender;
use futures::future::join;
use lanyard_core::model::field::Resource;
use lanyard_core::model::name::AccountId;

use crate::backoff::spread;
use crate::identity::key::ObjectKey;
use crate::identity::{Context, IdentityRef};
use crate::work_limits::WorkLimits;

mod background_requeues;
mod cluster;
mod describes;
mod orphans;
mod read;
mod roles;
mod round;

use background_requeues::BackgroundRequeues;
use cluster::{Strangers, UnknownAssociation};
use describes::{Task, describe_until};
use orphans::{Found, Place, Sweeps};
use roles::Suspects;
use round::{Round, Tally};

/// A sweep that broke off begins again after this part of the resync; doubled with each further one in a row.
const SOON: u32 = 5;
/// How often it is asked whether this operator still leads.
const WATCH: Duration = Duration::from_secs(1);

/// Sweeps while this operator leads, until it is dropped. `requeue` is for what changed, `drifted` for what deviates.
pub async fn run(
    context: Arc<Context>,
    requeue: UnboundedSender<IdentityRef>,
    drifted: UnboundedSender<IdentityRef>,
    limits: WorkLimits,
) {
    let (found, candidates) = futures::channel::mpsc::unbounded();
    let sweeping = sweep(
        &context,
        &requeue,
        BackgroundRequeues(found),
        limits.describes_per_second,
    );
    join(
        sweeping,
        background_requeues::in_turn(&context, candidates, &drifted, limits.workers),
    )
    .await;
}

async fn sweep(
    context: &Context,
    requeue: &UnboundedSender<IdentityRef>,
    wakes: BackgroundRequeues,
    describes_per_second: u16,
) {
    context.classes.known().await;
    context.classes.all_listed().await;
    let (mut number, known) = (0, Sweeps::default());
    loop {
        number = context.objects.term_after(number).await;
        known.begin_term();
        let term = Term {
            context,
            number,
            requeue,
            wakes: &wakes,
            sweeps: &known,
        };
        let (mut sweeps, mut broken) = (0_u64, 0_u32);
        while term.leads() {
            sweeps += 1;
            let began = Instant::now();
            let (ended, tasks) = once(&term).await;
            broken = if ended == Outcome::Broken { broken + 1 } else { 0 };
            let again = again(context.engine.timings().resync, broken);
            let next = began + spread(again, &(&context.instance, sweeps));
            describe_until(&term, tasks, next, describes_per_second).await;
            term.sleep_until(next).await;
        }
        context.metrics.sweeps.clear();
    }
}

/// One term of the lease, while it lasts.
#[derive(Clone, Copy)]
struct Term<'a> {
    context: &'a Context,
    number: u64,
    requeue: &'a UnboundedSender<IdentityRef>,
    wakes: &'a BackgroundRequeues,
    /// The orphans and refused reads that earlier scans of this term reported.
    sweeps: &'a Sweeps,
}

impl Term<'_> {
    fn leads(&self) -> bool {
        self.context.lease.is_open() && self.context.objects.term() == self.number
    }

    /// Sleeps until a moment, or until the term is over.
    async fn sleep_until(&self, moment: Instant) {
        while self.leads() && Instant::now() < moment {
            tokio::time::sleep(WATCH.min(moment.saturating_duration_since(Instant::now()))).await;
        }
    }

    /// Asks for a look at what deviates, if one may help.
    fn drifted(&self, key: ObjectKey, object: IdentityRef, what: &'static str) -> bool {
        let helps = self.context.objects.drifted(key, Instant::now());
        if helps {
            tracing::debug!(%object, what, "a sweep found something otherwise than told");
            self.wakes.look(object);
        } else {
            tracing::debug!(%object, what, "a look changed nothing about what sweeps find; it is looked at with each resync");
        }
        helps
    }
}

/// How a sweep ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Complete,
    /// A read was refused, or too dear: what concerns it is looked at one by one.
    Refused,
    /// A read failed that is worth trying again soon.
    Broken,
}

impl Outcome {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Refused => "refused",
            Self::Broken => "broken",
        }
    }
}

/// When to sweep again after so many sweeps in a row that broke off: what never succeeds must not double the cost.
fn again(resync: Duration, broken: u32) -> Duration {
    match broken {
        0 => resync,
        broken => (resync / SOON)
            .saturating_mul(2_u32.saturating_pow(broken - 1))
            .min(resync),
    }
}

/// One sweep: how it ended, and what to describe until the next one. The cluster's own account comes first: what another
/// one does not answer keeps nothing of it waiting.
async fn once(term: &Term<'_>) -> (Outcome, VecDeque<Task>) {
    let context = term.context;
    let mut round = Round::begin(term).await;
    let mut found = BTreeMap::new();
    roles_by(0, &mut round, &mut found).await;
    let strangers = round.associations().await;
    round.service_accounts().await;
    for way in 1..u16::try_from(round.ways.len()).unwrap_or(u16::MAX) {
        roles_by(way, &mut round, &mut found).await;
    }
    let (ours, took, ended) = (round.to_describe(), round.began.elapsed(), round.outcome());
    let tally = round.end();
    if !term.leads() {
        return (ended, VecDeque::new());
    }
    orphans(term, found);
    let tasks = describes::tasks(ours, unknown(term, strangers));
    tell(context, &tally, took, ended);
    (ended, tasks)
}

async fn roles_by(way: u16, round: &mut Round<'_>, found: &mut BTreeMap<AccountId, Found>) {
    let Suspects { roles, whole } = round.roles(way).await;
    let context = round.term.context;
    let Some(leads) = round.ways.get(usize::from(way)) else {
        return;
    };
    // Now that the list came to its end, still no object knows of them: one may have come meanwhile.
    let orphans = roles
        .into_iter()
        .filter(|suspect| !context.knows(&suspect.owner, &suspect.role));
    let shown = Found {
        orphans: orphans
            .map(|suspect| (suspect.role.to_string(), suspect.owner))
            .collect(),
        whole,
    };
    let before = found.remove(&leads.account).unwrap_or_default();
    found.insert(leads.account.clone(), before.and(shown));
}

fn tell(context: &Context, tally: &Tally, took: Duration, ended: Outcome) {
    let Tally {
        checked,
        drifted,
        unchecked,
    } = *tally;
    let outcome = ended.as_str();
    context.metrics.sweeps.ended(outcome, took);
    let objects = [
        ("checked", checked),
        ("drifted", drifted),
        ("unchecked", unchecked),
    ];
    context.metrics.sweeps.objects(objects);
    if drifted > 0 {
        tracing::info!(checked, drifted, unchecked, ?took, outcome, "swept");
    } else {
        tracing::debug!(checked, drifted, unchecked, ?took, outcome, "swept");
    }
}

/// Roles of which no object knows, account by account.
fn orphans(term: &Term<'_>, found: BTreeMap<AccountId, Found>) {
    term.sweeps.keep_only(&found.keys().cloned().collect());
    for (account, found) in found {
        term.sweeps.note(Place::Roles(account), found);
    }
    let count = term.sweeps.count(Resource::Role);
    term.context.metrics.sweeps.orphans(Resource::Role, count);
}

/// Associations that nobody has an object for and that were not seen before: whose they are takes a call each, once.
fn unknown(term: &Term<'_>, Strangers { associations, whole }: Strangers) -> Vec<UnknownAssociation> {
    let sweeps = term.sweeps;
    if whole {
        sweeps.strangers_are(&associations.iter().map(|stranger| stranger.id.as_str()).collect());
    }
    let strangers = associations
        .into_iter()
        .filter(|stranger| !sweeps.is_foreign(&stranger.id));
    let (ours, new): (Vec<_>, Vec<_>) = strangers.partition(|stranger| sweeps.is_nobodys(&stranger.id));
    let orphans = ours
        .into_iter()
        .map(|stranger| (stranger.id, stranger.owner))
        .collect();
    sweeps.note(Place::Associations, Found { orphans, whole });
    let count = sweeps.count(Resource::Association);
    term.context.metrics.sweeps.orphans(Resource::Association, count);
    new
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_that_breaks_off_comes_again_soon_and_one_that_always_does_no_more_often_than_any() {
        let again = |broken| again(Duration::from_secs(600), broken).as_secs();
        assert_eq!([0, 1, 2, 3, 4, 40].map(again), [600, 120, 240, 480, 600, 600]);
    }
}
