//! The client of the API server.
//! Input: the file that KUBECONFIG names, else the pod's ServiceAccount. Output: a client. Reads files and the
//! environment, and sends no request.

use std::time::Duration;

use http::HeaderValue;
use http::header::USER_AGENT;
use kube::client::ClientBuilder;
use kube::config::KubeConfigOptions;
use kube::{Client, Config};

use super::count_requests::CountRequests;
use crate::error::OperatorError;
use crate::metrics::RequestMetrics;
use crate::watched::WATCH_TIMEOUT;

/// Longer than a watch without events lasts, so that it affects only dead connections. Every single request has a shorter
/// timeout at its call site.
const READ_TIMEOUT: Duration = Duration::from_secs(WATCH_TIMEOUT.as_secs() + 10);

/// The user agent of all requests.
const AGENT: &str = concat!("lanyard/", env!("CARGO_PKG_VERSION"));

/// A client and the API server that it connects to.
pub struct Connected {
    /// The client.
    pub client: Client,
    /// The URL of the API server, for the log.
    pub api_server: String,
}

/// Creates the client. `requests` counts its requests. It does not read the kubeconfig in the home directory: an operator that a user starts by hand
/// must not act on the cluster that the user worked with last.
///
/// # Errors
/// Returns an error if there is neither a kubeconfig nor a pod's ServiceAccount, or if it cannot be used.
pub async fn connect(requests: RequestMetrics) -> Result<Connected, OperatorError> {
    let mut config = config().await?;
    config.read_timeout = Some(READ_TIMEOUT);
    config.reset_reader_on_write = true;
    // The client's own retries continue for minutes and could send a write after the lease has expired.
    config.default_retry = false;
    let api_server = config.cluster_url.to_string();
    // The API server records it in its audit log, and derives the field manager of a request that names none.
    config.headers.push((USER_AGENT, HeaderValue::from_static(AGENT)));
    let builder = ClientBuilder::try_from(config).map_err(|source| OperatorError::Client {
        source: Box::new(source),
    })?;
    let client = builder.with_layer(&CountRequests::new(requests)).build();
    Ok(Connected { client, api_server })
}

async fn config() -> Result<Config, OperatorError> {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if is_set("KUBECONFIG") {
        let options = KubeConfigOptions::default();
        let config = Config::from_kubeconfig(&options).await;
        return config.map_err(|source| OperatorError::Kubeconfig { source });
    }
    if is_set("KUBERNETES_SERVICE_HOST") {
        return Config::incluster().map_err(|source| OperatorError::InCluster { source });
    }
    Err(OperatorError::NoCluster)
}
