//! Proves that the standby takes over within the lease of a dead leader and not before, and that a standby makes no calls
//! of AWS. Does I/O.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lanyard_testkit::gateway::{Calls, Mark};
use serde_json::json;

use crate::pair::{LEASE, Pair, RENEWAL};

/// Number of renewals within one lease duration.
const RENEWALS: usize = 10;
/// Extra time of a loaded machine to detect the expiry and to make a call.
const SLACK: Duration = Duration::from_secs(5);

#[tokio::test]
async fn dead_leader_is_replaced_only_after_lease_expiry() -> Result<()> {
    let pair = Pair::new().await?;
    let scene = pair.stage.scene("shop").await?;
    scene
        .apply(
            "orders",
            json!({"method": "PodIdentity", "role": {"managed": {}}}),
        )
        .await?;
    scene.until_ready("orders").await?;
    let holder = pair.holder().await?.context("the lease has no holder")?;
    let mark = pair.stage.bed.gateway.ledger().mark();

    pair.stage.killer(0)()?;
    pair.until_taken_from(&holder).await?;
    pair.stage.until_leads(1, true).await?;
    scene
        .apply("carts", json!({"method": "PodIdentity", "role": {"managed": {}}}))
        .await?;
    scene.until_ready("carts").await?;

    // From the gateway's record, which no wait of this test delays: the lease is valid from its last renewal on.
    let renewals = pair.calls(0, Mark::default()).of("update leases");
    let renewed = renewals.entries().last().context("the lease was never renewed")?;
    let other = pair.calls(1, mark);
    let gained = other.of("update leases");
    let gained = gained.entries().first().context("the lease was never gained")?;
    let (least, most) = (renewed.began + LEASE, renewed.ended + LEASE + RENEWAL + SLACK);
    ensure!(gained.began + RENEWAL >= least, "taken over too early: {other}");
    ensure!(gained.began < most, "taken over too late: {other}");
    let calls = other.to_aws();
    let first = calls.entries().first().context("no call of AWS")?;
    ensure!(
        first.began >= gained.began,
        "AWS was called before the lease was gained"
    );
    pair.stage.bed.stop().await
}

#[tokio::test]
async fn standby_neither_writes_nor_calls_aws() -> Result<()> {
    let pair = Pair::new().await?;
    let scene = pair.stage.scene("shop").await?;
    for (n, method) in ["IRSA", "PodIdentity", "IRSA"].into_iter().enumerate() {
        let name = format!("orders-{n}");
        let spec = json!({"method": method, "serviceAccount": {"create": true}, "role": {"managed": {}}});
        scene.apply(&name, spec).await?;
        scene.until_ready(&name).await?;
        scene.delete(&name).await?;
    }
    // For at least one lease duration.
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
