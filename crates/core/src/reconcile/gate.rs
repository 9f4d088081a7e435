//! The gate: what may be written at this moment. Asked before every step; pure.

use crate::model::reason::Reason;
use crate::reconcile::step::Step;

/// What may be written at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteGate {
    /// Not the leader: nothing, and AWS is not even read.
    Closed,
    /// Status and events; and, where the object is suspended, letting go of it when it is deleted.
    ReportOnly(Reporting),
    /// Everything.
    Open,
}

/// Why only reports are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reporting {
    /// The operator runs with `--read-only`.
    ReadOnly,
    /// The object is suspended.
    Suspended,
}

impl Reporting {
    /// The word for it.
    #[must_use]
    pub const fn reason(self) -> Reason {
        match self {
            Self::ReadOnly => Reason::ReadOnly,
            Self::Suspended => Reason::Suspended,
        }
    }
}

impl WriteGate {
    /// Whether a step may be taken.
    #[must_use]
    pub fn permits(self, step: &Step) -> bool {
        match self {
            Self::Closed => false,
            // An operator that was started to read only writes nothing, not even to let go.
            Self::ReportOnly(Reporting::ReadOnly) => false,
            Self::ReportOnly(Reporting::Suspended) => step.only_releases(),
            Self::Open => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_suspended_object_may_be_let_go_where_nothing_else_may_be_written() {
        let (release, delete) = (Step::ReleaseAssociation {}, Step::DeleteAssociation {});
        let suspended = WriteGate::ReportOnly(Reporting::Suspended);
        assert!(suspended.permits(&release) && !suspended.permits(&delete));
        assert!(!suspended.permits(&Step::ReleaseObject { regardless: false }));
        assert!(!WriteGate::ReportOnly(Reporting::ReadOnly).permits(&release));
        assert!(!WriteGate::Closed.permits(&release));
    }
}
