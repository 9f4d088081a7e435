//! The ConfigMap by which the operator describes itself, and the image of its pod, which is part of it. Input: a namespace
//! and the information. Output: none, or the image. Does I/O: the API server.

use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::api::{Api, ListParams, Patch, PatchParams};
use lanyard_api::FIELD_MANAGER;
use lanyard_core::model::operator_info::{CONFIG_MAP, OperatorInfo};
use serde_json::json;

use crate::engine::Engine;
use crate::error::EngineError;

/// The container of the operator in its pod.
const CONTAINER: &str = "lanyard";

impl Engine {
    /// Writes the ConfigMap by server-side apply, which creates it if it is missing.
    ///
    /// # Errors
    /// Returns an error if the write gate is closed, or if the API server rejects the request or does not answer.
    pub async fn publish_info(&self, namespace: &str, info: &OperatorInfo) -> Result<(), EngineError> {
        let api: Api<ConfigMap> = Api::namespaced(self.kube().clone(), namespace);
        let body = json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": CONFIG_MAP, "namespace": namespace},
            "data": info.to_data(),
        });
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let patch = Patch::Apply(&body);
        let call = api.patch(CONFIG_MAP, &params, &patch);
        let what = format!("ConfigMap {namespace}/{CONFIG_MAP}");
        self.write("patch", &what, call).await.map(drop)
    }

    /// The image of the operator's own pod, by a list, for which the right on pods suffices. Returns `None` if there is no
    /// such pod.
    ///
    /// # Errors
    /// Returns an error if the API server rejects the request or does not answer.
    pub async fn image_of_pod(&self, namespace: &str, pod: &str) -> Result<Option<String>, EngineError> {
        let api: Api<Pod> = Api::namespaced(self.kube().clone(), namespace);
        let params = ListParams::default().fields(&format!("metadata.name={pod}"));
        let what = format!("pods in {namespace}");
        let listed = self.read("list", &what, api.list(&params)).await?;
        let containers = listed
            .items
            .into_iter()
            .filter_map(|pod| pod.spec)
            .flat_map(|spec| spec.containers);
        Ok(containers
            .filter(|container| container.name == CONTAINER)
            .find_map(|container| container.image))
    }
}
