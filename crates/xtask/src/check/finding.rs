//! What one part came to: how it is graded, a few words beside its name, and what a person needs to mend it.
//! Values only, no I/O. Made by every part of `check`, shown by `live`.

use anyhow::Error;

use super::counts::Counts;

/// How a part is graded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grade {
    Good,
    /// Something to know that is no failure.
    Told,
    Bad,
}

/// What a part came to.
pub(crate) struct Finding {
    pub(crate) grade: Grade,
    /// Stands on the line of the part.
    pub(crate) note: String,
    /// Stands below it, in full.
    pub(crate) output: String,
    /// The tests that ran in it.
    pub(crate) counts: Counts,
}

impl Finding {
    pub(crate) fn good(note: impl Into<String>) -> Self {
        Self::new(Grade::Good, note.into(), String::new())
    }

    pub(crate) fn told(note: impl Into<String>, output: impl Into<String>) -> Self {
        Self::new(Grade::Told, note.into(), output.into())
    }

    pub(crate) fn bad(note: impl Into<String>, output: impl Into<String>) -> Self {
        Self::new(Grade::Bad, note.into(), output.into())
    }

    /// The part could not do its work.
    pub(crate) fn failed(error: &Error) -> Self {
        Self::bad("", format!("{error:#}"))
    }

    /// Good without problems, else all of them; `looked_at` says how much was judged.
    pub(crate) fn of(problems: &[String], looked_at: String) -> Self {
        match problems.len() {
            0 => Self::good(looked_at),
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
