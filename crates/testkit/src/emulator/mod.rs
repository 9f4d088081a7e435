//! The AWS emulators as processes: ministack (IAM, STS, EKS) and LocalStack (IAM, STS), and the EKS cluster in the former.
//! Input: the site. Output: an address that answers. Does I/O.

mod call;
mod cluster;
mod localstack;
mod ministack;
mod running;

pub use self::cluster::EksCluster;
pub(crate) use self::localstack::localstack;
pub(crate) use self::ministack::ministack;
pub use self::running::Emulator;
pub use crate::location::{ACCOUNT, REGION};
