//! One lock per resource that several reconciles of this process could write at once. Plain data, no I/O.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Mutex as AsyncMutex;

/// The locks by key. They are never removed: their number is bounded by the shared roles and providers.
pub(crate) struct KeyedLocks<K>(Mutex<HashMap<K, Arc<AsyncMutex<()>>>>);

impl<K> Default for KeyedLocks<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash> KeyedLocks<K> {
    /// The lock of one resource.
    pub(crate) fn of(&self, key: K) -> Arc<AsyncMutex<()>> {
        let mut locks = self.0.lock();
        Arc::clone(locks.entry(key).or_default())
    }
}
