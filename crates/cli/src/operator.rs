//! The operator of the cluster, as far as the cluster shows it: its ConfigMap `lanyard-info`, or else its Deployment. Input: a
//! client and the namespace of the operator. Output: what it says about cluster and settings. Reads from the API server.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Container};
use kube::Client;
use kube::api::{Api, ListParams};
use lanyard_core::model::operator_info::{CONFIG_MAP, OperatorInfo};
use lanyard_core::model::text::quote;
use lanyard_engine::kube_message;

use crate::hint::Hint;

/// The label of the operator's Deployment, and the container in it.
const LABEL: &str = "app.kubernetes.io/name=lanyard";
const CONTAINER: &str = "lanyard";

/// The operator as the cluster shows it. A value that cannot be read is absent here, and the next source is used.
#[derive(Debug, Default)]
pub(crate) struct Operator {
    /// Its own description.
    pub info: Option<OperatorInfo>,
    /// The cluster that its Deployment names.
    pub hint: Hint,
    /// Its image.
    pub image: Option<String>,
    /// True if a setting requires classes.
    pub requires_class: bool,
    /// The reason for each source that was not used.
    pub notes: Vec<String>,
}

impl Operator {
    /// Reads the ConfigMap and, without it, the Deployment. Only this namespace counts: a user of another one could name a
    /// cluster and an image there.
    pub async fn read(client: &Client, namespace: &str) -> Self {
        let maps: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
        let what = format!("ConfigMap {namespace}/{CONFIG_MAP}");
        let note = match maps.get_opt(CONFIG_MAP).await {
            Ok(Some(map)) => match OperatorInfo::of_data(&map.data.unwrap_or_default()) {
                Ok(info) => return Self::described(info, &what),
                Err(error) => format!("{what}: {}", quote(&error.to_string())),
            },
            Ok(None) => format!("{what} does not exist"),
            Err(error) => format!("{what}: {}", kube_message(&error)),
        };
        let mut operator = Self::deployed(client, namespace).await;
        operator.notes.insert(0, note);
        operator
    }

    fn described(info: OperatorInfo, what: &str) -> Self {
        Self {
            image: info.image.clone(),
            requires_class: info.require_class,
            hint: Hint::default(),
            notes: vec![format!(
                "{what}: cluster {}, operator {}",
                info.cluster.identity, info.version
            )],
            info: Some(info),
        }
    }

    async fn deployed(client: &Client, namespace: &str) -> Self {
        let api: Api<Deployment> = Api::namespaced(client.clone(), namespace);
        let found = api.list(&ListParams::default().labels(LABEL)).await;
        let deployments = match found {
            Ok(list) => list.items,
            Err(error) => {
                let note = format!("Deployments in {namespace}: {}", kube_message(&error));
                return Self::noted(note);
            }
        };
        let pods = deployments
            .into_iter()
            .filter_map(|deployment| deployment.spec?.template.spec);
        let container = pods
            .flat_map(|pod| pod.containers)
            .find(|container| container.name == CONTAINER);
        let Some(container) = container else {
            return Self::noted(format!("namespace {namespace} has no Deployment of the operator"));
        };
        let variables = variables(client, namespace, &container).await;
        Self::of_container(container, &variables)
    }

    fn noted(note: String) -> Self {
        Self {
            notes: vec![note],
            ..Self::default()
        }
    }

    fn of_container(container: Container, variables: &BTreeMap<String, String>) -> Self {
        let value = |name: &str| variables.get(name).filter(|value| !value.is_empty()).cloned();
        let hint = Hint {
            name: value("LANYARD_CLUSTER_NAME"),
            region: value("LANYARD_REGION"),
            arn: None,
        };
        let name = hint.name.as_deref().unwrap_or("no cluster");
        Self {
            notes: vec![format!("the operator's Deployment names {}", quote(name))],
            requires_class: value("LANYARD_REQUIRE_CLASS").is_some_and(|value| value == "true"),
            image: container.image,
            hint,
            info: None,
        }
    }
}

/// The variables of the container: literal ones, then those of its ConfigMaps. A ConfigMap that cannot be read has none.
async fn variables(client: &Client, namespace: &str, container: &Container) -> BTreeMap<String, String> {
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    let mut variables = BTreeMap::new();
    for source in container.env_from.iter().flatten() {
        let Some(reference) = &source.config_map_ref else {
            continue;
        };
        let map = maps.get_opt(&reference.name).await.ok().flatten();
        variables.extend(map.and_then(|map| map.data).unwrap_or_default());
    }
    let literal = container.env.iter().flatten();
    variables.extend(literal.filter_map(|variable| Some((variable.name.clone(), variable.value.clone()?))));
    variables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deployment_names_the_cluster_by_its_variables() {
        let container = Container {
            image: Some("lanyard:0.1.0".to_owned()),
            ..Container::default()
        };
        let variables = [
            ("LANYARD_CLUSTER_NAME", "prod"),
            ("LANYARD_REGION", "eu-west-1"),
            ("LANYARD_REQUIRE_CLASS", "true"),
        ];
        let variables = variables
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let operator = Operator::of_container(container, &variables);
        assert_eq!(operator.hint.name.as_deref(), Some("prod"));
        assert_eq!(operator.hint.region.as_deref(), Some("eu-west-1"));
        assert!(operator.requires_class && operator.info.is_none());
        assert_eq!(operator.image.as_deref(), Some("lanyard:0.1.0"));
    }
}
