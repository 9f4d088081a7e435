//! The end of a test: calls that differ from AWS's service models fail it. Input: the ledger of the gateway. Output: a panic
//! that lists the violations. No I/O.

use lanyard_testkit::TestBed;
use lanyard_testkit::gateway::{Ledger, Mark};

use crate::aws::Clients;

/// Checks the calls of the operators and of the test itself when it is dropped. Other tests that run at the same time have
/// clients with names of their own.
pub(crate) struct ConformanceCheck {
    ledger: Ledger,
    start: Mark,
    client: String,
}

impl ConformanceCheck {
    /// Begins with the next call. `namespace`: that of the test.
    pub(crate) fn begin(bed: &TestBed, namespace: &str) -> Self {
        let ledger = bed.gateway.ledger().clone();
        Self {
            start: ledger.mark(),
            ledger,
            client: Clients::caller(namespace),
        }
    }
}

impl Drop for ConformanceCheck {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let calls = self.ledger.since(self.start);
        let calls = calls.except_callers(|caller| Clients::is_of_a_test(caller) && caller != self.client);
        let result = calls.check_conformance();
        assert!(result.is_ok(), "{result:?}");
    }
}
