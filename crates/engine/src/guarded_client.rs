//! A client of the API server for writes, which checks the write gate and enforces a time limit. Input: a
//! request that was not polled yet. Output: its answer or an error. Does I/O. The time limit keeps every write
//! within the lease margin.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crate::error::EngineError;

/// Checked right before a write is sent, because the lease may be lost by then.
pub type WriteCheck = Arc<dyn Fn() -> bool + Send + Sync>;

/// A client for writes to the API server. It works without an [`Engine`](crate::Engine).
#[derive(Clone, Copy)]
pub struct GuardedClient<'a> {
    /// The client of the API server.
    pub kube: &'a kube::Client,
    /// Time limit of one write.
    pub limit: Duration,
    /// Checked before each write.
    pub may_write: &'a WriteCheck,
}

impl GuardedClient<'_> {
    /// Sends a write if the write gate is open.
    ///
    /// # Errors
    ///
    /// Returns an error if the write gate is closed, or the API server rejects the request, cannot be reached
    /// or does not answer in time.
    pub async fn write<T>(
        self,
        verb: &'static str,
        what: &str,
        call: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T, EngineError> {
        if !(self.may_write)() {
            let what = what.to_owned();
            return Err(EngineError::GateClosed { verb, what });
        }
        with_limit(self.limit, verb, what, call).await
    }
}

/// Runs a request with a time limit.
pub(crate) async fn with_limit<T>(
    limit: Duration,
    verb: &'static str,
    what: &str,
    call: impl Future<Output = Result<T, kube::Error>>,
) -> Result<T, EngineError> {
    match tokio::time::timeout(limit, call).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(source)) => Err(EngineError::kube(verb, what, source)),
        Err(_) => Err(EngineError::TimedOut {
            verb,
            what: what.to_owned(),
        }),
    }
}
