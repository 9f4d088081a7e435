//! Gaps in what IAM says of roles and takes as policy documents.

use anyhow::Result;

use crate::aws::PODS_TRUST;
use crate::gateway;

#[tokio::test]
async fn invalid_policy_is_rejected() -> Result<()> {
    let (_gateway, aws) = gateway().await?;
    let role = |document| [("RoleName", "documents"), ("AssumeRolePolicyDocument", document)];
    aws.iam("CreateRole", &role("nonsense"))
        .await?
        .failed(400, "MalformedPolicyDocument", "invalid Json")?;
    aws.iam("CreateRole", &role("{}"))
        .await?
        .failed(400, "MalformedPolicyDocument", "")?;
    aws.iam("GetRole", &[("RoleName", "documents")])
        .await?
        .failed(404, "NoSuchEntity", "")?;

    aws.pods_role("documents").await?;
    let update = [
        ("RoleName", "documents"),
        ("PolicyDocument", r#"{"Version":"2012-10-17"}"#),
    ];
    aws.iam("UpdateAssumeRolePolicy", &update)
        .await?
        .failed(400, "MalformedPolicyDocument", "")?;
    let inline = |role, document| {
        [
            ("RoleName", role),
            ("PolicyName", "p"),
            ("PolicyDocument", document),
        ]
    };
    aws.iam("PutRolePolicy", &inline("documents", "{}"))
        .await?
        .failed(400, "MalformedPolicyDocument", "")?;
    aws.iam("PutRolePolicy", &inline("documents-absent", "{}"))
        .await?
        .failed(404, "NoSuchEntity", "")?;
    let read =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}]}"#;
    aws.iam("PutRolePolicy", &inline("documents", read))
        .await?
        .good()?;
    Ok(())
}

#[tokio::test]
async fn description_is_escaped_and_can_be_cleared() -> Result<()> {
    let (_gateway, aws) = gateway().await?;
    let described = [
        ("RoleName", "described"),
        ("AssumeRolePolicyDocument", PODS_TRUST),
        ("Description", "a & <b>"),
    ];
    let made = aws.iam("CreateRole", &described).await?.good()?;
    assert_eq!(made.element("Description"), Some("a &amp; &lt;b&gt;"));
    aws.iam(
        "UpdateRole",
        &[("RoleName", "described"), ("MaxSessionDuration", "7200")],
    )
    .await?
    .good()?;
    let kept = aws.iam("GetRole", &[("RoleName", "described")]).await?.good()?;
    assert_eq!(
        (kept.element("Description"), kept.element("MaxSessionDuration")),
        (Some("a &amp; &lt;b&gt;"), Some("7200"))
    );
    aws.iam("UpdateRole", &[("RoleName", "described"), ("Description", "")])
        .await?
        .good()?;
    let cleared = aws.iam("GetRole", &[("RoleName", "described")]).await?.good()?;
    assert_eq!(
        (
            cleared.element("Description"),
            cleared.element("MaxSessionDuration")
        ),
        (None, Some("7200"))
    );
    Ok(())
}

#[tokio::test]
async fn missing_policy_is_not_attached() -> Result<()> {
    let (_gateway, aws) = gateway().await?;
    aws.pods_role("attached").await?;
    let attach = |arn| [("RoleName", "attached"), ("PolicyArn", arn)];
    let missing = attach("arn:aws:iam::000000000000:policy/missing");
    aws.iam("AttachRolePolicy", &missing).await?.failed(
        404,
        "NoSuchEntity",
        "does not exist or is not attachable",
    )?;
    aws.iam(
        "AttachRolePolicy",
        &attach("arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"),
    )
    .await?
    .good()?;
    let policy =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}]}"#;
    aws.iam(
        "CreatePolicy",
        &[("PolicyName", "own"), ("PolicyDocument", policy)],
    )
    .await?
    .good()?;
    aws.iam(
        "AttachRolePolicy",
        &attach("arn:aws:iam::000000000000:policy/own"),
    )
    .await?
    .good()?;
    Ok(())
}

#[tokio::test]
async fn role_with_policies_is_not_deleted() -> Result<()> {
    let (_gateway, aws) = gateway().await?;
    let named = [("RoleName", "deleted")];
    let attached = [
        ("RoleName", "deleted"),
        ("PolicyArn", "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"),
    ];
    aws.pods_role("deleted").await?;
    aws.iam("AttachRolePolicy", &attached).await?.good()?;
    aws.iam("DeleteRole", &named)
        .await?
        .failed(409, "DeleteConflict", "")?;
    aws.iam("DetachRolePolicy", &attached).await?.good()?;
    aws.iam("ListInstanceProfilesForRole", &named).await?.good()?;
    aws.iam("DeleteRole", &named).await?.good()?;
    Ok(())
}

#[tokio::test]
async fn role_tags_and_boundary_are_set_and_removed() -> Result<()> {
    let (_gateway, aws) = gateway().await?;
    let boundary = "arn:aws:iam::aws:policy/ReadOnlyAccess";
    aws.iam(
        "CreateRole",
        &[
            ("RoleName", "bounded"),
            ("Path", "/lanyard/c/"),
            ("AssumeRolePolicyDocument", PODS_TRUST),
            ("PermissionsBoundary", boundary),
            ("Tags.member.1.Key", "team"),
            ("Tags.member.1.Value", "shop"),
        ],
    )
    .await?
    .good()?;
    aws.iam(
        "TagRole",
        &[
            ("RoleName", "bounded"),
            ("Tags.member.1.Key", "empty"),
            ("Tags.member.1.Value", ""),
        ],
    )
    .await?
    .good()?;
    aws.iam(
        "UntagRole",
        &[("RoleName", "bounded"), ("TagKeys.member.1", "team")],
    )
    .await?
    .good()?;
    let read = aws.iam("GetRole", &[("RoleName", "bounded")]).await?.good()?;
    assert_eq!(read.element("PermissionsBoundaryArn"), Some(boundary));
    assert_eq!(
        (read.element("Arn"), read.element("Key")),
        (
            Some("arn:aws:iam::000000000000:role/lanyard/c/bounded"),
            Some("empty")
        )
    );
    aws.iam("DeleteRolePermissionsBoundary", &[("RoleName", "bounded")])
        .await?
        .good()?;
    let read = aws.iam("GetRole", &[("RoleName", "bounded")]).await?.good()?;
    assert_eq!(read.element("PermissionsBoundaryArn"), None);
    Ok(())
}

#[tokio::test]
async fn policy_arn_of_any_case_names_the_policy() -> Result<()> {
    let (_gateway, aws) = gateway().await?;
    let policy =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}]}"#;
    let create = [("PolicyName", "Spelled"), ("PolicyDocument", policy)];
    let own = aws.iam("CreatePolicy", &create).await?.good()?;
    let own = own.element("Arn").unwrap_or_default().to_owned();
    let other = own.replace("Spelled", "sPELLED");
    aws.pods_role("spelling").await?;
    let attach = [("RoleName", "spelling"), ("PolicyArn", other.as_str())];
    aws.iam("AttachRolePolicy", &attach).await?.good()?;
    let boundary = [("RoleName", "spelling"), ("PermissionsBoundary", other.as_str())];
    aws.iam("PutRolePermissionsBoundary", &boundary).await?.good()?;
    let role = [("RoleName", "spelling")];
    let attached = aws.iam("ListAttachedRolePolicies", &role).await?.good()?;
    assert!(attached.body.contains(&own), "{}", attached.body);
    let bounded = aws.iam("GetRole", &role).await?.good()?;
    assert!(bounded.body.contains(&own), "{}", bounded.body);
    aws.iam("DetachRolePolicy", &attach).await?.good()?;
    let left = aws.iam("ListAttachedRolePolicies", &role).await?.good()?;
    assert!(!left.body.contains(&own), "{}", left.body);
    Ok(())
}

#[tokio::test]
async fn eleventh_managed_policy_exceeds_the_quota() -> Result<()> {
    let (_gateway, aws) = gateway().await?;
    aws.pods_role("full-of-policies").await?;
    let policy =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}]}"#;
    for number in 0..=10 {
        let name = format!("quota-{number}");
        let create = [("PolicyName", name.as_str()), ("PolicyDocument", policy)];
        let created = aws.iam("CreatePolicy", &create).await?.good()?;
        let arn = created.element("Arn").unwrap_or_default().to_owned();
        let attach = [("RoleName", "full-of-policies"), ("PolicyArn", arn.as_str())];
        let reply = aws.iam("AttachRolePolicy", &attach).await?;
        if number < 10 {
            reply.good()?;
            aws.iam("AttachRolePolicy", &attach).await?.good()?;
        } else {
            reply.failed(409, "LimitExceeded", "PoliciesPerRole: 10")?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn tag_keys_that_differ_in_case_are_refused_together() -> Result<()> {
    let (_gateway, aws) = gateway().await?;
    let tags = [
        ("Tags.member.1.Key", "Team"),
        ("Tags.member.1.Value", "a"),
        ("Tags.member.2.Key", "team"),
        ("Tags.member.2.Value", "b"),
    ];
    let role = [("RoleName", "twice"), ("AssumeRolePolicyDocument", PODS_TRUST)];
    aws.iam("CreateRole", &[role.as_slice(), &tags].concat())
        .await?
        .failed(400, "InvalidInput", "case insensitive")?;
    aws.pods_role("twice").await?;
    aws.iam("TagRole", &[[("RoleName", "twice")].as_slice(), &tags].concat())
        .await?
        .failed(400, "InvalidInput", "case insensitive")?;
    Ok(())
}
