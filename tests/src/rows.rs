//! Rows of a table that are played side by side, each under its name.
//! Names and what is to be done in, what became of each out; no I/O of its own.

use anyhow::{Context, Result, bail};
use tokio::task::JoinSet;

/// Plays rows side by side. Each error says of which row it is.
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

/// Fails with what all that failed say.
///
/// # Errors
/// When any of them failed.
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
