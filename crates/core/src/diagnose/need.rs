//! The facts that rules need, each with the right that reads it. Plain values; no I/O.

/// A fact that a rule needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// The ServiceAccount and its annotations.
    ServiceAccount,
    /// The pods of the ServiceAccount with their containers.
    Pods,
    /// The role itself.
    Role,
    /// The trust policy of the role, and of the target role.
    Trust,
    /// The policies of the role.
    Policies,
    /// The OIDC provider.
    Provider,
    /// The association.
    Association,
    /// The Pod Identity Agent.
    Agent,
    /// The webhook of a cluster outside EKS.
    Webhook,
    /// The status of the WorkloadIdentity.
    Object,
    /// The lease of the operator.
    Operator,
    /// The issuer of the API server.
    Issuer,
    /// The time of the API server.
    Clocks,
    /// Custom resources that create tokens of the ServiceAccount.
    TokenReaders,
    /// The network policies of the namespace.
    NetworkPolicies,
    /// The nodes of the pods, with their roles.
    Nodes,
    /// The simulation of an action.
    Simulation,
    /// The error message of the application.
    Error,
}

impl Need {
    /// The fact, as a noun.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ServiceAccount => "ServiceAccount",
            Self::Pods => "pods",
            Self::Role => "role",
            Self::Trust => "trust policy",
            Self::Policies => "policies of the role",
            Self::Provider => "OIDC provider",
            Self::Association => "association",
            Self::Agent => "agent",
            Self::Webhook => "webhook",
            Self::Object => "status of the object",
            Self::Operator => "lease of the operator",
            Self::Issuer => "issuer of the API server",
            Self::Clocks => "time of the API server",
            Self::TokenReaders => "SecretStores",
            Self::NetworkPolicies => "network policies",
            Self::Nodes => "instances of the nodes",
            Self::Simulation => "simulation of an action",
            Self::Error => "error message of the application",
        }
    }

    /// The right that reads the fact, or the reason why it is not read.
    #[must_use]
    pub const fn right(self) -> &'static str {
        match self {
            Self::ServiceAccount => "`get` of `serviceaccounts`",
            Self::Pods => "`list` of `pods` in the namespace",
            Self::Role | Self::Trust => "`iam:GetRole`",
            Self::Policies => "`iam:ListAttachedRolePolicies`, `iam:ListRolePolicies`, `iam:GetRolePolicy`",
            Self::Provider => "`iam:GetOpenIDConnectProvider`",
            Self::Association => "`eks:ListPodIdentityAssociations`, `eks:DescribePodIdentityAssociation`",
            Self::Agent => "`eks:DescribeAddon`, `list` of `pods` in `kube-system`",
            Self::Webhook => "`list` of `mutatingwebhookconfigurations`",
            Self::Object => "`get` of `workloadidentities`",
            Self::Operator => "`list` of `leases`",
            Self::Issuer => "`get` of `/.well-known/openid-configuration`",
            Self::Clocks => "`get` of `/version`",
            Self::TokenReaders => {
                "`list` of `secretstores` and `clustersecretstores` (`external-secrets.io`)"
            }
            Self::NetworkPolicies => "`list` of `networkpolicies`",
            Self::Nodes => "not read by this version",
            Self::Simulation => "not read by this version",
            Self::Error => "`--error TEXT`",
        }
    }
}
