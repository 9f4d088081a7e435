//! The obstacles in a pod template: settings for which the pod webhook does not give new pods the credentials of a binding.
//! Input: a template. Output: the obstacle, if any. No I/O.

use k8s_openapi::api::core::v1::PodTemplateSpec;
use lanyard_core::model::workload::Obstacle;

/// The variables that the webhook leaves as they are if a container sets them (docs/dev/aws-behaviour.md#webhook).
const CREDENTIALS: [&str; 2] = [
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
];
/// The label of pods that the webhook skips (docs/dev/aws-behaviour.md#webhook).
const LABEL_SKIP: &str = "eks.amazonaws.com/skip-pod-identity-webhook";

pub(super) fn obstacle(template: &PodTemplateSpec) -> Option<Obstacle> {
    let labels = template
        .metadata
        .as_ref()
        .and_then(|metadata| metadata.labels.as_ref());
    if labels.is_some_and(|labels| labels.contains_key(LABEL_SKIP)) {
        return Some(Obstacle::SkipsWebhook);
    }
    let spec = template.spec.as_ref()?;
    let init_containers = spec.init_containers.iter().flatten();
    let mut containers = spec.containers.iter().chain(init_containers);
    let sets_credentials = containers.any(|container| {
        let mut variables = container.env.iter().flatten();
        variables.any(|variable| CREDENTIALS.contains(&variable.name.as_str()))
    });
    sets_credentials.then_some(Obstacle::SetsCredentials)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn template(labels: Value, env: Value) -> PodTemplateSpec {
        let containers = json!([{"name": "plain"}, {"name": "app", "env": env}]);
        let whole = json!({"metadata": {"labels": labels}, "spec": {"containers": containers}});
        serde_json::from_value(whole).unwrap()
    }

    #[test]
    fn template_with_credentials_or_skip_label_is_an_obstacle() {
        let plain = template(
            json!({"app": "web"}),
            json!([{"name": "AWS_REGION", "value": "eu-west-1"}]),
        );
        assert_eq!(obstacle(&plain), None);
        let own = template(
            json!({}),
            json!([{"name": "AWS_WEB_IDENTITY_TOKEN_FILE", "value": "/token"}]),
        );
        assert_eq!(obstacle(&own), Some(Obstacle::SetsCredentials));
        let skips = template(json!({LABEL_SKIP: "true"}), json!([]));
        assert_eq!(obstacle(&skips), Some(Obstacle::SkipsWebhook));
    }
}
