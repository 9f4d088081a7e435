//! A runtime for the servers that live in this process: the gateway and the pod webhook.
//! Input: a future that starts one. Output: what it answers, with what it spawned left running here.

use std::fmt;

use anyhow::{Context, Result};
use tokio::runtime::{Builder, Runtime};

/// The runtime of the servers in this process. Not the caller's: one test bed serves several tests, each of which has a
/// runtime that ends with it.
pub(crate) struct Background(Option<Runtime>);

impl Background {
    pub(crate) fn new() -> Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("test-bed")
            .enable_all()
            .build()?;
        Ok(Self(Some(runtime)))
    }

    /// Runs a future there, so that what it spawns stays there.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        start: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        self.0
            .as_ref()
            .context("the test bed has ended")?
            .spawn(start)
            .await?
    }
}

impl fmt::Debug for Background {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Background")
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // A plain drop would wait, which is not allowed inside of a runtime.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
