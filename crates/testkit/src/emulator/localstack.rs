//! LocalStack: IAM and STS, as a second opinion on what ministack says. Input: the site. Output: an emulator that is ready.
//! Does I/O.

use std::time::Duration;

use anyhow::{Context, Result};

use super::call;
use super::running::Emulator;
use crate::site::Site;

const LIMIT: Duration = Duration::from_secs(120);

/// A cheap call for each service we use.
const LOADING: [(&str, &str, &str); 2] = [
    ("iam", "ListRoles", "2010-05-08"),
    ("sts", "GetCallerIdentity", "2011-06-15"),
];

/// Starts it and has it load IAM and STS, which it does on the first call to each.
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
        // The default server ignores its settings and listens on every interface.
        .env("GATEWAY_SERVER", "hypercorn")
        .env("SERVICES", "iam,sts")
        .env("FILESYSTEM_ROOT", site.dir("localstack")?)
        // It sends nothing over the network, and starts no DNS server.
        .env("DISABLE_EVENTS", "1")
        .env("SKIP_SSL_CERT_DOWNLOAD", "1")
        .env("DNS_ADDRESS", "0");
    let mut process = site.spawn("localstack", command)?;
    let emulator = format!("http://{}", port.address());
    for (service, action, version) in LOADING {
        let parameters = [("Action", action), ("Version", version)];
        let answers = async || call::form(&emulator, service, &parameters).await.ok().map(drop);
        process
            .until(&format!("answering {service}"), LIMIT, answers)
            .await?;
    }
    Ok(Emulator {
        _process: process,
        port,
    })
}
