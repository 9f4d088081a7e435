//! The kinds of faults, with the errors of AWS. Input: a target. Output: a fault. No I/O.

use std::time::Duration;

use lanyard_testkit::gateway::{Fault, Target};

/// Longer than the operator's call timeout.
const TOO_LONG: Duration = Duration::from_secs(3);

/// A fault that passes, or that an administrator fixes without a change of Lanyard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Throttled,
    ServerError,
    Reset,
    AnswerLost,
    TimedOut,
    Nonsense,
    TokenExpired,
    ClockSkewed,
}

impl Kind {
    /// The fault at this target.
    pub fn at(self, target: Target) -> Fault {
        match self {
            Self::Throttled => target.throttles(),
            Self::ServerError => target.fails(503, "ServiceUnavailable", "Service is unavailable."),
            Self::Reset => target.resets(),
            Self::AnswerLost => target.swallows_answer(),
            Self::TimedOut => target.delays(TOO_LONG),
            Self::Nonsense => target.answers(200, "<html>It works!</html>"),
            Self::TokenExpired => target.expires_token(),
            Self::ClockSkewed => target.skews_clock(),
        }
    }

    /// The text of a condition that reports this fault.
    pub fn expected_message(self) -> &'static str {
        match self {
            Self::Throttled => "throttled by AWS",
            Self::ServerError | Self::Reset | Self::AnswerLost | Self::TimedOut | Self::Nonsense => {
                "did not return a valid response"
            }
            Self::TokenExpired => "AWS rejected the credentials of the operator (ExpiredToken",
            // IAM and EKS have codes of their own for a signature that is too old.
            Self::ClockSkewed => "AWS rejected the credentials of the operator (",
        }
    }

    /// The kind as part of a Kubernetes name.
    pub fn slug(self) -> String {
        format!("{self:?}").to_lowercase()
    }
}
