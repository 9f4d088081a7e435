//! The fleet: WorkloadIdentities, half of them with each method, in namespaces of a hundred.
//! Inputs: a test environment and a size. Output: objects in the API server. Does I/O.

use std::time::Duration;

use anyhow::Result;
use futures::{StreamExt, TryStreamExt};
use indicatif::ProgressBar;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, DynamicObject, PostParams};
use kube::core::{ApiResource, ObjectMeta};
use lanyard_api::WorkloadIdentity;
use lanyard_tests::{Clients, TestEnv};
use serde_json::{Value, json};

use super::watch::Watch;

/// Objects in one namespace.
const TO_A_NAMESPACE: usize = 100;
/// Requests to the API server at once.
const AT_ONCE: usize = 32;
/// The managed policy of each role.
pub const READ_ONLY: &str = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";

/// One identity.
#[derive(Debug, Clone)]
pub struct Member {
    pub namespace: String,
    pub name: String,
    pub method: &'static str,
}

impl Member {
    pub fn new(number: usize) -> Self {
        Self {
            namespace: format!("bench-{}", number / TO_A_NAMESPACE),
            name: format!("app-{number}"),
            method: if number.is_multiple_of(2) {
                "IRSA"
            } else {
                "PodIdentity"
            },
        }
    }

    pub fn by_pods(&self) -> bool {
        self.method == "PodIdentity"
    }
}

/// The inline policy of each role.
pub fn inline() -> Value {
    json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": ["sqs:SendMessage"], "Resource": "arn:aws:sqs:*:*:bench"}]})
}

fn spec(method: &str) -> Value {
    json!({"method": method, "serviceAccount": {"create": true}, "role": {"managed": {
        "policyArns": [READ_ONLY], "inlinePolicies": [{"name": "queue", "document": inline()}],
        "tags": {"team": "bench"}}}})
}

/// A fleet on a stage.
pub struct Fleet<'a> {
    pub stage: &'a TestEnv,
    pub size: usize,
    pub client: kube::Client,
    pub aws: Clients,
    pub watch: Watch,
}

impl<'a> Fleet<'a> {
    /// Makes the namespaces and begins to watch; the objects are made by [`Fleet::create`].
    pub async fn new(stage: &'a TestEnv, size: usize) -> Result<Self> {
        let client = stage.bed.client().await?;
        let namespaces = Api::<Namespace>::all(client.clone());
        for number in (0..size).step_by(TO_A_NAMESPACE) {
            let metadata = ObjectMeta {
                name: Some(Member::new(number).namespace),
                ..ObjectMeta::default()
            };
            let body = Namespace {
                metadata,
                ..Namespace::default()
            };
            namespaces.create(&PostParams::default(), &body).await?;
        }
        Ok(Self {
            watch: Watch::begin(Api::<WorkloadIdentity>::all(client.clone())),
            aws: Clients::new(&stage.bed).await,
            stage,
            size,
            client,
        })
    }

    pub fn members(&self) -> impl Iterator<Item = Member> + use<> {
        (0..self.size).map(Member::new)
    }

    /// Creates all objects, as fast as the API server takes them.
    pub async fn create(&self) -> Result<()> {
        futures::stream::iter(self.members())
            .map(|member| async move { self.create_one(&member).await })
            .buffer_unordered(AT_ONCE)
            .try_for_each(|()| futures::future::ready(Ok(())))
            .await
    }

    /// Creates one object.
    pub async fn create_one(&self, member: &Member) -> Result<()> {
        let resource = ApiResource::erase::<WorkloadIdentity>(&());
        let mut object = DynamicObject::new(&member.name, &resource).within(&member.namespace);
        object.data = json!({"spec": spec(member.method)});
        let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), &member.namespace, &resource);
        api.create(&PostParams::default(), &object).await?;
        Ok(())
    }

    /// The version of every object, which changes with every write to it.
    pub async fn versions(&self) -> Result<Vec<(String, String)>> {
        let api = Api::<WorkloadIdentity>::all(self.client.clone());
        let list = api.list_metadata(&kube::api::ListParams::default()).await?;
        let version = |meta: ObjectMeta| {
            (
                meta.name.unwrap_or_default(),
                meta.resource_version.unwrap_or_default(),
            )
        };
        Ok(list
            .items
            .into_iter()
            .map(|item| version(item.metadata))
            .collect())
    }
}

/// Returns a progress bar for a number of identities. It prints nothing in a pipe.
pub fn bar(length: usize, what: &str) -> ProgressBar {
    let bar = ProgressBar::new(u64::try_from(length).unwrap_or(u64::MAX)).with_message(what.to_owned());
    let style = indicatif::ProgressStyle::with_template("  {msg:28} {wide_bar} {pos}/{len} {elapsed}");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
