//! The credentials that a pod carries: the webhook's injection, read from the environment and the volumes. Input: a pod.
//! Output: a value. No I/O except for the count over the pods of a namespace.

use std::collections::BTreeMap;

use anyhow::Result;
use k8s_openapi::api::core::v1::{Pod, VolumeProjection};
use lanyard_tests::TestNamespace;

use crate::fleet;

/// The credentials of a pod. The first of several containers is decisive.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum PodCredentials {
    WebIdentity { role: String, audience: String },
    PodIdentity,
    Nothing,
}

impl PodCredentials {
    /// Reads the credentials of this pod.
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

/// The audience of the token for web identity.
fn audience(pod: &Pod) -> Option<String> {
    let mut volumes = pod.spec.as_ref()?.volumes.iter().flatten();
    let volume = volumes.find(|volume| volume.name == "aws-iam-token")?;
    let sources = volume.projected.as_ref()?.sources.as_ref()?;
    let token = |source: &VolumeProjection| source.service_account_token.clone();
    sources.iter().find_map(token)?.audience
}

/// The number of pods for each kind of credentials.
pub async fn count(scene: &TestNamespace<'_>) -> Result<BTreeMap<PodCredentials, usize>> {
    let mut count = BTreeMap::new();
    for pod in fleet::all(scene).await? {
        *count.entry(PodCredentials::of(&pod)).or_default() += 1;
    }
    Ok(count)
}
