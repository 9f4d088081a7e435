//! The adoption policy of a class as it applies to one subject.
//! Input: a subject, its class and an ARN; output: a decision. No I/O.

use crate::class::definition::Class;
use crate::class::guardrails::patterns::{all_filled, fits_role};
use crate::model::subject::Subject;

/// The adoptions that a class allows; by default none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AdoptionPolicy {
    /// True if every adoption is allowed.
    everything: bool,
    /// The patterns of the class for the subject. An ARN must match one of them.
    patterns: Vec<String>,
}

impl AdoptionPolicy {
    /// The adoptions that a class allows for a subject.
    #[must_use]
    pub fn of(subject: &Subject, class: &Class) -> Self {
        let patterns = class.guardrails().map(|guardrails| guardrails.adopt.as_slice());
        Self {
            everything: patterns.is_none(),
            patterns: all_filled(subject, patterns.unwrap_or_default()),
        }
    }

    /// Returns true if the role or association with this ARN may be adopted.
    #[must_use]
    pub fn allows(&self, arn: &str) -> bool {
        self.everything || self.patterns.iter().any(|pattern| fits_role(pattern, arn))
    }

    /// The patterns of the class for the subject.
    pub(super) fn patterns(&self) -> &[String] {
        &self.patterns
    }
}
