//! Time limits of requests to the API server. No I/O.

use std::time::Duration;

/// The maximum time for one response of the API server.
pub(crate) const RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);
