//! Descriptions of AWS calls: the service, the operation, the target and the time limit. Plain values, no I/O.

mod meter;
mod service;

use std::fmt;
use std::time::Duration;

pub use meter::{Measured, Meter};
pub use service::Service;

/// Maximum duration of an SQS long poll.
pub const LONG_POLL: Duration = Duration::from_secs(20);
/// Time limit of a read that returns many roles.
const BULK_LIMIT: Duration = Duration::from_secs(30);

/// A call of AWS, for messages, metrics and the write gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The service.
    pub service: Service,
    /// The operation, in the spelling of AWS.
    pub operation: &'static str,
    /// The target for messages: an ARN if there is one.
    pub target: String,
    /// True if the call changes state.
    pub writes: bool,
}

impl Call {
    pub(crate) fn read(service: Service, operation: &'static str, target: impl fmt::Display) -> Self {
        Self {
            service,
            operation,
            target: target.to_string(),
            writes: false,
        }
    }

    pub(crate) fn write(service: Service, operation: &'static str, target: impl fmt::Display) -> Self {
        Self {
            service,
            operation,
            target: target.to_string(),
            writes: true,
        }
    }

    /// The time limit of the call. `ReceiveMessage` waits for messages before it answers, and AWS collects up
    /// to a thousand roles for a bulk read. Both are reads, so unlike a write they need not end within the
    /// lease margin.
    pub(crate) fn limit(&self, usual: Duration) -> Duration {
        match self.operation {
            "ReceiveMessage" => usual + LONG_POLL,
            "GetAccountAuthorizationDetails" | "ListRoles" => usual.max(BULK_LIMIT),
            _ => usual,
        }
    }

    /// The IAM action that allows the call. A batch call is allowed by the action of the single call (SQS
    /// `DeleteMessageBatch`).
    #[must_use]
    pub fn action(&self) -> String {
        let operation = self.operation.strip_suffix("Batch").unwrap_or(self.operation);
        format!("{}:{operation}", self.service.as_str())
    }

    /// Returns true if the call only gets credentials for a call in another account.
    pub(crate) fn assumes_role(&self) -> bool {
        self.operation == "AssumeRole"
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} for {}", self.action(), self.target)
    }
}
