//! Guardrails: the violations of a class by a spec. Input: a spec, its resolved method, its subject and its class;
//! output: all violations. No I/O. Errors of the spec itself are found by `validate`.
//!
//! An empty list allows nothing. In a pattern, `*` stands for any text, `?` for one character, and `{namespace}` for
//! the namespace of the subject, which can contain neither.

pub mod adoption_policy;
mod check;
mod glob;
mod inline;
mod patterns;
mod tag_variables;
#[cfg(test)]
mod tests;

pub use adoption_policy::AdoptionPolicy;
pub use check::{Forbidden, forbidden, max_session_limit};
pub use tag_variables::reserved_keys;
