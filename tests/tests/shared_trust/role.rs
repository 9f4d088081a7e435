//! A role as its owner creates it, with statements that Lanyard must not change. Input: names. Output: the ARN of the role
//! and the members of its statements. Calls AWS as the root user of the account.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use lanyard_tests::Clients;
use serde_json::{Value, json};

/// The statements of the owner.
pub fn owners() -> Vec<Value> {
    vec![
        json!({"Sid": "Machines", "Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}),
        json!({"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"aws:RequestTag/kubernetes-service-account": "leaver"}}}),
    ]
}

/// Creates the role.
pub async fn make(aws: &Clients, name: &str, statements: &[Value]) -> Result<String> {
    let made = aws.iam.create_role().role_name(name);
    let made = made
        .assume_role_policy_document(policy(statements))
        .send()
        .await?;
    Ok(made.role.context("a role")?.arn)
}

/// Replaces the whole trust policy, as its owner does.
pub async fn write(aws: &Clients, name: &str, statements: &[Value]) -> Result<()> {
    let update = aws.iam.update_assume_role_policy().role_name(name);
    update.policy_document(policy(statements)).send().await?;
    Ok(())
}

fn policy(statements: &[Value]) -> String {
    json!({"Version": "2012-10-17", "Statement": statements}).to_string()
}

/// The statements of the trust policy.
pub async fn statements(aws: &Clients, name: &str) -> Result<Vec<Value>> {
    let trust = aws.trust(name).await?;
    Ok(trust
        .pointer("/Statement")
        .and_then(Value::as_array)
        .context("a list")?
        .clone())
}

/// Returns `true` if the statement is Lanyard's.
pub fn is_lanyards(statement: &Value) -> bool {
    statement["Sid"]
        .as_str()
        .is_some_and(|sid| sid.starts_with("Lanyard"))
}

/// The current statements of the owner.
pub async fn of_owner(aws: &Clients, name: &str) -> Result<Vec<Value>> {
    let all = statements(aws, name).await?;
    Ok(all
        .into_iter()
        .filter(|statement| !is_lanyards(statement))
        .collect())
}

/// The members of Lanyard's statements: names by the id of the statement.
pub async fn members(aws: &Clients, name: &str) -> Result<BTreeMap<String, BTreeSet<String>>> {
    let mut members = BTreeMap::new();
    for statement in statements(aws, name)
        .await?
        .iter()
        .filter(|statement| is_lanyards(statement))
    {
        let equals = statement
            .pointer("/Condition/StringEquals")
            .and_then(Value::as_object)
            .context("a condition")?;
        let lists = |key: &str| key.ends_with(":sub") || key.ends_with("/kubernetes-service-account");
        let (_, listed) = equals
            .iter()
            .find(|(key, _)| lists(key))
            .context("a list of names")?;
        let names = match listed {
            Value::Array(names) => names.clone(),
            one => vec![one.clone()],
        };
        let names = names
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect();
        members.insert(statement["Sid"].as_str().unwrap_or_default().to_owned(), names);
    }
    Ok(members)
}

/// A spec for the role.
pub fn shared(arn: &str, method: &str) -> Value {
    json!({"method": method, "serviceAccount": {"create": true}, "role": {"existing": {"arn": arn, "trust": "Manage"}}})
}
