//! Proves that twenty identities of two clusters can be created and deleted on one role at once, while AWS throttles and an
//! operator is killed: finally the trust policy lists exactly the existing identities, and the owner's statements are
//! unchanged. Does I/O.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use futures::future::try_join_all;
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{Api, DeleteParams};
use lanyard_testkit::gateway::{Fault, Throttle};
use lanyard_tests::{POLL, TestEnv, TestEnvOptions, TestNamespace};

use crate::BINARY;
use crate::role::{make, members, of_owner, owners, shared};

const ROLE: &str = "crowd";
/// With IRSA an object that was Ready is not reconciled again soon, so a lost statement would stay lost.
const METHOD: &str = "IRSA";
/// Identities of each cluster.
const PER_CLUSTER: usize = 10;
/// Rounds in which half of the identities are deleted and created again.
const ROUNDS: usize = 3;
/// Timeout until the policy lists exactly the existing identities after all conditions report success.
const LIST_TIMEOUT: Duration = Duration::from_secs(20);

/// One of the two clusters.
struct ClusterSide<'a> {
    scene: &'a TestNamespace<'a>,
    arn: &'a str,
}

impl ClusterSide<'_> {
    fn name(number: usize) -> String {
        format!("s{number}")
    }

    async fn create(&self, numbers: impl Iterator<Item = usize>) -> Result<()> {
        let create = |number| async move {
            let spec = shared(self.arn, METHOD);
            self.scene.apply(&Self::name(number), spec).await
        };
        try_join_all(numbers.map(create)).await.map(drop)
    }

    async fn delete(&self, numbers: impl Iterator<Item = usize>) -> Result<()> {
        let delete = |number| async move {
            let name = Self::name(number);
            self.scene
                .identities()
                .delete(&name, &DeleteParams::default())
                .await?;
            anyhow::Ok(())
        };
        try_join_all(numbers.map(delete)).await.map(drop)
    }

    async fn until_gone(&self, numbers: impl Iterator<Item = usize>) -> Result<()> {
        let gone = |number| async move { self.scene.until_gone(&Self::name(number)).await };
        try_join_all(numbers.map(gone)).await.map(drop)
    }

    async fn until_ready(&self) -> Result<()> {
        let ready = |number| async move { self.scene.until_ready(&Self::name(number)).await };
        try_join_all((0..PER_CLUSTER).map(ready)).await.map(drop)
    }

    /// Deletes and creates half of the identities, with another half in each round.
    async fn churn(&self) -> Result<()> {
        self.create(0..PER_CLUSTER).await?;
        for round in 0..ROUNDS {
            let half = || (0..PER_CLUSTER).filter(move |number| number % 2 == round % 2);
            self.delete(half()).await?;
            self.until_gone(half()).await?;
            self.create(half()).await?;
        }
        self.until_ready().await
    }

    /// The names that the policy must list.
    fn listed(&self) -> BTreeSet<String> {
        let namespace = &self.scene.namespace;
        let name = |number| format!("system:serviceaccount:{namespace}:{}", Self::name(number));
        (0..PER_CLUSTER).map(name).collect()
    }
}

/// Kills the operator of an environment at a write in the middle of the test, and starts another one.
async fn killed_once(stage: &TestEnv, scene: &TestNamespace<'_>) -> Result<()> {
    let (kill, fell) = (stage.killer(0), std::sync::Arc::new(tokio::sync::Notify::new()));
    let notify = std::sync::Arc::clone(&fell);
    let strike = Fault::on("UpdateAssumeRolePolicy").about(ROLE).nth(7);
    stage.bed.gateway.faults().add(strike.calls_after(move |_| {
        // Fails only for an operator that was never started.
        drop(kill());
        notify.notify_one();
        std::future::ready(())
    }));
    fell.notified().await;
    let leases: Api<Lease> = Api::namespaced(scene.client.clone(), "kube-system");
    leases.delete("lanyard", &DeleteParams::default()).await?;
    stage.operator(BINARY, "lanyard-1", &[])
}

/// Waits until the policy lists exactly these names.
async fn until_listed(scene: &TestNamespace<'_>, wanted: &BTreeSet<BTreeSet<String>>) -> Result<()> {
    let begun = Instant::now();
    loop {
        let found: BTreeMap<String, BTreeSet<String>> = members(&scene.aws, ROLE).await?;
        let lists: BTreeSet<BTreeSet<String>> = found.values().cloned().collect();
        if lists == *wanted {
            return Ok(());
        }
        if begun.elapsed() > LIST_TIMEOUT {
            bail!("the policy lists {found:#?}, expected {wanted:#?}");
        }
        tokio::time::sleep(POLL).await;
    }
}

#[tokio::test]
async fn concurrent_subjects_are_kept_and_owner_is_unchanged() -> Result<()> {
    let here = TestEnv::set(BINARY, TestEnvOptions::default()).await?;
    let there = here
        .beside("harbour", BINARY, TestEnvOptions::default().second())
        .await?;
    let scenes = (here.scene("crowd-a").await?, there.scene("crowd-b").await?);
    let arn = make(&scenes.0.aws, ROLE, &owners()).await?;
    here.bed.gateway.set_latency(Duration::from_millis(50));
    here.bed.gateway.set_throttles(vec![Throttle::writes(20.0)]);
    let ours = ClusterSide {
        scene: &scenes.0,
        arn: &arn,
    };
    let theirs = ClusterSide {
        scene: &scenes.1,
        arn: &arn,
    };
    let churn = async { tokio::try_join!(ours.churn(), theirs.churn(), killed_once(&here, &scenes.0)) };
    churn.await.context("during the churn")?;
    let wanted = [ours.listed(), theirs.listed()];
    until_listed(&scenes.0, &wanted.into()).await?;
    assert_eq!(of_owner(&scenes.0.aws, ROLE).await?, owners());

    for side in [&ours, &theirs] {
        side.delete(0..PER_CLUSTER).await?;
    }
    tokio::try_join!(ours.until_gone(0..PER_CLUSTER), theirs.until_gone(0..PER_CLUSTER))?;
    until_listed(&scenes.0, &BTreeSet::new()).await?;
    assert_eq!(of_owner(&scenes.0.aws, ROLE).await?, owners());
    Ok(())
}
