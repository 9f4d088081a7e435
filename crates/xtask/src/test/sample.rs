//! How much of the suites runs: a sample by default, or all of it. Inputs: the flag `--all`. Output: an environment
//! variable of the test processes. No I/O.

use std::process::Command;

/// Makes the suites run in full. Set it by hand to run one of them with plain `cargo test`.
const ALL: &str = "LANYARD_TEST_ALL";

/// A sample of the tests, or all of them.
#[derive(Clone, Copy)]
pub(super) struct Sample {
    all: bool,
}

impl Sample {
    pub(super) const fn new(all: bool) -> Self {
        Self { all }
    }

    /// Passes the choice on to the tests that a command runs.
    pub(super) fn set(self, command: &mut Command) {
        if self.all {
            command.env(ALL, "1");
        }
    }
}
