//! Proves that messages without use are counted by reason and removed from the queue. Does I/O.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::queue_env;
use crate::record::record;

#[tokio::test]
async fn useless_message_is_counted_and_not_redelivered() -> Result<()> {
    let stand = queue_env().await?;
    let messages = [
        (
            "malformed",
            "{\"detail-type\": \"AWS API Call via CloudTrail\"".to_owned(),
        ),
        ("too_large", "x".repeat(300_000)),
        (
            "foreign_event",
            json!({"detail-type": "Object Created", "source": "aws.s3", "detail": {}}).to_string(),
        ),
        (
            "foreign_account",
            record("update-trust", &[("/account", json!("999900001111"))])?,
        ),
        ("foreign_cluster", record("untag-association", &[])?),
        ("failed_call", record("delete-role-denied", &[])?),
        (
            "read_only",
            record("update-trust", &[("/detail/readOnly", json!(true))])?,
        ),
        ("unmanaged", record("create-policy-version", &[])?),
    ];
    let mut before = Vec::new();
    for (outcome, body) in &messages {
        before.push((*outcome, stand.count(outcome).await?));
        stand.send(body).await?;
    }
    for (outcome, count) in before {
        stand.until_count(outcome, count + 1).await?;
    }
    stand.until_empty().await?;
    for (outcome, _) in &messages {
        ensure!(stand.count(outcome).await? == 1, "{outcome} came again");
    }
    Ok(())
}
