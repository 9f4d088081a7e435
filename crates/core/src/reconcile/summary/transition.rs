//! The transition of the binding in the status: its record, its conditions and their messages. The stage of
//! the transition in, status fields and verdicts out; no I/O. Nothing here decides the next stage.

mod message;
mod record;
mod verdict;

pub(super) use record::{in_progress, is_retired, other_bindings, record, restarts};
pub(super) use verdict::{not_ready, stale_pods, stalled, transitioning};
