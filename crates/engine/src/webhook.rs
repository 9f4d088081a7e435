//! AWS's pod identity webhook, found by its registration: without it no pod gets what its ServiceAccount's annotation says.
//! Registrations of the API server in, the name of the first that is AWS's out. Reads the API server; called by `shared`.

use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use kube::api::{Api, ListParams};
use lanyard_core::model::fact::Fact;

use crate::Engine;

/// What the webhook is called in AWS's manifest, and what its charts' own names end with
/// [aws/amazon-eks-pod-identity-webhook, deploy/mutatingwebhook.yaml].
const WEBHOOK: &str = "pod-identity-webhook.amazonaws.com";
const REGISTRATION: &str = "pod-identity-webhook";

impl Engine {
    /// Looks for the registration. Whether something answers behind it shows in no object: its failure policy is to let
    /// pods pass.
    pub(crate) async fn registered_webhook(&self) -> Fact<String> {
        let api: Api<MutatingWebhookConfiguration> = Api::all(self.kube().clone());
        let what = "mutatingwebhookconfigurations.admissionregistration.k8s.io";
        match self.read("list", what, api.list(&ListParams::default())).await {
            Ok(found) => found.items.into_iter().find_map(name_of_aws).into(),
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

    fn found(name: &str, webhooks: &[&str]) -> bool {
        let webhook = |name: &&str| json!({"name": name, "clientConfig": {}, "sideEffects": "None", "admissionReviewVersions": ["v1"]});
        let webhooks: Vec<_> = webhooks.iter().map(webhook).collect();
        let registration = json!({"metadata": {"name": name}, "webhooks": webhooks});
        name_of_aws(serde_json::from_value(registration).unwrap()).is_some()
    }

    #[test]
    fn the_webhook_is_known_by_its_own_name_or_by_its_registrations() {
        assert!(found("pod-identity-webhook", &[]));
        assert!(found("amazon-eks-pod-identity-webhook", &[]));
        assert!(found("irsa", &["pod-identity-webhook.amazonaws.com"]));
        assert!(!found("cert-manager-webhook", &["webhook.cert-manager.io"]));
        assert!(!found("irsa", &[]));
    }
}
