//! The condition operators of the policy language (docs/dev/aws-behaviour.md#document-comparison), taken apart: set prefix, comparison, `IfExists`.
//! A name in, an operator out, and back to its name; no I/O. Called by `reading`, `normal`, `lint` and `evaluate`.

use std::fmt;

/// A condition operator such as `ForAnyValue:StringLikeIfExists`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Operator {
    pub quantifier: Option<Quantifier>,
    /// The comparison's own name, such as `StringLike`.
    pub name: &'static str,
    pub family: Family,
    /// Whether the comparison is the opposite of its family's, as `StringNotEquals` is of `StringEquals`.
    pub negated: bool,
    pub if_exists: bool,
}

/// The prefix for keys that hold several values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Quantifier {
    All,
    Any,
}

/// What a comparison compares by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Family {
    Exact,
    IgnoringCase,
    Pattern,
    /// Each of the six parts of an ARN by itself.
    Arn,
    Null,
    /// Numbers, dates, addresses, booleans and bytes: known to IAM, not judged here.
    Typed,
}

const COMPARISONS: [(&str, Family, bool); 27] = [
    ("StringEquals", Family::Exact, false),
    ("StringNotEquals", Family::Exact, true),
    ("StringEqualsIgnoreCase", Family::IgnoringCase, false),
    ("StringNotEqualsIgnoreCase", Family::IgnoringCase, true),
    ("StringLike", Family::Pattern, false),
    ("StringNotLike", Family::Pattern, true),
    ("ArnEquals", Family::Arn, false),
    ("ArnLike", Family::Arn, false),
    ("ArnNotEquals", Family::Arn, true),
    ("ArnNotLike", Family::Arn, true),
    ("Null", Family::Null, false),
    ("Bool", Family::Typed, false),
    ("NumericEquals", Family::Typed, false),
    ("NumericNotEquals", Family::Typed, true),
    ("NumericLessThan", Family::Typed, false),
    ("NumericLessThanEquals", Family::Typed, false),
    ("NumericGreaterThan", Family::Typed, false),
    ("NumericGreaterThanEquals", Family::Typed, false),
    ("DateEquals", Family::Typed, false),
    ("DateNotEquals", Family::Typed, true),
    ("DateLessThan", Family::Typed, false),
    ("DateLessThanEquals", Family::Typed, false),
    ("DateGreaterThan", Family::Typed, false),
    ("DateGreaterThanEquals", Family::Typed, false),
    ("BinaryEquals", Family::Typed, false),
    ("IpAddress", Family::Typed, false),
    ("NotIpAddress", Family::Typed, true),
];

impl Operator {
    /// Takes a name apart, exactly as IAM documents it: whether IAM folds the case is not documented.
    pub fn parse(text: &str) -> Option<Self> {
        let (quantifier, rest) = match text.split_once(':') {
            Some(("ForAllValues", rest)) => (Some(Quantifier::All), rest),
            Some(("ForAnyValue", rest)) => (Some(Quantifier::Any), rest),
            Some(_) => return None,
            None => (None, text),
        };
        let (rest, if_exists) = match rest.strip_suffix("IfExists") {
            Some(rest) => (rest, true),
            None => (rest, false),
        };
        let &(name, family, negated) = COMPARISONS.iter().find(|(name, ..)| *name == rest)?;
        let nonsense = family == Family::Null && (if_exists || quantifier.is_some());
        (!nonsense).then_some(Self {
            quantifier,
            name,
            family,
            negated,
            if_exists,
        })
    }

    /// The operator that was probably meant by a name of the wrong case.
    pub fn suggest(text: &str) -> Option<Self> {
        let lower = text.to_ascii_lowercase();
        let (quantifier, rest) = match lower.split_once(':') {
            Some(("forallvalues", rest)) => ("ForAllValues:", rest),
            Some(("foranyvalue", rest)) => ("ForAnyValue:", rest),
            Some(_) => return None,
            None => ("", lower.as_str()),
        };
        let (rest, suffix) = rest
            .strip_suffix("ifexists")
            .map_or((rest, ""), |rest| (rest, "IfExists"));
        let (name, ..) = COMPARISONS
            .iter()
            .find(|(name, ..)| name.eq_ignore_ascii_case(rest))?;
        Self::parse(&format!("{quantifier}{name}{suffix}"))
    }

    /// The same operator with another comparison of the table in place of its own.
    pub fn renamed(self, name: &str) -> Self {
        let found = COMPARISONS.iter().find(|(known, ..)| *known == name);
        found.map_or(self, |&(name, family, negated)| Self {
            name,
            family,
            negated,
            ..self
        })
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = match self.quantifier {
            None => "",
            Some(Quantifier::All) => "ForAllValues:",
            Some(Quantifier::Any) => "ForAnyValue:",
        };
        write!(
            f,
            "{prefix}{}{}",
            self.name,
            if self.if_exists { "IfExists" } else { "" }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_survives_being_taken_apart() {
        for name in [
            "StringEquals",
            "ForAllValues:ArnLikeIfExists",
            "ForAnyValue:StringNotLike",
            "Null",
            "Bool",
        ] {
            assert_eq!(
                Operator::parse(name).map(|o| o.to_string()).as_deref(),
                Some(name)
            );
        }
    }

    #[test]
    fn names_that_iam_does_not_document_are_not_operators() {
        for name in [
            "stringEquals",
            "NullIfExists",
            "ForAnyValue:Null",
            "ForSomeValues:StringLike",
            "",
            "IfExists",
        ] {
            assert_eq!(Operator::parse(name), None, "{name}");
        }
    }

    #[test]
    fn a_wrong_case_is_recognised() {
        let meant = Operator::suggest("forallvalues:stringlikeifexists").map(|o| o.to_string());
        assert_eq!(meant.as_deref(), Some("ForAllValues:StringLikeIfExists"));
    }
}
