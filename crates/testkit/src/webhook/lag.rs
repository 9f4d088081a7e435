//! The delay after which the webhook sees changes, as AWS's does (docs/dev/aws-behaviour.md#issue-threads). A value; no I/O. Set by tests, read by `sources`.

use std::time::Duration;

/// For how long after a change new pods still get the earlier answer. The default is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lag {
    /// After an association was made or deleted.
    pub association: Duration,
    /// After a ServiceAccount's annotations changed, or it was made.
    pub annotation: Duration,
}
