//! Proves the CRD of classes: which classes the API server refuses, what kubectl prints, and that a followed class cannot
//! be deleted. Does I/O.

use anyhow::{Result, bail, ensure};
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use lanyard_api::{WorkloadIdentityClass, samples};
use serde_json::{Value, json};

use crate::fixture::{SHOP, bed, class, client, ensure_same, identities, identity, kubectl, put_class};

/// The API server's refusal, without the words before the first field.
fn refusal<T>(answer: Result<T, kube::Error>) -> Result<String> {
    match answer {
        Ok(_) => bail!("accepted"),
        Err(kube::Error::Api(status)) => {
            let (_, fault) = status
                .message
                .split_once(" is invalid: ")
                .unwrap_or(("", &status.message));
            Ok(fault.to_owned())
        }
        Err(error) => Err(error.into()),
    }
}

#[tokio::test]
async fn unusable_class_is_refused() -> Result<()> {
    let api: Api<WorkloadIdentityClass> = Api::all(client().await?);
    let refusal_of =
        async |spec: Value| refusal(api.create(&PostParams::default(), &class("wrong", spec)?).await);
    ensure_same(
        refusal_of(json!({"defaults": {"method": "IRSA"}})).await?,
        "spec: Invalid value: guardrails.methods must contain defaults.method. Add the method to guardrails.methods, or change defaults.method",
    )?;
    ensure_same(
        refusal_of(json!({"guardrails": {"adopt": ["a\\Eb"]}})).await?,
        "spec.guardrails.adopt[0]: Invalid value: \"a\\\\Eb\": must not contain a backslash",
    )
}

#[tokio::test]
async fn class_account_is_immutable() -> Result<()> {
    let client = client().await?;
    let of = |account: &str| {
        let role = format!("arn:aws:iam::{account}:role/lanyard");
        class(
            "account",
            json!({"aws": {"assumeRoleArn": role, "externalId": "lanyard"}, "provider": "Require"}),
        )
    };
    put_class(&client, &of("111122223333")?).await?;
    let api: Api<WorkloadIdentityClass> = Api::all(client);
    let params = PatchParams::apply("platform").force();
    let expected = "spec: Invalid value: aws is immutable, because roles cannot move to another account. Restore the previous value, or create a new class";
    for other in [
        of("444455556666")?,
        class("account", json!({"provider": "Require"}))?,
    ] {
        ensure_same(
            refusal(api.patch("account", &params, &Patch::Apply(&other)).await)?,
            expected,
        )?;
    }
    Ok(())
}

#[tokio::test]
async fn kubectl_prints_default_and_counts() -> Result<()> {
    let bed = bed().await?;
    let api: Api<WorkloadIdentityClass> = Api::all(client().await?);
    let counts = json!({"identities": {"total": 3, "ready": 2, "drifted": 1, "byMethod": [{"method": "IRSA", "count": 1}, {"method": "PodIdentity", "count": 2}]}});
    let patch = json!({ "status": counts });
    api.patch_status("bare", &PatchParams::default(), &Patch::Merge(&patch))
        .await?;
    let shown = kubectl(bed.kubectl().args(["get", "widclass", "bare", "wide"]))?;
    let lines: Vec<Vec<&str>> = shown
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    let head = ["NAME", "DEFAULT", "METHOD", "TOTAL", "READY", "DRIFTED", "AGE"];
    ensure!(lines.first().is_some_and(|line| line == &head), "{shown}");
    ensure!(
        lines
            .iter()
            .any(|line| line.starts_with(&["bare", "IRSA", "3", "2", "1"])),
        "{shown}"
    );
    ensure!(
        lines.iter().any(|line| line.starts_with(&["wide", "true"])),
        "{shown}"
    );
    Ok(())
}

#[tokio::test]
async fn followed_class_is_not_deleted() -> Result<()> {
    let api = identities(&client().await?, SHOP);
    let spec = json!({"role": {"managed": {}}});
    api.create(&PostParams::default(), &identity("pinned", &spec))
        .await?;
    let named = async |class: Value| {
        let patch = json!({"spec": {"className": class}});
        api.patch("pinned", &PatchParams::default(), &Patch::Merge(&patch))
            .await
    };
    named(json!("bare")).await?;
    named(json!(null)).await?;
    let followed = json!({"status": {"className": "wide"}});
    api.patch_status("pinned", &PatchParams::default(), &Patch::Merge(&followed))
        .await?;
    ensure_same(
        refusal(named(json!("bare")).await)?,
        "<nil>: Invalid value: className is immutable once status.className is set. Restore the previous value, or create a new WorkloadIdentity",
    )?;
    named(json!("wide")).await?;
    named(json!(null)).await?;
    Ok(())
}

#[tokio::test]
async fn class_sample_is_stored_unchanged() -> Result<()> {
    let api: Api<WorkloadIdentityClass> = Api::all(client().await?);
    let dry_run = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let sample = samples::class();
    let stored = api.create(&dry_run, &sample).await?;
    ensure!(stored.spec == sample.spec, "{:?}", stored.spec);
    Ok(())
}
