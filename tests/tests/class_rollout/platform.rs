//! The role of the platform team: an environment without classes, the classes that the team applies, and their status. Does
//! I/O; waits only on conditions.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use kube::api::Api;
use kube::runtime::wait::await_condition;
use lanyard_api::WorkloadIdentityClass;
use lanyard_tests::{PATIENCE, TestEnv, TestEnvOptions, TestNamespace};
use serde_json::{Value, json};

use crate::BINARY;

pub const POLICY: &str = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";

pub async fn stage() -> Result<TestEnv> {
    let options = TestEnvOptions {
        timings: "binding-propagation=1s,step=200ms,waiting=1s,margin=1s,cached=2s",
        ..TestEnvOptions::default()
    };
    TestEnv::set(BINARY, options).await
}

/// A class that allows these managed policies and inline reads of the namespace's own buckets.
pub fn allowing(policies: &[&str]) -> Value {
    json!({"guardrails": {
        "namespaceSelector": {}, "methods": ["IRSA", "PodIdentity"], "policyArns": policies,
        "inline": [{"actions": ["s3:Get*"], "resources": ["arn:aws:s3:::{namespace}-*"]}],
    }})
}

pub fn classes(scene: &TestNamespace<'_>) -> Api<WorkloadIdentityClass> {
    Api::all(scene.client.clone())
}

/// Waits until a class satisfies a condition.
pub async fn until(
    scene: &TestNamespace<'_>,
    name: &str,
    what: &str,
    is: impl Fn(&WorkloadIdentityClass) -> bool,
) -> Result<WorkloadIdentityClass> {
    until_within(scene, name, what, PATIENCE * 3, is).await
}

/// Waits until a class satisfies a condition, with another timeout.
pub async fn until_within(
    scene: &TestNamespace<'_>,
    name: &str,
    what: &str,
    patience: Duration,
    is: impl Fn(&WorkloadIdentityClass) -> bool,
) -> Result<WorkloadIdentityClass> {
    let api = classes(scene);
    let met = await_condition(api.clone(), name, |class: Option<&WorkloadIdentityClass>| {
        class.is_some_and(&is)
    });
    match tokio::time::timeout(patience, met).await {
        Ok(class) => class?.context("the class is gone"),
        Err(_) => {
            let stands = api.get(name).await?;
            let status = serde_json::to_string_pretty(&stands.status)?;
            bail!("class {name} did not become {what}; its state:\n{status}")
        }
    }
}

/// The number of identities that follow a class, from its status.
pub fn total(class: &WorkloadIdentityClass) -> i64 {
    let identities = class
        .status
        .as_ref()
        .and_then(|status| status.identities.as_ref());
    identities.map_or(0, |identities| identities.total)
}
