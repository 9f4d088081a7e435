//! The objects of `envFrom`: if their keys give an access key. Input: pods. Output: pods with the answer for each object. Reads
//! ConfigMaps from the API server, and Secrets only if the user asks for it. Values are skipped while they are decoded.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::core::Request;
use kube::core::params::GetParams;
use kube::{Client, Resource};
use lanyard_core::audit::{Load, LoadKind, PodFacts};
use lanyard_engine::kube_message;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::envelope::Unread;

/// The HTTP status of an object that does not exist.
const NOT_FOUND: u16 = 404;

/// The keys of a Secret or ConfigMap. Its values are not kept.
#[derive(Debug, Deserialize)]
struct Keys {
    data: Option<BTreeMap<String, IgnoredAny>>,
}

/// An object of `envFrom`.
type ObjectRef = (LoadKind, String, String);

/// The keys of the objects so far.
pub(super) struct LoadedKeys {
    client: Client,
    reads_secrets: bool,
    keys: BTreeMap<ObjectRef, Result<Vec<String>, String>>,
}

impl LoadedKeys {
    /// Nothing was read yet.
    pub fn new(client: Client, reads_secrets: bool) -> Self {
        Self {
            client,
            reads_secrets,
            keys: BTreeMap::new(),
        }
    }

    /// Records for each object of `envFrom` if it gives an access key.
    pub async fn resolve(&mut self, pods: &mut [PodFacts]) {
        for pod in pods {
            let namespace = pod.namespace.clone();
            for load in pod
                .containers
                .iter_mut()
                .flat_map(|container| container.loads_mut())
            {
                if load.kind == LoadKind::ConfigMap || self.reads_secrets {
                    load.has_access_key = self.has_access_key(&namespace, load).await;
                }
            }
        }
    }

    /// One line for each object that could not be read.
    pub fn unread(&self) -> Vec<Unread> {
        let failed = self.keys.iter().filter_map(|((kind, namespace, name), keys)| {
            let cause = keys.as_ref().err()?.clone();
            let kind = match kind {
                LoadKind::Secret => "secret",
                LoadKind::ConfigMap => "configmap",
            };
            Some(Unread {
                resource: format!("{kind} {namespace}/{name}"),
                cause,
                consequence: "it can give access keys by envFrom".to_owned(),
            })
        });
        failed.collect()
    }

    async fn has_access_key(&mut self, namespace: &str, load: &Load) -> Option<bool> {
        let object = (load.kind, namespace.to_owned(), load.name.clone());
        if !self.keys.contains_key(&object) {
            let keys = self.read(&object).await;
            self.keys.insert(object.clone(), keys);
        }
        let keys = self.keys.get(&object)?.as_ref().ok()?;
        let wanted = load.access_key_name()?;
        Some(keys.iter().any(|key| key == wanted))
    }

    /// The keys of an object. One that does not exist has none.
    async fn read(&self, (kind, namespace, name): &ObjectRef) -> Result<Vec<String>, String> {
        let path = match kind {
            LoadKind::Secret => Secret::url_path(&(), Some(namespace)),
            LoadKind::ConfigMap => ConfigMap::url_path(&(), Some(namespace)),
        };
        let request = Request::new(path)
            .get(name, &GetParams::default())
            .map_err(|error| error.to_string())?;
        match self.client.request::<Keys>(request).await {
            Ok(object) => Ok(object.data.unwrap_or_default().into_keys().collect()),
            Err(kube::Error::Api(status)) if status.code == NOT_FOUND => Ok(Vec::new()),
            Err(error) => Err(kube_message(&error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoded_object_has_keys_and_no_values() {
        let text = r#"{"kind":"Secret","data":{"AWS_ACCESS_KEY_ID":"Z2VoZWlt","x":"eA=="}}"#;
        let keys: Keys = serde_json::from_str(text).unwrap();
        let shown = format!("{keys:?}");
        assert!(
            shown.contains("AWS_ACCESS_KEY_ID") && !shown.contains("Z2VoZWlt"),
            "{shown}"
        );
    }
}
