//! Killed between writing and reading back: what stands in the policy then was seen to last by nobody.

use anyhow::{Result, ensure};
use lanyard_testkit::gateway::Fault;
use lanyard_tests::{TestEnv, TestEnvOptions};

use crate::BINARY;
use crate::role::{make, members, owners, shared, write};

/// A writer elsewhere has read before the first operator wrote, and writes what it made of that when the second has reconciled:
/// if that believed the statement for standing there, nothing would mend it soon.
#[tokio::test]
async fn what_a_killed_operator_has_written_is_proven_before_anything_rests_on_it() -> Result<()> {
    let stage = TestEnv::set(BINARY, TestEnvOptions::default()).await?;
    let scene = stage.scene("sh-killed").await?;
    let arn = make(&scene.aws, "sh-killed", &owners()).await?;
    let writes = Fault::on("UpdateAssumeRolePolicy").about("sh-killed").nth(1);
    let killed = stage.kills_at(0, writes);
    scene.apply("orders", shared(&arn, "IRSA")).await?;
    killed.await?;

    let aws = scene.aws.clone();
    let reads = Fault::on("GetRole").about("sh-killed").nth(2);
    let taken_back = stage.bed.gateway.faults().add(reads.calls_after(move |_| {
        let aws = aws.clone();
        async move {
            let wrote = write(&aws, "sh-killed", &owners()).await;
            assert!(wrote.is_ok(), "{wrote:?}");
        }
    }));
    stage.succeed(BINARY, "second").await?;
    scene.until_ready("orders").await?;
    ensure!(taken_back.hits() == 1, "nobody reconciled twice");
    ensure!(members(&scene.aws, "sh-killed").await?.len() == 1);
    scene.delete("orders").await?;
    stage.bed.stop().await
}
