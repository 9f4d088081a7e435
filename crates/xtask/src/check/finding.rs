//! The result of one part: a grade, a note on its line, and the output that helps to fix a failure. No I/O.

use anyhow::Error;

use super::counts::Counts;

/// Grade of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grade {
    Good,
    /// Worth knowing, but no failure.
    Notice,
    Bad,
}

/// The result of a part.
pub(crate) struct Finding {
    pub(crate) grade: Grade,
    /// Text on the line of the part.
    pub(crate) note: String,
    /// Full text below the line.
    pub(crate) output: String,
    /// The tests that ran in it.
    pub(crate) counts: Counts,
}

impl Finding {
    pub(crate) fn good(note: impl Into<String>) -> Self {
        Self::new(Grade::Good, note.into(), String::new())
    }

    pub(crate) fn notice(note: impl Into<String>, output: impl Into<String>) -> Self {
        Self::new(Grade::Notice, note.into(), output.into())
    }

    pub(crate) fn bad(note: impl Into<String>, output: impl Into<String>) -> Self {
        Self::new(Grade::Bad, note.into(), output.into())
    }

    /// A part that could not run.
    pub(crate) fn failed(error: &Error) -> Self {
        Self::bad("", format!("{error:#}"))
    }

    /// Good without problems, else bad with all of them. `checked` says how much was checked.
    pub(crate) fn of(problems: &[String], checked: String) -> Self {
        match problems.len() {
            0 => Self::good(checked),
            1 => Self::bad("1 problem", problems.join("\n")),
            many => Self::bad(format!("{many} problems"), problems.join("\n")),
        }
    }

    pub(crate) fn with_counts(mut self, counts: Counts) -> Self {
        self.counts = counts;
        self
    }

    fn new(grade: Grade, note: String, output: String) -> Self {
        Self {
            grade,
            note,
            output,
            counts: Counts::default(),
        }
    }
}
