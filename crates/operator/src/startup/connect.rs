//! Connect: the client of the API server. The file that KUBECONFIG names, else the pod's ServiceAccount, in; a client
//! out, or the sentence that says what is wrong. Reads files and the environment; nothing is sent yet.

use std::time::Duration;

use kube::config::KubeConfigOptions;
use kube::{Client, Config};

use crate::error::OperatorError;

/// Longer than a watch is left open (kube's watcher: 290 s), so that only a dead connection ever meets it. Every single
/// request has a shorter limit of its own where it is made.
const READ_TIMEOUT: Duration = Duration::from_secs(295);

/// A client, and where it leads.
pub struct Connected {
    /// The client.
    pub client: Client,
    /// The URL of the API server, for the log.
    pub api_server: String,
}

/// Sets the client up. The kubeconfig in the home directory is not looked for: an operator that somebody starts by hand
/// must not act on whichever cluster was last worked with.
///
/// # Errors
/// When there is neither a kubeconfig nor a pod's ServiceAccount, or what is there cannot be used.
pub async fn connect() -> Result<Connected, OperatorError> {
    let mut config = config().await?;
    config.read_timeout = Some(READ_TIMEOUT);
    config.reset_reader_on_write = true;
    // The client's own retries go on for minutes: a write that was begun under the lease would be sent after it.
    config.default_retry = false;
    let api_server = config.cluster_url.to_string();
    let client = Client::try_from(config).map_err(|source| OperatorError::Client {
        source: Box::new(source),
    })?;
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
