//! One call to the API server: the single way out to it, for reads and writes of engine and operator alike.
//! A future that has not been polled yet in, its answer or an error out. Asks the gate right before each write, and
//! ends every call in time, so that no write outlasts the lease's margin.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crate::Engine;
use crate::error::EngineError;

/// Asked right before a write is sent: by then the lease may be lost.
pub type WriteCheck = Arc<dyn Fn() -> bool + Send + Sync>;

/// The way of a write to the API server, as somebody who knows of no world has it too.
#[derive(Clone, Copy)]
pub struct GuardedClient<'a> {
    /// The client of the API server.
    pub kube: &'a kube::Client,
    /// The longest that one write may take.
    pub limit: Duration,
    /// Asked right before each.
    pub may_write: &'a WriteCheck,
}

impl GuardedClient<'_> {
    /// Sends a request that changes something, if that is allowed at this very moment.
    ///
    /// # Errors
    /// When nothing may be written any more, the API server refuses it, cannot be reached, or does not answer in time.
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
        in_time(self.limit, verb, what, call).await
    }
}

impl Engine {
    /// The way of writes to the API server.
    #[must_use]
    pub fn guarded(&self) -> GuardedClient<'_> {
        GuardedClient {
            kube: &self.inner.kube,
            limit: self.inner.timings.operation,
            may_write: &self.inner.may_write,
        }
    }

    /// Sends a request that changes nothing.
    ///
    /// # Errors
    /// When the API server refuses it, cannot be reached, or does not answer in time.
    pub async fn read<T>(
        &self,
        verb: &'static str,
        what: &str,
        call: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T, EngineError> {
        in_time(self.timings().operation, verb, what, call).await
    }

    /// Sends a request that changes something, if that is allowed at this very moment. A step that takes several
    /// requests asks again for each: the first may have taken all the time that there was.
    ///
    /// # Errors
    /// When nothing may be written any more, or as for [`Engine::read`].
    pub async fn write<T>(
        &self,
        verb: &'static str,
        what: &str,
        call: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T, EngineError> {
        self.guarded().write(verb, what, call).await
    }
}

async fn in_time<T>(
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
