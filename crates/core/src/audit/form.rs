//! The forms of AWS credentials, in the order in which SDKs try them (docs/dev/aws-behaviour.md#sdk-credential-order). Plain
//! values; no I/O.

/// A form of credentials. The order is that of the SDKs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// Access keys that do not expire, or that another tool renews.
    StaticKey,
    /// A profile, or a file with profiles.
    Profile,
    /// A token of the ServiceAccount that is exchanged for a role (IRSA).
    WebIdentity,
    /// A credentials endpoint that is not that of EKS Pod Identity.
    ContainerEndpoint,
    /// EKS Pod Identity.
    PodIdentity,
    /// A role by kiam or kube2iam, which answer in place of the instance metadata service.
    Proxy,
    /// The role of the node, if the instance metadata service is reachable.
    NodeRole,
}

impl Form {
    /// All forms, in the order of the SDKs.
    pub const ALL: [Self; 7] = [
        Self::StaticKey,
        Self::Profile,
        Self::WebIdentity,
        Self::ContainerEndpoint,
        Self::PodIdentity,
        Self::Proxy,
        Self::NodeRole,
    ];

    /// The name, in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::StaticKey => "StaticKey",
            Self::Profile => "Profile",
            Self::WebIdentity => "IRSA",
            Self::ContainerEndpoint => "ContainerEndpoint",
            Self::PodIdentity => "PodIdentity",
            Self::Proxy => "Proxy",
            Self::NodeRole => "NodeRole",
        }
    }

    /// The name, for people.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::StaticKey => "static key",
            Self::Profile => "profile",
            Self::WebIdentity => "IRSA",
            Self::ContainerEndpoint => "other endpoint",
            Self::PodIdentity => "Pod Identity",
            Self::Proxy => "kiam/kube2iam",
            Self::NodeRole => "node role",
        }
    }
}
