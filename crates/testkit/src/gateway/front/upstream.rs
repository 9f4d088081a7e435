//! The API server behind a front, as a client and the gateway's shared state. No I/O of its own.

use std::sync::Arc;

use crate::gateway::core::Core;

/// The API server behind a front.
pub(super) struct Behind {
    pub upstream: kube::Client,
    pub core: Arc<Core>,
}
