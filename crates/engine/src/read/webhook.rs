//! The pod identity webhook of AWS, found by its configuration. Without it, pods do not get the role in the
//! annotation of their ServiceAccount. Input: none. Output: the name of the first matching configuration. Does
//! I/O: reads from the API server.

use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use kube::api::{Api, ListParams};
use lanyard_core::model::fact::Fact;

use crate::engine::Engine;

/// The name of the webhook in the manifest of AWS, and the suffix of the configuration names of its charts
/// (aws/amazon-eks-pod-identity-webhook, `deploy/mutatingwebhook.yaml`).
const WEBHOOK: &str = "pod-identity-webhook.amazonaws.com";
const REGISTRATION: &str = "pod-identity-webhook";

impl Engine {
    /// Reads the configuration. No object shows whether the webhook answers; its failure policy lets pods pass.
    pub(crate) async fn registered_webhook(&self) -> Fact<String> {
        let api: Api<MutatingWebhookConfiguration> = Api::all(self.kube().clone());
        let what = "mutatingwebhookconfigurations.admissionregistration.k8s.io";
        match self.read("list", what, api.list(&ListParams::default())).await {
            Ok(list) => list.items.into_iter().find_map(name_of_aws).into(),
            Err(error) => Fact::Unreadable(error.read_error()),
        }
    }
}

fn name_of_aws(registration: MutatingWebhookConfiguration) -> Option<String> {
    let name = registration.metadata.name.unwrap_or_default();
    let mut webhooks = registration.webhooks.into_iter().flatten();
    let is_aws = name.ends_with(REGISTRATION) || webhooks.any(|webhook| webhook.name == WEBHOOK);
    is_aws.then_some(name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn is_found(name: &str, webhooks: &[&str]) -> bool {
        let webhook = |name: &&str| json!({"name": name, "clientConfig": {}, "sideEffects": "None", "admissionReviewVersions": ["v1"]});
        let webhooks: Vec<_> = webhooks.iter().map(webhook).collect();
        let registration = json!({"metadata": {"name": name}, "webhooks": webhooks});
        name_of_aws(serde_json::from_value(registration).unwrap()).is_some()
    }

    #[test]
    fn webhook_is_found_by_its_name_or_its_configuration() {
        assert!(is_found("pod-identity-webhook", &[]));
        assert!(is_found("amazon-eks-pod-identity-webhook", &[]));
        assert!(is_found("irsa", &["pod-identity-webhook.amazonaws.com"]));
        assert!(!is_found("cert-manager-webhook", &["webhook.cert-manager.io"]));
        assert!(!is_found("irsa", &[]));
    }
}
