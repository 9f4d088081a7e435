//! Proves that identities of a narrowed class cannot request more, and can still be labelled, corrected and deleted. Does
//! I/O.

use anyhow::{Result, ensure};
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::fixture::{SHOP, class, client, denial_of, identities, identity, put_class, until_denied};

fn guardrails(policies: Value) -> Value {
    json!({"guardrails": {"namespaceSelector": {}, "methods": ["PodIdentity"], "policyArns": policies}})
}

#[tokio::test]
async fn narrowed_class_does_not_block_deletion() -> Result<()> {
    let client = client().await?;
    put_class(&client, &class("narrowed", guardrails(json!(["*"])))?).await?;
    let role = |arn: &str| json!({"managed": {"policyArns": [format!("arn:aws:iam::aws:policy/{arn}")]}});
    let spec = |arn: &str| json!({"className": "narrowed", "method": "PodIdentity", "role": role(arn)});
    let api = identities(&client, SHOP);
    let mut object = identity("narrowed", &spec("A"));
    object.metadata.finalizers = Some(vec!["lanyard.dev/test".to_owned()]);
    api.create(&PostParams::default(), &object).await?;

    put_class(
        &client,
        &class("narrowed", guardrails(json!(["arn:aws:iam::aws:policy/B"])))?,
    )
    .await?;
    until_denied(&client, &spec("A")).await?;
    let patch = async |patch: Value| {
        denial_of(
            api.patch("narrowed", &PatchParams::default(), &Patch::Merge(&patch))
                .await,
        )
    };
    ensure!(
        patch(json!({"metadata": {"labels": {"team": "a"}}}))
            .await?
            .is_none(),
        "a label"
    );
    let more = patch(json!({"spec": {"driftPolicy": "Report"}})).await?;
    ensure!(
        more.is_some(),
        "a new spec that asks for what is no longer allowed"
    );
    ensure!(
        patch(json!({"spec": {"role": role("B")}})).await?.is_none(),
        "a spec that was corrected"
    );
    ensure!(
        patch(json!({"spec": {"role": role("A")}})).await?.is_some(),
        "a reverted spec"
    );

    api.delete("narrowed", &DeleteParams::default()).await?;
    ensure!(
        patch(json!({"metadata": {"finalizers": null}})).await?.is_none(),
        "the finalizer"
    );
    ensure!(api.get_opt("narrowed").await?.is_none(), "gone");
    Ok(())
}
