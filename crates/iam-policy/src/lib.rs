//! IAM policy documents as values: parse, compare, lint and evaluate them. Input: JSON. Output: documents, differences,
//! defects and decisions. No I/O.
//!
#![doc = include_str!("../README.md")]

mod json;
mod operator;
mod reading;
mod reference;
pub mod text;
pub mod wildcard;

pub mod canonical;
pub mod difference;
pub mod document;
pub mod evaluate;
pub mod lint;
pub mod membership;
pub mod mistakes;
pub mod narrowing;
pub mod principal;
pub mod trust;

pub use canonical::{CanonicalForm, DIGEST_LENGTH, digest, same_meaning};
pub use difference::{StatementDifference, differences};
pub use document::{Document, DocumentError, Statement};
pub use evaluate::{ASSUME_ROLE, Admission, Gap, TrustRequest, admits, allows, gap, only_denies};
pub use narrowing::grants_no_more;
