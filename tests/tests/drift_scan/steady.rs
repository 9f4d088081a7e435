//! Proves that a scan of a steady fleet costs a few calls, independent of the number of identities, and writes nothing.
//! Does I/O.

use anyhow::{Context, Result, ensure};
use lanyard_testkit::gateway::Calls;
use lanyard_tests::PATIENCE;

use crate::{fleet, role_reads, roles_of, scans_pass, stage, until_checked};

/// Number of identities, half of each method.
const FLEET: usize = 50;

#[tokio::test]
async fn steady_fleet_scan_costs_few_calls_and_no_write() -> Result<()> {
    // An object is reconciled if no scan confirmed it for two intervals: the interval leaves time for a slow scan.
    let stage = stage("resync=10s,read-consistency=1s").await?;
    let scene = stage.scene("shop").await?;
    let names = fleet(&scene, FLEET).await?;
    until_checked(&stage, 0, FLEET).await?;
    let mut before = Vec::new();
    for name in &names {
        before.push(scene.identities().get(name).await?.metadata.resource_version);
    }

    // From the beginning of one scan to that of the third after it: two complete scans with the calls between them.
    scans_pass(&stage, 1).await?;
    let calls = scans_pass(&stage, 2).await?.by("lanyard");
    let aws = calls.to_aws();
    let of = |operation: &str| aws.of(operation).count();
    // Two hundred and fifty associations would still need three pages.
    let pages = of("GetAccountAuthorizationDetails") + of("ListRoles") + of("ListPodIdentityAssociations");
    ensure!(pages <= 7, "{aws}");
    ensure!(
        of("GetOpenIDConnectProvider") <= 2 && of("DescribeAddon") <= 2,
        "{aws}"
    );
    let described = of("DescribePodIdentityAssociation");
    ensure!(
        described >= FLEET / 2,
        "expected one describe call per association: {aws}"
    );
    let rest = aws.count() - pages - of("GetOpenIDConnectProvider") - of("DescribeAddon") - described;
    ensure!(rest == 0, "a single object was reconciled: {aws}");
    ensure!(calls.deeds().is_empty(), "unexpected writes: {}", calls.deeds());

    for (name, before) in names.iter().zip(before) {
        let now = scene.identities().get(name).await?.metadata.resource_version;
        ensure!(now == before, "{name} was written");
    }
    let (_, metrics) = stage.asks(0, "/metrics").await?;
    let complete = metrics
        .lines()
        .find(|line| line.starts_with(r#"lanyard_drift_scans_total{outcome="complete"}"#));
    complete.context("no scan was complete")?;
    stage.bed.stop().await
}

#[tokio::test]
async fn steady_object_is_resynced_without_writes() -> Result<()> {
    let stage = stage("resync=2s,read-consistency=1s,full-resync=8s").await?;
    let scene = stage.scene("shop").await?;
    let names = fleet(&scene, 6).await?;
    until_checked(&stage, 0, names.len()).await?;
    let (ledger, roles) = (stage.bed.gateway.ledger(), roles_of(&scene, &names).await?);
    let mark = ledger.mark();
    let all = |calls: &Calls| roles.iter().all(|role| role_reads(calls, role) >= 2);
    let seen = tokio::time::timeout(PATIENCE, ledger.until(mark, all)).await;
    let calls = seen
        .context("not every identity was reconciled twice")?
        .by("lanyard");
    ensure!(calls.deeds().is_empty(), "{}", calls.deeds());
    stage.bed.stop().await
}
