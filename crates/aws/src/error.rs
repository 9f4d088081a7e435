//! Errors of AWS calls: the failure as data, its class, and the messages for users.

mod class;
mod failure;
mod message;
#[cfg(test)]
mod message_tests;
mod missing;

pub use class::Class;
pub use failure::{AwsError, ErrorAnswer, Refusal};
