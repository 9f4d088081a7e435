//! What a pod carries: the credentials that the webhook gave it, as its environment and its volumes show them.
//! A pod in, a value out; no I/O but for the count over a scene's pods.

use std::collections::BTreeMap;

use anyhow::Result;
use k8s_openapi::api::core::v1::{Pod, VolumeProjection};
use lanyard_tests::TestNamespace;

use crate::fleet;

/// What a pod carries. Of several containers the first tells.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Carries {
    WebIdentity { role: String, audience: String },
    PodIdentity,
    Nothing,
}

impl Carries {
    /// What this pod carries.
    pub fn of(pod: &Pod) -> Self {
        let env = |name: &str| {
            let spec = pod.spec.iter();
            let variables = spec
                .filter_map(|spec| spec.containers.first())
                .flat_map(|container| container.env.iter().flatten());
            variables
                .filter(|variable| variable.name == name)
                .find_map(|variable| variable.value.clone())
        };
        match (env("AWS_ROLE_ARN"), env("AWS_CONTAINER_CREDENTIALS_FULL_URI")) {
            (Some(role), _) => Self::WebIdentity {
                role,
                audience: audience(pod).unwrap_or_default(),
            },
            (None, Some(_)) => Self::PodIdentity,
            (None, None) => Self::Nothing,
        }
    }
}

/// Whom the token is for that web identity uses.
fn audience(pod: &Pod) -> Option<String> {
    let mut volumes = pod.spec.as_ref()?.volumes.iter().flatten();
    let volume = volumes.find(|volume| volume.name == "aws-iam-token")?;
    let sources = volume.projected.as_ref()?.sources.as_ref()?;
    let token = |source: &VolumeProjection| source.service_account_token.clone();
    sources.iter().find_map(token)?.audience
}

/// How many pods carry what.
pub async fn count(scene: &TestNamespace<'_>) -> Result<BTreeMap<Carries, usize>> {
    let mut count = BTreeMap::new();
    for pod in fleet::all(scene).await? {
        *count.entry(Carries::of(&pod)).or_default() += 1;
    }
    Ok(count)
}
