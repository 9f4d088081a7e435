//! Effects of faults on calls. Plain values; no I/O.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;

use super::call::Call;

/// A test's own code, run with the call it was armed for.
pub(crate) type Hook = Arc<dyn Fn(Call) -> BoxFuture<'static, ()> + Send + Sync>;

/// A refusal that each service words in its own way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Common {
    Throttled,
    Denied,
    TokenExpired,
    ClockSkewed,
}

/// Effect of a fault on a call.
#[derive(Clone)]
pub(crate) enum Effect {
    /// An error in the service's own shape, in place of the call.
    Fail {
        status: u16,
        code: String,
        message: String,
    },
    /// A refusal in the service's own words, in place of the call.
    Refuse(Common),
    /// Any answer, in place of the call.
    Answer { status: u16, body: String },
    /// The connection is closed before the emulator hears of the call.
    Reset,
    /// The emulator does it, and the connection is closed without an answer.
    Swallow,
    /// The answer that the same read got the last time.
    Stale,
    /// The call waits first.
    Delay(Duration),
    /// A test's own code runs before the emulator hears of the call.
    Before(Hook),
    /// A test's own code runs when the emulator has done it, before the caller hears.
    After(Hook),
}

impl fmt::Debug for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fail { status, code, .. } => write!(f, "Fail({status} {code})"),
            Self::Refuse(common) => write!(f, "Refuse({common:?})"),
            Self::Answer { status, .. } => write!(f, "Answer({status})"),
            Self::Reset => f.write_str("Reset"),
            Self::Swallow => f.write_str("Swallow"),
            Self::Stale => f.write_str("Stale"),
            Self::Delay(by) => write!(f, "Delay({by:?})"),
            Self::Before(_) => f.write_str("Before"),
            Self::After(_) => f.write_str("After"),
        }
    }
}
