//! Runs the rows of a table concurrently, each under its name. Input: names and futures. Output: the result of each row. No
//! I/O of its own.

use anyhow::{Context, Result, bail};
use tokio::task::JoinSet;

/// Runs rows concurrently. Each error names its row.
pub async fn side_by_side<F>(rows: impl IntoIterator<Item = (String, F)>) -> Vec<Result<()>>
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    let mut playing = JoinSet::new();
    for (name, row) in rows {
        playing.spawn(async move { row.await.with_context(|| name) });
    }
    playing.join_all().await
}

/// Fails with the errors of all failed rows.
///
/// # Errors
/// Returns an error if any row failed.
pub fn all_well(ended: Vec<Result<()>>) -> Result<()> {
    let failed: Vec<String> = ended
        .into_iter()
        .filter_map(Result::err)
        .map(|error| format!("{error:#}"))
        .collect();
    if !failed.is_empty() {
        bail!("{}", failed.join("\n\n"));
    }
    Ok(())
}
