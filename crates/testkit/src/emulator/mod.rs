//! The AWS emulators as processes: ministack (IAM, STS, EKS) and LocalStack (IAM, STS), and the EKS cluster in the former.
//! Input: the site. Output: an address that answers. Does I/O.

mod call;
mod cluster;
mod localstack;
mod ministack;

use crate::process::{Port, Process};

pub use self::cluster::EksCluster;
pub(crate) use self::localstack::localstack;
pub(crate) use self::ministack::ministack;

/// The region that everything emulated is in.
pub const REGION: &str = "us-east-1";
/// The account that everything emulated is in.
pub const ACCOUNT: &str = "000000000000";

/// A running AWS emulator.
#[derive(Debug)]
pub struct Emulator {
    _process: Process,
    port: Port,
}

impl Emulator {
    /// Its own URL, past the gateway: no gap is closed there.
    pub fn url(&self) -> String {
        format!("http://{}", self.port.address())
    }
}
