//! The AWS side of Lanyard: reads of IAM, EKS and STS as facts, writes as single calls, errors in classes.
//!
//! ```text
//!   engine --- role, provider, association, addon_agent ---> Fact<T>             (reads never fail as a whole)
//!   engine --- roles_in_account, associations_in, ... -----> one Page of many at a time
//!   engine --- create_role, set_trust, ... ----------------> Result<T, AwsError> (one method, one kind of step)
//!                         |
//!                       call: budget, gate, timeout, meter, class of the error   (the only way out to AWS)
//!                         ^                                        |
//!                         +---------- throttled: again -----------+
//! ```
//!
//! Nothing here decides anything: what to read and what to write is the engine's choice, whose a thing is core's.
//! The SDK's own retries are off: they would go round the budget and outlast the lease.

mod account;
mod budget;
mod call;
mod client;
mod eks;
mod error;
mod iam;
mod identify;
mod pages;
#[cfg(feature = "events")]
mod queue;

pub use account::AssumedRole;
pub use budget::{BudgetStats, Rates, WaitingCalls};
pub use call::{Call, LONG_POLL, Measured, Meter, Service};
pub use client::{Aws, AwsSettings};
pub use eks::ListedAssociation;
pub use error::{AwsError, Class, ErrorAnswer, Refusal};
pub use iam::ListedRole;
pub use identify::Found;
pub use pages::Page;
#[cfg(feature = "events")]
pub use queue::{Message, Queue, Receipt};
