//! Proves `lanyard release` before an uninstall, and after an uninstall that came too early. Does I/O.

use std::collections::BTreeMap;
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use kube::api::{Api, DeleteParams};
use kube::runtime::conditions::is_deleted;
use kube::runtime::wait::await_condition;
use lanyard_testkit::gateway::Fault;
use lanyard_tests::{TestEnv, TestNamespace, holds};
use serde_json::{Value, json};

use crate::resources::{association_tags, begin_deletion, spec};
use crate::{BINARY, TIMINGS, new_stage};

pub const RETAINED: &str = "lanyard.dev/retained";
const IDENTITIES: [(&str, &str); 2] = [("by-irsa", "IRSA"), ("by-pods", "PodIdentity")];

/// Runs the command against the cluster and the AWS account of an environment.
pub async fn release(stage: &TestEnv, arguments: &[&str]) -> Result<Output> {
    let mut command = Command::new(BINARY);
    stage.bed.equip(&mut command);
    command
        .args(["release", "--cluster-name", "lanyard", "--timings", TIMINGS])
        .args(arguments);
    let ran = tokio::task::spawn_blocking(move || command.output()).await?;
    ran.context("running the command")
}

pub fn report(output: &Output) -> Result<Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    let said = || format!("{text}\n{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).with_context(said)
}

/// One part of a report for each object, by name.
fn of_each<'a>(report: &'a Value, part: &str) -> BTreeMap<&'a str, &'a Value> {
    let objects = report
        .get("objects")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let named = objects.filter_map(|object| Some((object.get("name")?.as_str()?, object.get(part)?)));
    named.collect()
}

/// Creates an environment with two identities that are ready.
async fn env_with_identities() -> Result<TestEnv> {
    let stage = new_stage().await?;
    let scene = stage.scene("shop").await?;
    for (name, method) in IDENTITIES {
        scene.apply(name, spec(name, method)).await?;
        scene.until_ready(name).await?;
    }
    drop(scene);
    Ok(stage)
}

/// The existing namespace of that environment.
async fn scene(stage: &TestEnv) -> Result<TestNamespace<'_>> {
    stage.existing_scene("shop").await
}

async fn is_released(scene: &TestNamespace<'_>, name: &str) -> Result<bool> {
    let object = scene.identities().get(name).await?;
    let annotations = object.metadata.annotations.unwrap_or_default();
    Ok(object.metadata.finalizers.is_none() && !annotations.contains_key("lanyard.dev/inventory"))
}

#[tokio::test]
async fn release_without_confirmation_or_with_leader_is_refused() -> Result<()> {
    let stage = env_with_identities().await?;
    let scene = scene(&stage).await?;
    let mark = stage.bed.gateway.ledger().mark();
    let shown = release(&stage, &["--all", "--output", "json"]).await?;
    ensure!(shown.status.code() == Some(2), "{shown:?}");
    let report = report(&shown)?;
    ensure!(
        of_each(&report, "outcome")
            .values()
            .all(|outcome| **outcome == "wouldRelease")
    );
    let released = of_each(&report, "released")
        .get("by-pods")
        .map(ToString::to_string);
    let released = released.unwrap_or_default();
    ensure!(
        released.contains("role/lanyard/us-east-1/lanyard/by-pods") && released.contains("the association"),
        "{report}"
    );

    let refused = release(&stage, &["--all", "--yes"]).await?;
    ensure!(refused.status.code() == Some(1), "{refused:?}");
    let said = String::from_utf8_lossy(&refused.stderr);
    ensure!(said.contains("stop the operator first"), "{said}");
    let writes = stage.bed.gateway.ledger().since(mark).to_aws().writes();
    ensure!(writes.is_empty(), "{writes}");
    for (name, _) in IDENTITIES {
        ensure!(!is_released(&scene, name).await?);
    }
    stage.bed.stop().await
}

#[tokio::test]
async fn released_resources_keep_working() -> Result<()> {
    let stage = env_with_identities().await?;
    let scene = scene(&stage).await?;
    ensure!(stage.stop(0).await?.success());
    // If AWS cannot be read temporarily, the command retries before it releases an object without removing the tags.
    let faults = stage.bed.gateway.faults();
    let passing = Fault::on("GetRole").about("by-irsa").first(1);
    let passing = faults.add(passing.throttles());
    let done = release(&stage, &["--all", "--yes", "--output", "json"]).await?;
    ensure!(done.status.success(), "{done:?}");
    ensure!(passing.hits() == 1);
    let report = report(&done)?;
    ensure!(
        of_each(&report, "outcome")
            .values()
            .all(|outcome| **outcome == "released")
    );
    ensure!(
        of_each(&report, "stillTagged")
            .values()
            .all(|left| **left == json!([])),
        "{report}"
    );
    for (name, _) in IDENTITIES {
        ensure!(is_released(&scene, name).await?);
        let tags = scene.aws.role_tags(name).await?;
        ensure!(tags.keys().eq([RETAINED]), "{tags:?}");
    }
    ensure!(association_tags(&scene, "by-pods").await? == [RETAINED]);
    let account = scene.accounts().get("by-irsa").await?;
    ensure!(
        account
            .metadata
            .annotations
            .is_some_and(|all| all.contains_key("eks.amazonaws.com/role-arn"))
    );
    let again = release(&stage, &["--all"]).await?;
    ensure!(again.status.success() && String::from_utf8_lossy(&again.stdout).starts_with("Nothing is held"));
    stage.bed.stop().await
}

/// The operator was uninstalled first and its namespace does not terminate. The objects are released and the rest is
/// reported, whatever AWS answers.
#[tokio::test]
async fn terminating_namespace_is_released_without_aws() -> Result<()> {
    let stage = env_with_identities().await?;
    let scene = scene(&stage).await?;
    ensure!(stage.stop(0).await?.success());
    let namespaces: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(scene.client.clone());
    let uid = namespaces.get("shop").await?.metadata.uid.context("uid")?;
    for (name, _) in IDENTITIES {
        begin_deletion(&scene, name).await?;
    }
    namespaces.delete("shop", &DeleteParams::default()).await?;

    let faults = stage.bed.gateway.faults();
    faults.add(Fault::on_any().to_aws().resets());
    let done = release(&stage, &["--namespace", "shop", "--yes", "--output", "json"]).await?;
    ensure!(done.status.success(), "{done:?}");
    let report = report(&done)?;
    ensure!(report.get("awsUnavailable").is_some(), "{report}");
    let left = of_each(&report, "stillTagged");
    let named = |name: &str, thing: &str| {
        left.get(name)
            .is_some_and(|left| left.to_string().contains(thing))
    };
    ensure!(
        named("by-irsa", "role/lanyard/us-east-1/lanyard/by-irsa"),
        "{report}"
    );
    ensure!(
        named("by-pods", "role/lanyard/us-east-1/lanyard/by-pods"),
        "{report}"
    );
    ensure!(named("by-pods", "association a-"), "{report}");

    let gone = await_condition(namespaces, "shop", is_deleted(&uid));
    tokio::time::timeout(std::time::Duration::from_secs(60), gone).await??;
    faults.clear();
    for (name, _) in IDENTITIES {
        ensure!(scene.aws.role_tags(name).await?.contains_key("lanyard.dev/name"));
    }
    stage.bed.stop().await
}

/// If AWS refuses permanently, the tags stay, the report names them, and no object is blocked.
#[tokio::test]
async fn untaggable_resource_is_reported_and_blocks_no_object() -> Result<()> {
    let stage = env_with_identities().await?;
    let scene = scene(&stage).await?;
    ensure!(stage.stop(0).await?.success());
    let faults = stage.bed.gateway.faults();
    faults.add(Fault::on("TagRole").about("by-irsa").denies());
    faults.add(
        Fault::on("ListPodIdentityAssociations")
            .about("shop/by-pods")
            .denies(),
    );
    let done = release(&stage, &["--all", "--yes"]).await?;
    ensure!(done.status.success(), "{done:?}");
    let text = String::from_utf8_lossy(&done.stdout);
    holds(
        &text,
        &[
            "iam:TagRole",
            "the association: access denied",
            "2 released",
            "Lanyard's tags: 2.",
        ],
    )?;
    for (name, _) in IDENTITIES {
        ensure!(is_released(&scene, name).await?);
    }
    stage.bed.stop().await
}
