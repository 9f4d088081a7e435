//! The findings about one identity, as they are shown. Plain values; no I/O.

use lanyard_core::diagnose::{Evidence, Finding, Level};
use lanyard_engine::OPERATOR_RBAC;
use schemars::JsonSchema;
use serde::Serialize;

use crate::envelope::Unread;
use crate::screen::{Screen, Tone};

/// The page of the rules, relative to the documentation.
const RULES: &str = "reference/cli/rules.md";

/// The findings about one WorkloadIdentity.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DoctorItem {
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
    /// The method.
    pub method: String,
    /// The role.
    pub role: String,
    /// One finding for each rule, in the order in which a pod's credentials depend on them.
    pub findings: Vec<FindingLine>,
}

/// The result of one rule.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FindingLine {
    /// The code of the rule.
    pub code: &'static str,
    /// The level: `ok`, `skipped`, `unknown`, `warning` or `fault`.
    pub level: &'static str,
    /// The condition that the rule checks.
    pub checks: &'static str,
    /// True if an earlier fault can be the cause.
    pub follows: bool,
    /// The resource that was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The expected value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// The observed value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed: Option<String>,
    /// The symptom in the application.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub symptom: Option<&'static str>,
    /// The next command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// The page of the rule, relative to the documentation.
    pub doc: String,
    /// The fact that an unknown result lacks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
}

impl FindingLine {
    fn new(finding: Finding) -> Self {
        let is_trouble = matches!(finding.level, Level::Fault | Level::Warning);
        let detail = finding.detail;
        Self {
            code: finding.code.as_str(),
            level: finding.level.as_str(),
            checks: finding.code.checks(),
            follows: finding.follows,
            source: detail.as_ref().map(|detail| detail.source.clone()),
            expected: detail.as_ref().map(|detail| detail.expected.clone()),
            observed: detail.as_ref().map(|detail| detail.observed.clone()),
            symptom: is_trouble.then(|| finding.code.symptom()),
            command: detail.map(|detail| detail.command),
            doc: format!("{RULES}#{}", finding.code.as_str().to_ascii_lowercase()),
            missing: finding
                .missing
                .map(|missing| missing.replace(OPERATOR_RBAC, "your RBAC")),
        }
    }
}

impl DoctorItem {
    /// The findings about the identity of the evidence.
    pub(super) fn new(evidence: &Evidence<'_>, findings: Vec<Finding>) -> Self {
        Self {
            namespace: evidence.subject.namespace.to_string(),
            name: evidence.subject.name.to_string(),
            method: evidence.binding.method().to_string(),
            role: evidence.binding.role_arn.to_string(),
            findings: findings.into_iter().map(FindingLine::new).collect(),
        }
    }

    fn at(&self, level: Level) -> impl Iterator<Item = &FindingLine> {
        self.findings
            .iter()
            .filter(move |finding| finding.level == level.as_str())
    }

    /// True if a rule found a fault.
    pub(super) fn has_fault(&self) -> bool {
        self.at(Level::Fault).next().is_some()
    }

    /// The codes of the faults.
    pub(super) fn fault_codes(&self) -> Vec<String> {
        self.at(Level::Fault)
            .map(|finding| finding.code.to_owned())
            .collect()
    }

    /// The facts that rules lack.
    pub(super) fn unread(&self) -> Vec<Unread> {
        let line = |finding: &FindingLine| Unread {
            resource: finding.checks.to_owned(),
            cause: finding.missing.clone().unwrap_or_default(),
            consequence: format!("{} is not known", finding.code),
        };
        self.at(Level::Unknown).map(line).collect()
    }

    /// Writes the findings. Rules that do not concern the method are only part of the wide form.
    pub(super) fn render(&self, screen: &mut Screen, wide: bool) {
        screen.put(Tone::Strong, &format!("{}/{}", self.namespace, self.name));
        screen
            .put(
                Tone::Faint,
                &format!("   {} with role {}", self.method, self.role),
            )
            .end();
        for finding in self
            .findings
            .iter()
            .filter(|finding| wide || finding.level != Level::Skipped.as_str())
        {
            finding.render(screen);
        }
        let counted = |level: Level| self.at(level).count();
        let (faults, warnings, unknown) = (
            counted(Level::Fault),
            counted(Level::Warning),
            counted(Level::Unknown),
        );
        let total = format!("faults: {faults}, warnings: {warnings}, not known: {unknown}");
        screen.put(Tone::Strong, &total).end();
    }
}

impl FindingLine {
    fn render(&self, screen: &mut Screen) {
        let tone = match self.level {
            "fault" => Tone::Bad,
            "warning" | "unknown" => Tone::Careful,
            "ok" => Tone::Good,
            _ => Tone::Faint,
        };
        screen
            .put(Tone::Plain, "  ")
            .cell(tone, self.level, 9)
            .cell(Tone::Plain, self.code, 7);
        screen.put(Tone::Plain, self.checks);
        if self.follows {
            screen.put(Tone::Faint, " (an earlier fault can be the cause)");
        }
        screen.end();
        let is_trouble = self.symptom.is_some();
        let parts = [
            ("read", self.source.as_deref()),
            ("expected", self.expected.as_deref()),
            ("observed", self.observed.as_deref()),
            ("symptom", self.symptom),
            ("next", self.command.as_deref()),
            ("missing", self.missing.as_deref()),
            ("page", is_trouble.then_some(self.doc.as_str())),
        ];
        for (name, text) in parts {
            if let Some(text) = text {
                screen
                    .put(Tone::Faint, "           ")
                    .cell(Tone::Faint, name, 10)
                    .put(Tone::Plain, text)
                    .end();
            }
        }
    }
}
