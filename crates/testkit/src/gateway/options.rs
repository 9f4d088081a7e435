//! Settings of a gateway: the emulator of each service, and AWS's models. No I/O.

use std::path::{Path, PathBuf};

/// Where each service is emulated, as `http://host:port`, and AWS's models of the services. The same emulator may stand for several.
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
    /// The directory of AWS's service models. `None`: calls are not compared with them.
    pub models: Option<PathBuf>,
}

impl GatewayOptions {
    /// One emulator for all four, without models.
    pub fn all(url: &str) -> Self {
        Self {
            iam: url.to_owned(),
            sts: url.to_owned(),
            eks: url.to_owned(),
            sqs: url.to_owned(),
            models: None,
        }
    }

    /// The same, with calls compared with the models in this directory.
    #[must_use]
    pub fn with_models(self, models: &Path) -> Self {
        Self {
            models: Some(models.to_owned()),
            ..self
        }
    }
}
