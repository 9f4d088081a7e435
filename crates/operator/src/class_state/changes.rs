//! Change notifications of identities for the count of the followers of each class.
//! Input: notifications of the identity watch. Output: futures that resolve on them. No I/O.

use tokio::sync::{Notify, watch};

/// Change notifications of identities.
#[derive(Debug, Default)]
pub struct IdentityChanges {
    changed: Notify,
    listed: watch::Sender<bool>,
}

impl IdentityChanges {
    /// Reports that an identity has changed.
    pub fn notify(&self) {
        self.changed.notify_one();
    }

    /// Reports that the store holds all identities. `Store::wait_until_ready` wakes only one of its waiters, so the
    /// operator keeps its own flag.
    pub fn all_listed(&self) {
        self.listed.send_replace(true);
    }

    /// Waits for a change since the last call.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Waits until the store holds all identities.
    pub(super) async fn wait_until_listed(&self) {
        let mut listed = self.listed.subscribe();
        // `self` owns the sender, so the channel cannot close during the wait.
        drop(listed.wait_for(|listed| *listed).await);
    }
}
