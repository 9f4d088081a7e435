//! The call budget of one service of one account: every call waits here for its turn, and throttling slows all down.
//! Calls and their answers in, turns out; sleeps, but talks to nobody. Shared by all clones of [`Aws`](crate::Aws); the
//! arithmetic is in `budget/`: [`turns`] says who goes next, [`pace`] how fast.

mod bucket;
mod call_queue;
mod pace;
mod place;
mod rates;
#[cfg(test)]
mod simulation;
mod stats;

use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::{pending, select};
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep};

use self::call_queue::{CallQueue, Next};
pub(crate) use self::call_queue::{Kind, Lane};
pub(crate) use self::place::Place;
pub use self::rates::Rates;
pub use self::stats::{BudgetStats, WaitingCalls};

/// Nobody sleeps longer before looking again: rates change meanwhile.
const NAP: Duration = Duration::from_secs(1);

/// The budget of one service.
pub(crate) struct Budget {
    ceiling: u32,
    began: Instant,
    turns: Mutex<CallQueue<oneshot::Sender<()>>>,
    /// One of those who wait looks after the turns of all: who holds this.
    looking_after: tokio::sync::Mutex<()>,
    /// Somebody has joined, who may be due before those that were there.
    joined: Notify,
}

impl Budget {
    /// `ceiling`: calls a second, reads and writes together.
    pub(crate) fn new(ceiling: u32) -> Self {
        Self {
            ceiling,
            began: Instant::now(),
            turns: Mutex::new(CallQueue::new(f64::from(ceiling.max(1)))),
            looking_after: tokio::sync::Mutex::new(()),
            joined: Notify::new(),
        }
    }

    /// The end of the line, for a new call.
    pub(crate) fn place(&self, kind: Kind, lane: Lane) -> Place {
        Place::new(kind, lane, self.call_queue().number())
    }

    /// Waits for the turn of a call, and tells how long that took. Giving up the wait gives up the turn.
    pub(crate) async fn turn(&self, place: &Place) -> Duration {
        let asked = Instant::now();
        let (go, mut goes) = oneshot::channel();
        self.call_queue().join(place.kind, place.lane, place.number, go);
        self.give_turns();
        if goes.try_recv().is_ok() {
            return Duration::ZERO;
        }
        self.joined.notify_one();
        select(goes, pin!(self.look_after_turns())).await;
        asked.elapsed()
    }

    /// AWS has answered a call, and `throttled` says whether it asked for fewer.
    pub(crate) fn answered(&self, kind: Kind, throttled: bool) {
        let mut turns = self.call_queue();
        match throttled {
            true => turns.throttled(kind, self.began.elapsed()),
            false => turns.passed(kind),
        }
    }

    /// Gives turns to whoever is due, and tells how long until somebody is. `None`: nobody waits.
    fn give_turns(&self) -> Option<Duration> {
        let mut turns = self.call_queue();
        loop {
            match turns.next(self.began.elapsed()) {
                Next::Goes(kind, call) => {
                    if call.send(()).is_err() {
                        turns.give_back(kind);
                    }
                }
                Next::In(time) => return Some(time),
                Next::Nobody => return None,
            }
        }
    }

    /// Gives turns until this is dropped, which whoever waits does when its own has come.
    async fn look_after_turns(&self) {
        let _only_one = self.looking_after.lock().await;
        loop {
            match self.give_turns() {
                Some(time) => {
                    select(pin!(sleep(time.min(NAP))), pin!(self.joined.notified())).await;
                }
                None => pending().await,
            }
        }
    }

    /// A panic elsewhere leaves the numbers as they were, and those are always usable.
    fn call_queue(&self) -> MutexGuard<'_, CallQueue<oneshot::Sender<()>>> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
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
    fn turns_come_in_the_order_of_places_when_the_ceiling_limits() {
        let (budget, order) = (Budget::new(5), Mutex::new(Vec::new()));
        block_on(async {
            for _ in 0..5 {
                let burst = budget.place(Kind::Read, Lane::Foreground);
                assert_eq!(budget.turn(&burst).await, Duration::ZERO);
            }
            let places: Vec<Place> = (0..4)
                .map(|_| budget.place(Kind::Read, Lane::Foreground))
                .collect();
            let wait = |place| {
                let (budget, order) = (&budget, &order);
                async move {
                    budget.turn(place).await;
                    order.lock().unwrap().push(place.number);
                }
            };
            join_all(places.iter().rev().map(wait)).await;
        });
        let mut order = order.into_inner().unwrap();
        // Who asks first may find a turn that is just there.
        order.remove(0);
        assert!(order.is_sorted(), "{order:?}");
    }

    #[test]
    fn who_gives_up_holds_nobody_up() {
        let budget = Budget::new(20);
        block_on(async {
            for _ in 0..20 {
                budget.turn(&budget.place(Kind::Write, Lane::Foreground)).await;
            }
            let place = budget.place(Kind::Write, Lane::Foreground);
            let given_up = tokio::time::timeout(Duration::from_millis(1), budget.turn(&place));
            assert!(given_up.await.is_err());
            budget.turn(&budget.place(Kind::Write, Lane::Foreground)).await;
        });
    }
}
