//! ministack: IAM, STS, EKS with Pod Identity associations, and SQS. Input: the site. Output: an emulator that is ready. Does I/O.

use std::time::Duration;

use anyhow::Result;

use super::running::Emulator;
use crate::location::{ACCOUNT, REGION};
use crate::process;
use crate::site::Site;

const LIMIT: Duration = Duration::from_secs(60);

/// Starts it. With `authorize` it evaluates IAM policies for every user other than the account's root (the key `test`), and a
/// role's trust for `AssumeRoleWithWebIdentity`; without it, every call is allowed.
pub(crate) async fn ministack(site: &Site, authorize: bool) -> Result<Emulator> {
    let port = site.port()?;
    let mut command = site.command(&site.tools.ministack);
    command
        .args(["-m", "ministack"])
        .env("GATEWAY_PORT", port.number.to_string())
        .env("BIND_HOST", "127.0.0.1")
        .env("AUTH", if authorize { "true" } else { "false" })
        .env("MINISTACK_ACCOUNT_ID", ACCOUNT)
        .env("MINISTACK_REGION", REGION)
        .env("SERVICES", "iam,sts,eks,sqs")
        // Listeners on fixed ports, of services we have no use for.
        .env("IOT_MTLS_ENABLED", "0")
        .env("SFTP_ENABLED", "0")
        .env("LOG_LEVEL", "WARNING")
        .env("STATE_DIR", site.dir("ministack")?)
        .env("S3_DATA_DIR", site.dir("ministack-s3")?);
    let mut process = site.spawn("ministack", command)?;
    let ready = format!("http://{}/_ministack/ready", port.address());
    process
        .until("ready", LIMIT, async || {
            process::get(&ready).await.ok()?.status.is_success().then_some(())
        })
        .await?;
    Ok(Emulator {
        _process: process,
        port,
    })
}
