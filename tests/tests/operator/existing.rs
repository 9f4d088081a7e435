//! Proves that Lanyard reports the missing statement of an existing role's trust policy and changes nothing there. Does
//! I/O.

use anyhow::{Context, Result};
use lanyard_tests::condition;
use serde_json::{Value, json};

use crate::stage;

fn trust(statement: &Value) -> String {
    json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()
}

fn existing(arn: &str) -> Value {
    json!({"method": "PodIdentity", "role": {"existing": {"arn": arn}}})
}

#[tokio::test]
async fn missing_statement_is_quoted_and_adding_it_binds() -> Result<()> {
    let scene = stage().await?.scene("ex-missing").await?;
    let ec2 =
        json!({"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"});
    let made = scene
        .aws
        .iam
        .create_role()
        .role_name("ex-missing")
        .assume_role_policy_document(trust(&ec2));
    let role = made.send().await?.role.context("a role")?;
    scene.apply("orders", existing(role.arn())).await?;
    let object = scene
        .until_is("orders", "Stalled", "True", "TrustMissing")
        .await?;
    let message = condition(&object, "TrustReady").context("TrustReady")?.message;
    let (_, statement) = message
        .split_once("Add this statement: ")
        .context("the statement")?;
    let statement: Value = serde_json::from_str(statement)?;
    assert!(scene.aws.associations("ex-missing", "orders").await?.is_empty());

    let update = scene.aws.iam.update_assume_role_policy().role_name("ex-missing");
    update.policy_document(trust(&statement)).send().await?;
    scene.request_reconcile("orders").await?;
    scene.until_ready("orders").await?;
    scene.delete("orders").await?;
    assert!(scene.aws.has_role("ex-missing").await?);
    Ok(())
}

#[tokio::test]
async fn wider_trust_binds_with_warning() -> Result<()> {
    let scene = stage().await?.scene("ex-wider").await?;
    let wide = json!({"Effect": "Allow", "Principal": {"Service": "pods.eks.amazonaws.com"}, "Action": ["sts:AssumeRole", "sts:TagSession"]});
    let made = scene
        .aws
        .iam
        .create_role()
        .role_name("ex-wider")
        .assume_role_policy_document(trust(&wide));
    let role = made.send().await?.role.context("a role")?;
    scene.apply("orders", existing(role.arn())).await?;
    let object = scene.until_ready("orders").await?;
    let message = condition(&object, "TrustReady").context("TrustReady")?.message;
    assert!(message.contains("It also admits"), "{message}");
    Ok(())
}

#[tokio::test]
async fn missing_existing_role_is_reported() -> Result<()> {
    let scene = stage().await?.scene("ex-nowhere").await?;
    scene
        .apply("orders", existing("arn:aws:iam::000000000000:role/nowhere"))
        .await?;
    scene
        .until_is("orders", "Stalled", "True", "RoleNotFound")
        .await?;
    Ok(())
}
