//! The write gate: decides before every step whether it may be written. A step in, a decision out; no I/O.

use crate::model::reason::Reason;
use crate::reconcile::step::Step;

/// The writes that are permitted at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteGate {
    /// Not the leader: no writes and no AWS calls.
    Closed,
    /// Status and events only. A suspended object that is deleted is also released.
    ReportOnly(Reporting),
    /// All writes.
    Open,
}

/// The cause of `ReportOnly`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reporting {
    /// The operator runs with `--read-only`.
    ReadOnly,
    /// The object is suspended.
    Suspended,
}

impl Reporting {
    /// The reason of the conditions that report it.
    #[must_use]
    pub const fn reason(self) -> Reason {
        match self {
            Self::ReadOnly => Reason::ReadOnly,
            Self::Suspended => Reason::Suspended,
        }
    }
}

impl WriteGate {
    /// Returns whether a step may run.
    #[must_use]
    pub fn permits(self, step: &Step) -> bool {
        match self {
            Self::Closed => false,
            // A read-only operator writes nothing, not even to release an object.
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
    fn report_only_gate_permits_release_only_when_suspended() {
        let (release, delete) = (
            Step::ReleaseAssociation {},
            Step::DeleteAssociation { repairs: false },
        );
        let suspended = WriteGate::ReportOnly(Reporting::Suspended);
        assert!(suspended.permits(&release) && !suspended.permits(&delete));
        assert!(!suspended.permits(&Step::ReleaseObject { regardless: false }));
        assert!(!WriteGate::ReportOnly(Reporting::ReadOnly).permits(&release));
        assert!(!WriteGate::Closed.permits(&release));
    }
}
