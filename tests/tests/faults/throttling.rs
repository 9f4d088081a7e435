//! Proves behaviour at a low rate limit: AWS allows far fewer writes than the new identities need. All become ready, every
//! throttled write is retried, and no status and no event mentions throttling. Does I/O.

use std::sync::{Arc, Mutex};

use anyhow::{Result, ensure};
use futures::future::try_join_all;
use futures::{StreamExt, pin_mut};
use k8s_openapi::api::events::v1::Event;
use kube::api::{Api, ListParams};
use kube::runtime::{WatchStreamExt, watcher};
use lanyard_api::WorkloadIdentity;
use lanyard_testkit::gateway::{Calls, Throttle};
use lanyard_tests::{TestEnv, TestNamespace, eventually};
use serde_json::{Value, json};

use crate::BINARY;

/// The number of identities, and the allowed writes per second with a burst of the same size.
const IDENTITIES: usize = 12;
const ALLOWED: f64 = 10.0;
const READ_ONLY: &str = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";

fn spec() -> Value {
    let document = json!({"Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}]});
    json!({"method": "PodIdentity", "serviceAccount": {"create": true}, "role": {"managed": {
        "policyArns": [READ_ONLY], "inlinePolicies": [{"name": "queue", "document": document}]}}})
}

/// Records every observed status, as text.
fn watch(api: Api<WorkloadIdentity>) -> Arc<Mutex<Vec<String>>> {
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let statuses_seen = Arc::clone(&seen);
    tokio::spawn(async move {
        let statuses = watcher(api, watcher::Config::default()).default_backoff();
        let statuses = statuses.applied_objects();
        pin_mut!(statuses);
        while let Some(event) = statuses.next().await {
            // The API server rejects a watch while it fills its cache. The watcher tries again.
            let Ok(object) = event else { continue };
            let status = serde_json::to_string(&object.status).unwrap_or_default();
            if let Ok(mut statuses_seen) = statuses_seen.lock() {
                statuses_seen.push(status);
            }
        }
    });
    seen
}

fn throttled(calls: &Calls) -> usize {
    let codes = calls.entries().iter().filter_map(|entry| entry.code.as_deref());
    codes.filter(|code| code.starts_with("Throttling")).count()
}

async fn becomes_ready(scene: &TestNamespace<'_>, name: &str) -> Result<()> {
    scene.apply(name, spec()).await?;
    scene.until_ready(name).await.map(drop)
}

#[tokio::test]
async fn throttled_creations_succeed_without_reporting_throttling() -> Result<()> {
    let stage = TestEnv::behind_gateway(BINARY, "").await?;
    let scene = stage.scene("crowded").await?;
    let gateway = &stage.bed.gateway;
    gateway.set_throttles(vec![Throttle::writes(ALLOWED)]);
    let (mark, seen) = (gateway.ledger().mark(), watch(scene.identities()));

    let names: Vec<String> = (0..IDENTITIES)
        .map(|number| format!("crowded-{number}"))
        .collect();
    try_join_all(names.iter().map(|name| becomes_ready(&scene, name))).await?;

    let calls = gateway.ledger().since(mark).to_aws();
    ensure!(throttled(&calls) > 0, "AWS throttled no call");
    for operation in [
        "CreateRole",
        "AttachRolePolicy",
        "PutRolePolicy",
        "CreatePodIdentityAssociation",
    ] {
        let (all, failed) = (calls.of(operation), calls.of(operation).failed());
        ensure!(
            all.count() - failed.count() == IDENTITIES && failed.count() == throttled(&failed),
            "{all}"
        );
    }
    ensure!(
        throttled(&calls) == throttled(&calls.writes()),
        "reads were throttled: {calls}"
    );
    let statuses_seen = || {
        let seen = seen.lock().map_err(|_| anyhow::anyhow!("the watch panicked"))?;
        anyhow::Ok(seen.clone())
    };
    let all_ready = async || {
        let ready = |text: &&String| text.contains("\"reason\":\"Bound\"");
        Ok(statuses_seen()?.iter().filter(ready).count() >= IDENTITIES)
    };
    eventually("the watch has seen every identity ready", all_ready).await?;
    let statuses_seen = statuses_seen()?;
    let of_it = |text: &&String| text.to_lowercase().contains("throttl");
    ensure!(
        !statuses_seen.iter().any(|text| of_it(&text)),
        "{:#?}",
        statuses_seen.iter().find(of_it)
    );
    let events: Api<Event> = Api::namespaced(scene.client.clone(), &scene.namespace);
    let events = events.list(&ListParams::default()).await?.items;
    let warnings = events
        .iter()
        .filter(|event| event.type_.as_deref() == Some("Warning"));
    ensure!(warnings.count() == 0, "{events:#?}");

    let metrics = stage.asks(0, "/metrics").await?.1;
    let learned = r#"lanyard_aws_budget_throttled_total{service="iam",account="own",access="read"} 0"#;
    ensure!(metrics.contains(learned), "{metrics}");
    stage.bed.stop().await
}
