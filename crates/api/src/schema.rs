//! Schemas of the CRD fields, named by the `schema_with` attributes of [`spec`](crate::spec), [`status`](crate::status)
//! and [`class`](crate::class). Schemas of lists of a spec or status type stand beside that type.
//! Input: nothing. Output: pieces of JSON schema. No I/O.

mod basic;
pub(crate) mod class;
mod conditions;
mod iam;
mod identity;

pub(crate) use basic::{list_of, long_text, short_text, time, unwrap_descriptions};
pub(crate) use conditions::conditions;
pub(crate) use iam::*;
pub(crate) use identity::*;
