//! `Judgement`: the result of a comparison. Plain data without I/O.

/// The result of comparing a bulk read with the status of an identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// The facts match the status.
    InSync,
    /// The facts differ from the status. A reconcile has to read them again.
    Drifted,
    /// The read is not sufficient for a decision.
    Unknown,
}
