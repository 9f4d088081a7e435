//! Lanyard's objects as a watch delivers them: metadata, and spec and status as raw JSON, decoded for each reconcile.
//! Watch events in; decoded objects out; no I/O. Ten thousand raw objects take half the memory of decoded ones, and an
//! object that does not decode does not break the watch.

mod class;
mod identity;
mod metadata;
mod object;

pub use class::RawClass;
pub use identity::{Decoded, RawIdentity};
pub(crate) use metadata::without_managed_fields;
pub use object::Raw;
