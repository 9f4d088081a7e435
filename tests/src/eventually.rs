//! Polls a condition until it holds. Input: a description and a read of the condition. Output: an error with the
//! description if the timeout expires. No I/O of its own.

use anyhow::{Context, Result};

use crate::patience::{PATIENCE, POLL};

/// Waits until a condition holds.
///
/// # Errors
/// Returns an error with `what` if the timeout expires, or the error of the read.
pub async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> Result<bool>) -> Result<()> {
    let polling = async {
        while !holds().await? {
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    };
    tokio::time::timeout(PATIENCE, polling)
        .await
        .with_context(|| format!("timeout: {what}"))?
}
