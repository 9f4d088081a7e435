//! Gaps in what IAM does with OIDC providers.

use anyhow::Result;

use crate::gateway;

#[tokio::test]
async fn provider_can_be_changed() -> Result<()> {
    let (_gateway, aws) = gateway().await?;
    let arn = "arn:aws:iam::000000000000:oidc-provider/changed.example.com/id/A";
    let named = ("OpenIDConnectProviderArn", arn);
    let create = [
        ("Url", "https://changed.example.com/id/A"),
        ("ClientIDList.member.1", "one"),
        ("Tags.member.1.Key", "a"),
        ("Tags.member.1.Value", "1"),
    ];
    let made = aws.iam("CreateOpenIDConnectProvider", &create).await?.good()?;
    assert_eq!(made.element("OpenIDConnectProviderArn"), Some(arn));
    aws.iam("CreateOpenIDConnectProvider", &create)
        .await?
        .failed(409, "EntityAlreadyExists", "")?;

    aws.iam(
        "AddClientIDToOpenIDConnectProvider",
        &[named, ("ClientID", "two")],
    )
    .await?
    .good()?;
    aws.iam(
        "AddClientIDToOpenIDConnectProvider",
        &[named, ("ClientID", "two")],
    )
    .await?
    .good()?;
    aws.iam(
        "TagOpenIDConnectProvider",
        &[named, ("Tags.member.1.Key", "b"), ("Tags.member.1.Value", "2")],
    )
    .await?
    .good()?;
    let read = aws.iam("GetOpenIDConnectProvider", &[named]).await?.good()?;
    assert_eq!(read.element("Url"), Some("changed.example.com/id/A"));
    assert_eq!(
        read.element("ClientIDList"),
        Some("<member>one</member><member>two</member>")
    );
    assert_eq!(read.count("<Key>"), 2);

    aws.iam(
        "RemoveClientIDFromOpenIDConnectProvider",
        &[named, ("ClientID", "one")],
    )
    .await?
    .good()?;
    aws.iam("UntagOpenIDConnectProvider", &[named, ("TagKeys.member.1", "a")])
        .await?
        .good()?;
    let tags = aws.iam("ListOpenIDConnectProviderTags", &[named]).await?.good()?;
    assert_eq!((tags.count("<Key>"), tags.element("Key")), (1, Some("b")));
    Ok(())
}

#[tokio::test]
async fn missing_provider_cannot_be_changed() -> Result<()> {
    let (_gateway, aws) = gateway().await?;
    let named = (
        "OpenIDConnectProviderArn",
        "arn:aws:iam::000000000000:oidc-provider/absent.example.com",
    );
    aws.iam(
        "AddClientIDToOpenIDConnectProvider",
        &[named, ("ClientID", "two")],
    )
    .await?
    .failed(404, "NoSuchEntity", "")?;
    let plain = [
        ("Url", "http://plain.example.com"),
        ("ClientIDList.member.1", "one"),
    ];
    aws.iam("CreateOpenIDConnectProvider", &plain)
        .await?
        .failed(400, "InvalidInput", "")?;
    Ok(())
}
