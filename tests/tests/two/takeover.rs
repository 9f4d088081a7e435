//! Takeover: a leader that dies is followed within its lease and not before, and whoever stands by leaves AWS alone.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use lanyard_testkit::gateway::{Calls, Mark};
use serde_json::json;

use crate::pair::{LEASE, Pair, RENEWAL};

/// Renewals in the time that a claim holds.
const RENEWALS: usize = 10;
/// What a loaded machine may take for a few calls.
const SLACK: Duration = Duration::from_secs(2);

#[tokio::test]
async fn a_dead_leader_is_followed_within_its_lease_and_not_before() -> Result<()> {
    let pair = Pair::new().await?;
    let scene = pair.stage.scene("shop").await?;
    scene
        .apply(
            "orders",
            json!({"method": "PodIdentity", "role": {"managed": {}}}),
        )
        .await?;
    scene.until_ready("orders").await?;
    let holder = pair.holder().await?.context("nobody holds the lease")?;
    let mark = pair.stage.bed.gateway.ledger().mark();

    let killed = Instant::now();
    pair.stage.killer(0)()?;
    let taken = pair.until_taken_from(&holder).await? - killed;
    // The last renewal was up to one interval, and one call, before the end.
    ensure!(taken + RENEWAL + SLACK > LEASE, "taken over after {taken:?}");
    ensure!(taken < LEASE + RENEWAL + SLACK, "taken over only after {taken:?}");
    pair.stage.until_leads(1, true).await?;

    scene
        .apply("carts", json!({"method": "PodIdentity", "role": {"managed": {}}}))
        .await?;
    scene.until_ready("carts").await?;
    let calls = pair.calls(1, mark).to_aws();
    let first = calls.entries().first().context("no call of AWS")?;
    ensure!(
        first.began >= killed + taken.saturating_sub(RENEWAL),
        "AWS was called before the lease was gained"
    );
    pair.stage.bed.stop().await
}

#[tokio::test]
async fn who_stands_by_watches_and_neither_writes_nor_calls_aws() -> Result<()> {
    let pair = Pair::new().await?;
    let scene = pair.stage.scene("shop").await?;
    for (n, method) in ["IRSA", "PodIdentity", "IRSA"].into_iter().enumerate() {
        let name = format!("orders-{n}");
        let spec = json!({"method": method, "serviceAccount": {"create": true}, "role": {"managed": {}}});
        scene.apply(&name, spec).await?;
        scene.until_ready(&name).await?;
        scene.delete(&name).await?;
    }
    // For as long as a claim holds, at least.
    let ledger = pair.stage.bed.gateway.ledger();
    let renewals = |calls: &Calls| calls.of("update leases").count() >= RENEWALS;
    tokio::time::timeout(LEASE * 5, ledger.until(Mark::default(), renewals)).await?;
    let [leader, other] = [0, 1].map(|number| pair.calls(number, Mark::default()));
    ensure!(leader.to_aws().count() > 0 && leader.deeds().count() > 0);
    ensure!(
        other.count() > 0 && other.to_aws().is_empty() && other.writes().is_empty(),
        "{other}"
    );
    pair.stage.bed.stop().await
}
