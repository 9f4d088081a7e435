//! Proves `trust`: its statement is the one that the operator writes. Does I/O.

use anyhow::Result;
use serde_json::json;

use crate::run::run;
use crate::stage;

#[tokio::test]
async fn printed_policy_is_the_policy_that_the_operator_wrote() -> Result<()> {
    let scene = stage().await?.scene("cli-trust").await?;
    let bed = &scene.stage.bed;
    for (name, method) in [("cli-trust-a", "PodIdentity"), ("cli-trust-b", "IRSA")] {
        let spec = json!({"method": method, "serviceAccount": {"create": true}, "role": {"managed": {}}});
        scene.apply(name, spec).await?;
        let object = scene.until_ready(name).await?;
        let written = scene.aws.trust(&scene.role_of(&object)?).await?;
        let ran = run(bed, &["trust", name, "-n", &scene.namespace], "")
            .await?
            .ended(0)?;
        assert_eq!(ran.json()?, written, "{name}");
    }
    Ok(())
}

#[tokio::test]
async fn offline_statement_needs_no_cluster_and_no_aws() -> Result<()> {
    let bed = &stage().await?.bed;
    let flags = [
        "trust",
        "--subject",
        "shop/orders",
        "--role",
        "arn:aws:iam::111122223333:role/legacy",
        "--method",
        "PodIdentity",
        "--cluster-arn",
        "arn:aws:eks:eu-west-1:111122223333:cluster/prod",
        "--kubeconfig",
        "/nowhere",
    ];
    let policy = run(bed, &flags, "").await?.ended(0)?.json()?;
    assert_eq!(
        policy["Statement"][0]["Principal"]["Service"],
        "pods.eks.amazonaws.com"
    );
    Ok(())
}
