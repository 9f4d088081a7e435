//! Proves `doctor` on real pods: each fault of a pod template is produced, found, fixed by the command that was printed, and not
//! found in the pods that follow. Does I/O.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::api::{Api, DeleteParams, Patch, PatchParams};
use lanyard_tests::{TestNamespace, eventually};
use serde_json::{Value, json};

use crate::doctor::{bound_and_suspended, suspended};
use crate::run::run;
use crate::stage;

/// The findings that are faults or warnings, by code, with their commands. Warnings that every test object has are left out.
async fn findings(scene: &TestNamespace<'_>, name: &str) -> Result<Vec<(String, String)>> {
    let arguments = ["doctor", name, "-n", &scene.namespace, "-o", "json"];
    let report = run(&scene.stage.bed, &arguments, "").await?.json()?;
    let findings = report["items"][0]["findings"].as_array().context("findings")?;
    let text = |finding: &Value, field: &str| finding[field].as_str().unwrap_or_default().to_owned();
    // The object is suspended, and its role has no policies.
    let expected = ["LY502", "LY403"];
    let reported = findings.iter().filter(|finding| {
        let level = text(finding, "level");
        (level == "fault" || level == "warning") && !expected.contains(&text(finding, "code").as_str())
    });
    Ok(reported
        .map(|finding| (text(finding, "code"), text(finding, "command")))
        .collect())
}

/// Waits until exactly this finding is reported. Returns its command.
async fn until_found(scene: &TestNamespace<'_>, name: &str, code: &str) -> Result<String> {
    let mut command = String::new();
    eventually(&format!("{code} is the only finding"), async || {
        let found = findings(scene, name).await?;
        let is_only = found.len() == 1 && found[0].0 == code;
        if is_only {
            command.clone_from(&found[0].1);
        }
        Ok(is_only)
    })
    .await?;
    Ok(command)
}

async fn until_healthy(scene: &TestNamespace<'_>, name: &str) -> Result<()> {
    eventually("no finding is left", async || {
        Ok(findings(scene, name).await?.is_empty())
    })
    .await
}

/// The words of a command as a shell reads them, with single quotes.
fn words(command: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for character in command.chars() {
        match (character, quoted) {
            ('\'', _) => quoted = !quoted,
            (' ', false) => words.push(String::new()),
            (other, _) => words.last_mut().unwrap().push(other),
        }
    }
    words
}

/// Runs a command of kubectl as it was printed.
fn follow(scene: &TestNamespace<'_>, command: &str) -> Result<()> {
    let words = words(command);
    let (program, arguments) = words.split_first().context("a command")?;
    ensure!(program == "kubectl", "{command}");
    let mut kubectl: Command = scene.stage.bed.kubectl();
    let output = kubectl.args(arguments).output()?;
    ensure!(output.status.success(), "{command}: {output:?}");
    Ok(())
}

/// Creates a Deployment of the ServiceAccount, or replaces its pod template.
async fn deploy(scene: &TestNamespace<'_>, name: &str, labels: Value, containers: Value) -> Result<()> {
    let mut own = json!({"app": name});
    for (key, value) in labels.as_object().context("labels")? {
        own[key] = value.clone();
    }
    let template = json!({
        "metadata": {"labels": own},
        "spec": {"serviceAccountName": name, "terminationGracePeriodSeconds": 0, "containers": containers},
    });
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {"selector": {"matchLabels": {"app": name}}, "template": template},
    });
    let api: Api<Deployment> = Api::namespaced(scene.client.clone(), &scene.namespace);
    drop(api.delete(name, &DeleteParams::foreground()).await);
    eventually("the previous Deployment is gone", async || {
        Ok(api.get_opt(name).await?.is_none())
    })
    .await?;
    let apply = PatchParams::apply("test").force();
    api.patch(name, &apply, &Patch::Apply(deployment)).await?;
    Ok(())
}

fn container(name: &str, env: &[(&str, &str)]) -> Value {
    let env: Vec<Value> = env
        .iter()
        .map(|(name, value)| json!({"name": name, "value": value}))
        .collect();
    json!({"name": name, "image": "registry.invalid/app", "env": env})
}

#[tokio::test]
async fn template_faults_are_fixed_by_the_printed_commands() -> Result<()> {
    let scene = stage().await?.scene("cli-doctor-template").await?;
    let name = "doctor-template";
    suspended(&scene, name, "PodIdentity").await?;
    deploy(&scene, name, json!({}), json!([container("app", &[])])).await?;
    until_healthy(&scene, name).await?;
    let web_identity = [
        ("AWS_ROLE_ARN", "arn:aws:iam::000000000000:role/legacy"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "/tokens/token"),
    ];
    let key = [("AWS_ACCESS_KEY_ID", "AKIA"), ("AWS_SECRET_ACCESS_KEY", "s")];
    let proxy = [
        ("HTTP_PROXY", "http://proxy:3128"),
        ("NO_PROXY", ".cluster.local"),
    ];
    type Fault<'a> = (&'a str, &'a [(&'a str, &'a str)], Value);
    let faults: [Fault<'_>; 4] = [
        ("LY106", &key, json!({})),
        ("LY105", &web_identity, json!({})),
        ("LY308", &proxy, json!({})),
        (
            "LY104",
            &[],
            json!({"eks.amazonaws.com/skip-pod-identity-webhook": "true"}),
        ),
    ];
    for (code, env, labels) in faults {
        deploy(&scene, name, labels, json!([container("app", env)])).await?;
        let command = until_found(&scene, name, code).await?;
        follow(&scene, &command)?;
        until_healthy(&scene, name).await?;
    }
    Ok(())
}

#[tokio::test]
async fn pods_before_the_binding_are_restarted() -> Result<()> {
    let scene = stage().await?.scene("cli-doctor-older").await?;
    let name = "doctor-older";
    scene.account(name).await?;
    deploy(&scene, name, json!({}), json!([container("app", &[])])).await?;
    eventually("the pod exists", async || {
        let pods: Api<k8s_openapi::api::core::v1::Pod> =
            Api::namespaced(scene.client.clone(), &scene.namespace);
        Ok(!pods.list(&Default::default()).await?.items.is_empty())
    })
    .await?;
    bound_and_suspended(&scene, name, "PodIdentity").await?;
    let command = until_found(&scene, name, "LY103").await?;
    follow(&scene, &command)?;
    until_healthy(&scene, name).await
}

#[tokio::test]
async fn warnings_are_fixed_by_the_printed_commands() -> Result<()> {
    let scene = stage().await?.scene("cli-doctor-warnings").await?;
    let name = "doctor-warnings";
    suspended(&scene, name, "PodIdentity").await?;
    let users = json!([
        {"name": "app", "image": "registry.invalid/app", "securityContext": {"runAsUser": 1000}},
        {"name": "side", "image": "registry.invalid/side", "securityContext": {"runAsUser": 2000}},
    ]);
    deploy(&scene, name, json!({}), users).await?;
    let command = until_found(&scene, name, "LY208").await?;
    follow(&scene, &command)?;
    until_healthy(&scene, name).await?;

    let deny = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "deny"},
        "spec": {"podSelector": {}, "policyTypes": ["Egress"]},
    });
    let policies: Api<NetworkPolicy> = Api::namespaced(scene.client.clone(), &scene.namespace);
    policies
        .patch("deny", &PatchParams::apply("test"), &Patch::Apply(deny))
        .await?;
    let command = until_found(&scene, name, "LY309").await?;
    follow(&scene, &command)?;
    until_healthy(&scene, name).await
}
