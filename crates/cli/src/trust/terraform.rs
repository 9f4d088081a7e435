//! A policy document as a data source of Terraform's AWS provider. Input: a document. Output: HCL. No I/O.

use std::fmt::Write as _;

use lanyard_iam_policy::{Document, Statement};
use serde_json::{Map, Value};

/// The data source with this name.
pub(super) fn data(name: &str, document: &Document) -> String {
    let mut text = format!("data \"aws_iam_policy_document\" \"{name}\" {{\n");
    for each in document.statements() {
        text.push_str(&statement(each));
    }
    text + "}\n"
}

fn statement(statement: &Statement) -> String {
    let element = |name: &str| statement.element(name);
    let mut text = "  statement {\n".to_owned();
    // A String accepts every write.
    let mut line = |indent: usize, words: String| {
        let _ = writeln!(text, "{:indent$}{words}", "");
    };
    if let Some(sid) = statement.sid() {
        line(4, format!("sid     = {}", quoted(sid)));
    }
    if let Some(effect) = element("Effect").and_then(Value::as_str) {
        line(4, format!("effect  = {}", quoted(effect)));
    }
    for (name, key) in [("Action", "actions"), ("Resource", "resources")] {
        if let Some(values) = element(name) {
            line(4, format!("{key} = {}", list(values)));
        }
    }
    for (kind, values) in fields(element("Principal")) {
        line(4, "principals {".to_owned());
        line(6, format!("type        = {}", quoted(kind)));
        line(6, format!("identifiers = {}", list(values)));
        line(4, "}".to_owned());
    }
    for (test, keys) in fields(element("Condition")) {
        for (variable, values) in fields(Some(keys)) {
            line(4, "condition {".to_owned());
            line(6, format!("test     = {}", quoted(test)));
            line(6, format!("variable = {}", quoted(variable)));
            line(6, format!("values   = {}", list(values)));
            line(4, "}".to_owned());
        }
    }
    text + "  }\n"
}

fn fields(value: Option<&Value>) -> impl Iterator<Item = (&String, &Value)> {
    value.and_then(Value::as_object).into_iter().flat_map(Map::iter)
}

/// A value or a list of values as a list.
fn list(values: &Value) -> String {
    let one = std::slice::from_ref(values);
    let all = values.as_array().map_or(one, Vec::as_slice);
    let all: Vec<String> = all.iter().filter_map(Value::as_str).map(quoted).collect();
    format!("[{}]", all.join(", "))
}

/// A string of HCL, in which `${` and `%{` begin a template. `&{` is how the data source writes the variables of IAM.
fn quoted(text: &str) -> String {
    let json = Value::from(text).to_string();
    json.replace("${", "&{").replace("%{", "%%{")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_of_terraform_are_not_expanded() {
        assert_eq!(quoted("a${aws:username}\"%{x}"), r#""a&{aws:username}\"%%{x}""#);
    }
}
