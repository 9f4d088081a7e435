//! `Summary`: the result of a reconcile for the API server and the queue. Plain values; no I/O.

use std::time::Duration;

use super::events::Event;
use crate::model::status::Status;

/// The result of a completed reconcile.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// The status to write, if it differs from the current one.
    pub status: Status,
    /// The events to publish.
    pub events: Vec<Event>,
    /// The time of the next reconcile.
    pub next: Next,
    /// The keys of the fields whose drift this reconcile corrected.
    pub corrected: Vec<String>,
}

impl Summary {
    /// The same summary, whose status answers the request `requested_at`. Without a request, the last answer stays.
    #[must_use]
    pub fn handling(mut self, requested_at: Option<&str>) -> Self {
        if let Some(requested_at) = requested_at {
            self.status.last_handled_reconcile_at = Some(requested_at.to_owned());
        }
        self
    }
}

/// The time of the next reconcile, unless the object or a watched resource changes earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// At the next resync.
    Resync,
    /// After this time.
    After(Duration),
    /// After this time, when a change of Lanyard's own has propagated. Nothing has to be read again for it.
    Settled(Duration),
    /// When a resource changes that the operator watches or polls, at the latest after this time; `None`: at the next
    /// resync.
    OnWake(Option<Duration>),
    /// After this time, which grows up to the resync while the object waits for a resource that the operator does not watch.
    Waiting(Duration),
    /// Soon, with the backoff of the object.
    Backoff,
}
