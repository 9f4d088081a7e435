//! IAM policy documents: reading, comparing by meaning, checking, judging and building them.
//! Text and JSON values in, documents, defects, judgements and differences out; no I/O. `validate` uses [`lint`],
//! `desired` uses [`trust`] and [`shared`], `diff` uses [`normal`], [`evaluate`] and [`describe`].

mod json;
mod operator;
mod reading;
pub(crate) mod wildcard;

pub mod chain;
pub mod describe;
pub mod document;
pub mod evaluate;
pub mod lint;
pub mod normal;
pub mod shared;
pub mod trust;

pub use describe::{StatementDifference, differences};
pub use document::{Document, DocumentError, Statement};
pub use evaluate::{ASSUME_ROLE, Admission, TrustRequest, admits, allows, only_denies};
pub use normal::{Normal, digest, same_meaning};
