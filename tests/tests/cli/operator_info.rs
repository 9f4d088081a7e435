//! Proves that the operator describes its cluster once, to every authenticated user, and that the command line uses it, unless
//! it describes another cluster. Does I/O.

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, ObjectMeta, PostParams};
use lanyard_core::model::arn::Issuer;
use lanyard_core::model::operator_info::{CONFIG_MAP, OperatorInfo};
use lanyard_testkit::gateway::{Mark, Service};
use lanyard_tests::{TestEnv, eventually, holds, rights};
use serde_json::json;

use crate::run::{Ran, command, output_of, run};
use crate::stage;

/// Waits for the description of the operator.
async fn described(stage: &TestEnv) -> Result<OperatorInfo> {
    let api: Api<ConfigMap> = Api::namespaced(stage.bed.client().await?, rights::NAMESPACE);
    eventually("the operator describes itself", async || {
        Ok(api.get_opt(CONFIG_MAP).await?.is_some())
    })
    .await?;
    let map = api.get(CONFIG_MAP).await?;
    Ok(OperatorInfo::of_data(&map.data.context("data")?)?)
}

/// Runs the program without a name of the cluster in its environment.
async fn run_unnamed(stage: &TestEnv, arguments: &[&str]) -> Result<Ran> {
    let mut command = command(&stage.bed, arguments);
    command
        .env_remove("LANYARD_CLUSTER_NAME")
        .env_remove("AWS_REGION")
        .env_remove("AWS_DEFAULT_REGION");
    output_of(command, "").await
}

#[tokio::test]
async fn operator_describes_the_cluster_once() -> Result<()> {
    let stage = stage().await?;
    let info = described(stage).await?;
    assert_eq!(
        info.cluster.eks_name().map(ToString::to_string).as_deref(),
        Some("lanyard")
    );
    assert!(!info.require_class && !info.read_only);
    let scene = stage.scene("cli-info-once").await?;
    let spec = json!({"method": "IRSA", "serviceAccount": {"create": true}, "role": {"managed": {}}});
    scene.apply("info-once", spec).await?;
    scene.until_ready("info-once").await?;
    let ledger = stage.bed.gateway.ledger().since(Mark::default()).by("lanyard");
    let calls = ledger.to(Service::Kubernetes);
    let written = calls
        .entries()
        .iter()
        .filter(|entry| entry.call.operation == "patch configmaps");
    assert_eq!(written.count(), 1);
    Ok(())
}

#[tokio::test]
async fn cluster_is_known_without_flags_and_without_aws() -> Result<()> {
    let stage = stage().await?;
    let info = described(stage).await?;
    let scene = stage.scene("cli-info").await?;
    let spec = json!({"method": "IRSA", "serviceAccount": {"create": true}, "role": {"managed": {}}});
    scene.apply("info", spec).await?;
    scene.until_ready("info").await?;
    for flags in [["-v"].as_slice(), &["-v", "--no-aws"]] {
        let arguments = [["plan", "info", "-n", "cli-info", "-o", "json"].as_slice(), flags].concat();
        let ran = run_unnamed(stage, &arguments).await?;
        let report = ran.json()?;
        assert_eq!(
            report["cluster"]["identity"],
            info.cluster.identity.as_str(),
            "{flags:?}"
        );
        holds(&ran.stderr, &["lanyard-system/lanyard-info: cluster arn:aws:eks"])?;
    }
    Ok(())
}

#[tokio::test]
async fn description_is_readable_by_any_authenticated_user() -> Result<()> {
    let stage = stage().await?;
    described(stage).await?;
    let arguments = ["plan", "x", "-n", "default", "-v", "--as", "cli-guest"];
    // Names are looked up first, so that an object of another cluster is not taken for this one's.
    let ran = run_unnamed(stage, &arguments).await?.ended(1)?;
    holds(&ran.stderr, &["cannot get"])?;
    let kubectl = [
        "get",
        "configmap",
        CONFIG_MAP,
        "-n",
        rights::NAMESPACE,
        "--as",
        "cli-guest",
    ];
    let mut as_user = stage.bed.kubectl();
    let output = as_user.args(kubectl).output()?;
    assert!(output.status.success(), "{output:?}");
    Ok(())
}

#[tokio::test]
async fn description_of_another_cluster_ends_the_command() -> Result<()> {
    let stage = stage().await?;
    let mut info = described(stage).await?;
    let scene = stage.scene("cli-info-other").await?;
    let spec = json!({"method": "IRSA", "serviceAccount": {"create": true}, "role": {"managed": {}}});
    scene.apply("info-other", spec).await?;
    info.cluster.issuer = Issuer::parse("https://oidc.eks.eu-west-1.amazonaws.com/id/OTHER")?;
    let map = ConfigMap {
        metadata: ObjectMeta {
            name: Some(CONFIG_MAP.to_owned()),
            ..ObjectMeta::default()
        },
        data: Some(info.to_data()),
        ..ConfigMap::default()
    };
    let maps: Api<ConfigMap> = Api::namespaced(scene.client.clone(), &scene.namespace);
    maps.create(&PostParams::default(), &map).await?;
    let flags = [
        "plan",
        "info-other",
        "-n",
        "cli-info-other",
        "--operator-namespace",
        "cli-info-other",
    ];
    let ran = run_unnamed(stage, &flags).await?.ended(1)?;
    holds(
        &ran.stderr,
        &["ConfigMap cli-info-other/lanyard-info describes", "id/OTHER"],
    )?;
    assert_eq!(ran.stdout, "");
    // A flag names the cluster instead.
    run(&stage.bed, &flags, "").await?.ended(0)?;
    Ok(())
}
