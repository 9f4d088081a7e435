//! `Read`: the kinds of bulk reads of a drift scan, as a metric label and as a bit. Plain data without I/O.

/// The kind of a bulk read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Read {
    /// All roles of an account.
    Roles,
    /// The roles under the path of the cluster, for the two settings that `Roles` lacks.
    Settings,
    /// The list of associations.
    Associations,
    /// The ServiceAccounts and the shared objects.
    Cluster,
}

impl Read {
    /// The value of the metric label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Roles => "roles",
            Self::Settings => "settings",
            Self::Associations => "associations",
            Self::Cluster => "service_accounts",
        }
    }

    pub const fn bit(self) -> u8 {
        match self {
            Self::Roles => 1,
            Self::Settings => 2,
            Self::Associations => 4,
            Self::Cluster => 8,
        }
    }
}
