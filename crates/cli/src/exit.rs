//! The exit codes. They depend on the result alone, never on the output format. Plain values; no I/O.

use std::process::ExitCode;

/// The result of a command, from the best to the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// Done, or nothing found.
    Done,
    /// Nothing was found, but something that counts could not be read.
    Incomplete,
    /// Something would change, or a fault was found.
    Changes,
    /// Failed.
    Failed,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Changes => 2,
            Exit::Incomplete => 3,
        })
    }
}
