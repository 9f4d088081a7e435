//! One row of the audit, as it is shown. Plain values; no I/O.

use lanyard_core::audit::{Form, Manager, Row, When};
use schemars::JsonSchema;
use serde::Serialize;

/// One container of one workload with its effective form of credentials.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditItem {
    /// The namespace.
    pub namespace: String,
    /// The kind of the workload.
    pub kind: String,
    /// The name of the workload.
    pub name: String,
    /// The container.
    pub container: String,
    /// The ServiceAccount.
    pub service_account: String,
    /// The number of pods. 0: only the pod template exists.
    pub pods: usize,
    /// The effective form: `StaticKey`, `Profile`, `IRSA`, `ContainerEndpoint`, `PodIdentity`, `Proxy` or `NodeRole`.
    pub effective: &'static str,
    /// False if the form depends on something that was not read, or that no pod spec shows.
    pub certain: bool,
    /// False if the container has no credentials and no sign that it uses AWS.
    pub uses_aws: bool,
    /// The places of the effective form. No value is part of them.
    pub evidence: Vec<String>,
    /// The places of other forms, which the effective one precedes.
    pub others: Vec<String>,
    /// The places that were not read and would precede the effective form.
    pub perhaps: Vec<String>,
    /// The role.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<RoleItem>,
    /// The manager of the credentials: `lanyard`, the EKS add-on, or another tool. Absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub managed_by: Option<String>,
    /// True if a WorkloadIdentity has the name of the ServiceAccount.
    pub managed: bool,
    /// The findings.
    pub findings: Vec<FindingItem>,
    /// If the credentials should move to Lanyard.
    #[serde(rename = "move")]
    pub advice: MoveItem,
}

/// The role of a row.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RoleItem {
    /// The ARN.
    pub arn: String,
    /// The account.
    pub account: String,
    /// The name.
    pub name: String,
    /// The time of the last use that IAM shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_used: Option<String>,
}

/// A finding.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FindingItem {
    /// The code.
    pub code: &'static str,
    /// The level: `unknown`, `warning` or `fault`.
    pub level: &'static str,
    /// The observed value, and the next action.
    pub message: String,
}

/// The advice of a row.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MoveItem {
    /// `now`, `after`, `stay`, `-` or `?`.
    pub when: &'static str,
    /// The reason.
    pub why: String,
}

impl From<&Row> for AuditItem {
    fn from(row: &Row) -> Self {
        let usage = &row.usage;
        let last_used = row.role_use.as_ref().and_then(|role| role.last_used);
        let finding = |finding: &lanyard_core::audit::AuditFinding| FindingItem {
            code: finding.code.as_str(),
            level: finding.code.level().as_str(),
            message: finding.message.clone(),
        };
        Self {
            namespace: usage.namespace.clone(),
            kind: usage.workload.kind.clone(),
            name: usage.workload.name.clone(),
            container: usage.container.clone(),
            service_account: usage.service_account.clone(),
            pods: row.pods,
            effective: row.form.as_str(),
            certain: row.is_certain,
            uses_aws: row.uses_aws(),
            evidence: row.evidence.clone(),
            others: row.others.iter().map(|other| other.evidence.clone()).collect(),
            perhaps: row.perhaps.clone(),
            role: row.role.as_ref().map(|role| RoleItem {
                arn: role.to_string(),
                account: role.account.to_string(),
                name: role.name.to_string(),
                last_used: last_used.map(|time| time.to_string()),
            }),
            managed_by: match &row.manager {
                Manager::Unmanaged => None,
                manager => Some(manager.to_string()),
            },
            managed: matches!(row.manager, Manager::Lanyard { .. }),
            findings: row.findings.iter().map(finding).collect(),
            advice: MoveItem {
                when: row.advice.when.as_str(),
                why: row.advice.reason.clone(),
            },
        }
    }
}

impl AuditItem {
    /// The identity of the container across results.
    pub(super) fn key(&self) -> String {
        key([&self.namespace, &self.kind, &self.name, &self.container])
    }

    /// The workload, with the short names of kubectl.
    pub(super) fn workload(&self) -> String {
        let kind = match self.kind.as_str() {
            "Deployment" => "deploy".to_owned(),
            kind => kind.to_ascii_lowercase(),
        };
        format!("{kind}/{}", self.name)
    }

    /// The effective form.
    pub(super) fn form(&self) -> Form {
        let known = Form::ALL.into_iter().find(|form| form.as_str() == self.effective);
        known.unwrap_or(Form::NodeRole)
    }

    /// The effective form for people.
    pub(super) fn how(&self) -> String {
        match (self.uses_aws, self.certain) {
            (false, _) => "none".to_owned(),
            (true, true) => self.form().title().to_owned(),
            (true, false) => format!("{}?", self.form().title()),
        }
    }

    /// The advice for people.
    pub(super) fn advice_text(&self) -> String {
        match self.advice.why.as_str() {
            "" => self.advice.when.to_owned(),
            why => format!("{}: {why}", self.advice.when),
        }
    }

    /// True if it should move now.
    pub(super) fn is_due(&self) -> bool {
        self.advice.when == When::Now.as_str()
    }
}

/// The identity of a container across results: namespace, kind and name of the workload, and container.
pub(super) fn key(parts: [&str; 4]) -> String {
    parts.join("/")
}

#[cfg(test)]
pub(super) mod testing {
    use lanyard_core::audit::AuditCode;

    use super::*;

    /// An item with these findings.
    pub(in crate::audit) fn item(codes: &[AuditCode]) -> AuditItem {
        let finding = |code: &AuditCode| FindingItem {
            code: code.as_str(),
            level: code.level().as_str(),
            message: "Remove it.".to_owned(),
        };
        AuditItem {
            namespace: "shop".to_owned(),
            kind: "Deployment".to_owned(),
            name: "api".to_owned(),
            container: "app".to_owned(),
            service_account: "orders".to_owned(),
            pods: 2,
            effective: Form::WebIdentity.as_str(),
            certain: true,
            uses_aws: true,
            evidence: vec!["AWS_WEB_IDENTITY_TOKEN_FILE".to_owned()],
            others: Vec::new(),
            perhaps: Vec::new(),
            role: Some(RoleItem {
                arn: "arn:aws:iam::111122223333:role/orders".to_owned(),
                account: "111122223333".to_owned(),
                name: "orders".to_owned(),
                last_used: Some("2026-05-01T00:00:00Z".to_owned()),
            }),
            managed_by: None,
            managed: false,
            findings: codes.iter().map(finding).collect(),
            advice: MoveItem {
                when: When::Now.as_str(),
                why: "nothing is against it: import the role".to_owned(),
            },
        }
    }
}
