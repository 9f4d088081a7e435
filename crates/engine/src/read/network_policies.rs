//! The NetworkPolicies of a namespace, with labels and addresses of the pods of a subject. Input: a subject. Output: a fact.
//! Does I/O: reads from the API server, only before a transition takes pods from IRSA to Pod Identity.

use std::net::IpAddr;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::networking::v1::NetworkPolicy as Object;
use kube::ResourceExt;
use kube::api::{Api, DynamicObject, ListParams};
use kube::core::ApiResource;
use lanyard_core::model::fact::{Fact, ReadError};
use lanyard_core::model::network_policy::{EgressFacts, NetworkPolicy, PodNetwork};
use lanyard_core::model::subject::Subject;
use lanyard_core::model::text::quote;

use crate::engine::Engine;
use crate::error::EngineError;

impl Engine {
    /// Reads the policies, and if one restricts egress, the pods.
    pub async fn egress(&self, subject: &Subject) -> Fact<EgressFacts> {
        let policies = match self.list_network_policies(subject).await {
            Ok(policies) => policies,
            Err(error) => return Fact::Unreadable(error.read_error()),
        };
        let policies: Result<Vec<NetworkPolicy>, _> = policies.into_iter().map(policy).collect();
        let policies = match policies {
            Ok(policies) => policies,
            Err(error) => return Fact::Unreadable(ReadError::Failed(error)),
        };
        let pods = match policies.iter().any(NetworkPolicy::restricts_egress) {
            true => self.list_pod_networks(subject).await,
            false => Ok(Vec::new()),
        };
        match pods {
            Ok(pods) => Fact::Present(EgressFacts { policies, pods }),
            Err(error) => Fact::Unreadable(error.read_error()),
        }
    }

    async fn list_network_policies(&self, subject: &Subject) -> Result<Vec<DynamicObject>, EngineError> {
        let resource = ApiResource::erase::<Object>(&());
        let namespace = subject.namespace.as_str();
        let api: Api<DynamicObject> = Api::namespaced_with(self.kube().clone(), namespace, &resource);
        let what = format!("networkpolicies.networking.k8s.io in {namespace}");
        let mut objects = Vec::new();
        self.list_all(&api, ListParams::default(), &what, |object| objects.push(object))
            .await?;
        Ok(objects)
    }

    async fn list_pod_networks(&self, subject: &Subject) -> Result<Vec<PodNetwork>, EngineError> {
        let api: Api<Pod> = Api::namespaced(self.kube().clone(), subject.namespace.as_str());
        let fields = format!(
            "spec.serviceAccountName={},status.phase!=Succeeded,status.phase!=Failed",
            subject.name
        );
        let what = format!("pods in {}", subject.namespace);
        let mut pods = Vec::new();
        self.list_all(&api, ListParams::default().fields(&fields), &what, |object| {
            pods.push(pod(object));
        })
        .await?;
        Ok(pods)
    }
}

/// Reads a policy. Fails if a field has another type than in `networking.k8s.io/v1`.
fn policy(object: DynamicObject) -> Result<NetworkPolicy, String> {
    let name = object.name_any();
    let unreadable = |error: serde_json::Error| quote(&format!("NetworkPolicy {name}: {error}"));
    let spec = object.data.get("spec").cloned().unwrap_or_default();
    let policy: NetworkPolicy = match spec.is_null() {
        true => NetworkPolicy::default(),
        false => serde_json::from_value(spec).map_err(unreadable)?,
    };
    Ok(NetworkPolicy { name, ..policy })
}

fn pod(object: Pod) -> PodNetwork {
    let status = object.status.unwrap_or_default();
    PodNetwork {
        labels: object.metadata.labels.unwrap_or_default(),
        ip: status.pod_ip.and_then(|ip| ip.parse::<IpAddr>().ok()),
    }
}

#[cfg(test)]
mod tests {
    use lanyard_core::egress::policies_without_agent;
    use serde_json::json;

    use super::*;

    fn object(spec: &serde_json::Value) -> DynamicObject {
        let object = json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "web"}, "spec": spec});
        serde_json::from_value(object).unwrap()
    }

    #[test]
    fn policy_as_the_api_server_sends_it_is_read() {
        let spec = json!({
            "podSelector": {"matchLabels": {"app": "web"}},
            "policyTypes": ["Egress"],
            "egress": [{"to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}],
                "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": "http"}]}],
        });
        let web: Pod = serde_json::from_value(json!({
            "metadata": {"labels": {"app": "web"}}, "status": {"podIP": "10.0.0.7"},
        }))
        .unwrap();
        let facts = EgressFacts {
            policies: vec![policy(object(&spec)).unwrap()],
            pods: vec![pod(web)],
        };
        let names: Vec<String> = policies_without_agent(&facts).into_iter().collect();
        assert_eq!(names, ["web"]);
    }

    #[test]
    fn policy_of_unknown_form_is_unreadable() {
        let error = policy(object(&json!({"egress": "all"}))).unwrap_err();
        assert!(error.contains("NetworkPolicy web"), "{error}");
    }
}
