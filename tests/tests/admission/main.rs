//! What the API server says to a WorkloadIdentity: every rule that an object alone can break, tried on a real API server
//! with the exact sentence that a person sees, and what it makes of a good one. Needs the test bed; does I/O.
//!
//! All tests share one test bed. Those about rules only ask, by dry runs, so none sees another.

mod ask;
mod method;
mod role;
mod stored;
mod tags;
