//! The services behind the gateway. No I/O.

use std::fmt;

/// The services that the gateway stands before, and the API server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Service {
    /// Identity and Access Management: Query protocol, XML answers.
    Iam,
    /// Security Token Service: Query protocol, XML answers.
    Sts,
    /// Elastic Kubernetes Service: REST with JSON.
    Eks,
    /// Simple Queue Service: JSON, the operation in a header.
    Sqs,
    /// The API server, behind a [front](super::Front).
    Kubernetes,
}

impl Service {
    /// Returns true for a service of AWS.
    pub(crate) fn is_aws(self) -> bool {
        self != Self::Kubernetes
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Iam => "iam",
            Self::Sts => "sts",
            Self::Eks => "eks",
            Self::Sqs => "sqs",
            Self::Kubernetes => "kube",
        })
    }
}
