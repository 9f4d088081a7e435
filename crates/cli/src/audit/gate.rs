//! The gate of `audit` for CI: the findings for which the command exits with 2. Input: the flag, the items and an earlier
//! result. Output: an exit. No I/O.

use std::collections::BTreeSet;

use lanyard_core::audit::{AuditCode, AuditLevel};

use super::item::AuditItem;
use crate::error::nearest;
use crate::exit::Exit;

/// A selection of findings that fails the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailOn {
    /// Any finding.
    Any,
    /// A finding of this level or above.
    Level(AuditLevel),
    /// A finding with one of these codes.
    Codes(&'static [AuditCode]),
    /// A finding with this code.
    Code(AuditCode),
}

/// The names of selections.
const NAMES: [(&str, FailOn); 7] = [
    ("any", FailOn::Any),
    ("fault", FailOn::Level(AuditLevel::Fault)),
    ("warning", FailOn::Level(AuditLevel::Warning)),
    ("static", FailOn::Codes(&[AuditCode::Ly701])),
    ("node", FailOn::Codes(&[AuditCode::Ly704])),
    ("proxy", FailOn::Codes(&[AuditCode::Ly703])),
    ("wide", FailOn::Codes(&[AuditCode::Ly708, AuditCode::Ly711])),
];

/// The findings of an earlier result, by the key of their item and their code.
pub(super) type Known = BTreeSet<(String, String)>;

impl FailOn {
    /// Parses one value of the flag.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let named = NAMES.iter().find(|(name, _)| *name == text);
        let code = || AuditCode::ALL.into_iter().find(|code| code.as_str() == text);
        let known = named
            .map(|(_, selection)| *selection)
            .or_else(|| code().map(Self::Code));
        known.ok_or_else(|| {
            let names = NAMES.map(|(name, _)| name);
            let codes = AuditCode::ALL.map(AuditCode::as_str);
            let near = nearest(text, names.into_iter().chain(codes));
            format!(
                "{text:?} is not one of {} or a code such as LY701{near}",
                names.join(", ")
            )
        })
    }

    fn matches(self, code: AuditCode) -> bool {
        match self {
            Self::Any => true,
            Self::Level(level) => code.level() >= level,
            Self::Codes(codes) => codes.contains(&code),
            Self::Code(one) => code == one,
        }
    }
}

/// The exit of the items. Findings of the earlier result do not count.
pub(super) fn exit(
    items: &[AuditItem],
    known: Option<&Known>,
    fail_on: &[FailOn],
    completeness: Exit,
) -> Exit {
    let is_new = |item: &AuditItem, code: &str| {
        known.is_none_or(|known| !known.contains(&(item.key(), code.to_owned())))
    };
    let fails = items.iter().any(|item| {
        let mut findings = item.findings.iter();
        findings.any(|finding| {
            let code = AuditCode::ALL
                .into_iter()
                .find(|code| code.as_str() == finding.code);
            let is_selected =
                code.is_some_and(|code| fail_on.iter().any(|selection| selection.matches(code)));
            is_selected && is_new(item, finding.code)
        })
    });
    match fails {
        true => Exit::Changes,
        false => completeness,
    }
}

#[cfg(test)]
mod tests {
    use super::super::item::testing::item;
    use super::*;

    #[test]
    fn value_is_a_level_a_group_or_a_code() {
        assert_eq!(FailOn::parse("static"), Ok(FailOn::Codes(&[AuditCode::Ly701])));
        assert_eq!(FailOn::parse("LY704"), Ok(FailOn::Code(AuditCode::Ly704)));
        assert!(FailOn::parse("statc").unwrap_err().ends_with("nearest: static"));
    }

    #[test]
    fn exit_depends_on_level_group_and_code() {
        let items = [item(&[AuditCode::Ly704])];
        for (name, expected) in [
            ("fault", Exit::Done),
            ("warning", Exit::Changes),
            ("any", Exit::Changes),
            ("node", Exit::Changes),
            ("static", Exit::Done),
            ("LY704", Exit::Changes),
            ("LY701", Exit::Done),
        ] {
            let fail_on = [FailOn::parse(name).unwrap()];
            assert_eq!(exit(&items, None, &fail_on, Exit::Done), expected, "{name}");
        }
        assert_eq!(exit(&items, None, &[], Exit::Incomplete), Exit::Incomplete);
    }

    #[test]
    fn known_finding_does_not_fail_again() {
        let items = [item(&[AuditCode::Ly701])];
        let known = Known::from([(items[0].key(), "LY701".to_owned())]);
        let exit = |known: &Known| exit(&items, Some(known), &[FailOn::Any], Exit::Done);
        assert_eq!((exit(&known), exit(&Known::new())), (Exit::Done, Exit::Changes));
    }
}
