//! Proves every CRD rule of a WorkloadIdentity on a real API server, with the exact message that a user sees, and the
//! stored form of valid objects. Needs the test bed; does I/O.
//!
//! All tests share one test bed. The tests of rules use dry runs, so they do not affect each other.

mod ask;
mod method;
mod pods_wait;
mod role;
mod self_restraint;
mod stored;
mod tags;
