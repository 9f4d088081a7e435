//! Publishes the ConfigMap `lanyard-info` once per leader term, so that clients know the cluster and the settings of the
//! operator. Input: the engine and the settings. Output: none. Writes to the API server; repeats only a failed write.

use std::time::Duration;

use lanyard_core::model::operator_info::{CONFIG_MAP, OperatorInfo};
use lanyard_engine::{Engine, EngineError};
use tokio::time::sleep;

use crate::settings::Settings;

/// The interval between attempts. A missing right needs a manual repair.
const RETRY_INTERVAL: Duration = Duration::from_secs(60);

/// The file in which kubelet writes the namespace of a pod.
const NAMESPACE_FILE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

/// The information that the operator publishes, and the pod that it runs in.
#[derive(Debug, Clone)]
pub(crate) struct ClusterInfo {
    namespace: Option<String>,
    pod: Option<String>,
    info: OperatorInfo,
}

impl ClusterInfo {
    /// Reads the pod from the environment. Outside a pod, nothing is published.
    pub fn new(engine: &Engine, settings: &Settings) -> Self {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let of_file = || std::fs::read_to_string(NAMESPACE_FILE).ok();
        Self {
            namespace: variable("POD_NAMESPACE").or_else(of_file),
            pod: variable("POD_NAME"),
            info: OperatorInfo {
                cluster: engine.cluster().clone(),
                require_class: settings.require_class,
                read_only: settings.read_only,
                image: None,
                version: env!("CARGO_PKG_VERSION").to_owned(),
            },
        }
    }

    /// Publishes the information, then waits until it is aborted.
    pub async fn run(mut self, engine: Engine) {
        if let Some(namespace) = self.namespace.take() {
            self.publish(&engine, namespace.trim()).await;
        }
        std::future::pending().await
    }

    async fn publish(&mut self, engine: &Engine, namespace: &str) {
        loop {
            match self.attempt(engine, namespace).await {
                Ok(()) => return,
                Err(error) => tracing::warn!(
                    again_in = ?RETRY_INTERVAL,
                    "could not write ConfigMap {namespace}/{CONFIG_MAP}, from which kubectl lanyard reads the cluster: {error}"
                ),
            }
            sleep(RETRY_INTERVAL).await;
        }
    }

    async fn attempt(&mut self, engine: &Engine, namespace: &str) -> Result<(), EngineError> {
        if let Some(pod) = &self.pod {
            self.info.image = engine.image_of_pod(namespace, pod).await?;
        }
        engine.publish_info(namespace, &self.info).await
    }
}
