//! Faults: which calls they strike, at which turn, and what they do to them.
//! Input: calls. Output: the effects that strike a call. No I/O; the hooks a test gives run in `serve`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::call::Call;
use super::effect::{Common, Effect};
use super::service::Service;

/// Something that goes wrong on purpose. Built as a sentence: `Fault::on("CreateRole").nth(2).resets()`.
#[derive(Clone, Debug)]
pub struct Fault {
    target: Target,
    effect: Effect,
}

/// The calls that a fault strikes, and their count; an effect completes it to a [`Fault`].
#[derive(Clone, Debug)]
pub struct Target {
    operations: Operations,
    service: Option<Service>,
    aws_only: bool,
    in_bulk: bool,
    subject: Option<String>,
    turns: Turns,
}

#[derive(Clone, Debug)]
enum Operations {
    Any,
    Reads,
    Writes,
    Deeds,
    Named(String),
}

/// Counted over the calls that the rest of the target matches, from 1.
#[derive(Clone, Copy, Debug)]
enum Turns {
    Every,
    Nth(usize),
    First(usize),
}

impl Fault {
    /// Calls of one operation, such as `CreateRole` or `patch serviceaccounts`.
    pub fn on(operation: &str) -> Target {
        Target::of(Operations::Named(operation.to_owned()))
    }

    /// Every call.
    pub fn on_any() -> Target {
        Target::of(Operations::Any)
    }

    /// Every call that may change something.
    pub fn on_writes() -> Target {
        Target::of(Operations::Writes)
    }

    /// Every call that other components act on, counted over AWS and the API server together: the writes, but
    /// neither renewals of leases nor events. See [`Call::is_deed`].
    pub fn on_deeds() -> Target {
        Target::of(Operations::Deeds)
    }

    /// Every call that changes nothing.
    pub fn on_reads() -> Target {
        Target::of(Operations::Reads)
    }
}

impl Target {
    fn of(operations: Operations) -> Self {
        Self {
            operations,
            service: None,
            aws_only: false,
            in_bulk: false,
            subject: None,
            turns: Turns::Every,
        }
    }

    /// Only at the n-th matching call after the fault was added, counted from 1.
    #[must_use]
    pub fn nth(self, n: usize) -> Self {
        Self {
            turns: Turns::Nth(n),
            ..self
        }
    }

    /// Only at the first n matching calls.
    #[must_use]
    pub fn first(self, n: usize) -> Self {
        Self {
            turns: Turns::First(n),
            ..self
        }
    }

    /// Only for calls about this role, ServiceAccount, `namespace/serviceAccount`, association or ARN.
    #[must_use]
    pub fn about(self, subject: &str) -> Self {
        Self {
            subject: Some(subject.to_owned()),
            ..self
        }
    }

    /// Only for calls that name no subject: a list of all associations, but not that of one ServiceAccount's.
    #[must_use]
    pub fn in_bulk(self) -> Self {
        Self {
            in_bulk: true,
            ..self
        }
    }

    /// Only for calls to one service.
    #[must_use]
    pub fn to(self, service: Service) -> Self {
        Self {
            service: Some(service),
            ..self
        }
    }

    /// Only for calls to AWS, whichever service.
    #[must_use]
    pub fn to_aws(self) -> Self {
        Self {
            aws_only: true,
            ..self
        }
    }

    /// Answers with an error in the service's shape; the emulator hears nothing. `status` is 400 to 599.
    pub fn fails(self, status: u16, code: &str, message: &str) -> Fault {
        self.with(Effect::Fail {
            status,
            code: code.to_owned(),
            message: message.to_owned(),
        })
    }

    /// Answers that the caller is not allowed to; the emulator hears nothing.
    pub fn denies(self) -> Fault {
        self.with(Effect::Refuse(Common::Denied))
    }

    /// Answers that the rate is exceeded, in the words of the service; the emulator hears nothing.
    pub fn throttles(self) -> Fault {
        self.with(Effect::Refuse(Common::Throttled))
    }

    /// Answers that the credentials are expired, in the words of the service; the emulator hears nothing.
    pub fn expires_token(self) -> Fault {
        self.with(Effect::Refuse(Common::TokenExpired))
    }

    /// Answers that the signature is too old, as to a caller whose clock is slow, in the words of the service; the emulator
    /// hears nothing.
    pub fn skews_clock(self) -> Fault {
        self.with(Effect::Refuse(Common::ClockSkewed))
    }

    /// Answers with this status and body; the emulator hears nothing.
    pub fn answers(self, status: u16, body: &str) -> Fault {
        self.with(Effect::Answer {
            status,
            body: body.to_owned(),
        })
    }

    /// Closes the connection; the emulator hears nothing.
    pub fn resets(self) -> Fault {
        self.with(Effect::Reset)
    }

    /// Lets the emulator do it, then closes the connection without an answer.
    pub fn swallows_answer(self) -> Fault {
        self.with(Effect::Swallow)
    }

    /// Answers a read as the same read was answered the last time; a read never asked before gets the truth.
    pub fn serves_stale(self) -> Fault {
        self.with(Effect::Stale)
    }

    /// Lets the call wait before anything else happens to it.
    pub fn delays(self, by: Duration) -> Fault {
        self.with(Effect::Delay(by))
    }

    /// Runs `hook` before the emulator hears of the call; the call continues when the hook is done.
    pub fn calls_before<F>(self, hook: impl Fn(Call) -> F + Send + Sync + 'static) -> Fault
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.with(Effect::Before(Arc::new(move |call| Box::pin(hook(call)))))
    }

    /// Runs `hook` when the emulator has done it, before the caller gets the answer.
    pub fn calls_after<F>(self, hook: impl Fn(Call) -> F + Send + Sync + 'static) -> Fault
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.with(Effect::After(Arc::new(move |call| Box::pin(hook(call)))))
    }

    fn with(self, effect: Effect) -> Fault {
        Fault { target: self, effect }
    }

    fn matches(&self, call: &Call) -> bool {
        let operation = match &self.operations {
            Operations::Any => true,
            Operations::Reads => !call.write,
            Operations::Writes => call.write,
            Operations::Deeds => call.is_deed(),
            Operations::Named(name) => *name == call.operation,
        };
        operation
            && self.service.is_none_or(|service| service == call.service)
            && (call.service.is_aws() || !self.aws_only)
            && (call.subjects.is_empty() || !self.in_bulk)
            && self
                .subject
                .as_deref()
                .is_none_or(|subject| call.is_about(subject))
    }
}

impl Turns {
    fn include(self, turn: usize) -> bool {
        match self {
            Self::Every => true,
            Self::Nth(n) => turn == n,
            Self::First(n) => turn <= n,
        }
    }
}

/// The faults in force. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<Vec<Arc<Armed>>>>);

#[derive(Debug)]
struct Armed {
    fault: Fault,
    matched: AtomicUsize,
    struck: AtomicUsize,
}

/// A fault in force: tells how often it struck, and can be taken back. Dropping it leaves the fault in force.
#[derive(Clone, Debug)]
pub struct FaultHandle {
    armed: Arc<Armed>,
    faults: Faults,
}

impl Faults {
    /// Puts a fault in force, after those already there.
    pub fn add(&self, fault: Fault) -> FaultHandle {
        let armed = Arc::new(Armed {
            fault,
            matched: AtomicUsize::new(0),
            struck: AtomicUsize::new(0),
        });
        self.0.lock().push(Arc::clone(&armed));
        FaultHandle {
            armed,
            faults: self.clone(),
        }
    }

    /// Takes every fault back.
    pub fn clear(&self) {
        self.0.lock().clear();
    }

    /// Faults that apply to this call, in the order in which they were added.
    pub(crate) fn strike(&self, call: &Call) -> Vec<Effect> {
        self.0
            .lock()
            .iter()
            .filter_map(|armed| armed.strike(call))
            .collect()
    }
}

impl FaultHandle {
    /// How often the fault has struck.
    pub fn hits(&self) -> usize {
        self.armed.struck.load(Ordering::SeqCst)
    }

    /// Takes the fault back.
    pub fn remove(&self) {
        self.faults
            .0
            .lock()
            .retain(|armed| !Arc::ptr_eq(armed, &self.armed));
    }
}

impl Armed {
    fn strike(&self, call: &Call) -> Option<Effect> {
        if !self.fault.target.matches(call) {
            return None;
        }
        let turn = self.matched.fetch_add(1, Ordering::SeqCst) + 1;
        if !self.fault.target.turns.include(turn) {
            return None;
        }
        self.struck.fetch_add(1, Ordering::SeqCst);
        Some(self.fault.effect.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(operation: &str, write: bool, subject: &str) -> Call {
        Call {
            service: Service::Iam,
            operation: operation.into(),
            write,
            subjects: vec![subject.into()],
        }
    }

    #[test]
    fn fault_applies_to_its_nth_call_only() {
        let faults = Faults::default();
        let handle = faults.add(Fault::on("CreateRole").nth(2).resets());
        let create = call("CreateRole", true, "orders");
        assert!(faults.strike(&create).is_empty());
        assert!(faults.strike(&call("GetRole", false, "orders")).is_empty());
        assert_eq!(faults.strike(&create).len(), 1);
        assert!(faults.strike(&create).is_empty());
        assert_eq!(handle.hits(), 1);
    }

    #[test]
    fn fault_of_subject_counts_calls_of_subject_only() {
        let faults = Faults::default();
        faults.add(Fault::on_writes().about("orders").first(1).denies());
        assert!(faults.strike(&call("CreateRole", true, "carts")).is_empty());
        assert_eq!(faults.strike(&call("CreateRole", true, "orders")).len(), 1);
        assert!(faults.strike(&call("TagRole", true, "orders")).is_empty());
        faults.add(Fault::on_reads().in_bulk().denies());
        assert!(faults.strike(&call("GetRole", false, "orders")).is_empty());
    }

    #[test]
    fn removed_fault_no_longer_applies() {
        let faults = Faults::default();
        let handle = faults.add(Fault::on_any().denies());
        faults.add(Fault::on_reads().delays(Duration::from_secs(1)));
        handle.remove();
        assert_eq!(faults.strike(&call("GetRole", false, "r")).len(), 1);
        faults.clear();
        assert!(faults.strike(&call("GetRole", false, "r")).is_empty());
    }
}
