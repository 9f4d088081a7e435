//! Proves that a class which this version cannot parse, as after an upgrade of the CRD, affects only its own identities:
//! they keep their binding, and all other identities are reconciled, also after a restart. Does I/O.

use anyhow::{Context, Result, ensure};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, DynamicObject, PostParams};
use kube::core::ApiResource;
use kube::runtime::wait::await_condition;
use lanyard_api::WorkloadIdentityClass;
use lanyard_tests::{PATIENCE, POLL, TestNamespace, condition, put_class, with};
use serde_json::{Value, json};

use crate::BINARY;
use crate::platform::{POLICY, allowing, stage};

/// Extends the CRD of classes by a provider that only a later version knows.
async fn extend_crd(scene: &TestNamespace<'_>) -> Result<()> {
    let crds = Api::<CustomResourceDefinition>::all(scene.client.clone());
    let name = "workloadidentityclasses.lanyard.dev";
    let mut crd = serde_json::to_value(crds.get(name).await?)?;
    let providers = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/provider/enum";
    let known = crd.pointer_mut(providers).and_then(Value::as_array_mut);
    known.context("the providers")?.push(json!("Borrow"));
    let renewed = serde_json::from_value(crd)?;
    crds.replace(name, &PostParams::default(), &renewed).await?;
    Ok(())
}

/// Waits until a class reports a reason. Its spec fits no Rust type of this version.
async fn until_reason(scene: &TestNamespace<'_>, name: &str, reason: &str) -> Result<()> {
    let resource = ApiResource::erase::<WorkloadIdentityClass>(&());
    let api: Api<DynamicObject> = Api::all_with(scene.client.clone(), &resource);
    let said = await_condition(api, name, |class: Option<&DynamicObject>| {
        let said = class.and_then(|class| class.data.pointer("/status/conditions/0/reason"));
        said.is_some_and(|said| said == reason)
    });
    tokio::time::timeout(PATIENCE, said).await??;
    Ok(())
}

#[tokio::test]
async fn unreadable_class_affects_only_its_identities() -> Result<()> {
    let stage = stage().await?;
    let scene = stage.scene("shop").await?;
    for class in ["newer", "platform"] {
        put_class(&scene.client, class, class == "platform", allowing(&[POLICY])).await?;
    }
    let spec = |class: &str, policies: &[&str]| json!({"className": class, "method": "PodIdentity", "role": {"managed": {"policyArns": policies}}});
    scene.apply("bills", spec("newer", &[POLICY])).await?;
    let role = scene.role_of(&scene.until_ready("bills").await?)?;

    extend_crd(&scene).await?;
    let newer = with(allowing(&[POLICY]), json!({"provider": "Borrow"}));
    // The API server needs a moment until it uses the new CRD.
    let begun = std::time::Instant::now();
    while let Err(error) = put_class(&scene.client, "newer", false, newer.clone()).await {
        ensure!(begun.elapsed() < PATIENCE, "{error:#}");
        tokio::time::sleep(POLL).await;
    }
    let frozen = scene
        .until_is("bills", "Stalled", "True", "ClassUnusable")
        .await?;
    let said = condition(&frozen, "Stalled").context("Stalled")?.message;
    ensure!(said.contains("newer") && said.contains("Borrow"), "{said}");
    ensure!(condition(&frozen, "Ready").is_some_and(|ready| ready.status == "True"));
    until_reason(&scene, "newer", "ClassUnusable").await?;

    // An operator that starts while the class is unreadable still serves all other identities.
    ensure!(stage.stop(0).await?.success());
    scene
        .aws
        .iam
        .detach_role_policy()
        .role_name(&role)
        .policy_arn(POLICY)
        .send()
        .await?;
    stage.operator(BINARY, "second", &[])?;
    scene.apply("orders", spec("platform", &[POLICY])).await?;
    scene.until_ready("orders").await?;
    scene.until_repaired("bills").await?;
    ensure!(scene.aws.attached(&role).await? == [POLICY]);
    stage.bed.stop().await
}
