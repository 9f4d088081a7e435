//! Proves how identities follow classes under a running operator: selection, refusal, freezing, counts and gradual rollout.
//! Each test has its own test bed, since classes are cluster-wide. Needs the test bed; does I/O.

mod fleet;
mod frozen;
mod platform;
mod selection;
mod unreadable;

const BINARY: &str = env!("CARGO_BIN_EXE_lanyard-under-test");
