//! The proof that credentials work: tokens from the API server, roles from STS, environments of pods.
//! A scene and names in, findings out; talks to the API server and to the emulators.

use anyhow::{Context, Result, bail, ensure};
use aws_sdk_sts::error::ProvideErrorMetadata;
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams, PostParams};
use lanyard_tests::TestNamespace;

/// Assumes a role with a token of a ServiceAccount. Returns the ARN of `GetCallerIdentity`, or the error of STS.
pub async fn assume(scene: &TestNamespace<'_>, role: &str, account: &str) -> Result<Result<String, String>> {
    let spec = TokenRequestSpec {
        audiences: vec!["sts.amazonaws.com".to_owned()],
        ..TokenRequestSpec::default()
    };
    let request = TokenRequest {
        spec,
        ..TokenRequest::default()
    };
    let answer = scene
        .accounts()
        .create_token_request(account, &PostParams::default(), &request)
        .await?;
    let token = answer.status.context("the API server gave no token")?.token;
    let call = scene
        .aws
        .sts
        .assume_role_with_web_identity()
        .role_arn(role)
        .role_session_name("demo");
    let assumed = match call.web_identity_token(token).send().await {
        Ok(assumed) => assumed,
        Err(error) => {
            let said = |text: Option<&str>| text.unwrap_or_default().to_owned();
            return Ok(Err(format!("{}: {}", said(error.code()), said(error.message()))));
        }
    };
    let credentials = assumed.credentials.context("STS gave no credentials")?;
    let client = scene.aws.sts_with(
        &credentials.access_key_id,
        &credentials.secret_access_key,
        &credentials.session_token,
    );
    let caller = client
        .get_caller_identity()
        .send()
        .await
        .context("GetCallerIdentity")?;
    Ok(Ok(caller.arn.context("GetCallerIdentity returned no ARN")?))
}

/// That every running pod of a ServiceAccount carries an environment variable; how many there are.
pub async fn pods_carry(scene: &TestNamespace<'_>, account: &str, variable: &str) -> Result<usize> {
    let api: Api<Pod> = Api::namespaced(scene.client.clone(), &scene.namespace);
    let pods = api
        .list(&ListParams::default().labels(&format!("app={account}")))
        .await?;
    ensure!(!pods.items.is_empty(), "no pod of {account} is there");
    for pod in &pods.items {
        let name = pod.metadata.name.as_deref().unwrap_or_default();
        let spec = pod.spec.as_ref().context("a pod without a spec")?;
        let env = spec
            .containers
            .iter()
            .flat_map(|container| container.env.iter().flatten());
        if !env.into_iter().any(|found| found.name == variable) {
            bail!("pod {name} of {account} does not carry {variable}");
        }
    }
    Ok(pods.items.len())
}
