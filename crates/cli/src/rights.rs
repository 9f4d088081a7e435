//! `--rights`: the rights that a command reads with, as a ClusterRole and an IAM policy. Input: the name of a command. Output: a
//! report. No I/O. One table feeds the output, the documentation and the tests.

mod actions;
mod table;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::args::Command;
use crate::envelope::Envelope;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::Report;
use crate::screen::{Screen, Tone};
use actions::Action;
use table::{Right, Rights, of_command};

/// The rights of one command.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RightsItem {
    /// The command.
    pub command: &'static str,
    /// The rights in the cluster.
    pub rules: Vec<RuleLine>,
    /// The actions in AWS.
    pub actions: Vec<ActionLine>,
    /// All rights in the cluster as a ClusterRole.
    pub cluster_role: Value,
    /// All actions as an IAM policy. Absent if the command calls no AWS service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<Value>,
}

/// A right in the cluster.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RuleLine {
    /// The rule of RBAC.
    pub rule: Value,
    /// False if the command works without it, with less to show.
    pub required: bool,
    /// The loss without it.
    pub lost: &'static str,
}

/// An action in AWS.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActionLine {
    /// The action.
    pub action: &'static str,
    /// The loss without it.
    pub lost: &'static str,
}

/// The rights of a command, as a report.
pub(crate) struct RightsReport(Envelope<RightsItem>);

/// The report on a command.
///
/// # Errors
/// Returns an error for a command that reads neither the cluster nor AWS.
pub(crate) fn report(command: &Command) -> Result<RightsReport, CliError> {
    let name = command.name();
    let rights = of_command(name)
        .ok_or_else(|| CliError::Usage(format!("{name} reads neither the cluster nor AWS")))?;
    let items = vec![item(rights)];
    Ok(RightsReport(Envelope::new(
        "Rights",
        None,
        Timestamp::now(),
        Vec::new(),
        items,
    )))
}

fn item(rights: &Rights) -> RightsItem {
    let rules: Vec<RuleLine> = rights.rules().map(line).collect();
    let actions: Vec<&Action> = rights.actions().collect();
    let all: Vec<&Value> = rules.iter().map(|line| &line.rule).collect();
    let names: Vec<&str> = actions.iter().map(|action| action.name).collect();
    let statement = json!({"Effect": "Allow", "Action": names, "Resource": "*"});
    RightsItem {
        command: rights.command,
        cluster_role: json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": format!("kubectl-lanyard-{}", rights.command)},
            "rules": all,
        }),
        policy: (!actions.is_empty()).then(|| json!({"Version": "2012-10-17", "Statement": [statement]})),
        rules,
        actions: actions
            .into_iter()
            .map(|action| ActionLine {
                action: action.name,
                lost: action.lost,
            })
            .collect(),
    }
}

fn line(right: &Right) -> RuleLine {
    RuleLine {
        rule: right.rule(),
        required: right.required,
        lost: right.lost,
    }
}

impl RightsItem {
    fn render(&self, screen: &mut Screen) {
        let heading = format!("Rights of kubectl lanyard {} in the cluster", self.command);
        screen.put(Tone::Strong, &heading).end();
        for line in &self.rules {
            let rule = &line.rule;
            let words = |field: &str| {
                let values = rule.get(field).and_then(Value::as_array);
                let values = values.into_iter().flatten().filter_map(Value::as_str);
                values.collect::<Vec<_>>().join(", ")
            };
            let need = if line.required { "required" } else { "optional" };
            let targets = [
                words("resources"),
                words("nonResourceURLs"),
                words("resourceNames"),
            ];
            let targets = targets.into_iter().filter(|target| !target.is_empty());
            screen
                .put(Tone::Plain, "  ")
                .cell(Tone::Plain, need, 10)
                .cell(Tone::Plain, &words("verbs"), 16)
                .put(Tone::Plain, &targets.collect::<Vec<_>>().join(" "))
                .put(Tone::Faint, &format!("   without it: {}", line.lost))
                .end();
        }
        if !self.actions.is_empty() {
            screen.put(Tone::Strong, "Actions in AWS, all optional").end();
        }
        for line in &self.actions {
            screen
                .put(Tone::Plain, "  ")
                .cell(Tone::Plain, line.action, 36)
                .put(Tone::Faint, &format!("without it: {}", line.lost))
                .end();
        }
        block(screen, "ClusterRole", &self.cluster_role);
        if let Some(policy) = &self.policy {
            block(screen, "IAM policy", policy);
        }
    }
}

/// Writes a document, which kubectl and the AWS command line take as it is.
fn block(screen: &mut Screen, heading: &str, document: &Value) {
    screen.put(Tone::Strong, heading).end();
    for line in format!("{document:#}").lines() {
        screen.put(Tone::Plain, line).end();
    }
}

impl Report for RightsReport {
    type Item = RightsItem;

    fn envelope(&self) -> &Envelope<RightsItem> {
        &self.0
    }

    fn exit(&self) -> Exit {
        Exit::Done
    }

    fn names(&self) -> Vec<String> {
        let actions = self.0.items.iter().flat_map(|item| &item.actions);
        actions.map(|line| line.action.to_owned()).collect()
    }

    fn text(&self, screen: &mut Screen, _: bool) {
        for item in &self.0.items {
            item.render(screen);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The actions of the shipped policy for reading, without those for scans of the account.
    fn shipped() -> BTreeSet<String> {
        let policy: Value = serde_json::from_str(include_str!("../../../config/aws/read-only.json")).unwrap();
        let statements = policy["Statement"].as_array().unwrap();
        let listed = |value: &Value| match value {
            Value::Array(all) => all.iter().map(|one| one.as_str().unwrap().to_owned()).collect(),
            one => vec![one.as_str().unwrap().to_owned()],
        };
        let read = statements
            .iter()
            .filter(|statement| statement["Sid"] != "SweepRoles");
        read.flat_map(|statement| listed(&statement["Action"])).collect()
    }

    #[test]
    fn actions_of_plan_are_those_of_the_shipped_policy() {
        let plan = item(of_command("plan").unwrap());
        let actions: BTreeSet<String> = plan.actions.iter().map(|line| line.action.to_owned()).collect();
        assert_eq!(actions, shipped());
    }

    #[test]
    fn no_command_reads_secrets_or_writes_more_than_a_proof() {
        for command in ["plan", "trust", "doctor", "verify", "audit", "import"] {
            let item = item(of_command(command).unwrap());
            for line in &item.rules {
                let rule = line.rule.to_string();
                assert!(
                    !rule.contains("\"secrets\"") && !rule.contains('*'),
                    "{command}: {rule}"
                );
                let writes = ["create", "patch", "update", "delete"];
                let is_write = writes.iter().any(|verb| rule.contains(&format!("\"{verb}\"")));
                assert!(!is_write || command == "verify", "{command}: {rule}");
            }
        }
    }

    #[test]
    fn text_has_both_documents() {
        let mut screen = Screen::new(false);
        item(of_command("plan").unwrap()).render(&mut screen);
        let text = screen.into_text();
        for part in [
            "\"kind\": \"ClusterRole\"",
            "\"Version\": \"2012-10-17\"",
            "without it: ",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }
}
