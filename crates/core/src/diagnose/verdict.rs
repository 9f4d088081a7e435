//! The result of a rule. Plain values; no I/O.

use std::fmt;

use super::code::Code;
use crate::model::fact::ReadError;

/// The result of one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The condition holds.
    Ok,
    /// The condition does not hold, and pods get no credentials.
    Fault(Detail),
    /// The condition may not hold, or not for every pod.
    Warning(Detail),
    /// A fact is missing.
    Unknown(String),
    /// The rule does not concern the binding, or its facts were not requested.
    Skipped,
}

/// The evidence of a finding, and the next action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detail {
    /// The resource that was read.
    pub source: String,
    /// The expected value.
    pub expected: String,
    /// The observed value.
    pub observed: String,
    /// The next command.
    pub command: String,
}

/// The level of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The condition holds.
    Ok,
    /// The rule does not concern the binding, or its facts were not requested.
    Skipped,
    /// A fact could not be read.
    Unknown,
    /// The condition may not hold, or not for every pod.
    Warning,
    /// The condition does not hold.
    Fault,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule.
    pub code: Code,
    /// The level.
    pub level: Level,
    /// The evidence of a fault or a warning.
    pub detail: Option<Detail>,
    /// The missing fact of an unknown result.
    pub missing: Option<String>,
    /// True if an earlier fault can be the cause.
    pub follows: bool,
}

impl Level {
    /// The name, in outputs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Skipped => "skipped",
            Self::Unknown => "unknown",
            Self::Warning => "warning",
            Self::Fault => "fault",
        }
    }
}

impl Finding {
    pub(super) fn new(code: Code, verdict: Verdict) -> Self {
        let (level, detail, missing) = match verdict {
            Verdict::Ok => (Level::Ok, None, None),
            Verdict::Skipped => (Level::Skipped, None, None),
            Verdict::Unknown(missing) => (Level::Unknown, None, Some(missing)),
            Verdict::Warning(detail) => (Level::Warning, Some(detail), None),
            Verdict::Fault(detail) => (Level::Fault, Some(detail), None),
        };
        Self {
            code,
            level,
            detail,
            missing,
            follows: false,
        }
    }
}

impl Verdict {
    pub(super) fn fault(
        source: impl fmt::Display,
        expected: impl fmt::Display,
        observed: impl fmt::Display,
        command: String,
    ) -> Self {
        Self::Fault(Detail {
            source: source.to_string(),
            expected: expected.to_string(),
            observed: observed.to_string(),
            command,
        })
    }

    pub(super) fn warning(
        source: impl fmt::Display,
        expected: impl fmt::Display,
        observed: impl fmt::Display,
        command: String,
    ) -> Self {
        Self::Warning(Detail {
            source: source.to_string(),
            expected: expected.to_string(),
            observed: observed.to_string(),
            command,
        })
    }

    /// The result of a rule about facts that are only read on request: without the request it is skipped.
    pub(super) fn unasked(source: impl fmt::Display, error: &ReadError) -> Self {
        match error {
            ReadError::NotRead => Self::Skipped,
            ReadError::Denied(_)
            | ReadError::Throttled
            | ReadError::AwaitingConsistency
            | ReadError::Failed(_) => Self::unread(source, error),
        }
    }

    /// The result of a rule whose fact could not be read.
    pub(super) fn unread(source: impl fmt::Display, error: &ReadError) -> Self {
        Self::Unknown(format!("{source}: {error}"))
    }
}
