//! The acts of the demo, in order: create, prove, drift, report, delete. Each checks what it shows.
//! A stage in; lines out; the first check that fails ends it. Talks to the API server and to the emulators.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{Api, PostParams};
use kube::runtime::wait::await_condition;
use lanyard_api::WorkloadIdentity;
use lanyard_tests::{TestEnv, TestNamespace, drift};
use serde_json::{Value, json};

use super::proof;
use super::show::Show;

const READ_ONLY: &str = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";
/// The namespace of the demo.
const SHOP: &str = "shop";
/// The ServiceAccount by IRSA, and the one by Pod Identity.
const REPORTS: &str = "reports";
const ORDERS: &str = "orders";

pub async fn play(stage: &TestEnv, show: &Show) -> Result<()> {
    let scene = stage.scene(SHOP).await?;
    create(&scene, show).await?;
    run_pods(&scene, show).await?;
    prove(&scene, show).await?;
    repair(&scene, show).await?;
    report(&scene, show).await?;
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

async fn prove(scene: &TestNamespace<'_>, show: &Show) -> Result<()> {
    show.step("Proof by IRSA: a token of the ServiceAccount, exchanged at STS");
    let arn = arn_of(&scene.identities().get(REPORTS).await?)?;
    let caller = proof::assume(scene, &arn, REPORTS).await?;
    let caller =
        caller.map_err(|refusal| anyhow::anyhow!("STS refused the ServiceAccount's own token: {refusal}"))?;
    show.check("GetCallerIdentity says", &caller);
    let role = scene.role_of(&scene.identities().get(REPORTS).await?)?;
    ensure!(
        caller.contains(&role),
        "the caller is {caller} and not the role {role}"
    );
    match proof::assume(scene, &arn, ORDERS).await? {
        Ok(caller) => anyhow::bail!("a token of another ServiceAccount was accepted as {caller}"),
        Err(refusal) => show.check("a token of the ServiceAccount orders is refused", &refusal),
    }

    show.step("Proof by Pod Identity: association and trust, as far as an emulator can tell");
    let object = scene.identities().get(ORDERS).await?;
    let role = scene.role_of(&object)?;
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

async fn break_role(scene: &TestNamespace<'_>, role: &str) -> Result<()> {
    let open = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": {"Service": "pods.eks.amazonaws.com"},
        "Action": ["sts:AssumeRole", "sts:TagSession"],
    }]});
    let iam = &scene.aws.iam;
    iam.update_assume_role_policy()
        .role_name(role)
        .policy_document(open.to_string())
        .send()
        .await?;
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
