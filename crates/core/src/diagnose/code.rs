//! The codes of the rules. They are stable: scripts and pages refer to them. Plain values; no I/O.

/// The code of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Code {
    /// The ServiceAccount does not exist.
    Ly101,
    /// The annotation of the ServiceAccount does not name the role.
    Ly102,
    /// Pods are older than the binding.
    Ly103,
    /// Annotation and association disagree.
    Ly110,
    /// The OIDC provider does not exist.
    Ly201,
    /// The OIDC provider does not accept the audience.
    Ly202,
    /// The trust policy does not admit the token.
    Ly203,
    /// The association does not exist, or names another role.
    Ly301,
    /// The Pod Identity Agent is not ready.
    Ly302,
    /// The trust policy does not admit Pod Identity.
    Ly303,
    /// The role does not exist.
    Ly401,
}

impl Code {
    /// All codes, in their order.
    pub const ALL: [Self; 11] = [
        Self::Ly101,
        Self::Ly102,
        Self::Ly103,
        Self::Ly110,
        Self::Ly201,
        Self::Ly202,
        Self::Ly203,
        Self::Ly301,
        Self::Ly302,
        Self::Ly303,
        Self::Ly401,
    ];

    /// The code as users see it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ly101 => "LY101",
            Self::Ly102 => "LY102",
            Self::Ly103 => "LY103",
            Self::Ly110 => "LY110",
            Self::Ly201 => "LY201",
            Self::Ly202 => "LY202",
            Self::Ly203 => "LY203",
            Self::Ly301 => "LY301",
            Self::Ly302 => "LY302",
            Self::Ly303 => "LY303",
            Self::Ly401 => "LY401",
        }
    }

    /// The condition that the rule checks, as a noun with a verb.
    #[must_use]
    pub const fn checks(self) -> &'static str {
        match self {
            Self::Ly101 => "the ServiceAccount exists",
            Self::Ly102 => "the annotation of the ServiceAccount names the role",
            Self::Ly103 => "pods have the credentials of the binding",
            Self::Ly110 => "annotation and association do not contradict each other",
            Self::Ly201 => "the OIDC provider exists in the account of the role",
            Self::Ly202 => "the OIDC provider accepts the audience",
            Self::Ly203 => "the trust policy admits the token of the ServiceAccount",
            Self::Ly301 => "the association names the role",
            Self::Ly302 => "the Pod Identity Agent is ready",
            Self::Ly303 => "the trust policy admits Pod Identity",
            Self::Ly401 => "the role exists",
        }
    }

    /// The symptom in the application (docs/dev/aws-behaviour.md#web-identity-errors).
    #[must_use]
    pub const fn symptom(self) -> &'static str {
        match self {
            Self::Ly101 => "no pod of the ServiceAccount is created",
            Self::Ly102 => "the SDK finds no web identity, or uses another role",
            Self::Ly103 => "the pods use their previous credentials, or those of the node",
            Self::Ly110 => "new pods get the role of the association, and not that of the annotation",
            Self::Ly201 => "InvalidIdentityToken: No OpenIDConnect provider found in your account",
            Self::Ly202 => "InvalidIdentityToken: Incorrect token audience",
            Self::Ly203 => "AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity",
            Self::Ly301 => "the SDK finds no container credentials, or gets another role",
            Self::Ly302 => "the SDK cannot connect to 169.254.170.23",
            Self::Ly303 => "AccessDeniedException from the agent: EKS cannot assume the role",
            Self::Ly401 => "AccessDenied when the SDK assumes the role",
        }
    }
}
