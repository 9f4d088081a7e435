//! The AWS services that Lanyard calls. Plain values, no I/O.

use std::fmt;

/// An AWS service that Lanyard calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Identity and Access Management.
    Iam,
    /// Elastic Kubernetes Service.
    Eks,
    /// Security Token Service.
    Sts,
    /// Simple Queue Service, for AWS events.
    Sqs,
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Iam => "IAM",
            Self::Eks => "EKS",
            Self::Sts => "STS",
            Self::Sqs => "SQS",
        })
    }
}

impl Service {
    /// The name as a metric label, which is also the prefix of the IAM actions of the service.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Iam => "iam",
            Self::Eks => "eks",
            Self::Sts => "sts",
            Self::Sqs => "sqs",
        }
    }
}
