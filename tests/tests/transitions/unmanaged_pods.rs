//! Proves that pods which Lanyard cannot restart are named, keep their binding, and complete the change when they end. Does
//! I/O.

use anyhow::{Result, ensure};
use lanyard_tests::TestNamespace;

use crate::change::{fleet, only_pod_identity, plain, trust, until_done, until_message};
use crate::fleet::{bare_pod, delete_pod, end_job, job};
use crate::guard::Guard;
use crate::trust::{Form, allows};

/// Changes the method and waits until exactly one pod, which the message names, uses the old binding.
async fn until_last_pod(scene: &TestNamespace<'_>, named: &str, action: &str) -> Result<()> {
    scene.apply("orders", plain("PodIdentity", "Rollout")).await?;
    let words = format!(
        "does not: {named}. The old binding stays until it is replaced. Workloads to be replaced by a user: {named} ({action})."
    );
    until_message(scene, "Draining", &words).await?;
    let trust = trust(scene).await?;
    ensure!(
        allows(&trust, Form::WebIdentity),
        "{named} still needs it: {trust}"
    );
    Ok(())
}

#[tokio::test]
async fn bare_pod_is_awaited() -> Result<()> {
    let scene = fleet("bare", "IRSA").await?;
    bare_pod(&scene, "by-hand").await?;
    let guard = Guard::over(&scene);
    until_last_pod(&scene, "bare pods", "delete them and create them again").await?;
    delete_pod(&scene, "by-hand").await?;
    until_done(&scene).await?;
    guard.finish().await?;
    only_pod_identity(&scene, Form::Tagged).await
}

/// A restart would lose the work of a Job. Its pod uses no credentials after its end, deleted or not.
#[tokio::test]
async fn job_is_awaited() -> Result<()> {
    let scene = fleet("job", "IRSA").await?;
    job(&scene, "report").await?;
    let guard = Guard::over(&scene);
    until_last_pod(&scene, "Job report", "wait for its end, or delete it").await?;
    end_job(&scene, "report").await?;
    until_done(&scene).await?;
    guard.finish().await?;
    only_pod_identity(&scene, Form::Tagged).await
}
