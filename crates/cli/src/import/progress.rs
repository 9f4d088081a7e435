//! The progress of `import` on stderr. Counts in, lines out; writes to stderr. A closed stderr is no error.

use crate::output::say;

/// Items between two lines.
const STEP: usize = 100;

/// Reports progress unless the user asked for quiet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Progress {
    /// True if nothing is reported.
    pub quiet: bool,
}

impl Progress {
    /// Reports one line.
    pub fn say(&self, line: &str) {
        if !self.quiet {
            say(line);
        }
    }

    /// Reports a count at some of its values, and at the end.
    pub fn count(&self, what: &str, done: usize, total: usize) {
        if done == total || done.is_multiple_of(STEP) {
            self.say(&format!("{what}: {done} of {total}"));
        }
    }
}
