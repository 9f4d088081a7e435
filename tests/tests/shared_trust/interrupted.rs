//! Proves that a statement is verified again after the operator was killed between its write and its read-back. Does I/O.

use anyhow::{Result, ensure};
use lanyard_testkit::gateway::Fault;
use lanyard_tests::{TestEnv, TestEnvOptions};

use crate::BINARY;
use crate::role::{make, members, owners, shared, write};

/// Another writer reads before the first operator writes, and writes its own version after the second operator has
/// reconciled. If that operator trusted the statement without verification, no repair would follow soon.
#[tokio::test]
async fn statement_of_killed_operator_is_verified_before_use() -> Result<()> {
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
    ensure!(taken_back.hits() == 1, "expected one overwritten statement");
    ensure!(members(&scene.aws, "sh-killed").await?.len() == 1);
    scene.delete("orders").await?;
    stage.bed.stop().await
}
