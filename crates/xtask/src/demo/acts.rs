//! The acts of the demo, in order: plan, create, prove, drift, report, diagnose, delete. Each checks what it shows.
//! A stage in; lines out; the first check that fails ends it. Talks to the API server and to the emulators.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{Api, PostParams};
use kube::runtime::wait::await_condition;
use lanyard_api::WorkloadIdentity;
use lanyard_tests::{TestEnv, TestNamespace, drift};
use serde_json::{Value, json};

use super::command_line::CommandLine;
use super::proof;
use super::show::Show;

const READ_ONLY: &str = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";
/// The namespace of the demo.
pub const SHOP: &str = "shop";
/// The ServiceAccount by IRSA, and the one by Pod Identity.
const REPORTS: &str = "reports";
const ORDERS: &str = "orders";

pub async fn play(stage: &TestEnv, show: &Show, command_line: &CommandLine) -> Result<()> {
    let scene = stage.scene(SHOP).await?;
    plan(&scene, show, command_line)?;
    create(&scene, show).await?;
    run_pods(&scene, show).await?;
    prove(&scene, show, command_line).await?;
    repair(&scene, show).await?;
    report(&scene, show).await?;
    diagnose(&scene, show, command_line).await?;
    delete(&scene, show).await
}

fn spec(method: &str, drift_policy: &str) -> Value {
    json!({
        "serviceAccount": {"create": true},
        "method": method,
        "driftPolicy": drift_policy,
        "role": {"managed": {"policyArns": [READ_ONLY], "tags": {"team": SHOP}}},
    })
}

fn plan(scene: &TestNamespace<'_>, show: &Show, command_line: &CommandLine) -> Result<()> {
    show.step("The plan for a file, before it is applied");
    let object = json!({
        "apiVersion": "lanyard.dev/v1alpha1", "kind": "WorkloadIdentity",
        "metadata": {"name": REPORTS, "namespace": SHOP},
        "spec": spec("IRSA", "Correct"),
    });
    let text = object.to_string();
    let plan = command_line.run_with(&scene.stage.bed, show, &["plan", "-f", "-"], &text, 2)?;
    ensure!(
        plan.contains("1 of 1 object would change"),
        "an empty plan: {plan}"
    );
    Ok(())
}

async fn create(scene: &TestNamespace<'_>, show: &Show) -> Result<()> {
    show.step("Two WorkloadIdentities: reports by IRSA, orders by Pod Identity");
    let mark = scene.stage.bed.gateway.ledger().mark();
    scene.apply(REPORTS, spec("IRSA", "Correct")).await?;
    scene.apply(ORDERS, spec("PodIdentity", "Correct")).await?;
    for name in [REPORTS, ORDERS] {
        let object = scene.until_ready(name).await?;
        show.check(&format!("{name} is Ready, its role is"), &scene.role_of(&object)?);
    }
    let calls = scene.stage.bed.gateway.ledger().since(mark);
    show.check(
        "AWS calls that this took, reads of the whole cluster included",
        &calls.count().to_string(),
    );
    Ok(())
}

async fn run_pods(scene: &TestNamespace<'_>, show: &Show) -> Result<()> {
    show.step("A Deployment for each; the pod webhook gives its pods what the binding says");
    let api: Api<Deployment> = Api::namespaced(scene.client.clone(), SHOP);
    for name in [REPORTS, ORDERS] {
        api.create(&PostParams::default(), &deployment(name)?).await?;
    }
    for (name, variable) in [
        (REPORTS, "AWS_WEB_IDENTITY_TOKEN_FILE"),
        (ORDERS, "AWS_CONTAINER_CREDENTIALS_FULL_URI"),
    ] {
        let available = |found: Option<&Deployment>| {
            let status = found.and_then(|found| found.status.as_ref());
            status.and_then(|status| status.available_replicas) == Some(2)
        };
        await_condition(api.clone(), name, available).await?;
        let count = proof::pods_carry(scene, name, variable).await?;
        show.check(&format!("{count} pods of {name} run and carry"), variable);
    }
    show.plain(&kubectl(scene, &["get", "wid", "-n", SHOP])?);
    Ok(())
}

async fn prove(scene: &TestNamespace<'_>, show: &Show, command_line: &CommandLine) -> Result<()> {
    show.step("Proof by IRSA: a token of the ServiceAccount, exchanged at STS");
    let object = scene.identities().get(REPORTS).await?;
    let (arn, role) = (arn_of(&object)?, scene.role_of(&object)?);
    let bed = &scene.stage.bed;
    let proof = command_line.run(bed, show, &["verify", REPORTS, "-n", SHOP], 0)?;
    ensure!(proof.contains(&role), "the proof does not name {role}: {proof}");
    match proof::assume(scene, &arn, ORDERS).await? {
        Ok(caller) => anyhow::bail!("a token of another ServiceAccount was accepted as {caller}"),
        Err(refusal) => show.check("a token of the ServiceAccount orders is refused", &refusal),
    }

    show.step("Proof by Pod Identity: a pod, a stand-in for the agent, association and trust");
    let object = scene.identities().get(ORDERS).await?;
    let role = scene.role_of(&object)?;
    let probe = ["verify", ORDERS, "-n", SHOP, "--image", "lanyard:dev"];
    let proof = command_line.run(bed, show, &probe, 0)?;
    ensure!(proof.contains(&role), "the proof does not name {role}: {proof}");
    let ids = scene.aws.associations(SHOP, ORDERS).await?;
    ensure!(ids.len() == 1, "one association is wanted, found were {ids:?}");
    show.check("the one association of shop/orders", &ids.join(", "));
    let trust = scene.aws.trust(&role).await?;
    let condition = trust
        .pointer("/Statement/0/Condition/StringEquals")
        .context("the trust has no condition")?;
    let says = |tag: &str, wanted: &str| {
        condition
            .get(format!("aws:RequestTag/{tag}"))
            .is_some_and(|found| found == wanted)
    };
    ensure!(
        says("kubernetes-namespace", SHOP) && says("kubernetes-service-account", ORDERS),
        "the trust does not name shop/orders: {trust}"
    );
    show.check("its trust admits", &condition.to_string());
    Ok(())
}

async fn repair(scene: &TestNamespace<'_>, show: &Show) -> Result<()> {
    show.step("Out of band: the trust of orders is opened to everyone, its policy detached");
    let role = scene.role_of(&scene.identities().get(ORDERS).await?)?;
    let (trust, attached) = (scene.aws.trust(&role).await?, scene.aws.attached(&role).await?);
    break_role(scene, &role).await?;
    scene.request_reconcile(ORDERS).await?;
    let corrected = |object: &WorkloadIdentity| {
        drift(object)
            .last_correction
            .is_some_and(|correction| correction.items.len() >= 2)
    };
    let object = scene.until(ORDERS, "corrected", corrected).await?;
    show.drift(
        &drift(&object)
            .last_correction
            .map(|correction| correction.items)
            .unwrap_or_default(),
    );
    ensure!(
        scene.aws.trust(&role).await? == trust,
        "the trust policy was not put back"
    );
    ensure!(
        scene.aws.attached(&role).await? == attached,
        "the policy was not attached again"
    );
    show.check("found, corrected and recorded in status.drift.lastCorrection", "");
    Ok(())
}

async fn report(scene: &TestNamespace<'_>, show: &Show) -> Result<()> {
    show.step("The same under driftPolicy: Report");
    scene.apply(ORDERS, spec("PodIdentity", "Report")).await?;
    let role = scene.role_of(&scene.until_ready(ORDERS).await?)?;
    break_role(scene, &role).await?;
    scene.request_reconcile(ORDERS).await?;
    let object = scene.until_is(ORDERS, "InSync", "False", "Drifted").await?;
    show.drift(&drift(&object).items);
    ensure!(
        scene.aws.attached(&role).await?.is_empty(),
        "the policy was attached again under Report"
    );
    show.check("found, reported and not changed", "");
    show.plain(&kubectl(scene, &["get", "wid", "-n", SHOP])?);
    Ok(())
}

async fn diagnose(scene: &TestNamespace<'_>, show: &Show, command_line: &CommandLine) -> Result<()> {
    show.step("The trust of orders loses sts:TagSession: pods get no credentials, and doctor says why");
    let role = scene.role_of(&scene.identities().get(ORDERS).await?)?;
    set_trust(scene, &role, &json!(["sts:AssumeRole"])).await?;
    let bed = &scene.stage.bed;
    let found = command_line.run(bed, show, &["doctor", ORDERS, "-n", SHOP], 2)?;
    ensure!(found.contains("LY303"), "the cause was not found: {found}");
    let policy = command_line.run(bed, show, &["trust", ORDERS, "-n", SHOP], 0)?;
    let update = scene.aws.iam.update_assume_role_policy().role_name(&role);
    update.policy_document(policy).send().await?;
    show.check("the printed policy was set", "");
    command_line.run(bed, show, &["doctor", ORDERS, "-n", SHOP], 0)?;
    Ok(())
}

async fn delete(scene: &TestNamespace<'_>, show: &Show) -> Result<()> {
    show.step("Deleting orders");
    let role = scene.role_of(&scene.identities().get(ORDERS).await?)?;
    scene.delete(ORDERS).await?;
    ensure!(!scene.aws.has_role(&role).await?, "role {role} is still there");
    ensure!(
        scene.aws.associations(SHOP, ORDERS).await?.is_empty(),
        "the association is still there"
    );
    ensure!(
        scene.accounts().get_opt(ORDERS).await?.is_none(),
        "the ServiceAccount that Lanyard made is still there"
    );
    show.check("role, association and ServiceAccount are gone", "");
    let other = scene.role_of(&scene.identities().get(REPORTS).await?)?;
    ensure!(
        scene.aws.has_role(&other).await?,
        "the other identity lost its role"
    );
    show.check("the other identity is untouched", "");
    Ok(())
}

/// Opens the trust of the role to every pod, for these actions.
async fn set_trust(scene: &TestNamespace<'_>, role: &str, actions: &Value) -> Result<()> {
    let open = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": {"Service": "pods.eks.amazonaws.com"},
        "Action": actions,
    }]});
    let update = scene.aws.iam.update_assume_role_policy().role_name(role);
    update.policy_document(open.to_string()).send().await?;
    Ok(())
}

async fn break_role(scene: &TestNamespace<'_>, role: &str) -> Result<()> {
    set_trust(scene, role, &json!(["sts:AssumeRole", "sts:TagSession"])).await?;
    let iam = &scene.aws.iam;
    iam.detach_role_policy()
        .role_name(role)
        .policy_arn(READ_ONLY)
        .send()
        .await?;
    Ok(())
}

fn arn_of(object: &WorkloadIdentity) -> Result<String> {
    let role = object.status.as_ref().and_then(|status| status.role.as_ref());
    Ok(role.context("the status names no role")?.arn.clone())
}

fn deployment(name: &str) -> Result<Deployment> {
    let labels = json!({"app": name});
    Ok(serde_json::from_value(json!({
        "metadata": {"name": name},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"serviceAccountName": name, "containers": [{"name": "app", "image": "app"}]},
            },
        },
    }))?)
}

fn kubectl(scene: &TestNamespace<'_>, arguments: &[&str]) -> Result<String> {
    let output = scene
        .stage
        .bed
        .kubectl()
        .args(arguments)
        .output()
        .context("running kubectl")?;
    ensure!(
        output.status.success(),
        "kubectl failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
