//! The priority of a reconcile, which depends on its trigger. Plain data.

/// The priority of a reconcile.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Priority {
    /// A user may be waiting for it: a change of the object or of a watched resource, or an AWS event.
    #[default]
    Normal,
    /// It only detects drift. Its AWS reads yield to those of normal priority.
    Background,
}
