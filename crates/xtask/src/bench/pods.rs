//! Pods: an operator starts in a cluster with many pods of other owners and not one identity. A test environment in;
//! the memory that the watch on pods takes. Does I/O.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::{Namespace, Pod, ServiceAccount};
use kube::api::{Api, ListParams, PostParams};
use kube::core::ObjectMeta;
use lanyard_tests::TestEnv;
use serde_json::json;

use super::fleet::bar;
use super::gauge;
use super::report::Measured;
use super::restart::value;

/// The namespace of the pods.
const NAMESPACE: &str = "bench-pods";
/// Requests to the API server at once.
const AT_ONCE: usize = 16;
/// A pod as the API server returns it is about 36 kB: variables, probes, affinities and managed fields of a large chart.
const VARIABLES: usize = 120;
const VALUE: usize = 200;
/// How often the operator is asked.
const POLL: Duration = Duration::from_secs(1);
/// The watch delivers no event for this time: its list is complete.
const QUIET: Duration = Duration::from_secs(5);
const LIMIT: Duration = Duration::from_secs(180);

pub async fn play(stage: &TestEnv, operator: &str, pods: usize) -> Result<Vec<Measured>> {
    let empty = gauge::of(stage.process_id(0)?)?;
    stage.stop(0).await?;
    let size = create(stage, pods).await?;
    let began = Instant::now();
    stage.operator(operator, "lanyard-beside-pods", &[])?;
    let process = stage.process_id(1)?;
    let before = gauge::of(process)?;
    until_listed(stage).await?;
    let after = gauge::of(process)?;
    let measured = Measured {
        scenario: "pods",
        size: pods,
        until: "all pods are listed",
        seconds: began.elapsed().as_secs_f64(),
        details: vec![
            ("kB of one pod as JSON", size as f64 / 1000.0),
            ("MB of anonymous memory without pods", empty.anonymous),
            ("MB of anonymous memory with them", after.anonymous),
        ],
        ..Measured::default()
    };
    Ok(vec![measured.used(before, after)])
}

/// Creates the pods and returns the size of one of them as JSON.
async fn create(stage: &TestEnv, pods: usize) -> Result<usize> {
    let client = stage.bed.client().await?;
    let namespace = Namespace {
        metadata: ObjectMeta {
            name: Some(NAMESPACE.to_owned()),
            ..ObjectMeta::default()
        },
        ..Namespace::default()
    };
    Api::<Namespace>::all(client.clone())
        .create(&PostParams::default(), &namespace)
        .await?;
    // Admission requires the ServiceAccount, which the controller manager would make at its own time.
    let account = ServiceAccount {
        metadata: ObjectMeta {
            name: Some("workload".to_owned()),
            ..ObjectMeta::default()
        },
        ..ServiceAccount::default()
    };
    let accounts = Api::<ServiceAccount>::namespaced(client.clone(), NAMESPACE);
    accounts.create(&PostParams::default(), &account).await?;
    let api = Api::<Pod>::namespaced(client, NAMESPACE);
    let progress = bar(pods, "pods: created");
    futures::stream::iter((0..pods).map(pod))
        .map(|pod| {
            let (api, progress) = (&api, &progress);
            async move {
                api.create(&PostParams::default(), &pod?).await?;
                progress.inc(1);
                anyhow::Ok(())
            }
        })
        .buffer_unordered(AT_ONCE)
        .try_collect::<Vec<()>>()
        .await?;
    progress.finish_and_clear();
    let one = api.list(&ListParams::default().limit(1)).await?;
    Ok(serde_json::to_string(&one.items)?.len())
}

/// A pod that no node takes, with an environment of about 30 kB.
fn pod(number: usize) -> Result<Pod> {
    let variables: Vec<_> = (0..VARIABLES)
        .map(|index| json!({"name": format!("SETTING_{index}"), "value": "x".repeat(VALUE)}))
        .collect();
    Ok(serde_json::from_value(json!({
        "metadata": {"name": format!("other-{number}"), "labels": {"app": "other"}},
        "spec": {
            "serviceAccountName": "workload",
            "nodeSelector": {"bench.example.com/none": "true"},
            "containers": [{"name": "app", "image": "registry.example/app:1", "env": variables}],
        },
    }))?)
}

/// Waits until the watch on pods has delivered an event and then none for a while.
async fn until_listed(stage: &TestEnv) -> Result<()> {
    let (began, mut last, mut since) = (Instant::now(), None, Instant::now());
    loop {
        let answer = stage.asks(1, "/metrics").await;
        let metrics = answer.map(|(_, body)| body).unwrap_or_default();
        let event = value(
            &metrics,
            "lanyard_watch_last_event_timestamp_seconds{watch=\"pods\"}",
        );
        if event != last {
            (last, since) = (event, Instant::now());
        }
        if last > Some(0.0) && since.elapsed() >= QUIET {
            return Ok(());
        }
        if began.elapsed() > LIMIT {
            bail!("the pods were not listed within {LIMIT:?}");
        }
        tokio::time::sleep(POLL).await;
    }
}
