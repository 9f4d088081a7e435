//! The listener for changes in AWS, which arrive as messages of an SQS queue within seconds.
//! Input: messages. Output: references on the requeue channel, and metrics. Reads from and deletes in the queue while
//! this operator is the leader.
//!
//! Delivery is best effort: the next drift scan finds changes whose messages are lost, late or not understood. Errors
//! are therefore only retried, and neither the readiness nor a reconcile depends on the queue.

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
use crate::identity::{Context, IdentityRef};

/// The maximum delay between retries of a failed receive.
const MAX_DELAY: Duration = Duration::from_secs(60);

/// The maximum number of messages in one batch.
const BATCH_SIZE: usize = 100;

/// The maximum time to fill a batch. A change is often several calls, and one lookup may have to decode every status.
const BATCH_TIME: Duration = Duration::from_secs(1);

/// A response without messages in less than this time was no long poll. The next receive waits this long.
const MIN_POLL: Duration = Duration::from_secs(1);

/// The source of events.
#[derive(Debug, Clone)]
pub struct EventSource {
    /// The queue.
    pub queue: Queue,
    /// The operator itself. Without it, the operator's own changes trigger reconciles that find no drift.
    pub caller: Option<Caller>,
}

/// Listens until it is dropped, while this operator is the leader.
pub async fn listen(context: Arc<Context>, source: EventSource, requeue: UnboundedSender<IdentityRef>) {
    let debounce = Debounce::new(context.engine.timings().read_consistency);
    let mut listener = EventListener {
        context,
        source,
        requeue,
        debounce,
        failures: 0,
        delete_failed: false,
    };
    loop {
        let (gate, queue) = (listener.context.lease.clone(), listener.source.queue.clone());
        listener.while_requeueing(gate.gained(0)).await;
        let requested = Instant::now();
        match listener.while_requeueing(queue.receive(LONG_POLL)).await {
            Ok(messages) => {
                listener.recovered();
                if messages.is_empty() && requested.elapsed() < MIN_POLL {
                    listener.while_requeueing(sleep(MIN_POLL)).await;
                }
                listener.process(messages).await;
            }
            Err(error) => listener.failed(&error).await,
        }
    }
}

/// The quoted body of a message, formatted only if it is logged.
struct Excerpt<'a>(&'a str);

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&quote(self.0))
    }
}

struct EventListener {
    context: Arc<Context>,
    source: EventSource,
    requeue: UnboundedSender<IdentityRef>,
    debounce: Debounce<IdentityRef>,
    /// The number of consecutive failed receives.
    failures: u32,
    /// True if the last delete failed.
    delete_failed: bool,
}

impl EventListener {
    /// Awaits a future and meanwhile requeues the objects whose debounce time ends.
    async fn while_requeueing<T>(&mut self, awaited: impl Future<Output = T>) -> T {
        let mut awaited = pin!(awaited);
        loop {
            let next = pin!(until(self.debounce.next()));
            match select(awaited.as_mut(), next).await {
                Either::Left((output, _)) => return output,
                Either::Right(((), _)) => self.requeue_due(),
            }
        }
    }

    fn requeue_due(&mut self) {
        for object in self.debounce.due(Timestamp::now()) {
            self.requeue(object);
        }
    }

    fn requeue(&self, object: IdentityRef) {
        tracing::debug!(%object, "requeued by an event");
        self.context.metrics.aws_events.reconciles.inc();
        self.context.requeue_now(&self.requeue, object);
    }

    /// Processes these messages and further ones in the queue. They are deleted after their objects are requeued, so
    /// that the queue delivers them again after a crash in between.
    async fn process(&mut self, mut messages: Vec<Message>) {
        // Messages received while the lease is lost belong to the next leader.
        if messages.is_empty() || !self.context.lease.is_open() {
            return;
        }
        let (queue, began) = (self.source.queue.clone(), Instant::now());
        let (mut changes, mut receipts) = (Vec::new(), Vec::new());
        while !messages.is_empty() {
            self.read(messages, &mut changes, &mut receipts);
            if receipts.len() >= BATCH_SIZE || began.elapsed() >= BATCH_TIME {
                break;
            }
            // The next receive reports the error if it persists.
            messages = self
                .while_requeueing(queue.receive(BATCH_TIME))
                .await
                .unwrap_or_default();
        }
        if !self.trigger(changes).await {
            return;
        }
        let deleted = self.while_requeueing(queue.delete(&receipts)).await;
        self.log_delete(deleted.as_ref().err());
    }

    fn log_delete(&mut self, error: Option<&AwsError>) {
        let Some(error) = error else {
            self.delete_failed = false;
            return;
        };
        // Logged once, and not for each message.
        if !std::mem::replace(&mut self.delete_failed, true) {
            tracing::warn!(%error, "could not delete messages of the events queue; they are delivered again until the delete succeeds");
        }
    }

    fn read(&self, messages: Vec<Message>, changes: &mut Vec<AwsChange>, receipts: &mut Vec<Receipt>) {
        let scope = event_scope(&self.context, self.source.caller.as_ref());
        for message in messages {
            match parse(&message.body, &scope) {
                Ok(change) => changes.push(change),
                Err(ignored) => {
                    tracing::debug!(
                        outcome = ignored.as_str(),
                        body = %Excerpt(&message.body),
                        "ignored a message of the events queue"
                    );
                    self.context.metrics.aws_events.message(ignored.as_str());
                }
            }
            receipts.push(message.receipt);
        }
    }

    /// Requeues the affected objects. Returns false if the lookup failed, so that the messages are not deleted.
    async fn trigger(&mut self, changes: Vec<AwsChange>) -> bool {
        let context = Arc::clone(&self.context);
        // The lookup may decode every object, which blocks the thread.
        let found = spawn_blocking(move || affected(&context.store, changes)).await;
        // Also drops the expired entries of the debounce.
        self.requeue_due();
        let Ok(found) = found else { return false };
        for (change, objects) in found {
            if let ChangedResource::Provider { arn } = &change.resource {
                self.context.engine.forget_provider(arn);
            }
            let now = Timestamp::now();
            let age = now.duration_since(change.time);
            self.context
                .metrics
                .aws_events
                .age(age.try_into().unwrap_or_default());
            let urgencies: Vec<DebounceDecision> = objects
                .into_iter()
                .map(|object| self.debounced(object, change.time, now))
                .collect();
            self.context.metrics.aws_events.message(outcome(&urgencies));
        }
        true
    }

    fn debounced(&mut self, object: IdentityRef, at: Timestamp, now: Timestamp) -> DebounceDecision {
        let key = self.context.key_of(&object);
        let reconciled = key.and_then(|key| self.context.objects.last_observed(key));
        let urgency = self.debounce.record(&object, at, reconciled, now);
        if urgency == DebounceDecision::Now {
            self.requeue(object);
        }
        urgency
    }

    fn recovered(&mut self) {
        if std::mem::take(&mut self.failures) > 0 {
            tracing::info!("the events queue is readable again");
        }
    }

    async fn failed(&mut self, error: &AwsError) {
        self.failures = self.failures.saturating_add(1);
        let again_in = delay(self.failures).min(MAX_DELAY);
        if self.failures == 1 {
            tracing::warn!(
                %error,
                ?again_in,
                "could not read the events queue; until it is readable, the drift scan finds changes in AWS"
            );
        } else {
            tracing::debug!(%error, ?again_in, "could not read the events queue");
        }
        self.while_requeueing(sleep(again_in)).await;
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

/// The scope of relevant events: the cluster, and the accounts of the current classes.
fn event_scope<'a>(context: &'a Context, caller: Option<&Caller>) -> EventScope<'a> {
    let assumed = context.classes.accounts();
    let assumed: Vec<_> = assumed
        .iter()
        .filter_map(|aws| aws.assume_role_arn.as_ref())
        .collect();
    let callers = assumed.iter().map(|role| Caller::parse(&role.to_string()));
    EventScope {
        cluster: context.engine.cluster(),
        accounts: assumed.iter().map(|role| role.account.clone()).collect(),
        own_callers: callers.chain(caller.cloned()).collect(),
    }
}

/// The outcome label of a message.
fn outcome(urgencies: &[DebounceDecision]) -> &'static str {
    match urgencies {
        [] => "unmatched",
        all if all
            .iter()
            .all(|urgency| *urgency == DebounceDecision::AlreadyObserved) =>
        {
            "known"
        }
        _ => "triggered",
    }
}
