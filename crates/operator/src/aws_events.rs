//! Events: what others do in AWS, heard of within seconds by way of a queue. Messages in; objects to look at, through
//! `requeue`, and counts out. Talks to SQS and to nothing else. Run beside the controller while this operator leads.
//!
//! It is best effort from end to end: what is lost, late or not understood is found by the next sweep. So nothing here
//! fails: a queue that is away is asked again, and neither readiness nor any look waits for it.

mod affected;
#[cfg(test)]
mod tests;

use std::fmt;
use std::future::{Future, pending};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::channel::mpsc::UnboundedSender;
use futures::future::{Either, select};
use jiff::Timestamp;
use lanyard_aws::{AwsError, LONG_POLL, Message, Queue, Receipt};
use lanyard_core::aws_event::{
    AwsChange, Caller, ChangedResource, Debounce, DebounceDecision, EventScope, parse,
};
use lanyard_core::model::text::quote;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use self::affected::affected;
use crate::backoff::delay;
use crate::context::{Context, IdentityRef};

/// The longest that a queue which does not answer is left alone.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// After this many messages, whom they concern is looked up before more are taken.
const GATHERED: usize = 100;

/// And after this time: a change is often several calls, and a lookup may have to read every status.
const GATHERING: Duration = Duration::from_secs(1);

/// An answer without messages that came sooner than this was no long poll: the next one waits for as long.
const TOO_SOON: Duration = Duration::from_secs(1);

/// Where events come from, and who Lanyard is among those that they tell of.
#[derive(Debug, Clone)]
pub struct Source {
    /// The queue.
    pub queue: Queue,
    /// Lanyard itself; where STS did not say who that is, its own changes cause looks that find nothing.
    pub caller: Option<Caller>,
}

/// Listens until it is dropped, whenever this operator leads.
pub async fn listen(context: Arc<Context>, source: Source, requeue: UnboundedSender<IdentityRef>) {
    let pace = Debounce::new(context.engine.timings().read_consistency);
    let mut ear = EventListener {
        context,
        source,
        requeue,
        pace,
        failures: 0,
        undeleted: false,
    };
    loop {
        let (gate, queue) = (ear.context.lease.clone(), ear.source.queue.clone());
        ear.minding(gate.gained(0)).await;
        let asked = Instant::now();
        match ear.minding(queue.receive(LONG_POLL)).await {
            Ok(messages) => {
                ear.recovered();
                if messages.is_empty() && asked.elapsed() < TOO_SOON {
                    ear.minding(sleep(TOO_SOON)).await;
                }
                ear.take(messages).await;
            }
            Err(error) => ear.failed(&error).await,
        }
    }
}

/// What a message says, made fit for a log only where one is written.
struct Said<'a>(&'a str);

impl fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&quote(self.0))
    }
}

struct EventListener {
    context: Arc<Context>,
    source: Source,
    requeue: UnboundedSender<IdentityRef>,
    pace: Debounce<IdentityRef>,
    /// How often in a row the queue did not answer.
    failures: u32,
    /// Whether messages could not be deleted when that was last tried.
    undeleted: bool,
}

impl EventListener {
    /// Waits for something, and meanwhile has everybody looked at whose time comes.
    async fn minding<T>(&mut self, awaited: impl Future<Output = T>) -> T {
        let mut awaited = pin!(awaited);
        loop {
            let next = pin!(until(self.pace.next()));
            match select(awaited.as_mut(), next).await {
                Either::Left((came, _)) => return came,
                Either::Right(((), _)) => self.wake_due(),
            }
        }
    }

    fn wake_due(&mut self) {
        for object in self.pace.due(Timestamp::now()) {
            self.requeue(object);
        }
    }

    fn requeue(&self, object: IdentityRef) {
        tracing::debug!(%object, "an event asks for a look");
        self.context.metrics.notices.looks.inc();
        self.context.requeue_now(&self.requeue, object);
    }

    /// Takes these messages and what else lies in the queue. They are deleted once the looks are asked for, so that a
    /// stop in between only brings them back.
    async fn take(&mut self, mut messages: Vec<Message>) {
        // What was received just as the lease went is the next holder's.
        if messages.is_empty() || !self.context.lease.is_open() {
            return;
        }
        let (queue, began) = (self.source.queue.clone(), Instant::now());
        let (mut notices, mut receipts) = (Vec::new(), Vec::new());
        while !messages.is_empty() {
            self.read(messages, &mut notices, &mut receipts);
            if receipts.len() >= GATHERED || began.elapsed() >= GATHERING {
                break;
            }
            // Whoever is asked in vain tells so when asked again.
            messages = self.minding(queue.receive(GATHERING)).await.unwrap_or_default();
        }
        if !self.notice(notices).await {
            return;
        }
        let deleted = self.minding(queue.delete(&receipts)).await;
        self.tell_deletion(deleted.as_ref().err());
    }

    fn tell_deletion(&mut self, error: Option<&AwsError>) {
        let Some(error) = error else {
            self.undeleted = false;
            return;
        };
        // Once, and not with each message.
        if !std::mem::replace(&mut self.undeleted, true) {
            tracing::warn!(%error, "messages of the events queue are not deleted, and come again until they can be");
        }
    }

    fn read(&self, messages: Vec<Message>, notices: &mut Vec<AwsChange>, receipts: &mut Vec<Receipt>) {
        let home = home(&self.context, self.source.caller.as_ref());
        for message in messages {
            match parse(&message.body, &home) {
                Ok(notice) => notices.push(notice),
                Err(dropped) => {
                    tracing::debug!(
                        outcome = dropped.as_str(),
                        says = %Said(&message.body),
                        "a message of the events queue is dropped"
                    );
                    self.context.metrics.notices.message(dropped.as_str());
                }
            }
            receipts.push(message.receipt);
        }
    }

    /// Has whoever is concerned looked at. False: nobody could find out who that is, and the messages have to come again.
    async fn notice(&mut self, notices: Vec<AwsChange>) -> bool {
        let context = Arc::clone(&self.context);
        // Every object may have to be decoded for this, which takes a moment.
        let found = spawn_blocking(move || affected(&context.store, notices)).await;
        // Also has what is over and done forgotten.
        self.wake_due();
        let Ok(found) = found else { return false };
        for (notice, objects) in found {
            if let ChangedResource::Provider { arn } = &notice.resource {
                self.context.engine.forget_provider(arn).await;
            }
            let now = Timestamp::now();
            let age = now.duration_since(notice.time);
            self.context
                .metrics
                .notices
                .age(age.try_into().unwrap_or_default());
            let asked: Vec<DebounceDecision> = objects
                .into_iter()
                .map(|object| self.ask(object, notice.time, now))
                .collect();
            self.context.metrics.notices.message(outcome(&asked));
        }
        true
    }

    fn ask(&mut self, object: IdentityRef, at: Timestamp, now: Timestamp) -> DebounceDecision {
        let looked = self.context.looks.last(&object);
        let asked = self.pace.record(&object, at, looked, now);
        if asked == DebounceDecision::Now {
            self.requeue(object);
        }
        asked
    }

    fn recovered(&mut self) {
        if std::mem::take(&mut self.failures) > 0 {
            tracing::info!("the events queue answers again");
        }
    }

    async fn failed(&mut self, error: &AwsError) {
        self.failures = self.failures.saturating_add(1);
        let again_in = delay(self.failures).min(LONGEST_PAUSE);
        if self.failures == 1 {
            tracing::warn!(
                %error,
                ?again_in,
                "the events queue cannot be read; until it can, what others change is found by the next sweep"
            );
        } else {
            tracing::debug!(%error, ?again_in, "the events queue cannot be read");
        }
        self.minding(sleep(again_in)).await;
    }
}

async fn until(time: Option<Timestamp>) {
    let Some(time) = time else { return pending().await };
    sleep(
        time.duration_since(Timestamp::now())
            .try_into()
            .unwrap_or_default(),
    )
    .await;
}

/// Where Lanyard is at home: its cluster, and the accounts that its classes lead to at this moment.
fn home<'a>(context: &'a Context, caller: Option<&Caller>) -> EventScope<'a> {
    let assumed = context.classes.accounts();
    let assumed: Vec<_> = assumed
        .iter()
        .filter_map(|aws| aws.assume_role_arn.as_ref())
        .collect();
    let there = assumed.iter().map(|role| Caller::parse(&role.to_string()));
    EventScope {
        cluster: context.engine.cluster(),
        accounts: assumed.iter().map(|role| role.account.clone()).collect(),
        own_callers: there.chain(caller.cloned()).collect(),
    }
}

/// What a message came to, in one word.
fn outcome(asked: &[DebounceDecision]) -> &'static str {
    match asked {
        [] => "unmatched",
        all if all
            .iter()
            .all(|asked| *asked == DebounceDecision::AlreadyObserved) =>
        {
            "known"
        }
        _ => "triggered",
    }
}
