//! The numbers of passed and failed tests, read from the closing lines of `cargo test`.
//! A line in, numbers out; no I/O.

use std::fmt;
use std::ops::AddAssign;

/// Tests by how they ended. Those that are marked `ignore` are no tests (`hygiene` sees to it) and are not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl Counts {
    /// Adds what a line tells, if it is the closing line of a test binary.
    pub(crate) fn read(&mut self, line: &str) {
        let line = console::strip_ansi_codes(line);
        let Some(result) = line.trim().strip_prefix("test result: ") else {
            return;
        };
        let number = |what: &str| {
            let (before, _) = result.split_once(what)?;
            before
                .rsplit([' ', ';', '.'])
                .find(|word| !word.is_empty())?
                .parse::<u64>()
                .ok()
        };
        self.passed += number(" passed").unwrap_or_default();
        self.failed += number(" failed").unwrap_or_default();
    }

    pub(crate) fn ran(&self) -> u64 {
        self.passed + self.failed
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} passed, {} failed", self.passed, self.failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_lines_are_added_and_others_ignored() {
        let mut counts = Counts::default();
        for line in [
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.01s",
            "test result: \u{1b}[31mFAILED\u{1b}[m. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out",
            "test a_line_that_says_7 passed ... ok",
        ] {
            counts.read(line);
        }
        assert_eq!(
            counts,
            Counts {
                passed: 15,
                failed: 2
            }
        );
        assert_eq!(counts.to_string(), "15 passed, 2 failed");
    }
}
