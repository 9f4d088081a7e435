//! Proves `verify`: the token of a ServiceAccount becomes its role, under a session policy that denies everything, and each
//! refusal is named. Does I/O.

use anyhow::{Result, ensure};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams};
use lanyard_core::proof::{DENY_ALL, PROBE_LABEL};
use lanyard_testkit::gateway::{Mark, Service};
use lanyard_tests::{Kubelet, TestEnv, TestEnvOptions, TestNamespace, eventually, holds};
use serde_json::json;

use crate::doctor::suspended;
use crate::run::{command, output_of, run, run_as};
use crate::stage;

/// The arguments for one object.
fn verify<'a>(scene: &'a TestNamespace<'_>, name: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [["verify", name, "-n", scene.namespace.as_str()].as_slice(), more].concat()
}

#[tokio::test]
async fn irsa_role_is_proved_under_a_session_policy() -> Result<()> {
    let stage = stage().await?;
    let scene = stage.scene("cli-verify").await?;
    let role = suspended(&scene, "verify-irsa", "IRSA").await?;
    let caller = "kubectl-lanyard-verify";
    let ran = run_as(
        &stage.bed,
        caller,
        &verify(&scene, "verify-irsa", &["-o", "json"]),
        "",
    )
    .await?;
    let report = ran.ended(0)?.json()?;
    let item = &report["items"][0];
    assert_eq!(item["verdict"], "proved", "{report:#}");
    holds(
        item["caller"].as_str().unwrap_or_default(),
        &[&role, "/lanyard-verify-"],
    )?;
    let calls = stage
        .bed
        .gateway
        .ledger()
        .since(Mark::default())
        .by(caller)
        .to(Service::Sts);
    let assumed = calls.of("AssumeRoleWithWebIdentity");
    ensure!(
        assumed.about(DENY_ALL).count() == 1,
        "no session policy: {assumed}"
    );
    Ok(())
}

#[tokio::test]
async fn proof_by_token_needs_no_aws_credentials_and_shows_no_secret() -> Result<()> {
    let scene = stage().await?.scene("cli-verify-bare").await?;
    suspended(&scene, "verify-bare", "IRSA").await?;
    for format in ["text", "wide", "json", "yaml", "name"] {
        let mut command = command(&scene.stage.bed, &verify(&scene, "verify-bare", &["-o", format]));
        command
            .env_remove("AWS_ACCESS_KEY_ID")
            .env_remove("AWS_SECRET_ACCESS_KEY");
        command.env_remove("LANYARD_CLUSTER_NAME");
        let ran = output_of(command, "").await?.ended(0)?;
        let all = format!("{}{}", ran.stdout, ran.stderr);
        for secret in ["eyJ", "ASIA", "AKIA", "SessionToken"] {
            ensure!(!all.contains(secret), "{secret} in {all}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn refusal_of_sts_is_named_in_every_format() -> Result<()> {
    let scene = stage().await?.scene("cli-verify-trust").await?;
    let bed = &scene.stage.bed;
    let name = "verify-trust";
    let role = suspended(&scene, name, "IRSA").await?;
    let other = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]});
    let update = scene.aws.iam.update_assume_role_policy().role_name(&role);
    update.policy_document(other.to_string()).send().await?;
    for format in ["text", "wide", "json", "yaml", "name"] {
        run(bed, &verify(&scene, name, &["-o", format]), "")
            .await?
            .ended(2)?;
    }
    let ran = run(bed, &verify(&scene, name, &[]), "").await?.ended(2)?;
    holds(
        &ran.stdout,
        &[
            "refuted",
            "AccessDenied",
            "kubectl lanyard doctor verify-trust -n cli-verify-trust",
        ],
    )?;
    scene.accounts().delete(name, &Default::default()).await?;
    let ran = run(bed, &verify(&scene, name, &[]), "").await?.ended(2)?;
    holds(&ran.stdout, &["LY101", "does not exist"])
}

#[tokio::test]
async fn missing_right_on_tokens_proves_nothing() -> Result<()> {
    let scene = stage().await?.scene("cli-verify-rights").await?;
    suspended(&scene, "verify-rights", "IRSA").await?;
    let bed = &scene.stage.bed;
    // The built-in role reads every object and may not create tokens.
    let mut kubectl = bed.kubectl();
    let binding = [
        "create",
        "rolebinding",
        "viewer",
        "--clusterrole",
        "view",
        "--user",
        "cli-viewer",
        "-n",
        &scene.namespace,
    ];
    ensure!(kubectl.args(binding).status()?.success(), "no binding");
    eventually("the right is granted", async || {
        let arguments = verify(&scene, "verify-rights", &["--as", "cli-viewer"]);
        Ok(run(bed, &arguments, "").await?.exit != Some(1))
    })
    .await?;
    let arguments = verify(&scene, "verify-rights", &["--as", "cli-viewer"]);
    let ran = run(bed, &arguments, "").await?.ended(3)?;
    holds(
        &ran.stdout,
        &["unknown", "serviceaccounts/token", "nothing is proved"],
    )
}

#[tokio::test]
async fn unanswered_call_of_sts_proves_nothing() -> Result<()> {
    let scene = stage().await?.scene("cli-verify-down").await?;
    suspended(&scene, "verify-down", "IRSA").await?;
    let mut command = command(&scene.stage.bed, &verify(&scene, "verify-down", &[]));
    command.env("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:9");
    let ran = output_of(command, "").await?.ended(3)?;
    holds(&ran.stdout, &["unknown", "nothing is proved"])
}

/// Applies an object with a created ServiceAccount, and waits until pods can get its role.
async fn bound(scene: &TestNamespace<'_>, name: &str, method: &str) -> Result<String> {
    let spec = json!({"method": method, "serviceAccount": {"create": true}, "role": {"managed": {}}});
    scene.apply(name, spec).await?;
    let object = scene.until_ready(name).await?;
    scene.role_of(&object)
}

#[tokio::test]
async fn probe_proves_both_methods_by_the_injected_environment() -> Result<()> {
    let stage = stage().await?;
    let scene = stage.scene("cli-probe").await?;
    let _kubelet = Kubelet::start(&stage.bed, &scene.namespace, crate::BINARY).await?;
    for (name, method, session) in [
        ("probe-pods", "PodIdentity", "/eks-lanyard-lanyard-probe-"),
        ("probe-irsa", "IRSA", "assumed-role"),
    ] {
        let role = bound(&scene, name, method).await?;
        let flags = ["--via", "probe", "--image", "lanyard:dev", "-o", "json"];
        let report = run(&stage.bed, &verify(&scene, name, &flags), "")
            .await?
            .ended(0)?
            .json()?;
        let item = &report["items"][0];
        assert_eq!(item["verdict"], "proved", "{report:#}");
        holds(item["caller"].as_str().unwrap_or_default(), &[&role, session])?;
    }
    let jobs: Api<Job> = Api::namespaced(scene.client.clone(), &scene.namespace);
    eventually("the Jobs are deleted", async || {
        Ok(jobs.list(&ListParams::default()).await?.items.is_empty())
    })
    .await
}

#[tokio::test]
async fn probe_names_the_answer_of_the_agent() -> Result<()> {
    let stage = stage().await?;
    let scene = stage.scene("cli-probe-none").await?;
    let _kubelet = Kubelet::start(&stage.bed, &scene.namespace, crate::BINARY).await?;
    let name = "probe-none";
    suspended(&scene, name, "PodIdentity").await?;
    let ids = scene.aws.associations(&scene.namespace, name).await?;
    // The pod is created with the association in effect, and EKS deletes it before the pod asks.
    let delete = scene
        .aws
        .eks
        .delete_pod_identity_association()
        .cluster_name("lanyard");
    delete.set_association_id(ids.first().cloned()).send().await?;
    let flags = ["--image", "lanyard:dev"];
    let ran = run(&stage.bed, &verify(&scene, name, &flags), "")
        .await?
        .ended(2)?;
    holds(&ran.stdout, &["refuted", "kubectl lanyard doctor probe-none"])
}

#[tokio::test]
async fn probe_is_no_pod_of_the_identity() -> Result<()> {
    let scene = stage().await?.scene("cli-probe-count").await?;
    let name = "probe-count";
    bound(&scene, name, "IRSA").await?;
    // Without a kubelet the probe runs until the command gives up, and stays with --keep.
    let flags = [
        "--via",
        "probe",
        "--image",
        "lanyard:dev",
        "--timeout",
        "3s",
        "--keep",
    ];
    let ran = run(&scene.stage.bed, &verify(&scene, name, &flags), "")
        .await?
        .ended(3)?;
    holds(&ran.stdout, &["unknown", "nothing is proved"])?;
    let pods: Api<Pod> = Api::namespaced(scene.client.clone(), &scene.namespace);
    let probes = pods.list(&ListParams::default().labels(PROBE_LABEL)).await?;
    assert_eq!(probes.items.len(), 1);
    let spec = json!({"method": "PodIdentity", "serviceAccount": {"create": true}, "role": {"managed": {}}});
    scene.apply(name, spec).await?;
    // With a pod of the identity, the transition would wait for that pod instead of asking.
    scene
        .until_is(name, "Transitioning", "True", "ApprovalRequired")
        .await?;
    Ok(())
}

#[tokio::test]
async fn without_an_agent_the_answer_is_judged() -> Result<()> {
    let stage = TestEnv::set(crate::BINARY, TestEnvOptions::default()).await?;
    let scene = stage.scene("cli-judged").await?;
    suspended(&scene, "judged", "PodIdentity").await?;
    scene.aws.remove_agent().await?;
    let ran = run(&stage.bed, &verify(&scene, "judged", &["-o", "json"]), "")
        .await?
        .ended(3)?;
    assert_eq!(ran.json()?["items"][0]["verdict"], "judged");
    let ids = scene.aws.associations(&scene.namespace, "judged").await?;
    let delete = scene
        .aws
        .eks
        .delete_pod_identity_association()
        .cluster_name("lanyard");
    delete.set_association_id(ids.first().cloned()).send().await?;
    let ran = run(&stage.bed, &verify(&scene, "judged", &[]), "")
        .await?
        .ended(2)?;
    holds(&ran.stdout, &["judged", "LY301"])?;
    drop(scene);
    stage.bed.stop().await
}
