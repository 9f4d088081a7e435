//! Gaps in what EKS says of clusters and Pod Identity associations.

use std::time::Duration;

use anyhow::{Context, Result};
use lanyard_testkit::bed::CLUSTER;
use lanyard_testkit::gateway::Subject;
use serde_json::{Value, json};

use crate::aws::PODS_TRUST;
use crate::{bed, gateway};

const NONE: Value = Value::Null;

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn path(association: &Value) -> String {
    format!(
        "/clusters/{CLUSTER}/pod-identity-associations/{}",
        text(association, "associationId")
    )
}

#[tokio::test]
async fn cluster_issuer_is_https() -> Result<()> {
    let (_gateway, aws) = gateway().await?;
    let described = aws
        .eks("GET", &format!("/clusters/{CLUSTER}"), &NONE)
        .await?
        .good()?
        .json()?;
    let issuer = described
        .pointer("/cluster/identity/oidc/issuer")
        .and_then(Value::as_str);
    assert_eq!(issuer, Some(bed().await?.cluster.issuer.as_str()));
    Ok(())
}

#[tokio::test]
async fn cluster_in_auto_mode_is_described_so() -> Result<()> {
    let (_gateway, aws) = gateway().await?;
    // No role, which ministack would look for in its own IAM.
    let asked = json!({"name": "auto-mode", "roleArn": "", "computeConfig": {"enabled": true}});
    aws.eks("POST", "/clusters", &asked).await?.good()?;
    let described = aws
        .eks("GET", "/clusters/auto-mode", &NONE)
        .await?
        .good()?
        .json()?;
    assert_eq!(
        described.pointer("/cluster/computeConfig/enabled"),
        Some(&json!(true))
    );
    Ok(())
}

#[tokio::test]
async fn association_requires_role_that_trusts_pods() -> Result<()> {
    let (_gateway, aws) = gateway().await?;
    let create = async |role: &str| {
        let asked = json!({"namespace": "shop", "serviceAccount": "trusting", "roleArn": format!("arn:aws:iam::000000000000:role/{role}")});
        aws.eks(
            "POST",
            &format!("/clusters/{CLUSTER}/pod-identity-associations"),
            &asked,
        )
        .await
    };
    create("trusting-absent").await?.failed(
        400,
        "InvalidParameterException",
        "Role provided in the request does not exist",
    )?;
    let half = PODS_TRUST.replace(r#","sts:TagSession""#, "");
    aws.iam(
        "CreateRole",
        &[("RoleName", "trusting"), ("AssumeRolePolicyDocument", &half)],
    )
    .await?
    .good()?;
    create("trusting").await?.failed(
        400,
        "InvalidParameterException",
        "Trust policy of the role provided is invalid",
    )?;
    aws.iam(
        "UpdateAssumeRolePolicy",
        &[("RoleName", "trusting"), ("PolicyDocument", PODS_TRUST)],
    )
    .await?
    .good()?;
    create("path/trusting").await?.failed(
        400,
        "InvalidParameterException",
        "Role provided in the request does not exist",
    )?;
    let made = create("trusting").await?.good()?.json()?;
    let made = made.get("association").context("no association")?;
    let again = create("trusting").await?;
    again.failed(
        409,
        "ResourceInUseException",
        &format!("Association already exists: {}", text(made, "associationId")),
    )?;
    let other = json!({"roleArn": "arn:aws:iam::000000000000:role/trusting-absent"});
    aws.eks("POST", &path(made), &other)
        .await?
        .failed(400, "InvalidParameterException", "does not exist")?;
    Ok(())
}

#[tokio::test]
async fn update_changes_given_and_clears_empty_fields() -> Result<()> {
    let (_gateway, aws) = gateway().await?;
    let made = aws.associate(CLUSTER, "updated").await?;
    assert_eq!((made.get("ownerArn"), made.get("externalId")), (None, None));
    let policy =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#;
    let target = "arn:aws:iam::111122223333:role/target";
    let update = async |change: Value| {
        anyhow::Ok(aws.eks("POST", &path(&made), &change).await?.good()?.json()?["association"].take())
    };

    let set = update(json!({"targetRoleArn": target, "policy": policy, "disableSessionTags": true})).await?;
    assert_eq!(
        (text(&set, "targetRoleArn"), text(&set, "policy")),
        (target, policy)
    );
    assert_eq!(
        text(&set, "externalId"),
        format!("us-east-1/000000000000/{CLUSTER}/shop/updated")
    );
    let kept = update(json!({"roleArn": text(&made, "roleArn")})).await?;
    assert_eq!(
        (text(&kept, "targetRoleArn"), text(&kept, "policy")),
        (target, policy)
    );
    let tagged = aws
        .eks("POST", &path(&made), &json!({"disableSessionTags": false}))
        .await?;
    tagged.failed(400, "InvalidParameterException", "Session tags must be disabled")?;

    update(json!({"targetRoleArn": "", "policy": ""})).await?;
    let cleared = aws.eks("GET", &path(&made), &NONE).await?.good()?.json()?["association"].take();
    assert_eq!(
        (
            cleared.get("targetRoleArn"),
            cleared.get("policy"),
            cleared.get("externalId")
        ),
        (None, None, None)
    );
    let again = update(json!({"targetRoleArn": target})).await?;
    assert_eq!(text(&again, "targetRoleArn"), target);
    Ok(())
}

#[tokio::test]
async fn association_tags_can_be_changed() -> Result<()> {
    let (_gateway, aws) = gateway().await?;
    let made = aws.associate(CLUSTER, "tagged").await?;
    let tags_path = format!(
        "/tags/{}",
        text(&made, "associationArn")
            .replace(':', "%3A")
            .replace('/', "%2F")
    );
    aws.eks(
        "POST",
        &tags_path,
        &json!({"tags": {"second": "2", "third": "3"}}),
    )
    .await?
    .good()?;
    aws.eks(
        "DELETE",
        &format!("{tags_path}?tagKeys=made&tagKeys=third"),
        &NONE,
    )
    .await?
    .good()?;
    let described = aws.eks("GET", &path(&made), &NONE).await?.good()?.json()?;
    assert_eq!(
        described.pointer("/association/tags"),
        Some(&json!({"second": "2"}))
    );
    let listed = aws.eks("GET", &tags_path, &NONE).await?.good()?.json()?;
    assert_eq!(listed, json!({"tags": {"second": "2"}}));
    let absent = "/tags/arn:aws:eks:us-east-1:000000000000:podidentityassociation/lanyard/a-absent";
    aws.eks("POST", absent, &json!({"tags": {"a": "b"}}))
        .await?
        .failed(404, "NotFoundException", "")?;
    Ok(())
}

#[tokio::test]
async fn associations_are_listed_in_pages() -> Result<()> {
    let (_gateway, aws) = gateway().await?;
    for name in ["listed-1", "listed-2", "listed-3"] {
        aws.associate(CLUSTER, name).await?;
    }
    let (mut found, mut token) = (Vec::new(), String::new());
    loop {
        let next = if token.is_empty() {
            String::new()
        } else {
            format!("&nextToken={token}")
        };
        let path = format!("/clusters/{CLUSTER}/pod-identity-associations?namespace=shop&maxResults=2{next}");
        let page = aws.eks("GET", &path, &NONE).await?.good()?.json()?;
        let associations = page
            .get("associations")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        assert!(associations.len() <= 2);
        found.extend(
            associations
                .iter()
                .map(|found| text(found, "serviceAccount").to_owned()),
        );
        match page.get("nextToken").and_then(Value::as_str) {
            Some(next) => next.clone_into(&mut token),
            None => break,
        }
    }
    assert_eq!(
        found.iter().filter(|name| name.starts_with("listed-")).count(),
        3,
        "{found:?}"
    );
    let listed = format!("/clusters/{CLUSTER}/pod-identity-associations");
    aws.eks("GET", &format!("{listed}?maxResults=101"), &NONE)
        .await?
        .failed(400, "InvalidParameterException", "")?;
    aws.eks("GET", &format!("{listed}?nextToken=never-given"), &NONE)
        .await?
        .failed(400, "InvalidParameterException", "")?;
    let one = aws
        .eks(
            "GET",
            &format!("{listed}?namespace=shop&serviceAccount=listed-2"),
            &NONE,
        )
        .await?
        .good()?
        .json()?;
    assert_eq!(
        one.get("associations").and_then(Value::as_array).map(Vec::len),
        Some(1)
    );
    Ok(())
}

#[tokio::test]
async fn gateway_sets_times_owners_and_subjects() -> Result<()> {
    let (gateway, aws) = gateway().await?;
    let made = aws.associate(CLUSTER, "older").await?;
    gateway.shift_association_times(Duration::from_secs(3600));
    gateway.set_association_owner(
        text(&made, "associationId"),
        "arn:aws:eks:us-east-1:000000000000:addon/lanyard/x/1",
    );
    let mark = gateway.ledger().mark();
    let described = aws.eks("GET", &path(&made), &NONE).await?.good()?.json()?["association"].take();
    let created = |association: &Value| {
        association
            .get("createdAt")
            .and_then(Value::as_u64)
            .unwrap_or_default()
    };
    assert_eq!(created(&described), created(&made) - 3600);
    assert!(text(&described, "ownerArn").contains(":addon/"));
    let calls = gateway.ledger().since(mark);
    assert_eq!(calls.about("shop/older").count(), 1, "{calls}");

    let subject = |name: &str| Subject {
        account: "000000000000".to_owned(),
        region: "us-east-1".to_owned(),
        cluster: CLUSTER.to_owned(),
        namespace: "shop".to_owned(),
        service_account: name.to_owned(),
    };
    assert!(gateway.is_associated(&subject("older"), Duration::ZERO).await?);
    assert!(!gateway.is_associated(&subject("never"), Duration::ZERO).await?);
    assert_eq!(gateway.ledger().since(mark).count(), 1);
    Ok(())
}
