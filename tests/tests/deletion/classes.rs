//! Proves that `lanyard release` releases roles in the account that their class names, and releases a class after its last
//! identity. Does I/O.

use anyhow::{Result, ensure};
use kube::Api;
use lanyard_api::WorkloadIdentityClass;
use lanyard_tests::{Elsewhere, TestNamespace, holds, put_class};
use serde_json::{Value, json};

use crate::new_stage;
use crate::release::{RETAINED, release, report};
use crate::resources::spec;

const EXTERNAL_ID: &str = "prod-of-the-platform-team";

async fn has_finalizer(scene: &TestNamespace<'_>) -> Result<bool> {
    let class = Api::<WorkloadIdentityClass>::all(scene.client.clone())
        .get("afar")
        .await?;
    Ok(class.metadata.finalizers.is_some())
}

/// The classes of a report.
fn classes(report: &Value) -> Value {
    report.get("classes").cloned().unwrap_or_default()
}

#[tokio::test]
async fn roles_in_other_account_are_released_before_their_class() -> Result<()> {
    let stage = new_stage().await?;
    let (shop, bank) = (stage.scene("shop").await?, stage.scene("bank").await?);
    let there = Elsewhere::with_door(&stage.bed, EXTERNAL_ID).await?;
    put_class(&shop.client, "afar", true, Elsewhere::class(EXTERNAL_ID)).await?;
    for (scene, name) in [(&shop, "in-shop"), (&bank, "in-bank")] {
        scene.apply(name, spec(name, "IRSA")).await?;
        scene.until_ready(name).await?;
    }
    let classes_api = Api::<WorkloadIdentityClass>::all(shop.client.clone());
    let kept = |class: Option<&WorkloadIdentityClass>| {
        class.is_some_and(|class| class.metadata.finalizers.is_some())
    };
    let kept = kube::runtime::wait::await_condition(classes_api, "afar", kept);
    tokio::time::timeout(lanyard_tests::PATIENCE, kept).await??;
    ensure!(stage.stop(0).await?.success());

    // An identity of another namespace still follows the class.
    let some = release(&stage, &["--namespace", "shop", "--yes", "--output", "json"]).await?;
    ensure!(some.status.success(), "{some:?}");
    ensure!(classes(&report(&some)?) == json!([]), "{some:?}");
    ensure!(has_finalizer(&shop).await?);
    ensure!(there.aws.role_tags("in-shop").await?.keys().eq([RETAINED]));

    let shown = release(&stage, &["--all", "--output", "json"]).await?;
    ensure!(shown.status.code() == Some(2), "{shown:?}");
    let would = json!([{"name": "afar", "outcome": "wouldRelease"}]);
    ensure!(classes(&report(&shown)?) == would, "{shown:?}");
    ensure!(has_finalizer(&shop).await?);

    let done = release(&stage, &["--all", "--yes"]).await?;
    ensure!(done.status.success(), "{done:?}");
    let text = String::from_utf8_lossy(&done.stdout);
    holds(
        &text,
        &[
            "bank/in-bank: released",
            "class afar: released",
            "Lanyard's tags: 0.",
        ],
    )?;
    ensure!(!has_finalizer(&shop).await?);
    ensure!(there.aws.role_tags("in-bank").await?.keys().eq([RETAINED]));
    stage.bed.stop().await
}
