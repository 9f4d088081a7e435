//! Proves how the API server stores valid objects, how field ownership works with two appliers, and what kubectl prints.
//! Does I/O.

use anyhow::{Context, Result, ensure};
use kube::Api;
use kube::api::{DynamicObject, Patch, PatchParams};
use lanyard_api::{FIELD_MANAGER, samples};
use serde_json::{Value, json};

use crate::ask::{api, bed, dry_run, managed, refusal};

#[tokio::test]
async fn name_invalid_for_service_account_is_refused() -> Result<()> {
    let api = api().await?;
    let long = "x".repeat(254);
    let found = refusal(&api, &long, &managed(json!({}))).await?;
    ensure!(
        found == format!("metadata.name: Invalid value: \"{long}\": must be no more than 253 characters"),
        "{found}"
    );
    let found = refusal(&api, "Orders", &managed(json!({}))).await?;
    ensure!(
        found.starts_with("metadata.name: Invalid value: \"Orders\": a lowercase RFC 1123 subdomain"),
        "{found}"
    );
    Ok(())
}

#[tokio::test]
async fn samples_are_stored_unchanged() -> Result<()> {
    let api = api().await?;
    for sample in samples::all() {
        let spec = serde_json::to_value(&sample.identity.spec)?;
        let stored = dry_run(&api, "orders", &spec).await?;
        ensure!(
            stored.data["spec"] == spec,
            "{}: {}",
            sample.file,
            stored.data["spec"]
        );
    }
    Ok(())
}

#[tokio::test]
async fn null_is_stored_as_absence() -> Result<()> {
    let spec = json!({"method": null, "irsa": null, "suspend": null, "role": {"managed": {"name": null}}});
    let stored = dry_run(&api().await?, "orders", &spec).await?;
    ensure!(
        stored.data["spec"] == managed(json!({})),
        "{}",
        stored.data["spec"]
    );
    Ok(())
}

#[tokio::test]
async fn new_object_is_not_yet_reconciled() -> Result<()> {
    let stored = dry_run(&api().await?, "orders", &managed(json!({}))).await?;
    ensure!(
        stored.data["status"] == json!({"observedGeneration": -1}),
        "{}",
        stored.data["status"]
    );
    Ok(())
}

#[tokio::test]
async fn policy_document_has_one_field_manager() -> Result<()> {
    let api = api().await?;
    let document = |sid: &str| json!({"Version": "2012-10-17", "Statement": [], sid: "x"});
    apply(&api, "first", &document("One")).await?;
    let stored = apply(&api, "second", &document("Two")).await?;
    let found = stored
        .data
        .pointer("/spec/role/managed/inlinePolicies/0/document")
        .context("no document")?;
    ensure!(*found == document("Two"), "{found}");
    Ok(())
}

/// Applies one inline policy under a field manager of its own.
async fn apply(api: &Api<DynamicObject>, manager: &str, document: &Value) -> Result<DynamicObject> {
    let object = json!({
        "apiVersion": "lanyard.dev/v1alpha1",
        "kind": "WorkloadIdentity",
        "metadata": {"name": "applied-twice"},
        "spec": {"role": {"managed": {"inlinePolicies": [{"name": "queue", "document": document}]}}},
    });
    Ok(api
        .patch(
            "applied-twice",
            &PatchParams::apply(manager).force(),
            &Patch::Apply(object),
        )
        .await?)
}

/// A status without empty fields, as the operator writes it.
fn status() -> Value {
    let condition = |kind: &str, status: &str, reason: &str, message: &str| {
        json!({
            "type": kind,
            "status": status,
            "reason": reason,
            "message": message,
            "observedGeneration": 1,
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        })
    };
    let item = json!({"resource": "Role", "field": "maxSessionDuration", "desired": "1h", "observed": "12h"});
    json!({
        "observedGeneration": 1,
        "className": "tenants",
        "conditions": [
            condition("Ready", "False", "TrustMissing", "the trust policy of role/orders does not admit default/shown"),
            condition("InSync", "False", "Drifted", "1 item stands"),
        ],
        "role": {"arn": "arn:aws:iam::111122223333:role/orders", "id": "AROA1"},
        "bindings": [{
            "method": "PodIdentity",
            "roleArn": "arn:aws:iam::111122223333:role/orders",
            "targetRoleArn": "arn:aws:iam::444455556666:role/data",
            "sessionTags": true,
            "state": "Active",
            "association": {"id": "a-1", "arn": "arn:aws:eks:eu-west-1:111122223333:podidentityassociation/prod/a-1", "externalId": "x"},
        }, {
            "method": "IRSA",
            "roleArn": "arn:aws:iam::111122223333:role/orders",
            "issuer": "https://oidc.eks.eu-west-1.amazonaws.com/id/ABC",
            "audience": "sts.amazonaws.com",
            "state": "Draining",
        }],
        "oidcProviderArn": "arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/ABC",
        "lastAppliedHashes": {"trust": "0123456789abcdef"},
        "drift": {"count": 1, "items": [item], "lastCorrection": {"at": "2026-01-01T00:00:00Z", "items": [item]}},
        "pods": {"stale": 2},
        "transition": {
            "stage": "Draining",
            "stageTransitionTime": "2026-01-01T00:00:00Z",
            "startTime": "2026-01-01T00:00:00Z",
            "targetHash": "0123456789abcdef",
        },
    })
}

#[tokio::test]
async fn status_is_stored_whole_and_printed_by_kubectl() -> Result<()> {
    let api = api().await?;
    let mut spec = managed(json!({}));
    spec["suspend"] = json!(true);
    let object = json!({
        "apiVersion": "lanyard.dev/v1alpha1",
        "kind": "WorkloadIdentity",
        "metadata": {"name": "shown"},
        "spec": spec,
    });
    let apply = PatchParams::apply(FIELD_MANAGER).force();
    api.patch("shown", &apply, &Patch::Apply(object)).await?;
    let patch = Patch::Merge(json!({"status": status()}));
    let stored = api.patch_status("shown", &PatchParams::default(), &patch).await?;
    ensure!(stored.data["status"] == status(), "{}", stored.data["status"]);

    let columns = [
        "NAME",
        "METHOD",
        "READY",
        "REASON",
        "STAGE",
        "STALE-PODS",
        "DRIFT",
        "AGE",
    ];
    let cells = [
        "shown",
        "PodIdentity",
        "False",
        "TrustMissing",
        "Draining",
        "2",
        "1",
    ];
    let (head, row) = kubectl_get_wid("shown", &[]).await?;
    ensure!(
        head == columns && row.starts_with(&cells.map(str::to_owned)),
        "{head:?} {row:?}"
    );

    let columns = ["CLASS", "SUSPENDED", "ROLE", "ASSOCIATION", "MESSAGE"];
    let cells = [
        "tenants",
        "true",
        "arn:aws:iam::111122223333:role/orders",
        "a-1",
        "the trust policy of role/orders does not admit default/shown",
    ];
    let (head, row) = kubectl_get_wid("shown", &["-o", "wide"]).await?;
    ensure!(head.ends_with(&columns.map(str::to_owned)), "{head:?}");
    ensure!(row.ends_with(&cells.map(str::to_owned)), "{row:?}");
    Ok(())
}

/// The header and the only row of `kubectl get wid`, cell by cell.
async fn kubectl_get_wid(name: &str, arguments: &[&str]) -> Result<(Vec<String>, Vec<String>)> {
    let output = bed()
        .await?
        .kubectl()
        .args(["get", "wid", name])
        .args(arguments)
        .output()?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout)?;
    let cells = |line: &str| {
        line.split("   ")
            .map(str::trim)
            .filter(|cell| !cell.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let mut lines = text.lines().map(cells);
    lines
        .next()
        .zip(lines.next())
        .with_context(|| format!("no row: {text}"))
}
