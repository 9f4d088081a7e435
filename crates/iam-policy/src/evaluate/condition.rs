//! The evaluation of one condition test for a request: true, false or unknown
//! (docs/dev/aws-behaviour.md#document-comparison). Input: a test and a request; output: a [`Truth`]. No I/O.

use crate::evaluate::request::{Known, TrustRequest};
use crate::operator::{Family, Quantifier};
use crate::reading::Test;
use crate::wildcard;

/// A truth value of three-valued logic.
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

    /// Yes if any value is yes; no if all are no.
    fn any(values: impl Iterator<Item = Self>) -> Self {
        values.fold(Self::No, |a, b| match (a, b) {
            (Self::Yes, _) | (_, Self::Yes) => Self::Yes,
            (Self::No, Self::No) => Self::No,
            _ => Self::Unknown,
        })
    }

    /// Yes if all values are yes; no if any is no.
    fn all(values: impl Iterator<Item = Self>) -> Self {
        Self::any(values.map(Self::not)).not()
    }
}

/// Evaluates a test. `variables` is true if the version of the document supports `${...}`.
pub(super) fn evaluate_test(test: &Test, request: &TrustRequest, variables: bool) -> Truth {
    let known = request.known(&test.key);
    if test.operator.family == Family::Null {
        return null(test, &known);
    }
    let fits = |value: &str| {
        let any = Truth::any(test.values.iter().map(|expected| {
            match request.variable(expected).filter(|_| variables) {
                Some(expected) => compare(test.operator.family, &expected, value, false),
                None => compare(test.operator.family, expected, value, variables),
            }
        }));
        if test.operator.negated { any.not() } else { any }
    };
    match (known, test.operator.quantifier) {
        (Known::Unknown | Known::Present, _) => Truth::Unknown,
        (Known::Variable(variable), None) if variables => same_variable(test, variable),
        (Known::Variable(_), _) => Truth::Unknown,
        (Known::Absent, _) => without_key(test),
        (Known::One(value), _) => fits(&value),
        (Known::Many(values), Some(Quantifier::All)) => Truth::all(values.iter().map(|value| fits(value))),
        (Known::Many(values), Some(Quantifier::Any)) => Truth::any(values.iter().map(|value| fits(value))),
        // The behaviour of a comparison without a prefix on several values is not documented.
        (Known::Many(_), None) => Truth::Unknown,
    }
}

/// The result of a test of a key whose value is that of a policy variable: unknown for every other value.
fn same_variable(test: &Test, variable: &str) -> Truth {
    let compares_text = matches!(
        test.operator.family,
        Family::Exact | Family::IgnoringCase | Family::Pattern
    );
    let names_it = test
        .values
        .iter()
        .any(|value| value.eq_ignore_ascii_case(variable));
    match (compares_text && names_it, test.operator.negated) {
        (true, false) => Truth::Yes,
        (true, true) => Truth::No,
        (false, _) => Truth::Unknown,
    }
}

/// The result of a test for a key that is not in the request.
fn without_key(test: &Test) -> Truth {
    let operator = test.operator;
    match operator.quantifier {
        Some(Quantifier::All) => Truth::Yes,
        // The documentation of the prefix contradicts that of `IfExists` and of negation here.
        Some(Quantifier::Any) if operator.if_exists || operator.negated => Truth::Unknown,
        Some(Quantifier::Any) => Truth::No,
        None => Truth::of(operator.if_exists || operator.negated),
    }
}

/// `Null` with "true" is met if the key is absent, with "false" if it exists.
fn null(test: &Test, known: &Known) -> Truth {
    let absent = match known {
        // Without an organization there is no key.
        Known::Unknown | Known::Variable(_) => return Truth::Unknown,
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

fn compare(family: Family, expected: &str, value: &str, variables: bool) -> Truth {
    if variables && wildcard::has_variable(expected) {
        return Truth::Unknown;
    }
    match family {
        Family::Exact => Truth::of(expected == value),
        Family::IgnoringCase => Truth::of(expected.eq_ignore_ascii_case(value)),
        Family::Pattern => Truth::of(wildcard::matches(expected, value)),
        Family::Arn => arn(expected, value),
        Family::Null | Family::Typed => Truth::Unknown,
    }
}

/// Compares each of the six parts of an ARN. The behaviour of IAM for fewer parts is not documented.
fn arn(expected: &str, value: &str) -> Truth {
    let expected: Vec<&str> = expected.splitn(6, ':').collect();
    let value: Vec<&str> = value.splitn(6, ':').collect();
    if expected.len() < 6 || value.len() < 6 {
        return Truth::Unknown;
    }
    Truth::of(
        expected
            .iter()
            .zip(&value)
            .all(|(expected, value)| wildcard::matches(expected, value)),
    )
}
