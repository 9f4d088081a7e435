//! Proves `--rights`: each command is complete under exactly the printed rights, and a right that is taken away is a missing right
//! in the result, never a change or a fault. Does I/O.

use anyhow::{Context, Result, ensure};
use lanyard_tests::{TestNamespace, eventually, manifests};
use serde_json::{Value, json};

use crate::doctor::suspended;
use crate::run::{Ran, command, output_of, run};
use crate::stage;

const COMMANDS: [&str; 4] = ["plan", "trust", "doctor", "verify"];

/// The rights that a command prints.
async fn printed(scene: &TestNamespace<'_>, command: &str) -> Result<Value> {
    let ran = run(&scene.stage.bed, &[command, "--rights", "-o", "json"], "").await?;
    Ok(ran.ended(0)?.json()?["items"][0].take())
}

/// Gives a user these rules, and waits until they are in effect.
async fn grant(scene: &TestNamespace<'_>, user: &str, rules: &[Value]) -> Result<()> {
    let api = "rbac.authorization.k8s.io";
    let version = format!("{api}/v1");
    let metadata = json!({"name": user});
    // A rule that no command needs shows that all of them are in effect. kubectl asks for known kinds only.
    let marker = json!({"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get"]});
    let rules = [rules, &[marker]].concat();
    let role = json!({"apiVersion": version, "kind": "ClusterRole", "metadata": metadata, "rules": rules});
    let binding = json!({
        "apiVersion": version, "kind": "ClusterRoleBinding", "metadata": metadata,
        "roleRef": {"apiGroup": api, "kind": "ClusterRole", "name": user},
        "subjects": [{"apiGroup": api, "kind": "User", "name": user}],
    });
    let bed = &scene.stage.bed;
    manifests::apply(bed, &[role.to_string(), binding.to_string()], &[])?;
    eventually("the rules are in effect", async || {
        let mut kubectl = bed.kubectl();
        let asked = ["auth", "can-i", "get", "leases.coordination.k8s.io", "--as", user];
        let output = kubectl.args(asked).output()?;
        Ok(String::from_utf8_lossy(&output.stdout).trim() == "yes")
    })
    .await
}

/// Creates a user of IAM with a policy. Returns its access key.
async fn iam_user(scene: &TestNamespace<'_>, name: &str, policy: &Value) -> Result<(String, String)> {
    let iam = &scene.aws.iam;
    iam.create_user().user_name(name).send().await?;
    let put = iam.put_user_policy().user_name(name).policy_name(name);
    put.policy_document(policy.to_string()).send().await?;
    let made = iam.create_access_key().user_name(name).send().await?;
    let key = made.access_key.context("an access key")?;
    Ok((key.access_key_id, key.secret_access_key))
}

async fn run_as(
    scene: &TestNamespace<'_>,
    arguments: &[&str],
    user: &str,
    key: Option<&(String, String)>,
) -> Result<Ran> {
    let flags = ["-n", scene.namespace.as_str(), "-o", "json", "--as", user];
    let mut command = command(&scene.stage.bed, &[arguments, &flags].concat());
    if let Some((id, secret)) = key {
        command
            .env("AWS_ACCESS_KEY_ID", id)
            .env("AWS_SECRET_ACCESS_KEY", secret);
    }
    output_of(command, "").await
}

#[tokio::test]
async fn each_command_is_complete_under_its_printed_rights() -> Result<()> {
    let scene = stage().await?.scene("cli-exact").await?;
    suspended(&scene, "exact", "IRSA").await?;
    for command in COMMANDS {
        let rights = printed(&scene, command).await?;
        let user = format!("cli-exact-{command}");
        let rules = rights["clusterRole"]["rules"].as_array().context("rules")?;
        grant(&scene, &user, rules).await?;
        let key = iam_user(&scene, &user, &rights["policy"]).await?;
        let arguments: &[&str] = match command {
            // The document alone has no field for what was not read.
            "trust" => &["trust", "exact"],
            command => &[command, "exact"],
        };
        let ran = run_as(&scene, arguments, &user, Some(&key)).await?;
        let ran = ran.ended(0).with_context(|| command.to_owned())?;
        let report = ran.json()?;
        ensure!(report["complete"] == true, "{command}: {:#}", report["unread"]);
    }
    Ok(())
}

#[tokio::test]
async fn right_taken_away_is_no_change_and_no_fault() -> Result<()> {
    let scene = stage().await?.scene("cli-less").await?;
    suspended(&scene, "less", "IRSA").await?;
    for command in COMMANDS {
        let rights = printed(&scene, command).await?;
        let rules = rights["clusterRole"]["rules"].as_array().context("rules")?;
        for (at, line) in rights["rules"].as_array().context("rules")?.iter().enumerate() {
            let user = format!("cli-less-{command}-{at}");
            let mut rest = rules.clone();
            rest.remove(at);
            grant(&scene, &user, &rest).await?;
            let ran = run_as(&scene, &[command, "less"], &user, None).await?;
            let exit = ran.exit.unwrap_or_default();
            let is_whole = exit == 0 && ran.json()?["complete"] == true;
            let is_right = match line["required"] == true {
                // A proof uses one of two ways.
                true => matches!(exit, 1 | 3) || (command == "verify" && is_whole),
                false => matches!(exit, 0 | 3),
            };
            ensure!(is_right, "{command} without {}: {ran:#?}", line["rule"]);
        }
    }
    Ok(())
}
