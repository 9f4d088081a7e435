//! Steps of a plan, carried out as writes to AWS and the API server.

mod api_server;
mod apply;
mod control_metadata;
mod operator_info;
mod provider;
mod restart;
mod service_account;
mod steps;
#[cfg(test)]
mod tests;
mod trust;

pub use apply::StepMeter;
pub use control_metadata::release_object;
