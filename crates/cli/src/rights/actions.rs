//! The actions in AWS that commands read with, and what is lost without them. Plain values; no I/O.

/// An action in AWS. Each one is optional.
#[derive(Debug)]
pub(super) struct Action {
    /// The name.
    pub name: &'static str,
    /// The loss without it.
    pub lost: &'static str,
}

/// The cluster.
pub(super) const CLUSTER: &[Action] = &[Action {
    name: "eks:DescribeCluster",
    lost: "everything in AWS",
}];

/// Single roles and their policies.
pub(super) const ROLES: &[Action] = &[
    Action {
        name: "iam:GetRole",
        lost: "the role and its trust policy",
    },
    Action {
        name: "iam:ListAttachedRolePolicies",
        lost: "attached policies",
    },
    Action {
        name: "iam:ListRolePolicies",
        lost: "inline policies",
    },
    Action {
        name: "iam:GetRolePolicy",
        lost: "documents of inline policies",
    },
    Action {
        name: "iam:GetPolicy",
        lost: "attached policies that other tools manage",
    },
    Action {
        name: "iam:GetPolicyVersion",
        lost: "documents of attached policies",
    },
];

/// The two forms of a binding.
pub(super) const BINDINGS: &[Action] = &[
    Action {
        name: "iam:GetOpenIDConnectProvider",
        lost: "the OIDC provider of IRSA",
    },
    Action {
        name: "eks:ListPodIdentityAssociations",
        lost: "the association of Pod Identity",
    },
    Action {
        name: "eks:DescribePodIdentityAssociation",
        lost: "the settings of the association",
    },
    Action {
        name: "eks:DescribeAddon",
        lost: "the agent of Pod Identity",
    },
];

/// All roles and associations.
pub(super) const ACCOUNT: &[Action] = &[
    Action {
        name: "eks:ListPodIdentityAssociations",
        lost: "the associations of Pod Identity",
    },
    Action {
        name: "eks:DescribePodIdentityAssociation",
        lost: "the roles of associations",
    },
    Action {
        name: "iam:GetAccountAuthorizationDetails",
        lost: "roles, their trust and their policies",
    },
    Action {
        name: "iam:ListRoles",
        lost: "roles outside the path of Lanyard",
    },
];
