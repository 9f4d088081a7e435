//! LocalStack: IAM and STS, as a second opinion on what ministack says. In: the site. Out: an emulator that is ready.
//! Does I/O. Called by `bed`, when asked for.

use std::time::Duration;

use anyhow::{Context, Result};

use super::Emulator;
use crate::process;
use crate::site::Site;

const LIMIT: Duration = Duration::from_secs(120);

/// Starts it and has it load IAM and STS, which it does on the first call.
pub(crate) async fn localstack(site: &Site) -> Result<Emulator> {
    let python = site
        .tools
        .localstack
        .as_deref()
        .context("LocalStack is not among the installed tools")?;
    let port = site.port()?;
    let mut command = site.command(python);
    command
        .args(["-m", "localstack.runtime.main"])
        .env("GATEWAY_LISTEN", port.address())
        .env("SERVICES", "iam,sts")
        .env("STRICT_SERVICE_LOADING", "1")
        .env("EAGER_SERVICE_LOADING", "1")
        .env("FILESYSTEM_ROOT", site.dir("localstack")?)
        // Nothing is told or asked over the network.
        .env("DISABLE_EVENTS", "1")
        .env("SKIP_SSL_CERT_DOWNLOAD", "1")
        .env("SKIP_INFRA_DOWNLOADS", "1");
    let mut process = site.spawn("localstack", command)?;
    let health = format!("http://{}/_localstack/health", port.address());
    process
        .until("ready", LIMIT, async || {
            process::get(&health)
                .await
                .ok()?
                .status
                .is_success()
                .then_some(())
        })
        .await?;
    Ok(Emulator {
        _process: process,
        port,
    })
}
