//! Ledger, faults, latency and throttling, before the real emulator.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use lanyard_testkit::gateway::{Fault, Service, Throttle};

use crate::aws::{Aws, PODS_TRUST};
use crate::gateway;

#[tokio::test]
async fn calls_are_recorded_with_their_subject() -> Result<()> {
    let (gateway, aws) = gateway().await?;
    let mark = gateway.ledger().mark();
    aws.pods_role("ledger").await?;
    aws.iam("GetRole", &[("RoleName", "ledger")]).await?.good()?;
    aws.iam("GetRole", &[("RoleName", "ledger-absent")])
        .await?
        .failed(404, "NoSuchEntity", "")?;
    let calls = gateway.ledger().since(mark);
    assert_eq!(
        (calls.count(), calls.writes().count(), calls.of("GetRole").count()),
        (3, 1, 2),
        "{calls}"
    );
    assert_eq!(
        (calls.about("ledger").count(), calls.failed().count()),
        (2, 1),
        "{calls}"
    );
    assert!(calls.to_string().contains("NoSuchEntity"), "{calls}");
    Ok(())
}

#[tokio::test]
async fn reset_precedes_and_dropped_answer_follows_the_call() -> Result<()> {
    let (gateway, aws) = gateway().await?;
    gateway
        .faults()
        .add(Fault::on("CreateRole").about("reset").nth(1).resets());
    assert!(aws.pods_role("reset").await.is_err());
    aws.iam("GetRole", &[("RoleName", "reset")])
        .await?
        .failed(404, "NoSuchEntity", "")?;

    let fault = gateway
        .faults()
        .add(Fault::on("CreateRole").about("swallowed").swallows_answer());
    assert!(aws.pods_role("swallowed").await.is_err());
    assert_eq!(fault.hits(), 1);
    aws.iam("GetRole", &[("RoleName", "swallowed")]).await?.good()?;
    Ok(())
}

#[tokio::test]
async fn injected_error_has_the_format_of_its_service() -> Result<()> {
    let (gateway, aws) = gateway().await?;
    gateway
        .faults()
        .add(Fault::on("GetRole").fails(500, "ServiceFailure", "later"));
    gateway.faults().add(Fault::on_any().to(Service::Eks).denies());
    aws.iam("GetRole", &[("RoleName", "any")])
        .await?
        .failed(500, "<Code>ServiceFailure</Code>", "later")?;
    let denied = aws.eks("GET", "/clusters/any", &serde_json::Value::Null).await?;
    denied.failed(403, "\"__type\":\"AccessDeniedException\"", "eks:DescribeCluster")?;
    Ok(())
}

#[tokio::test]
async fn stale_read_returns_previous_answer() -> Result<()> {
    let (gateway, aws) = gateway().await?;
    aws.iam("GetRole", &[("RoleName", "stale")])
        .await?
        .failed(404, "NoSuchEntity", "")?;
    aws.pods_role("stale").await?;
    gateway.faults().add(Fault::on("GetRole").first(1).serves_stale());
    aws.iam("GetRole", &[("RoleName", "stale")])
        .await?
        .failed(404, "NoSuchEntity", "")?;
    aws.iam("GetRole", &[("RoleName", "stale")]).await?.good()?;
    Ok(())
}

#[tokio::test]
async fn hooks_run_before_and_after_the_call() -> Result<()> {
    let (gateway, aws) = gateway().await?;
    let seen = Arc::new(AtomicUsize::new(0));
    let looks = |wanted: u16, seen: &Arc<AtomicUsize>| {
        let (url, seen) = (gateway.url(), Arc::clone(seen));
        move |call: lanyard_testkit::gateway::Call| {
            let (aws, seen) = (Aws::at(&url), Arc::clone(&seen));
            async move {
                let found = aws.iam("GetRole", &[("RoleName", "hooked")]).await;
                let expected = found.is_ok_and(|found| found.status == wanted) && call.is_about("hooked");
                seen.fetch_add(usize::from(expected), Ordering::SeqCst);
            }
        }
    };
    gateway
        .faults()
        .add(Fault::on("CreateRole").calls_before(looks(404, &seen)));
    gateway
        .faults()
        .add(Fault::on("CreateRole").calls_after(looks(200, &seen)));
    aws.iam(
        "CreateRole",
        &[("RoleName", "hooked"), ("AssumeRolePolicyDocument", PODS_TRUST)],
    )
    .await?
    .good()?;
    assert_eq!(seen.load(Ordering::SeqCst), 2);
    Ok(())
}

#[tokio::test]
async fn latency_is_added_and_rate_is_throttled() -> Result<()> {
    let (gateway, aws) = gateway().await?;
    gateway.set_latency(Duration::from_millis(80));
    let start = Instant::now();
    aws.iam("ListOpenIDConnectProviders", &[]).await?.good()?;
    assert!(start.elapsed() >= Duration::from_millis(80));

    gateway.set_latency(Duration::ZERO);
    gateway.set_throttles(vec![Throttle::calls(0.001).burst(1.0)]);
    aws.iam("ListOpenIDConnectProviders", &[]).await?.good()?;
    aws.iam("ListOpenIDConnectProviders", &[]).await?.failed(
        400,
        "<Code>Throttling</Code>",
        "Rate exceeded",
    )?;
    let throttled = aws.eks("GET", "/clusters/any", &serde_json::Value::Null).await?;
    throttled.failed(429, "ThrottlingException", "Rate exceeded")?;
    Ok(())
}

#[tokio::test]
async fn dropped_gateway_has_stopped() -> Result<()> {
    let (gateway, aws) = gateway().await?;
    drop(gateway);
    // The task ends as soon as the runtime gets to it.
    while aws.iam("ListOpenIDConnectProviders", &[]).await.is_ok() {
        tokio::task::yield_now().await;
    }
    Ok(())
}
