//! The objects of other controllers that may create tokens of a ServiceAccount, for the kinds of core's table that are
//! installed. Input: a subject. Output: a fact. Does I/O: reads from the API server, only before a transition takes
//! pods from IRSA to Pod Identity.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{APIGroupList, APIResourceList};
use kube::ResourceExt;
use kube::api::{Api, DynamicObject, ListParams};
use kube::core::{ApiResource, GroupVersionKind};
use lanyard_core::model::cluster_object::{ClusterObject, TokenClientFacts};
use lanyard_core::model::fact::{Fact, ReadError};
use lanyard_core::model::subject::Subject;
use lanyard_core::token_clients::TOKEN_CLIENTS;

use crate::engine::Engine;
use crate::error::EngineError;

const NOT_FOUND: u16 = 404;

/// A kind of the table as the API server serves it.
#[derive(Debug, PartialEq)]
struct ServedKind {
    resource: ApiResource,
    namespaced: bool,
}

impl Engine {
    /// Reads the objects. The API server answers a list of an unknown kind with a denied right too, so discovery, which every
    /// client may read, decides whether a kind is installed.
    pub async fn token_clients(&self, subject: &Subject) -> Fact<TokenClientFacts> {
        match self.list_token_clients(subject).await {
            Ok(facts) => Fact::Present(facts),
            Err(error) => Fact::Unreadable(error.read_error()),
        }
    }

    async fn list_token_clients(&self, subject: &Subject) -> Result<TokenClientFacts, EngineError> {
        let groups = self.kube().list_api_groups();
        let groups = self.read("get", "API groups", groups).await?;
        let mut facts = TokenClientFacts::default();
        for (group, version) in served_groups(&groups) {
            for kind in self.served_kinds(&group, &version).await? {
                match self.list_kind(subject, &kind).await {
                    Ok(objects) => facts.objects.extend(objects),
                    Err(error) if error.status() == Some(NOT_FOUND) => {}
                    Err(error) => match error.read_error() {
                        ReadError::Denied(right) => facts.denied.extend([right]),
                        _ => return Err(error),
                    },
                }
            }
        }
        Ok(facts)
    }

    async fn served_kinds(&self, group: &str, version: &str) -> Result<Vec<ServedKind>, EngineError> {
        let at = format!("{group}/{version}");
        let resources = self.kube().list_api_group_resources(&at);
        match self
            .read("get", &format!("API resources of {at}"), resources)
            .await
        {
            Ok(resources) => Ok(served(group, version, &resources)),
            Err(error) if error.status() == Some(NOT_FOUND) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    async fn list_kind(
        &self,
        subject: &Subject,
        kind: &ServedKind,
    ) -> Result<Vec<ClusterObject>, EngineError> {
        let (client, resource) = (self.kube().clone(), &kind.resource);
        let namespace = subject.namespace.as_str();
        let mut what = format!("{}.{}", resource.plural, resource.group);
        let api: Api<DynamicObject> = match kind.namespaced {
            true => Api::namespaced_with(client, namespace, resource),
            false => Api::all_with(client, resource),
        };
        if kind.namespaced {
            what = format!("{what} in {namespace}");
        }
        let mut objects = Vec::new();
        self.list_all(&api, ListParams::default(), &what, |object: DynamicObject| {
            objects.push(cluster_object(resource, &object));
        })
        .await?;
        Ok(objects)
    }
}

/// The groups of the table that the API server serves, each with its preferred version.
fn served_groups(groups: &APIGroupList) -> BTreeMap<String, String> {
    let known: BTreeSet<&str> = TOKEN_CLIENTS.iter().map(|kind| kind.group).collect();
    let served = groups
        .groups
        .iter()
        .filter(|group| known.contains(group.name.as_str()));
    let versions = served.filter_map(|group| {
        let preferred = group
            .preferred_version
            .as_ref()
            .or_else(|| group.versions.first())?;
        Some((group.name.clone(), preferred.version.clone()))
    });
    versions.collect()
}

/// The kinds of the table among the resources of a group.
fn served(group: &str, version: &str, resources: &APIResourceList) -> Vec<ServedKind> {
    let is_known = |kind: &str| {
        TOKEN_CLIENTS
            .iter()
            .any(|known| known.group == group && known.kind == kind)
    };
    let objects = resources
        .resources
        .iter()
        .filter(|resource| !resource.name.contains('/'));
    let known = objects.filter(|resource| is_known(&resource.kind));
    let kinds = known.map(|resource| ServedKind {
        resource: ApiResource::from_gvk_with_plural(
            &GroupVersionKind::gvk(group, version, &resource.kind),
            &resource.name,
        ),
        namespaced: resource.namespaced,
    });
    kinds.collect()
}

fn cluster_object(resource: &ApiResource, object: &DynamicObject) -> ClusterObject {
    ClusterObject {
        group: resource.group.clone(),
        kind: resource.kind.clone(),
        namespace: object.namespace(),
        name: object.name_any(),
        spec: object.data.get("spec").cloned().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn installed_kinds_of_the_table_are_found_by_discovery() {
        let version = |version: &str| json!({"groupVersion": format!("external-secrets.io/{version}"), "version": version});
        let groups: APIGroupList = serde_json::from_value(json!({"groups": [
            {"name": "apps", "versions": [{"groupVersion": "apps/v1", "version": "v1"}]},
            {"name": "external-secrets.io", "versions": [version("v1"), version("v1beta1")], "preferredVersion": version("v1")},
        ]}))
        .unwrap();
        let expected = BTreeMap::from([("external-secrets.io".to_owned(), "v1".to_owned())]);
        assert_eq!(served_groups(&groups), expected);

        let resource = |name: &str, kind: &str, namespaced: bool| json!({"name": name, "kind": kind, "namespaced": namespaced, "singularName": "", "verbs": ["list"]});
        let resources: APIResourceList =
            serde_json::from_value(json!({"groupVersion": "external-secrets.io/v1", "resources": [
                resource("secretstores", "SecretStore", true),
                resource("secretstores/status", "SecretStore", true),
                resource("clustersecretstores", "ClusterSecretStore", false),
                resource("externalsecrets", "ExternalSecret", true),
            ]}))
            .unwrap();
        let kinds = served("external-secrets.io", "v1", &resources);
        let found: Vec<(&str, bool)> = kinds
            .iter()
            .map(|kind| (kind.resource.plural.as_str(), kind.namespaced))
            .collect();
        assert_eq!(found, [("secretstores", true), ("clustersecretstores", false)]);
    }
}
