//! The pods of a subject: read one by one, folded from a watch, or listed afresh.
//! Pods of the API server in, holders out. Only `fresh` does I/O; the watch that feeds the fold is the operator's.
//!
//! ```text
//!   Pod ---> reading ---> fold  ---> Pods { fresh: false }     kept for every subject of the cluster
//!                    \--> fresh ---> Pods { fresh: true }      one subject, before anything is retired
//! ```

mod fresh;
mod index;
mod places;
mod reading;
#[cfg(test)]
mod testing;

use std::sync::Arc;

pub use index::PodIndex;
pub(crate) use places::Agents;

/// A namespace and a ServiceAccount's name.
pub type SubjectKey = (Arc<str>, Arc<str>);
