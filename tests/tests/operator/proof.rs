//! Proves the credentials: tokens of the API server are exchanged at STS, where the emulator evaluates the role's trust
//! policy. Does I/O.

use anyhow::Result;
use lanyard_tests::arn_of;
use serde_json::json;

use crate::stage;

const READ_ONLY: &str = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";

#[tokio::test]
async fn only_bound_service_account_gets_credentials() -> Result<()> {
    let scene = stage().await?.scene("irsa-works").await?;
    scene.account("orders").await?;
    scene.account("stranger").await?;
    scene
        .apply(
            "orders",
            json!({"method": "IRSA", "role": {"managed": {"policyArns": [READ_ONLY]}}}),
        )
        .await?;
    let object = scene.until_ready("orders").await?;
    let arn = arn_of(&object)?;

    let assumed = scene.assume(&arn, "orders").await?;
    assert!(
        assumed.is_ok(),
        "the ServiceAccount's own token is accepted: {assumed:?}"
    );
    let refused = scene.assume(&arn, "stranger").await?;
    assert_eq!(refused.unwrap_err(), "AccessDenied");
    Ok(())
}
