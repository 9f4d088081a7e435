//! The settings of the AWS clients. Plain values, no I/O.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use lanyard_core::model::name::Region;

use crate::budget::Rates;
use crate::call::Meter;

/// Default time limit of one call. A write must end within the lease margin.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(4);

/// Default duration for which a throttled call is retried.
const THROTTLED_LIMIT: Duration = Duration::from_secs(20);

/// Settings of the AWS clients.
#[derive(Clone)]
pub struct AwsSettings {
    /// The Region. `None` uses the Region that the default chain of the SDK finds (`AWS_REGION`, profile,
    /// instance metadata).
    pub region: Option<Region>,
    /// Time limit of one call, from the moment it is sent.
    pub operation_timeout: Duration,
    /// Duration for which a throttled call is retried, from the first throttling.
    pub throttled_limit: Duration,
    /// Maximum calls per second, in each account.
    pub rates: Rates,
    /// Receives every finished call.
    pub meter: Arc<dyn Meter>,
    /// Checked before a throttled call is retried. Returns false once the operator stops or is no longer the
    /// leader.
    pub may_retry: Arc<dyn Fn() -> bool + Send + Sync>,
    /// Checked right before a write is sent, after the wait for the budget, during which the lease may be lost.
    pub may_write: Arc<dyn Fn() -> bool + Send + Sync>,
}

impl Default for AwsSettings {
    fn default() -> Self {
        Self {
            region: None,
            operation_timeout: OPERATION_TIMEOUT,
            throttled_limit: THROTTLED_LIMIT,
            rates: Rates::default(),
            meter: Arc::new(()),
            may_retry: Arc::new(|| true),
            may_write: Arc::new(|| true),
        }
    }
}

impl fmt::Debug for AwsSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsSettings")
            .field("region", &self.region)
            .field("operation_timeout", &self.operation_timeout)
            .field("rates", &self.rates)
            .finish_non_exhaustive()
    }
}
