//! The call budget of one service in one account. Every call waits here until it may be sent.
//! Input: calls and the results of calls. Output: permission to send. Sleeps, but does no other I/O.
//!
//! All clones of an `Aws` share the budget. [`call_queue`](super::call_queue) decides the order of the calls, and
//! [`adaptive_rate`](super::adaptive_rate) the rate.

use std::pin::pin;
use std::time::Duration;

use futures::future::{pending, select};
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep};

use super::call_queue::{CallQueue, Kind, Lane, LaneStats, Next};
use super::place::Place;
use super::stats::{BudgetStats, WaitingCalls};

/// Maximum sleep before the queue is checked again, because rates change meanwhile.
const NAP: Duration = Duration::from_secs(1);

/// The call budget of one service.
pub(crate) struct Budget {
    ceiling: u32,
    began: Instant,
    queue: Mutex<CallQueue<oneshot::Sender<()>>>,
    /// Held by the waiting call that dispatches for all.
    dispatching: tokio::sync::Mutex<()>,
    /// Notified when a call joins the queue, because it may be due before the calls that wait.
    joined: Notify,
}

impl Budget {
    /// A budget with a ceiling in calls per second, for reads and writes together.
    pub(crate) fn new(ceiling: u32) -> Self {
        Self {
            ceiling,
            began: Instant::now(),
            queue: Mutex::new(CallQueue::new(f64::from(ceiling.max(1)))),
            dispatching: tokio::sync::Mutex::new(()),
            joined: Notify::new(),
        }
    }

    /// A place at the end of the queue for a new call.
    pub(crate) fn place(&self, kind: Kind, lane: Lane) -> Place {
        Place::new(kind, lane, self.queue.lock().number())
    }

    /// Waits until the call may be sent, and returns the time waited. Dropping the future gives up the slot.
    pub(crate) async fn acquire(&self, place: &Place) -> Duration {
        let joined_at = Instant::now();
        let (grant, mut granted) = oneshot::channel();
        self.queue
            .lock()
            .join(place.kind, place.lane, place.number, grant);
        self.grant_due();
        if granted.try_recv().is_ok() {
            return Duration::ZERO;
        }
        self.joined.notify_one();
        select(granted, pin!(self.dispatch())).await;
        joined_at.elapsed()
    }

    /// Records the answer to a call. `throttled`: AWS throttled the call.
    pub(crate) fn record(&self, kind: Kind, throttled: bool) {
        let mut queue = self.queue.lock();
        match throttled {
            true => queue.throttled(kind, self.began.elapsed()),
            false => queue.passed(kind),
        }
    }

    /// Grants every call that is due. Returns the time until the next call is due, or `None` if no call waits.
    fn grant_due(&self) -> Option<Duration> {
        let mut queue = self.queue.lock();
        loop {
            match queue.next(self.began.elapsed()) {
                Next::Grant(kind, call) => {
                    if call.send(()).is_err() {
                        queue.refund(kind);
                    }
                }
                Next::Wait(time) => return Some(time),
                Next::Empty => return None,
            }
        }
    }

    /// Grants calls until this future is dropped, which a waiting call does once it is granted.
    async fn dispatch(&self) {
        let _dispatcher = self.dispatching.lock().await;
        loop {
            match self.grant_due() {
                Some(time) => {
                    select(pin!(sleep(time.min(NAP))), pin!(self.joined.notified())).await;
                }
                None => pending().await,
            }
        }
    }

    /// The current state of reads and writes.
    pub(crate) fn stats(&self, service: &'static str, account: &'static str) -> [BudgetStats; 2] {
        [(Kind::Read, "read"), (Kind::Write, "write")].map(|(kind, access)| {
            let LaneStats {
                rate,
                throttled,
                foreground,
                background,
            } = self.queue.lock().lane_stats(kind, self.began.elapsed());
            BudgetStats {
                service,
                account,
                access,
                rate,
                ceiling: self.ceiling,
                throttled,
                waiting: WaitingCalls {
                    foreground,
                    background,
                },
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;

    use super::*;

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build();
        runtime.unwrap().block_on(future)
    }

    #[test]
    fn calls_are_granted_in_order_of_their_places() {
        let (budget, order) = (Budget::new(5), Mutex::new(Vec::new()));
        block_on(async {
            for _ in 0..5 {
                let burst = budget.place(Kind::Read, Lane::Foreground);
                assert_eq!(budget.acquire(&burst).await, Duration::ZERO);
            }
            let places: Vec<Place> = (0..4)
                .map(|_| budget.place(Kind::Read, Lane::Foreground))
                .collect();
            let wait = |place| {
                let (budget, order) = (&budget, &order);
                async move {
                    budget.acquire(place).await;
                    order.lock().push(place.number);
                }
            };
            join_all(places.iter().rev().map(wait)).await;
        });
        let mut order = order.into_inner();
        // The first call to wait may be granted at once.
        order.remove(0);
        assert!(order.is_sorted(), "{order:?}");
    }

    #[test]
    fn cancelled_wait_does_not_block_later_calls() {
        let budget = Budget::new(20);
        block_on(async {
            for _ in 0..20 {
                budget.acquire(&budget.place(Kind::Write, Lane::Foreground)).await;
            }
            let place = budget.place(Kind::Write, Lane::Foreground);
            let given_up = tokio::time::timeout(Duration::from_millis(1), budget.acquire(&place));
            assert!(given_up.await.is_err());
            budget.acquire(&budget.place(Kind::Write, Lane::Foreground)).await;
        });
    }
}
