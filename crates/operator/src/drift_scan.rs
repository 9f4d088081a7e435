//! The drift scan: compares all steady objects with AWS and the cluster by bulk reads, at the start of a term and then
//! at each resync. Input: the object store and pages of lists. Output: requeues of drifted objects, and the time of the
//! last check of all others. Reads AWS and the API server and writes nothing: reconciles read again and correct drift.
//!
//! ```text
//!   store ---> steady objects ---> roles of each account, page by page ----+
//!                                  roles under the cluster's path ---------+---> compare ---> requeue, if drifted
//!                                  associations, ServiceAccounts ----------+       ^
//!                                                                                  |
//!              until the next scan: describe one association at a time ------------+
//! ```

use std::sync::Arc;

use futures::channel::mpsc::UnboundedSender;
use futures::future::join;

use crate::identity::{Context, IdentityRef};
use crate::work_limits::WorkLimits;

mod background_requeues;
mod cluster_lists;
mod cursor;
mod describes;
mod orphans;
mod outcome;
mod pages;
mod read;
mod report;
mod role_lists;
mod scan;
mod scan_loop;
mod term;

use background_requeues::{BackgroundRequeues, forward_requeues};
use scan_loop::scan_while_leading;

/// Scans while this operator is the leader, until the future is dropped. `requeue` receives objects whose pods changed,
/// `drifted` receives drifted objects.
pub async fn run(
    context: Arc<Context>,
    requeue: UnboundedSender<IdentityRef>,
    drifted: UnboundedSender<IdentityRef>,
    limits: WorkLimits,
) {
    let (sender, requeues) = futures::channel::mpsc::unbounded();
    let scans = scan_while_leading(
        &context,
        &requeue,
        BackgroundRequeues(sender),
        limits.describes_per_second,
    );
    join(
        scans,
        forward_requeues(&context, requeues, &drifted, limits.workers),
    )
    .await;
}
