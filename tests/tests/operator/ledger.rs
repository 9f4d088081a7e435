//! Proves the cost of creations and reconciliations by the number of calls. Counts are deterministic; durations are not.
//! Does I/O.

use anyhow::Result;
use lanyard_api::{WorkloadIdentity, WorkloadIdentityStatus};
use lanyard_testkit::gateway::{Calls, Service};
use lanyard_tests::TestNamespace;
use serde_json::{Value, json};

use crate::stage;

fn spec(method: &str) -> Value {
    let inline = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}]});
    json!({"method": method, "serviceAccount": {"create": true}, "role": {"managed": {
        "policyArns": ["arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"],
        "inlinePolicies": [{"name": "queue", "document": inline}],
    }}})
}

async fn create(scene: &TestNamespace<'_>, name: &str, method: &str) -> Result<()> {
    let mark = scene.stage.bed.gateway.ledger().mark();
    scene.apply(name, spec(method)).await?;
    scene.until_ready(name).await?;
    let calls = scene.calls_about(name, mark).await?;
    let writes: Vec<_> = calls
        .iter()
        .filter(|entry| entry.call.write)
        .map(|entry| &entry.call.operation)
        .collect();
    let most = if method == "IRSA" { 3 } else { 4 };
    assert_eq!(
        writes.len(),
        most,
        "role, policy, inline policy, and the association: {writes:?}"
    );
    assert!(calls.len() <= 6, "{} calls: {calls:#?}", calls.len());
    Ok(())
}

#[tokio::test]
async fn pod_identity_creation_costs_at_most_six_calls() -> Result<()> {
    let scene = stage().await?.scene("led-pi").await?;
    create(&scene, "led-pi-orders", "PodIdentity").await
}

#[tokio::test]
async fn irsa_creation_costs_at_most_six_calls() -> Result<()> {
    let scene = stage().await?.scene("led-irsa").await?;
    create(&scene, "led-irsa-orders", "IRSA").await
}

/// The requests about the namespace of an object from its creation until it is ready.
async fn api_requests(scene: &TestNamespace<'_>, name: &str, method: &str) -> Result<Calls> {
    let ledger = scene.stage.bed.gateway.ledger();
    let mark = ledger.mark();
    scene.apply(name, spec(method)).await?;
    scene.until_ready(name).await?;
    let in_namespace = |subject: &str| subject.split('/').next() == Some(scene.namespace.as_str());
    Ok(ledger
        .since(mark)
        .to(Service::Kubernetes)
        .with_subject(in_namespace))
}

/// The limits include the event about the binding, which follows the status that the test waits for, and the three reads of
/// one more reconcile, which writes nothing.
#[tokio::test]
async fn creation_costs_few_api_server_requests() -> Result<()> {
    for (namespace, method, most) in [
        ("led-api-pi", "PodIdentity", (16, 7)),
        ("led-api-irsa", "IRSA", (15, 6)),
    ] {
        let scene = stage().await?.scene(namespace).await?;
        let requests = api_requests(&scene, "orders", method).await?;
        let observed = (requests.count(), requests.writes().count());
        assert!(
            observed <= most,
            "{method}: {observed:?}, expected at most {most:?}: {requests}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn reconcile_without_drift_writes_only_the_answer() -> Result<()> {
    let scene = stage().await?.scene("led-steady").await?;
    let ledger = scene.stage.bed.gateway.ledger();
    for (name, method) in [("led-steady-a", "PodIdentity"), ("led-steady-b", "IRSA")] {
        scene.apply(name, spec(method)).await?;
        scene.until_ready(name).await?;
        scene.reconciled(name).await?;
        let before = scene.identities().get(name).await?;
        let account = scene.accounts().get_opt(name).await?;
        let mark = ledger.mark();
        scene.reconciled(name).await?;
        let calls = scene.calls_about(name, mark).await?;
        assert!(calls.iter().all(|entry| !entry.call.write), "{calls:#?}");
        let after = scene.identities().get(name).await?;
        assert_eq!(without_answer(&before), without_answer(&after));
        assert_eq!(
            before.metadata.managed_fields.map(metadata_writes),
            after.metadata.managed_fields.map(metadata_writes)
        );
        assert_eq!(account, scene.accounts().get_opt(name).await?);
    }
    Ok(())
}

/// The status except for its answer to a requested reconcile.
fn without_answer(object: &WorkloadIdentity) -> Option<WorkloadIdentityStatus> {
    Some(WorkloadIdentityStatus {
        last_handled_reconcile_at: None,
        ..object.status.clone()?
    })
}

/// The times at which the operator last wrote the object, except for its status.
fn metadata_writes(
    fields: Vec<k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry>,
) -> Vec<String> {
    let ours = fields
        .into_iter()
        .filter(|entry| entry.manager.as_deref() == Some("lanyard") && entry.subresource.is_none());
    ours.map(|entry| format!("{:?} {:?}", entry.subresource, entry.time))
        .collect()
}
