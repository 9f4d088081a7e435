//! Identities that follow classes, under a running operator: chosen, refused, frozen, counted, and changed a few at a time.
//! Each test has a test bed of its own, since classes are the whole cluster's. Needs the test bed; does I/O.

mod chosen;
mod fleet;
mod frozen;
mod platform;
mod unreadable;

const BINARY: &str = env!("CARGO_BIN_EXE_lanyard-under-test");
