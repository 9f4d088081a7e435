//! Settings of a gateway: the emulator of each service. No I/O.

/// Where each service is emulated: `http://host:port`. The same emulator may stand for several.
#[derive(Clone, Debug)]
pub struct GatewayOptions {
    /// The emulator of IAM (ministack or LocalStack).
    pub iam: String,
    /// The emulator of STS; it must be the one of IAM, whose roles it assumes.
    pub sts: String,
    /// The emulator of EKS (ministack).
    pub eks: String,
    /// The emulator of SQS (ministack).
    pub sqs: String,
}

impl GatewayOptions {
    /// One emulator for all four.
    pub fn all(url: &str) -> Self {
        Self {
            iam: url.to_owned(),
            sts: url.to_owned(),
            eks: url.to_owned(),
            sqs: url.to_owned(),
        }
    }
}
