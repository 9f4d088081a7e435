//! The settings of the lease and the identity of this process in it.
//! Input: the environment. Output: settings, and a unique name. Reads the environment and the host name.

use std::hash::{BuildHasher, Hasher, RandomState};

use lanyard_core::model::text::quote;
use lanyard_core::model::timings::Timings;

/// The settings of the lease.
#[derive(Debug, Clone)]
pub struct LeaseSettings {
    /// The namespace of the lease.
    pub namespace: String,
    /// The name of the lease.
    pub name: String,
    /// The identity of this candidate. It has to be unique, see [`identity`].
    pub identity: String,
    /// The duration of the lease, the renewal deadline and the maximum duration of a write.
    pub timings: Timings,
}

/// A unique identity: the name of the pod or host, and a random suffix.
#[must_use]
pub fn identity() -> String {
    let host = ["POD_NAME", "HOSTNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok());
    let host = host.or_else(|| std::fs::read_to_string("/proc/sys/kernel/hostname").ok());
    let host = host
        .map(|host| quote(host.trim()))
        .filter(|host| !host.is_empty());
    // The keys of the standard library's hasher come from the operating system's random numbers.
    let random = RandomState::new().build_hasher().finish();
    format!("{}-{:08x}", host.as_deref().unwrap_or("lanyard"), random >> 32)
}
