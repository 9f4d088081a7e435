//! Proves the modes of the operator, each on an environment of its own: read-only, without CRDs, with a standby, and during
//! shutdown. Needs the test bed; does I/O.

use anyhow::{Context, Result, ensure};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, DeleteParams};
use kube::runtime::wait::await_condition;
use lanyard_tests::{PATIENCE, TestEnv, TestEnvOptions, TestNamespace, condition, put_class};
use serde_json::{Value, json};

const BINARY: &str = env!("CARGO_BIN_EXE_lanyard-under-test");

fn spec() -> Value {
    json!({"method": "PodIdentity", "role": {"managed": {}}})
}

/// An environment whose operator has one additional argument.
async fn stage(argument: &'static str) -> Result<TestEnv> {
    let options = TestEnvOptions {
        arguments: vec![argument],
        ..TestEnvOptions::default()
    };
    TestEnv::set(BINARY, options).await
}

#[tokio::test]
async fn read_only_reports_plan_and_writes_nothing() -> Result<()> {
    let stage = stage("--read-only").await?;
    let scene = stage.scene("shop").await?;
    let mark = stage.bed.gateway.ledger().mark();
    scene.apply("orders", spec()).await?;
    let object = scene.until_is("orders", "Stalled", "True", "ReadOnly").await?;
    let message = condition(&object, "Stalled").context("Stalled")?.message;
    assert!(message.contains("Pending step: "), "{message}");
    assert_eq!(object.metadata.finalizers, None);
    assert!(stage.bed.gateway.ledger().since(mark).writes().is_empty());
    stage.bed.stop().await
}

#[tokio::test]
async fn required_class_missing_blocks_all_identities() -> Result<()> {
    let stage = stage("--require-class").await?;
    let scene = stage.scene("shop").await?;
    let mark = stage.bed.gateway.ledger().mark();
    scene.apply("orders", spec()).await?;
    let object = scene
        .until_is("orders", "Stalled", "True", "NoDefaultClass")
        .await?;
    let message = condition(&object, "Stalled").context("Stalled")?.message;
    assert!(message.contains("--require-class"), "{message}");
    assert!(stage.bed.gateway.ledger().since(mark).writes().is_empty());
    let open = json!({"guardrails": {"namespaceSelector": {}, "methods": ["PodIdentity"]}});
    put_class(&scene.client, "platform", true, open).await?;
    scene.until_ready("orders").await?;
    stage.bed.stop().await
}

/// While the CRD of classes is missing, as during a restore, it is unknown which limits apply.
#[tokio::test]
async fn identities_wait_until_the_crd_of_classes_exists() -> Result<()> {
    let options = TestEnvOptions {
        without_crds: true,
        ..TestEnvOptions::default()
    };
    let stage = TestEnv::set(BINARY, options).await?;
    stage.bed.apply_crds().await?;
    ensure!(stage.stop(0).await?.success());
    let scene = stage.scene("shop").await?;
    let crds = Api::<CustomResourceDefinition>::all(scene.client.clone());
    let classes = "workloadidentityclasses.lanyard.dev";
    crds.delete(classes, &DeleteParams::default()).await?;
    let gone = await_condition(crds, classes, |crd: Option<&CustomResourceDefinition>| {
        crd.is_none()
    });
    tokio::time::timeout(PATIENCE, gone).await??;
    stage.operator(BINARY, "second", &[])?;
    let waits = |status, body: &str| status == 503 && body.contains(classes);
    stage.until_answers(1, "/readyz", waits).await?;
    let mark = stage.bed.gateway.ledger().mark();
    scene.apply("orders", spec()).await?;
    stage.until_leads(1, true).await?;
    stage.until_answers(1, "/readyz", waits).await?;
    let writes = stage.bed.gateway.ledger().since(mark).writes();
    ensure!(writes.is_empty(), "{writes}");

    stage.bed.apply_crds().await?;
    scene.until_ready("orders").await?;
    stage.bed.stop().await
}

#[tokio::test]
async fn missing_crds_are_awaited_and_reported() -> Result<()> {
    let stage = TestEnv::set(
        BINARY,
        TestEnvOptions {
            without_crds: true,
            ..TestEnvOptions::default()
        },
    )
    .await?;
    let waits = |status, body: &str| status == 503 && body.contains("apply crds/");
    stage.until_answers(0, "/readyz", waits).await?;
    stage
        .until_answers(0, "/healthz", |status, _| status == 200)
        .await?;
    stage.bed.apply_crds().await?;
    stage
        .until_answers(0, "/readyz", |status, _| status == 200)
        .await?;
    let scene = stage.scene("shop").await?;
    scene.apply("orders", spec()).await?;
    scene.until_ready("orders").await?;
    stage.bed.stop().await
}

#[tokio::test]
async fn standby_is_ready_makes_no_calls_and_takes_over() -> Result<()> {
    let stage = TestEnv::set(BINARY, TestEnvOptions::default()).await?;
    let scene = stage.scene("shop").await?;
    scene.apply("orders", spec()).await?;
    scene.until_ready("orders").await?;
    stage
        .until_answers(0, "/readyz", |status, _| status == 200)
        .await?;
    let mark = stage.bed.gateway.ledger().mark();
    stage.operator(BINARY, "standby", &[])?;
    stage
        .until_answers(1, "/readyz", |status, _| status == 200)
        .await?;
    assert!(
        stage.bed.gateway.ledger().since(mark).by("standby").is_empty(),
        "the standby called AWS"
    );

    assert!(stage.stop(0).await?.success(), "a requested stop must succeed");
    scene.apply("carts", spec()).await?;
    scene.until_ready("carts").await?;
    stage.bed.stop().await
}

#[tokio::test]
async fn metrics_contain_no_object_names() -> Result<()> {
    let stage = TestEnv::set(BINARY, TestEnvOptions::default()).await?;
    let scene: TestNamespace<'_> = stage.scene("telltale-namespace").await?;
    scene.apply("telltale-name", spec()).await?;
    scene.until_ready("telltale-name").await?;
    let (status, metrics) = stage.asks(0, "/metrics").await?;
    assert_eq!(status, 200);
    for wanted in [
        "operation=\"CreateRole\"",
        "step=\"CreateAssociation\"",
        "condition=\"Ready\"",
    ] {
        assert!(metrics.contains(wanted), "{wanted} is missing:\n{metrics}");
    }
    assert!(
        !metrics.contains("telltale"),
        "an object's name is in a label:\n{metrics}"
    );
    stage.bed.stop().await
}

#[tokio::test]
async fn missing_agent_is_reported_and_blocks_binding() -> Result<()> {
    let stage = TestEnv::set(BINARY, TestEnvOptions::default()).await?;
    let scene = stage.scene("shop").await?;
    scene.aws.remove_agent().await?;
    scene.apply("orders", spec()).await?;
    let object = scene
        .until_is("orders", "BindingReady", "False", "AgentNotReady")
        .await?;
    let message = condition(&object, "BindingReady")
        .context("BindingReady")?
        .message;
    assert!(message.contains("eks-pod-identity-agent"), "{message}");
    assert!(scene.aws.associations("shop", "orders").await?.is_empty());
    scene.aws.install_agent().await?;
    scene.request_reconcile("orders").await?;
    scene.until_ready("orders").await?;
    stage.bed.stop().await
}

#[tokio::test]
async fn allowed_agent_installation_happens_on_first_binding() -> Result<()> {
    let options = TestEnvOptions {
        arguments: vec!["--pod-identity-agent", "Ensure"],
        timings: "waiting=1s",
        ..TestEnvOptions::default()
    };
    let stage = TestEnv::set(BINARY, options).await?;
    let scene = stage.scene("shop").await?;
    scene.aws.remove_agent().await?;
    let ledger = stage.bed.gateway.ledger();
    let mark = ledger.mark();
    scene.account("carts").await?;
    scene
        .apply("carts", json!({"method": "IRSA", "role": {"managed": {}}}))
        .await?;
    scene.until_ready("carts").await?;
    assert!(
        ledger.since(mark).of("CreateAddon").is_empty(),
        "IRSA must not install the agent"
    );
    for name in ["orders", "users"] {
        scene.apply(name, spec()).await?;
    }
    for name in ["orders", "users"] {
        scene.until_ready(name).await?;
    }
    let installed = ledger.since(mark).of("CreateAddon");
    assert!(!installed.is_empty(), "the add-on was not installed");
    scene.delete("orders").await?;
    scene.delete("users").await?;
    assert!(
        ledger.since(mark).of("DeleteAddon").is_empty(),
        "the add-on must stay installed"
    );
    stage.bed.stop().await
}

/// Auto Mode includes the agent, and users switch it on in a running cluster.
#[tokio::test]
async fn auto_mode_switched_on_replaces_the_add_on() -> Result<()> {
    let stage = TestEnv::set(BINARY, TestEnvOptions::default()).await?;
    let scene = stage.scene("shop").await?;
    scene.apply("orders", spec()).await?;
    scene.until_ready("orders").await?;
    stage.bed.gateway.set_auto_mode(true);
    scene.aws.remove_agent().await?;
    scene.reconciled("orders").await?;
    scene.until_ready("orders").await?;
    scene.apply("users", spec()).await?;
    scene.until_ready("users").await?;

    stage.bed.gateway.set_auto_mode(false);
    scene.request_reconcile("orders").await?;
    scene
        .until_is("orders", "BindingReady", "False", "AgentNotReady")
        .await?;
    stage.bed.stop().await
}
