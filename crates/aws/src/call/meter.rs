//! The interface through which every call is measured. Input: a finished call. Output: none. No I/O.

use std::time::Duration;

/// A finished call, with labels from closed sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measured {
    /// The name of the service.
    pub service: &'static str,
    /// The operation, in the spelling of AWS.
    pub operation: &'static str,
    /// `ok`, or the name of the error class.
    pub outcome: &'static str,
    /// Time spent waiting for the call budget.
    pub waited: Duration,
    /// Time until AWS answered.
    pub duration: Duration,
}

/// Receives every finished call.
pub trait Meter: Send + Sync {
    /// Records a finished call.
    fn call(&self, measured: &Measured);
}

/// A meter that records nothing.
impl Meter for () {
    fn call(&self, _: &Measured) {}
}
