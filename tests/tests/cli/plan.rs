//! Proves `plan`: what it prints is what the operator does, and it changes nothing itself. Does I/O.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{Api, PostParams};
use lanyard_testkit::gateway::Mark;
use lanyard_tests::{TestNamespace, holds};
use serde_json::{Value, json};

use crate::run::{CALLER, manifest, run, run_as};
use crate::stage;

const S3: &str = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";
const SQS: &str = "arn:aws:iam::aws:policy/AmazonSQSReadOnlyAccess";

fn spec(method: &str, policies: &[&str]) -> Value {
    json!({"method": method, "serviceAccount": {"create": true}, "role": {"managed": {"policyArns": policies}}})
}

/// The only item of a plan.
fn item(plan: &Value) -> Result<&Value> {
    let items = plan["items"].as_array().context("items")?;
    ensure!(items.len() == 1, "one item: {plan:#}");
    items.first().context("an item")
}

fn kinds(item: &Value) -> BTreeSet<&str> {
    let steps = item["steps"].as_array().into_iter().flatten();
    steps.filter_map(|step| step["step"].as_str()).collect()
}

/// The calls that change AWS, by which a step shows in the ledger.
fn call_of(step: &str) -> Option<&'static str> {
    match step {
        "CreateRole" => Some("CreateRole"),
        "AttachPolicy" => Some("AttachRolePolicy"),
        "DetachPolicy" => Some("DetachRolePolicy"),
        "SetTrust" => Some("UpdateAssumeRolePolicy"),
        "CreateAssociation" => Some("CreatePodIdentityAssociation"),
        _ => None,
    }
}

/// Fails if the command line has changed anything.
fn ensure_read_only(scene: &TestNamespace<'_>) -> Result<()> {
    let writes = scene
        .stage
        .bed
        .gateway
        .ledger()
        .since(Mark::default())
        .by(CALLER)
        .writes();
    ensure!(writes.is_empty(), "the command line writes: {writes:#?}");
    Ok(())
}

#[tokio::test]
async fn operator_acts_as_planned_and_then_nothing_is_left() -> Result<()> {
    let scene = stage().await?.scene("cli-plan").await?;
    let bed = &scene.stage.bed;
    for (name, method) in [("cli-plan-a", "PodIdentity"), ("cli-plan-b", "IRSA")] {
        let spec = spec(method, &[S3]);
        let file = manifest(&scene.namespace, name, &spec);
        let plan = run(bed, &["plan", "-f", "-", "-o", "json"], &file)
            .await?
            .ended(2)?
            .json()?;
        let item = item(&plan)?;
        assert_eq!(item["method"], method);
        let planned: BTreeSet<&str> = kinds(item).into_iter().filter_map(call_of).collect();
        assert!(
            planned.contains("CreateRole") && planned.contains("AttachRolePolicy"),
            "{item:#}"
        );
        ensure!(
            scene.identities().get_opt(name).await?.is_none(),
            "plan does not create the object"
        );

        let mark = bed.gateway.ledger().mark();
        scene.apply(name, spec).await?;
        scene.until_ready(name).await?;
        let calls = scene.calls_about(name, mark).await?;
        let writes = calls.iter().filter(|entry| entry.call.write);
        let done: BTreeSet<&str> = writes.map(|entry| entry.call.operation.as_str()).collect();
        assert_eq!(done, planned, "{name}");

        let ran = run(bed, &["plan", name, "-n", &scene.namespace], "")
            .await?
            .ended(0)?;
        holds(
            &ran.stdout,
            &[name, "nothing to change", "0 of 1 object would change"],
        )?;
    }
    ensure_read_only(&scene)
}

#[tokio::test]
async fn spec_change_and_drift_are_planned_with_their_effects() -> Result<()> {
    let scene = stage().await?.scene("cli-change").await?;
    let bed = &scene.stage.bed;
    scene.apply("orders", spec("PodIdentity", &[S3])).await?;
    scene.until_ready("orders").await?;
    let file = manifest("cli-change", "orders", &spec("PodIdentity", &[SQS]));
    let ran = run(bed, &["plan", "-f", "-"], &file).await?.ended(2)?;
    holds(
        &ran.stdout,
        &[
            &format!("attach {SQS}"),
            "widens",
            &format!("detach {S3}"),
            "narrows",
            "2 steps (1 widens, 1 narrows)",
        ],
    )?;
    for (effects, exit) in [("narrows,unbinds", 2), ("removes", 0)] {
        run(bed, &["plan", "-f", "-", "--fail-on", effects], &file)
            .await?
            .ended(exit)?;
    }
    let names = run(bed, &["plan", "-f", "-", "-o", "name"], &file)
        .await?
        .ended(2)?;
    assert_eq!(names.stdout, "workloadidentity.lanyard.dev/orders\n");

    // A suspended object keeps its drift: the operator would not correct it now.
    let object = scene.identities().get("orders").await?;
    let role = scene.role_of(&object)?;
    let mut suspended = spec("PodIdentity", &[S3]);
    suspended["suspend"] = json!(true);
    scene.apply("orders", suspended).await?;
    scene.reconciled("orders").await?;
    scene
        .aws
        .iam
        .detach_role_policy()
        .role_name(&role)
        .policy_arn(S3)
        .send()
        .await?;
    let plan = run(bed, &["plan", "orders", "-n", "cli-change", "-o", "json"], "")
        .await?
        .ended(0)?
        .json()?;
    let item = item(&plan)?;
    assert!(
        kinds(item).contains("AttachPolicy") && item["suspended"] == true,
        "{item:#}"
    );
    assert!(
        item["drift"]
            .as_array()
            .context("drift")?
            .iter()
            .any(|line| line["cause"] == "outOfBand"),
        "{item:#}"
    );
    ensure_read_only(&scene)
}

#[tokio::test]
async fn without_aws_the_status_shows_changed_fields() -> Result<()> {
    let scene = stage().await?.scene("cli-status").await?;
    let bed = &scene.stage.bed;
    let cluster = scene.aws.eks.describe_cluster().name("lanyard").send().await?;
    let arn = cluster
        .cluster
        .and_then(|cluster| cluster.arn)
        .context("an ARN")?;
    for (name, method) in [("pods", "PodIdentity"), ("tokens", "IRSA")] {
        scene.apply(name, spec(method, &[S3])).await?;
        scene.until_ready(name).await?;
        let mark = bed.gateway.ledger().mark();
        let flags = ["plan", "-f", "-", "--no-aws", "--cluster-arn", &arn, "-o", "json"];
        let file = manifest("cli-status", name, &spec(method, &[SQS]));
        let plan = run_as(bed, "cli-status", &flags, &file).await?.ended(2)?.json()?;
        let expected = json!([
            {"field": format!("policy/{S3}"), "change": "removed"},
            {"field": format!("policy/{SQS}"), "change": "added"},
        ]);
        assert_eq!(item(&plan)?["fields"], expected, "{plan:#}");
        // Without a change, the result is not complete: drift is not known.
        let file = manifest("cli-status", name, &spec(method, &[S3]));
        let plan = run_as(bed, "cli-status", &flags, &file).await?.ended(3)?.json()?;
        assert_eq!(item(&plan)?["fields"], json!([]), "{plan:#}");
        assert_eq!(plan["unread"][0]["resource"], "AWS");
        let calls = bed.gateway.ledger().since(mark).by("cli-status").to_aws();
        assert!(calls.is_empty(), "{calls:#?}");
    }
    Ok(())
}

#[tokio::test]
async fn service_account_of_the_same_files_counts_as_applied() -> Result<()> {
    let scene = stage().await?.scene("cli-files").await?;
    let bed = &scene.stage.bed;
    let spec = json!({"method": "IRSA", "role": {"managed": {}}});
    let object = manifest("cli-files", "orders", &spec);
    let alone = run(bed, &["plan", "-f", "-"], &object).await?.ended(2)?;
    holds(&alone.stdout, &["the ServiceAccount to be created"])?;
    let account = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: orders, namespace: cli-files}\n";
    let both = run(bed, &["plan", "-f", "-"], &format!("{object}\n---\n{account}"))
        .await?
        .ended(2)?;
    assert!(
        !both.stdout.contains("the ServiceAccount to be created"),
        "{}",
        both.stdout
    );
    Ok(())
}

#[tokio::test]
async fn offline_plan_needs_no_cluster_and_no_aws() -> Result<()> {
    let bed = &stage().await?.bed;
    let file = manifest("shop", "orders", &spec("IRSA", &[S3]));
    let flags = [
        "plan",
        "-f",
        "-",
        "--offline",
        "--kubeconfig",
        "/nowhere",
        "--cluster-arn",
        "arn:aws:eks:eu-west-1:111122223333:cluster/prod",
        "--issuer",
        "https://oidc.eks.eu-west-1.amazonaws.com/id/A1",
    ];
    let mark = bed.gateway.ledger().mark();
    let ran = run_as(bed, "cli-offline", &flags, &file).await?.ended(2)?;
    holds(
        &ran.stdout,
        &[
            "from files alone, for new objects",
            &format!("attach {S3}"),
            "--offline",
        ],
    )?;
    let markdown = run_as(
        bed,
        "cli-offline",
        &[&flags[..], &["-o", "markdown"]].concat(),
        &file,
    )
    .await?
    .ended(2)?;
    holds(
        &markdown.stdout,
        &[
            "<!-- kubectl-lanyard-plan -->",
            "### <code>shop/orders</code>",
            "<details>",
        ],
    )?;
    let calls = bed.gateway.ledger().since(mark).by("cli-offline").to_aws();
    assert!(calls.is_empty(), "{calls:#?}");
    let unsure = run(bed, &flags[..4], &file).await?.ended(1)?;
    holds(&unsure.stderr, &["--offline requires --cluster-arn and --issuer"])
}

#[tokio::test]
async fn workload_and_pod_name_the_identity_of_their_account() -> Result<()> {
    let scene = stage().await?.scene("cli-names").await?;
    let bed = &scene.stage.bed;
    scene.apply("orders", spec("PodIdentity", &[])).await?;
    scene.until_ready("orders").await?;
    let template = json!({
        "metadata": {"labels": {"app": "api"}},
        "spec": {"serviceAccountName": "orders", "containers": [{"name": "app", "image": "app"}]},
    });
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "api"},
        "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "api"}}, "template": template},
    });
    let api: Api<Deployment> = Api::namespaced(scene.client.clone(), &scene.namespace);
    api.create(&PostParams::default(), &serde_json::from_value(deployment)?)
        .await?;
    for name in ["orders", "sa/orders", "deploy/api"] {
        let ran = run(bed, &["plan", name, "-n", &scene.namespace], "")
            .await?
            .ended(0)?;
        holds(&ran.stdout, &["cli-names/orders", "nothing to change"])?;
    }
    let ran = run(bed, &["plan", "deploy/apo", "-n", &scene.namespace], "")
        .await?
        .ended(1)?;
    holds(&ran.stderr, &["deployment apo does not exist", "nearest: api"])
}
