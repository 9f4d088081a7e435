//! The codes of the findings of the audit. They are stable: scripts and pages refer to them. Plain values; no I/O.

/// The code of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AuditCode {
    /// A static access key.
    Ly701,
    /// A file or an object that was not read can have credentials.
    Ly702,
    /// A role by kiam or kube2iam.
    Ly703,
    /// The credentials of the node.
    Ly704,
    /// A bound ServiceAccount whose pods carry nothing.
    Ly705,
    /// Two forms of credentials.
    Ly706,
    /// A web identity that the pod template sets.
    Ly707,
    /// A trust policy that admits other ServiceAccounts.
    Ly708,
    /// A role of several ServiceAccounts.
    Ly709,
    /// A role without recent use.
    Ly710,
    /// A role of an administrator.
    Ly711,
    /// An annotation and an association with different roles.
    Ly712,
    /// A role that does not exist.
    Ly713,
}

/// The level of a finding, from the least to the most severe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AuditLevel {
    /// A fact was not read.
    Unknown,
    /// It should change.
    Warning,
    /// It has to change.
    Fault,
}

impl AuditLevel {
    /// The name, in outputs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Warning => "warning",
            Self::Fault => "fault",
        }
    }
}

impl AuditCode {
    /// All codes, in their order.
    pub const ALL: [Self; 13] = [
        Self::Ly701,
        Self::Ly702,
        Self::Ly703,
        Self::Ly704,
        Self::Ly705,
        Self::Ly706,
        Self::Ly707,
        Self::Ly708,
        Self::Ly709,
        Self::Ly710,
        Self::Ly711,
        Self::Ly712,
        Self::Ly713,
    ];

    /// The code as users see it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ly701 => "LY701",
            Self::Ly702 => "LY702",
            Self::Ly703 => "LY703",
            Self::Ly704 => "LY704",
            Self::Ly705 => "LY705",
            Self::Ly706 => "LY706",
            Self::Ly707 => "LY707",
            Self::Ly708 => "LY708",
            Self::Ly709 => "LY709",
            Self::Ly710 => "LY710",
            Self::Ly711 => "LY711",
            Self::Ly712 => "LY712",
            Self::Ly713 => "LY713",
        }
    }

    /// The finding in a few words.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Ly701 => "static access keys",
            Self::Ly702 => "perhaps credentials in a file or object",
            Self::Ly703 => "role by kiam or kube2iam",
            Self::Ly704 => "credentials of the node",
            Self::Ly705 => "bound, but the pods carry nothing",
            Self::Ly706 => "two forms of credentials",
            Self::Ly707 => "web identity set by the pod template",
            Self::Ly708 => "trust policy admits other ServiceAccounts",
            Self::Ly709 => "role of several ServiceAccounts",
            Self::Ly710 => "role unused for 90 days",
            Self::Ly711 => "role of an administrator",
            Self::Ly712 => "annotation and association disagree",
            Self::Ly713 => "role does not exist",
        }
    }

    /// The level.
    #[must_use]
    pub const fn level(self) -> AuditLevel {
        match self {
            Self::Ly701 | Self::Ly708 | Self::Ly711 | Self::Ly713 => AuditLevel::Fault,
            Self::Ly702 => AuditLevel::Unknown,
            Self::Ly703
            | Self::Ly704
            | Self::Ly705
            | Self::Ly706
            | Self::Ly707
            | Self::Ly709
            | Self::Ly710
            | Self::Ly712 => AuditLevel::Warning,
        }
    }
}
