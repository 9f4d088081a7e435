//! Gaps in the bulk reads: pages, and which of them shows tags and boundaries.

use anyhow::{Context, Result};

use crate::aws::{Aws, PODS_TRUST};
use crate::gateway;

const BOUNDARY: &str = "arn:aws:iam::aws:policy/ReadOnlyAccess";

async fn make(aws: &Aws, path: &str, names: &[&str]) -> Result<()> {
    for name in names {
        let parameters = [
            ("RoleName", *name),
            ("Path", path),
            ("AssumeRolePolicyDocument", PODS_TRUST),
            ("Description", "x & y"),
            ("Tags.member.1.Key", "team"),
            ("Tags.member.1.Value", "shop"),
        ];
        aws.iam("CreateRole", &parameters).await?.good()?;
    }
    Ok(())
}

#[tokio::test]
async fn roles_are_listed_in_pages_without_tags() -> Result<()> {
    let (_gateway, aws) = gateway().await?;
    make(&aws, "/pages/", &["page-1", "page-2", "page-3"]).await?;
    let first = aws
        .iam("ListRoles", &[("PathPrefix", "/pages/"), ("MaxItems", "2")])
        .await?
        .good()?;
    assert_eq!(
        (first.count("<RoleName>"), first.element("IsTruncated")),
        (2, Some("true"))
    );
    assert_eq!((first.count("<Tags>"), first.count("x &amp; y")), (0, 2));
    let marker = first.element("Marker").context("no marker")?;
    let second = aws
        .iam(
            "ListRoles",
            &[("PathPrefix", "/pages/"), ("MaxItems", "2"), ("Marker", marker)],
        )
        .await?
        .good()?;
    assert_eq!(
        (
            second.count("<RoleName>"),
            second.element("IsTruncated"),
            second.element("Marker")
        ),
        (1, Some("false"), None)
    );
    aws.iam("ListRoles", &[("Marker", "never-given")])
        .await?
        .failed(400, "ValidationError", "Marker")?;
    aws.iam("ListRoles", &[("MaxItems", "1001")])
        .await?
        .failed(400, "ValidationError", "MaxItems")?;
    Ok(())
}

#[tokio::test]
async fn account_details_are_paged_with_boundaries() -> Result<()> {
    let (_gateway, aws) = gateway().await?;
    make(&aws, "/details/", &["detail-1", "detail-2", "detail-3"]).await?;
    aws.iam(
        "PutRolePermissionsBoundary",
        &[("RoleName", "detail-2"), ("PermissionsBoundary", BOUNDARY)],
    )
    .await?
    .good()?;
    let (mut roles, mut bounded, mut marker) = (0, 0, String::new());
    loop {
        let mut parameters = vec![("Filter.member.1", "Role"), ("MaxItems", "2")];
        if !marker.is_empty() {
            parameters.push(("Marker", &marker));
        }
        let page = aws
            .iam("GetAccountAuthorizationDetails", &parameters)
            .await?
            .good()?;
        assert!(page.count("<RoleName>") <= 2, "{page:?}");
        roles += page.count("<RoleName>detail-");
        bounded += page.count(&format!("<PermissionsBoundaryArn>{BOUNDARY}"));
        match page.element("Marker") {
            Some(next) => marker = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(roles, 3);
    assert!(bounded >= 1);
    Ok(())
}
