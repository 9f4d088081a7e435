//! One row of the audit: a usage with its effective form, role, manager, findings and advice. Input: usages and the fleet.
//! Output: rows in the order of namespace, workload and container. No I/O.

use std::collections::{BTreeMap, BTreeSet};

use super::advice::{Advice, advice};
use super::code::AuditLevel;
use super::findings::{AuditFinding, findings};
use super::fleet::{Fleet, Resolved, RoleUse, SubjectRef, subject};
use super::fold::Usage;
use super::form::Form;
use super::found::Found;
use super::manager::{Manager, manager};
use crate::model::arn::RoleArn;

/// One row.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The container and its workload.
    pub usage: Usage,
    /// The number of pods.
    pub pods: usize,
    /// The effective form.
    pub form: Form,
    /// False if the form depends on a file that was not read.
    pub is_certain: bool,
    /// The places of the effective form.
    pub evidence: Vec<String>,
    /// The places of other forms, which the effective one precedes.
    pub others: Vec<Found>,
    /// The places that were not read and would precede the effective form.
    pub perhaps: Vec<String>,
    /// The role.
    pub role: Option<RoleArn>,
    /// The role with its use. `None` if it was not read, or does not exist.
    pub role_use: Option<RoleUse>,
    /// The manager.
    pub manager: Manager,
    /// The findings.
    pub findings: Vec<AuditFinding>,
    /// The advice.
    pub advice: Advice,
}

impl Row {
    /// True if the container has credentials, or a sign that it uses AWS. An object of `envFrom` that was not read is none.
    #[must_use]
    pub fn uses_aws(&self) -> bool {
        let is_sign = |finding: &AuditFinding| finding.code.level() > AuditLevel::Unknown;
        self.form != Form::NodeRole || self.findings.iter().any(is_sign)
    }
}

/// The rows of all usages.
#[must_use]
pub fn rows(usages: &BTreeMap<Usage, usize>, fleet: &Fleet) -> Vec<Row> {
    let mut subjects_of: BTreeMap<RoleArn, BTreeSet<SubjectRef>> = BTreeMap::new();
    for usage in usages.keys() {
        if let Some(role) = fleet.resolve(usage).role {
            subjects_of.entry(role).or_default().insert(subject(usage));
        }
    }
    let of = |(usage, pods): (&Usage, &usize)| {
        let resolved = fleet.resolve(usage);
        let sharing = resolved.role.as_ref().and_then(|role| subjects_of.get(role));
        row(usage, *pods, &resolved, sharing.map_or(0, BTreeSet::len), fleet)
    };
    usages.iter().map(of).collect()
}

fn row(usage: &Usage, pods: usize, resolved: &Resolved, sharing: usize, fleet: &Fleet) -> Row {
    let form = resolved
        .effective
        .as_ref()
        .map_or(Form::NodeRole, |found| found.form);
    let is_certain = resolved.effective.as_ref().is_some_and(|found| found.is_certain);
    let of_form = |found: &&Found| found.form == form && found.is_certain == is_certain;
    let evidence = resolved.found.iter().filter(of_form);
    let before = |found: &&Found| {
        found.form <= form && !found.is_certain && is_certain || form == Form::NodeRole && !found.is_certain
    };
    let others = |found: &&Found| found.is_certain && found.form > form;
    let manager = manager(usage, form, resolved, fleet);
    let findings = findings(usage, form, resolved, sharing, fleet);
    Row {
        usage: usage.clone(),
        pods,
        form,
        is_certain,
        evidence: evidence.map(|found| found.evidence.clone()).collect(),
        others: resolved.found.iter().filter(others).cloned().collect(),
        perhaps: resolved
            .found
            .iter()
            .filter(before)
            .map(|found| found.evidence.clone())
            .collect(),
        role: resolved.role.clone(),
        role_use: resolved.role.as_ref().and_then(|role| fleet.role(role)).cloned(),
        advice: advice(usage, form, resolved, &manager, &findings, fleet),
        manager,
        findings,
    }
}
