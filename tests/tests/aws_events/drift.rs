//! Proves that drift which only an event can reveal is detected and corrected, and that no other identity is reconciled
//! because of it. Does I/O.

use anyhow::{Context, Result, ensure};
use lanyard_api::WorkloadIdentity;
use lanyard_testkit::gateway::Mark;
use lanyard_tests::{TestNamespace, drift};
use serde_json::{Value, json};

use crate::queue_env;
use crate::record::{of_role, record};

/// Reconciliations that one event may cause: one at once, and one when the change is certain to be visible.
const RECONCILES_PER_EVENT: usize = 2;

fn spec(method: &str) -> Value {
    json!({"method": method, "role": {"managed": {}}})
}

/// Creates two steady identities: the test changes one and leaves the other unchanged.
async fn steady_pair(scene: &TestNamespace<'_>, method: &str) -> Result<WorkloadIdentity> {
    for name in ["orders", "carts"] {
        scene.account(name).await?;
        scene.apply(name, spec(method)).await?;
    }
    for name in ["orders", "carts"] {
        scene.until_ready(name).await?;
        scene.reconciled(name).await?;
    }
    scene.until_is("orders", "InSync", "True", "InSync").await
}

async fn corrected(scene: &TestNamespace<'_>) -> Result<WorkloadIdentity> {
    let corrected = |object: &WorkloadIdentity| drift(object).last_correction.is_some();
    scene
        .until("orders", "corrected without a request", corrected)
        .await
}

/// Checks that the other identity was not reconciled, and the changed one not more often than an event may cause.
async fn only_orders_was_reconciled(scene: &TestNamespace<'_>, since: Mark) -> Result<()> {
    let calls = scene.stage.bed.gateway.ledger().since(since);
    let looks = |name| {
        let about = format!("{}/{name}", scene.namespace);
        calls.of("ListPodIdentityAssociations").about(&about).count()
    };
    ensure!(
        looks("carts") == 0 && (1..=RECONCILES_PER_EVENT).contains(&looks("orders")),
        "{calls}"
    );
    Ok(())
}

#[tokio::test]
async fn opened_trust_policy_event_triggers_correction() -> Result<()> {
    let stand = queue_env().await?;
    let scene = stand.stage.scene("ev-trust").await?;
    let object = steady_pair(&scene, "PodIdentity").await?;
    let role = scene.role_of(&object)?;
    let trust = scene.aws.trust(&role).await?;
    let open = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "pods.eks.amazonaws.com"}, "Action": ["sts:AssumeRole", "sts:TagSession"]},
    ]});
    let edit = scene.aws.iam.update_assume_role_policy().role_name(&role);
    edit.policy_document(open.to_string()).send().await?;
    // The calls of the test before this mark are not the operator's.
    let mark = scene.stage.bed.gateway.ledger().mark();
    stand.send(&of_role("update-trust", &role)?).await?;
    corrected(&scene).await?;
    only_orders_was_reconciled(&scene, mark).await?;
    ensure!(scene.aws.trust(&role).await? == trust);
    stand.until_empty().await
}

#[tokio::test]
async fn deleted_association_event_triggers_recreation() -> Result<()> {
    let stand = queue_env().await?;
    let scene = stand.stage.scene("ev-association").await?;
    steady_pair(&scene, "PodIdentity").await?;
    let before = scene.aws.associations("ev-association", "orders").await?;
    let id = before.first().context("an association")?.clone();
    let delete = scene
        .aws
        .eks
        .delete_pod_identity_association()
        .cluster_name("lanyard");
    delete.association_id(&id).send().await?;
    let event = record(
        "delete-association",
        &[
            (
                "/detail/requestParameters",
                json!({"clusterName": "lanyard", "associationId": id}),
            ),
            (
                "/detail/responseElements/association/clusterName",
                json!("lanyard"),
            ),
            (
                "/detail/responseElements/association/namespace",
                json!("ev-association"),
            ),
            ("/detail/responseElements/association/associationId", json!(id)),
        ],
    )?;
    let mark = scene.stage.bed.gateway.ledger().mark();
    stand.send(&event).await?;
    corrected(&scene).await?;
    only_orders_was_reconciled(&scene, mark).await?;
    let after = scene.aws.associations("ev-association", "orders").await?;
    ensure!(after.len() == 1 && after != before, "{after:?}");
    Ok(())
}

#[tokio::test]
async fn removed_audience_event_triggers_restoration() -> Result<()> {
    let stand = queue_env().await?;
    let scene = stand.stage.scene("ev-provider").await?;
    let object = steady_pair(&scene, "IRSA").await?;
    let provider = object
        .status
        .and_then(|status| status.oidc_provider_arn)
        .context("a provider")?;
    let mark = scene.stage.bed.gateway.ledger().mark();
    let iam = &scene.aws.iam;
    let remove = iam
        .remove_client_id_from_open_id_connect_provider()
        .client_id("sts.amazonaws.com");
    remove.open_id_connect_provider_arn(&provider).send().await?;
    let event = record(
        "remove-client-id",
        &[(
            "/detail/requestParameters/openIDConnectProviderArn",
            json!(provider),
        )],
    )?;
    stand.send(&event).await?;
    let given = scene.stage.bed.gateway.ledger().until(mark, |calls| {
        let adding = calls.of("AddClientIDToOpenIDConnectProvider");
        adding.entries().iter().any(|entry| entry.status == Some(200))
    });
    tokio::time::timeout(lanyard_tests::PATIENCE, given)
        .await
        .context("the audience was not restored")?;
    Ok(())
}

#[tokio::test]
async fn own_and_unmatched_events_trigger_no_reconcile() -> Result<()> {
    let stand = queue_env().await?;
    let scene = stand.stage.scene("ev-own").await?;
    let object = steady_pair(&scene, "PodIdentity").await?;
    let role = scene.role_of(&object)?;
    let mark = scene.stage.bed.gateway.ledger().mark();
    let (own, unmatched) = (stand.count("self").await?, stand.count("unmatched").await?);
    stand.send(&of_role("own-attach-policy", &role)?).await?;
    stand.send(&of_role("attach-policy", "somebodys")?).await?;
    stand.until_count("self", own + 1).await?;
    stand.until_count("unmatched", unmatched + 1).await?;
    stand.until_empty().await?;
    // Every reconciliation that was requested earlier has ended afterwards.
    scene.reconciled("carts").await?;
    let calls = scene.calls_about("orders", mark).await?;
    ensure!(calls.is_empty(), "{calls:#?}");
    Ok(())
}
