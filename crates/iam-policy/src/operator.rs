//! The condition operators of the policy language (docs/dev/aws-behaviour.md#document-comparison), parsed: set
//! prefix, comparison, `IfExists`. Input: a name; output: an operator, and back. No I/O.

use std::fmt;

/// A condition operator such as `ForAnyValue:StringLikeIfExists`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Operator {
    pub quantifier: Option<Quantifier>,
    /// The name of the comparison, such as `StringLike`.
    pub name: &'static str,
    pub family: Family,
    /// True if the comparison negates that of its family, as `StringNotEquals` negates `StringEquals`.
    pub negated: bool,
    pub if_exists: bool,
}

/// The prefix for keys with several values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Quantifier {
    All,
    Any,
}

/// The kind of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Family {
    Exact,
    IgnoringCase,
    Pattern,
    /// Each of the six parts of an ARN is compared.
    Arn,
    Null,
    /// Numbers, dates, addresses, booleans and bytes: valid in IAM, not evaluated here.
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
    /// Parses a name exactly as documented: it is not documented if IAM ignores the case.
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
        let invalid = family == Family::Null && (if_exists || quantifier.is_some());
        (!invalid).then_some(Self {
            quantifier,
            name,
            family,
            negated,
            if_exists,
        })
    }

    /// The operator that a misspelled name probably means.
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

    /// The same operator with another comparison.
    pub fn renamed(self, name: &str) -> Self {
        let comparison = COMPARISONS.iter().find(|(known, ..)| *known == name);
        comparison.map_or(self, |&(name, family, negated)| Self {
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
    fn operator_name_round_trips() {
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
    fn undocumented_operator_is_rejected() {
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
    fn operator_of_wrong_case_has_a_suggestion() {
        let meant = Operator::suggest("forallvalues:stringlikeifexists").map(|o| o.to_string());
        assert_eq!(meant.as_deref(), Some("ForAllValues:StringLikeIfExists"));
    }
}
