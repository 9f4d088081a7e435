//! `Basis`: the inputs of the verdicts on a role, which a reconcile and a page of the drift scan share. Plain
//! values; no I/O.

use std::time::Duration;

use super::input::SummaryInput;
use crate::model::observed::Observed;
use crate::model::status::Status;

/// The inputs of the verdicts on a role.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Basis<'a> {
    pub after: &'a Observed,
    pub previous: &'a Status,
    pub generation: i64,
    /// The limit of a wait for a recent write. `None` in a drift scan, which shows no message about it.
    pub consistency: Option<Duration>,
}

impl<'a> Basis<'a> {
    pub(super) fn of(input: &SummaryInput<'a>) -> Self {
        Self {
            after: input.after,
            previous: input.previous,
            generation: input.generation,
            consistency: Some(input.timings.read_consistency),
        }
    }
}
