//! The totals of an audit. Input: items. Output: counts by form, finding and manager. No I/O.

use std::collections::BTreeMap;

use lanyard_core::audit::{AuditLevel, Form};

use super::item::AuditItem;

/// The totals of the items that use AWS.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    /// The items.
    pub in_use: usize,
    /// The items by effective form.
    pub forms: BTreeMap<Form, usize>,
    /// The items that Lanyard manages.
    pub managed: usize,
    /// The other items, without a sign that they use AWS.
    pub quiet: usize,
    /// The findings that are faults.
    pub faults: usize,
    /// The findings that are warnings.
    pub warnings: usize,
}

impl Totals {
    /// Counts the items.
    pub fn of(items: &[AuditItem]) -> Self {
        let mut totals = Self::default();
        for item in items {
            if !item.uses_aws {
                totals.quiet += 1;
                continue;
            }
            totals.in_use += 1;
            totals.managed += usize::from(item.managed);
            *totals.forms.entry(item.form()).or_default() += 1;
            let at = |level: AuditLevel| {
                let level = level.as_str();
                item.findings
                    .iter()
                    .filter(|finding| finding.level == level)
                    .count()
            };
            totals.faults += at(AuditLevel::Fault);
            totals.warnings += at(AuditLevel::Warning);
        }
        totals
    }

    /// The totals in one line.
    pub fn line(&self) -> String {
        let forms: Vec<String> = self
            .forms
            .iter()
            .map(|(form, count)| format!("{count} {}", form.title()))
            .collect();
        format!(
            "{} in use: {}. {} managed by Lanyard. Faults: {}, warnings: {}.",
            self.in_use,
            if forms.is_empty() {
                "none".to_owned()
            } else {
                forms.join(", ")
            },
            self.managed,
            self.faults,
            self.warnings
        )
    }
}
