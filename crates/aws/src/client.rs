//! The AWS clients: settings, connection, assumed roles, and the function that sends every call.

mod assume;
mod assumed_role;
mod connection;
mod send;
mod settings;

pub use assumed_role::AssumedRole;
pub use connection::Aws;
pub use settings::AwsSettings;
