//! Conformance with AWS's service models: what the gateway records of real calls, and what it cannot compare.

use anyhow::Result;
use lanyard_testkit::gateway::{Fault, Mark, unchecked_patterns};

use serde_json::Value;

use crate::{bed, gateway};

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

#[tokio::test]
async fn patterns_outside_the_regex_crate_are_known() -> Result<()> {
    let unchecked = unchecked_patterns(&bed().await?.tools().models)?;
    // That of an account alias, which no call of the operator has: it looks ahead.
    assert_eq!(unchecked, ["^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$"]);
    Ok(())
}

#[tokio::test]
async fn calls_of_every_protocol_conform() -> Result<()> {
    let (gateway, aws) = gateway().await?;
    let role = [("RoleName", "conforming"), ("AssumeRolePolicyDocument", TRUST)];
    let tag = [("Tags.member.1.Key", "team"), ("Tags.member.1.Value", "shop")];
    aws.iam("CreateRole", &[role, tag].concat()).await?;
    aws.iam("GetRole", &[("RoleName", "conforming")]).await?;
    aws.iam("ListRoles", &[("MaxItems", "2")]).await?;
    aws.iam("GetRole", &[("RoleName", "missing")]).await?;
    aws.eks("GET", "/clusters/lanyard", &Value::Null).await?;
    aws.eks(
        "GET",
        "/clusters/lanyard/pod-identity-associations?maxResults=1",
        &Value::Null,
    )
    .await?;
    aws.iam("DeleteRole", &[("RoleName", "conforming")]).await?;
    let calls = gateway.ledger().since(Mark::default());
    assert_eq!(calls.count(), 7);
    calls.check_conformance()
}

#[tokio::test]
async fn broken_request_and_answer_are_recorded() -> Result<()> {
    let (gateway, aws) = gateway().await?;
    aws.iam("GetRole", &[("RoleName", "a/b")]).await?;
    gateway
        .faults()
        .add(Fault::on("GetRole").fails(409, "EntityAlreadyExists", "no"));
    aws.iam("GetRole", &[("RoleName", "orders")]).await?;
    let report = gateway.ledger().since(Mark::default()).check_conformance();
    let report = report.map_err(|error| error.to_string()).unwrap_err();
    for expected in [
        "GetRole a/b: request: RoleName is `a/b`, which does not match",
        "GetRole orders: answer: the operation does not return the error EntityAlreadyExists",
    ] {
        assert!(report.contains(expected), "{report}");
    }
    Ok(())
}
