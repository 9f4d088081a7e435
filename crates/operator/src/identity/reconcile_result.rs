//! The result of one reconcile, as `publish` writes it. Plain data; no I/O.

use lanyard_core::reconcile::summary::Summary;

/// The result of one reconcile.
#[derive(Debug)]
pub struct ReconcileResult {
    /// Status, events and the time of the next reconcile.
    pub summary: Summary,
    /// True if the finalizer was removed. A released object has no status to write.
    pub released: bool,
}
