//! Proves the drift scan on a real API server and emulators: its cost, the drift that it detects, its behaviour after
//! failed reads and after restarts. The gateway counts the calls. Needs the test bed; does I/O.

mod detection;
mod failed_reads;
mod orphans;
mod restart;
mod steady;

use std::time::Duration;

use anyhow::{Context, Result};
use lanyard_testkit::gateway::{Calls, Mark};
use lanyard_tests::{PATIENCE, TestEnv, TestEnvOptions, TestNamespace};
use serde_json::{Value, json};

const BINARY: &str = env!("CARGO_BIN_EXE_lanyard-under-test");
/// An operation that only the drift scan calls.
const ACCOUNT: &str = "GetAccountAuthorizationDetails";

/// A test bed with an operator whose scan interval is set by these `--timings`.
async fn stage(timings: &'static str) -> Result<TestEnv> {
    let options = TestEnvOptions {
        through_gateway: true,
        timings,
        arguments: vec!["--describes-per-second", "100"],
        ..TestEnvOptions::default()
    };
    TestEnv::set(BINARY, options).await
}

fn spec(method: &str, description: &str) -> Value {
    let inline = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}]});
    json!({"method": method, "serviceAccount": {"create": true}, "role": {"managed": {
        "description": description,
        "policyArns": ["arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"],
        "inlinePolicies": [{"name": "queue", "document": inline}],
    }}})
}

/// Creates `count` identities, alternating between both methods, and waits until all are ready. Returns their names.
async fn fleet(scene: &TestNamespace<'_>, count: usize) -> Result<Vec<String>> {
    let names: Vec<String> = (0..count).map(|number| format!("orders-{number:02}")).collect();
    for (number, name) in names.iter().enumerate() {
        let method = if number % 2 == 0 { "PodIdentity" } else { "IRSA" };
        scene.apply(name, spec(method, "takes orders")).await?;
    }
    for name in &names {
        scene.until_ready(name).await?;
    }
    Ok(names)
}

/// The names of the roles of these identities.
async fn roles_of(scene: &TestNamespace<'_>, names: &[String]) -> Result<Vec<String>> {
    let mut roles = Vec::new();
    for name in names {
        roles.push(scene.role_of(&scene.identities().get(name).await?)?);
    }
    Ok(roles)
}

/// Waits until a metric of an operator has a value.
async fn until_metric(stage: &TestEnv, number: usize, metric: &str, value: usize) -> Result<()> {
    let line = format!("{metric} {value}");
    stage
        .until_answers(number, "/metrics", |status, body| {
            status == 200 && body.lines().any(|found| found == line)
        })
        .await
        .with_context(|| line.clone())
}

/// Waits until the last scan has checked `count` objects.
async fn until_checked(stage: &TestEnv, number: usize, count: usize) -> Result<()> {
    until_metric(
        stage,
        number,
        r#"lanyard_drift_scan_objects{state="checked"}"#,
        count,
    )
    .await
}

/// Waits until two more scans have begun after a mark: the first of them saw everything that existed at the mark.
async fn until_scanned_twice(stage: &TestEnv, mark: Mark) -> Result<Calls> {
    let ledger = stage.bed.gateway.ledger();
    let two = |calls: &Calls| calls.of(ACCOUNT).count() >= 2;
    let swept = tokio::time::timeout(PATIENCE, ledger.until(mark, two)).await;
    swept.context("no two scans began")
}

/// The number of reads of one single role, as a reconciliation makes them.
fn role_reads(calls: &Calls, role: &str) -> usize {
    calls.of("GetRole").about(role).count()
}

/// Waits until `count` more scans have begun, as the period in which an event must not occur.
async fn scans_pass(stage: &TestEnv, count: usize) -> Result<Calls> {
    let ledger = stage.bed.gateway.ledger();
    let mark = ledger.mark();
    let enough = |calls: &Calls| calls.of(ACCOUNT).count() >= count;
    let passed = tokio::time::timeout(PATIENCE + Duration::from_secs(60), ledger.until(mark, enough)).await;
    passed.context("no further scan began")
}
