//! Proves that the next reconciliation completes an adoption after the operator was killed right after it tagged the role,
//! and after lost answers. Does I/O.

use anyhow::{Result, ensure};
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{Api, DeleteParams};
use lanyard_testkit::gateway::Fault;
use lanyard_tests::{TestEnv, eventually};

use crate::foreign_role::{PATH, REQUESTED, contents, make, memberships, named, own_tags, request_adoption};
use crate::{BINARY, TIMINGS};

const ROLE: &str = "torn";

#[tokio::test]
async fn adoption_continues_after_kill_and_lost_answers() -> Result<()> {
    let stage = TestEnv::behind_gateway(BINARY, TIMINGS).await?;
    let scene = stage.scene("shop").await?;
    let arn = make(&scene.aws, PATH, ROLE, &[("managed-by", "terraform")]).await?;
    let before = contents(&scene.aws, ROLE).await?;
    scene.account("orders").await?;

    let (kill, faults) = (stage.killer(0), stage.bed.gateway.faults());
    let strike = Fault::on("TagRole").about(ROLE).nth(1);
    let struck = faults.add(strike.calls_after(move |_| {
        // Fails only for an operator that was never started.
        drop(kill());
        std::future::ready(())
    }));
    let lost = ["AttachRolePolicy", "UpdateAssumeRolePolicy"];
    let lost = lost.map(|operation| faults.add(Fault::on(operation).about(ROLE).nth(1).swallows_answer()));
    request_adoption(&scene, "orders", &arn, named(ROLE, "PodIdentity")).await?;
    eventually("the role has Lanyard's tags", async || {
        Ok(!own_tags(&scene.aws, ROLE).await?.is_empty())
    })
    .await?;
    ensure!(struck.hits() == 1);
    ensure!(
        contents(&scene.aws, ROLE).await? == before,
        "the adoption tag must be written first"
    );

    let leases: Api<Lease> = Api::namespaced(scene.client.clone(), "kube-system");
    leases.delete("lanyard", &DeleteParams::default()).await?;
    stage.operator(BINARY, "lanyard-1", &[])?;
    scene.until_ready("orders").await?;
    ensure!(lost.iter().all(|fault| fault.hits() == 1));
    ensure!(own_tags(&scene.aws, ROLE).await?.len() == 4);
    ensure!(contents(&scene.aws, ROLE).await? == before.and(REQUESTED));
    scene.delete("orders").await?;
    ensure!(memberships(&scene.aws, ROLE).await? == 0);
    ensure!(own_tags(&scene.aws, ROLE).await? == ["lanyard.dev/retained"]);
    stage.bed.stop().await
}
