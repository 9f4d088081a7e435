//! Proves `doctor`: each fault is produced, found with its code, fixed by the command that it printed, and then no longer found.
//! Does I/O.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use lanyard_tests::TestNamespace;
use serde_json::{Value, json};

use crate::run::run;
use crate::stage;

/// The result of `doctor`: the faults by code, and the command of the first one.
async fn doctor(scene: &TestNamespace<'_>, name: &str, exit: i32) -> Result<Vec<(String, String)>> {
    let arguments = ["doctor", name, "-n", &scene.namespace, "-o", "json"];
    let report = run(&scene.stage.bed, &arguments, "").await?.ended(exit)?.json()?;
    let findings = report["items"][0]["findings"].as_array().context("findings")?;
    let faults = findings.iter().filter(|finding| finding["level"] == "fault");
    let text = |finding: &Value, field: &str| finding[field].as_str().unwrap_or_default().to_owned();
    Ok(faults
        .map(|finding| (text(finding, "code"), text(finding, "command")))
        .collect())
}

/// Checks that exactly this fault is found. Returns its command.
async fn only(scene: &TestNamespace<'_>, name: &str, code: &str) -> Result<String> {
    let faults = doctor(scene, name, 2).await?;
    ensure!(
        faults.len() == 1 && faults[0].0 == code,
        "expected {code}: {faults:?}"
    );
    Ok(faults[0].1.clone())
}

/// Runs a command of kubectl as it was printed.
fn follow(scene: &TestNamespace<'_>, command: &str) -> Result<()> {
    let words: Vec<&str> = command.split(' ').collect();
    let (program, arguments) = words.split_first().context("a command")?;
    ensure!(*program == "kubectl", "{command}");
    let mut kubectl: Command = scene.stage.bed.kubectl();
    let output = kubectl.args(arguments).output()?;
    ensure!(output.status.success(), "{command}: {output:?}");
    Ok(())
}

/// Binds an object and suspends it, so that the operator does not correct what the test breaks.
pub async fn suspended(scene: &TestNamespace<'_>, name: &str, method: &str) -> Result<String> {
    scene.account(name).await?;
    bound_and_suspended(scene, name, method).await
}

/// The same for a ServiceAccount that exists.
pub async fn bound_and_suspended(scene: &TestNamespace<'_>, name: &str, method: &str) -> Result<String> {
    let mut spec = json!({"method": method, "role": {"managed": {}}});
    scene.apply(name, spec.clone()).await?;
    let object = scene.until_ready(name).await?;
    spec["suspend"] = json!(true);
    scene.apply(name, spec).await?;
    scene.reconciled(name).await?;
    scene.role_of(&object)
}

#[tokio::test]
async fn irsa_faults_are_found_and_fixed_by_the_printed_commands() -> Result<()> {
    let scene = stage().await?.scene("cli-doctor-irsa").await?;
    let name = "doctor-irsa";
    let role = suspended(&scene, name, "IRSA").await?;
    assert_eq!(doctor(&scene, name, 0).await?, []);

    scene.accounts().delete(name, &Default::default()).await?;
    let command = only(&scene, name, "LY101").await?;
    follow(&scene, &command)?;
    // The new ServiceAccount has no annotation.
    let command = only(&scene, name, "LY102").await?;
    follow(&scene, &command)?;
    assert_eq!(doctor(&scene, name, 0).await?, []);

    let denies = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]});
    let iam = &scene.aws.iam;
    iam.update_assume_role_policy()
        .role_name(&role)
        .policy_document(denies.to_string())
        .send()
        .await?;
    let command = only(&scene, name, "LY203").await?;
    let arguments: Vec<&str> = command.split(' ').skip(2).collect();
    let policy = run(&scene.stage.bed, &arguments, "").await?.ended(0)?.stdout;
    iam.update_assume_role_policy()
        .role_name(&role)
        .policy_document(policy)
        .send()
        .await?;
    assert_eq!(doctor(&scene, name, 0).await?, []);
    Ok(())
}

#[tokio::test]
async fn pod_identity_without_association_is_found() -> Result<()> {
    let scene = stage().await?.scene("cli-doctor-pods").await?;
    let name = "doctor-pods";
    let role = suspended(&scene, name, "PodIdentity").await?;
    assert_eq!(doctor(&scene, name, 0).await?, []);
    let id = scene.aws.associations(&scene.namespace, name).await?;
    let id = id.first().context("an association")?;
    let delete = scene
        .aws
        .eks
        .delete_pod_identity_association()
        .cluster_name("lanyard");
    delete.association_id(id).send().await?;
    let command = only(&scene, name, "LY301").await?;
    let words: Vec<&str> = command.split(' ').collect();
    let value = |flag: &str| {
        words
            .iter()
            .skip_while(|word| **word != flag)
            .nth(1)
            .copied()
            .unwrap_or_default()
    };
    assert!(value("--role-arn").ends_with(&role), "{command}");
    let create = scene.aws.eks.create_pod_identity_association();
    let create = create
        .cluster_name(value("--cluster-name"))
        .namespace(value("--namespace"));
    create
        .service_account(value("--service-account"))
        .role_arn(value("--role-arn"))
        .send()
        .await?;
    assert_eq!(doctor(&scene, name, 0).await?, []);
    Ok(())
}
