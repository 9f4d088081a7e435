//! Whether one condition test holds for a request: yes, no, or not to be known from here (docs/dev/aws-behaviour.md#document-comparison).
//! A test and a request in, a [`Truth`] out; no I/O. Called by `evaluate::judge`.

use super::request::{Known, TrustRequest};
use crate::operator::{Family, Quantifier};
use crate::reading::Test;
use crate::wildcard;

/// A truth value that admits not to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Truth {
    Yes,
    No,
    Unknown,
}

impl Truth {
    fn of(known: bool) -> Self {
        if known { Self::Yes } else { Self::No }
    }

    fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            Self::Unknown => Self::Unknown,
        }
    }

    /// Yes when one is; no when none is.
    fn any(values: impl Iterator<Item = Self>) -> Self {
        values.fold(Self::No, |a, b| match (a, b) {
            (Self::Yes, _) | (_, Self::Yes) => Self::Yes,
            (Self::No, Self::No) => Self::No,
            _ => Self::Unknown,
        })
    }

    /// Yes when all are; no when one is not.
    fn all(values: impl Iterator<Item = Self>) -> Self {
        Self::any(values.map(Self::not)).not()
    }
}

/// Whether a test holds. `variables` tells whether the document's version gives `${...}` a meaning.
pub(super) fn holds(test: &Test, request: &TrustRequest, variables: bool) -> Truth {
    let known = request.known(&test.key);
    if test.operator.family == Family::Null {
        return null(test, &known);
    }
    let fits = |value: &str| {
        let any = Truth::any(
            test.values
                .iter()
                .map(|wanted| compare(test.operator.family, wanted, value, variables)),
        );
        if test.operator.negated { any.not() } else { any }
    };
    match (known, test.operator.quantifier) {
        (Known::Unknown | Known::Present, _) => Truth::Unknown,
        (Known::Absent, _) => without_key(test),
        (Known::One(value), _) => fits(&value),
        (Known::Many(values), Some(Quantifier::All)) => Truth::all(values.iter().map(|value| fits(value))),
        (Known::Many(values), Some(Quantifier::Any)) => Truth::any(values.iter().map(|value| fits(value))),
        // What a comparison without a prefix does with several values is not documented.
        (Known::Many(_), None) => Truth::Unknown,
    }
}

/// A key that is not in the request.
fn without_key(test: &Test) -> Truth {
    let operator = test.operator;
    match operator.quantifier {
        Some(Quantifier::All) => Truth::Yes,
        // The documentation of the prefix and that of `IfExists` and of negation contradict each other here.
        Some(Quantifier::Any) if operator.if_exists || operator.negated => Truth::Unknown,
        Some(Quantifier::Any) => Truth::No,
        None => Truth::of(operator.if_exists || operator.negated),
    }
}

/// `Null` with "true" holds when the key is absent, with "false" when it is there.
fn null(test: &Test, known: &Known) -> Truth {
    let absent = match known {
        Known::Unknown => return Truth::Unknown,
        known => *known == Known::Absent,
    };
    Truth::any(
        test.values
            .iter()
            .map(|value| match value.to_ascii_lowercase().as_str() {
                "true" => Truth::of(absent),
                "false" => Truth::of(!absent),
                _ => Truth::Unknown,
            }),
    )
}

fn compare(family: Family, wanted: &str, value: &str, variables: bool) -> Truth {
    if variables && wildcard::has_variable(wanted) {
        return Truth::Unknown;
    }
    match family {
        Family::Exact => Truth::of(wanted == value),
        Family::IgnoringCase => Truth::of(wanted.eq_ignore_ascii_case(value)),
        Family::Pattern => Truth::of(wildcard::matches(wanted, value)),
        Family::Arn => arn(wanted, value),
        Family::Null | Family::Typed => Truth::Unknown,
    }
}

/// Each of the six parts of an ARN by itself. How IAM treats what has fewer parts is not documented.
fn arn(wanted: &str, value: &str) -> Truth {
    let wanted: Vec<&str> = wanted.splitn(6, ':').collect();
    let value: Vec<&str> = value.splitn(6, ':').collect();
    if wanted.len() < 6 || value.len() < 6 {
        return Truth::Unknown;
    }
    Truth::of(
        wanted
            .iter()
            .zip(&value)
            .all(|(wanted, value)| wildcard::matches(wanted, value)),
    )
}
