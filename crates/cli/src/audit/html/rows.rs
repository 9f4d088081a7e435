//! The rows of the table. Input: items. Output: text for cells. No I/O.

use jiff::Timestamp;

use super::class::level_class;
use crate::audit::item::AuditItem;
use crate::audit::text::last_used;
use crate::inert::inert;

/// One row.
pub(super) struct PageRow {
    pub namespace: String,
    pub workload: String,
    pub container: String,
    pub service_account: String,
    pub pods: usize,
    pub how: String,
    pub evidence: String,
    pub role: String,
    pub account: String,
    pub managed_by: String,
    pub last_used: String,
    pub findings: Vec<PageFinding>,
    pub advice: String,
}

/// One finding.
pub(super) struct PageFinding {
    pub class: &'static str,
    pub code: &'static str,
    pub message: String,
}

impl PageRow {
    pub fn of(item: &AuditItem, now: Timestamp) -> Self {
        let role = item.role.as_ref();
        let finding = |finding: &crate::audit::item::FindingItem| PageFinding {
            class: level_class(finding.level),
            code: finding.code,
            message: inert(&finding.message),
        };
        Self {
            namespace: inert(&item.namespace),
            workload: inert(&item.workload()),
            container: inert(&item.container),
            service_account: inert(&item.service_account),
            pods: item.pods,
            how: item.how(),
            evidence: inert(&item.evidence.join("; ")),
            role: role.map(|role| inert(&role.name)).unwrap_or_default(),
            account: role.map(|role| inert(&role.account)).unwrap_or_default(),
            managed_by: inert(item.managed_by.as_deref().unwrap_or("-")),
            last_used: last_used(item, now),
            findings: item.findings.iter().map(finding).collect(),
            advice: inert(&item.advice_text()),
        }
    }
}
