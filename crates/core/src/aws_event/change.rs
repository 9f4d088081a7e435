//! A change in AWS as an event reports it, and the causes for which a message is ignored. Plain data; no I/O.

use jiff::Timestamp;

use crate::model::name::{AccountId, Namespace, RoleName, ServiceAccountName};

/// A change in AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsChange {
    /// The changed resource.
    pub resource: ChangedResource,
    /// The time by the clock of AWS, in seconds.
    pub time: Timestamp,
}

/// The changed resource, as an event names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangedResource {
    /// A role. Events contain its name without its path.
    Role {
        /// The account.
        account: AccountId,
        /// The name.
        name: RoleName,
    },
    /// An IAM OIDC provider.
    Provider {
        /// The ARN.
        arn: String,
    },
    /// An association of this cluster, by its subject.
    Subject {
        /// The namespace of the subject.
        namespace: Namespace,
        /// The name of the ServiceAccount.
        name: ServiceAccountName,
    },
    /// An association of this cluster, by its ID in EKS (`a-...`).
    Association {
        /// The ID.
        id: String,
    },
}

/// The cause for which a message is ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ignored {
    /// The body is longer than the limit.
    TooLarge,
    /// The body is not a valid event.
    Malformed,
    /// The event is not an IAM or EKS call recorded by CloudTrail.
    ForeignEvent,
    /// The call failed, so nothing changed.
    Failed,
    /// The call was read-only.
    ReadOnly,
    /// The account is not managed by any class.
    ForeignAccount,
    /// The association belongs to another cluster.
    ForeignCluster,
    /// Lanyard made the call.
    OwnCall,
    /// The resource is not of a managed type, such as a user or the content of a managed policy.
    Unmanaged,
}

impl Ignored {
    /// All causes, for metrics that exist from the start.
    pub const ALL: [Self; 9] = [
        Self::TooLarge,
        Self::Malformed,
        Self::ForeignEvent,
        Self::Failed,
        Self::ReadOnly,
        Self::ForeignAccount,
        Self::ForeignCluster,
        Self::OwnCall,
        Self::Unmanaged,
    ];

    /// The metric label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::Malformed => "malformed",
            Self::ForeignEvent => "foreign_event",
            Self::Failed => "failed_call",
            Self::ReadOnly => "read_only",
            Self::ForeignAccount => "foreign_account",
            Self::ForeignCluster => "foreign_cluster",
            Self::OwnCall => "self",
            Self::Unmanaged => "unmanaged",
        }
    }
}
