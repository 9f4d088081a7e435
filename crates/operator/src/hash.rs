//! A number that stands for a value: the same for the same, and for others another, but once in some thousand million
//! million. Of use within one process only.

use std::hash::{DefaultHasher, Hash, Hasher};

/// The number of a value.
#[must_use]
pub fn hash(value: &(impl Hash + ?Sized)) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
