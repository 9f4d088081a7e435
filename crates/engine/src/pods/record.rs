//! A pod as a watch or a list delivers it, reduced to its facts while it is decoded. JSON of a pod in; facts out. No I/O.
//! A page of 100 pods as the API server sends them takes up to 4 MB; decoded in full it would take several times that.

use std::borrow::Cow;

use k8s_openapi::api::core::v1::{Pod, PodSpec, PodStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::Deserialize;

use super::reading::{PodFacts, read};
use crate::raw::without_managed_fields;

/// A pod, of which only the facts are kept.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "WholePod")]
pub struct PodRecord {
    /// Name, namespace, uid and version.
    metadata: ObjectMeta,
    /// `None` if the pod is terminal or lacks required fields.
    pub(crate) facts: Option<PodFacts<String>>,
}

impl PodRecord {
    /// The uid of the pod.
    pub(crate) fn uid(&self) -> Option<&str> {
        self.metadata.uid.as_deref()
    }
}

/// A pod while it is decoded.
#[derive(Deserialize)]
struct WholePod {
    #[serde(deserialize_with = "without_managed_fields")]
    metadata: ObjectMeta,
    spec: Option<PodSpec>,
    status: Option<PodStatus>,
}

impl From<WholePod> for PodRecord {
    fn from(pod: WholePod) -> Self {
        Self::from(Pod {
            metadata: pod.metadata,
            spec: pod.spec,
            status: pod.status,
        })
    }
}

impl From<Pod> for PodRecord {
    fn from(pod: Pod) -> Self {
        let facts = read(&pod).map(|facts| facts.map(str::to_owned));
        let metadata = ObjectMeta {
            name: pod.metadata.name,
            namespace: pod.metadata.namespace,
            uid: pod.metadata.uid,
            resource_version: pod.metadata.resource_version,
            ..ObjectMeta::default()
        };
        Self { metadata, facts }
    }
}

impl Resource for PodRecord {
    type DynamicType = ();
    type Scope = <Pod as Resource>::Scope;

    fn kind(dt: &()) -> Cow<'_, str> {
        Pod::kind(dt)
    }

    fn group(dt: &()) -> Cow<'_, str> {
        Pod::group(dt)
    }

    fn version(dt: &()) -> Cow<'_, str> {
        Pod::version(dt)
    }

    fn plural(dt: &()) -> Cow<'_, str> {
        Pod::plural(dt)
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::credentials::Carried;
    use super::*;

    #[test]
    fn decoded_pod_keeps_facts_and_identity_only() {
        let variable = json!({"name": "AWS_CONTAINER_CREDENTIALS_FULL_URI", "value": "http://169.254.170.23/v1/credentials"});
        let record: PodRecord = serde_json::from_value(json!({
            "metadata": {"name": "a", "namespace": "shop", "uid": "1", "resourceVersion": "7", "labels": {"x": "y"},
                "annotations": {"x": "y"}, "managedFields": [{"manager": "m", "fieldsV1": {"f:spec": {}}}]},
            "spec": {"serviceAccountName": "orders", "containers": [{"name": "app", "env": [variable]}]},
        }))
        .unwrap();
        assert_eq!(
            (record.uid(), record.metadata.resource_version.as_deref()),
            (Some("1"), Some("7"))
        );
        assert!(record.metadata.labels.is_none() && record.metadata.managed_fields.is_none());
        let facts = record.facts.unwrap();
        assert_eq!(
            (facts.service_account.as_str(), facts.carries),
            ("orders", vec![Carried::PodIdentity])
        );
    }
}
