//! Writes to the API server, each after a check of the write gate. Input: a request. Output: the answer or an error.

use std::future::Future;

use crate::engine::Engine;
use crate::error::EngineError;

impl Engine {
    /// Sends a write if the write gate is open. A step with several requests checks the gate before each one,
    /// because the first may have used up the time.
    ///
    /// # Errors
    ///
    /// Returns an error if the write gate is closed, or as for [`Engine::read`].
    pub async fn write<T>(
        &self,
        verb: &'static str,
        what: &str,
        call: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T, EngineError> {
        self.guarded().write(verb, what, call).await
    }
}
