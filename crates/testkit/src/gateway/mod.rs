//! The gateway: an HTTP proxy in this process between the AWS SDK and the emulators of IAM, STS, EKS and SQS.
//! It counts calls, makes them slow, throttled or fail on purpose, and closes the gaps between the emulators and AWS.
//! Input: the emulators' URLs. Output: one URL to give the SDK as `AWS_ENDPOINT_URL`. Network I/O.
//! Its second side, `front`, does the same to calls to the API server.
//! ```text
//!   SDK -> serve -> call (what is it?) -> interference (latency, throttle, faults) -> gaps -> emulator
//!                                              |                                        |
//!                                           ledger <--- conformance (AWS's models) <--- what AWS would say
//! ```

mod call;
mod conformance;
mod core;
mod effect;
mod emulator;
mod error;
mod fault;
mod form;
mod front;
mod gaps;
mod handle;
mod interference;
mod ledger;
mod message;
mod options;
mod recall;
mod serve;
mod service;
#[cfg(test)]
mod testing;
mod throttle;
mod xml;

pub(crate) use self::gaps::public_issuer;

pub use self::call::Call;
pub use self::conformance::unchecked_patterns;
pub use self::fault::{Fault, FaultHandle, Faults, Target};
pub use self::front::Front;
pub use self::handle::{Gateway, Subject};
pub use self::ledger::{Calls, Entry, Ledger, Mark};
pub use self::options::GatewayOptions;
pub use self::service::Service;
pub use self::throttle::Throttle;
