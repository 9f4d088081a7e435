//! A 64-bit hash that is stable within one build of the operator. Pure.

use std::hash::{DefaultHasher, Hash, Hasher};

/// The hash of `value`. Do not store it: another Rust version may use another algorithm.
#[must_use]
pub fn hash(value: &(impl Hash + ?Sized)) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
