//! Proves `audit` on a fleet of mixed workloads: each row has the effective form, no value of a Secret or variable is in any
//! format, a missing right is named, and hostile names are inert. Does I/O.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use lanyard_tests::{TestNamespace, eventually, holds};
use serde_json::{Value, json};

use crate::run::run;
use crate::stage;

const KEY: &str = "AKIAIOSFODNN7EXAMPLE";
/// Every value that must not be shown contains it.
const SECRET: &str = "c0ffee-geheim";
/// Text that terminals, browsers and spreadsheets would interpret.
const HOSTILE: &str = "=x</script><img src=x onerror=alert(1)>\u{1b}[2J\u{202e}";
const ROLE: &str = "arn:aws:iam::000000000000:role/by-helm";

/// Applies objects with kubectl.
fn apply(scene: &TestNamespace<'_>, objects: &[Value]) -> Result<()> {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string();
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("fleet.json");
    std::fs::write(&file, list)?;
    let mut kubectl = scene.stage.bed.kubectl();
    kubectl.args(["apply", "-n", &scene.namespace, "-f"]).arg(&file);
    let output = kubectl.output()?;
    ensure!(output.status.success(), "{output:?}");
    Ok(())
}

/// A Deployment of one container.
fn deployment(name: &str, account: &str, replicas: u32, container: Value, pod: Value) -> Value {
    let mut app = json!({"name": "app", "image": "example"});
    merge(&mut app, container);
    let mut spec = json!({"serviceAccountName": account, "containers": [app]});
    merge(&mut spec, pod);
    let labels = json!({"app": name});
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "labels": labels},
        "spec": {
            "replicas": replicas, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    })
}

fn merge(into: &mut Value, from: Value) {
    if let (Some(into), Value::Object(from)) = (into.as_object_mut(), from) {
        into.extend(from);
    }
}

fn env(variables: &[(&str, &str)]) -> Value {
    let variable = |(name, value): &(&str, &str)| json!({"name": name, "value": value});
    json!({"env": variables.iter().map(variable).collect::<Vec<_>>()})
}

/// The workloads of which the API server runs no pods, and one Deployment with pods.
fn fleet() -> Vec<Value> {
    let none = || json!({});
    let reference = json!({"env": [{"name": "AWS_ACCESS_KEY_ID", "valueFrom": {"secretKeyRef": {"name": "s3", "key": "id"}}}]});
    let loads = json!({"envFrom": [{"secretRef": {"name": "loaded"}}]});
    let mounted = json!({"volumeMounts": [{"name": "aws", "mountPath": "/etc/app/.aws"}]});
    let volumes = json!({"volumes": [{"name": "aws", "secret": {"secretName": "files"}}]});
    let fargate = json!({"nodeSelector": {"eks.amazonaws.com/compute-type": "fargate"}});
    let mut proxy = deployment("proxy", "default", 0, none(), none());
    proxy["spec"]["template"]["metadata"]["annotations"] = json!({"iam.amazonaws.com/role": HOSTILE});
    let cron = json!({
        "apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "nightly"},
        "spec": {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": {"spec": {
            "restartPolicy": "Never", "serviceAccountName": "default",
            "containers": [{"name": "app", "image": "example", "args": ["--key", KEY]}],
        }}}}},
    });
    let data = json!({"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET});
    vec![
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "by-helm", "annotations": {"eks.amazonaws.com/role-arn": ROLE}}}),
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "orders"}}),
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "loaded"}, "stringData": data}),
        deployment(
            "literal",
            "default",
            1,
            env(&[("AWS_ACCESS_KEY_ID", KEY), ("AWS_SECRET_ACCESS_KEY", SECRET)]),
            none(),
        ),
        deployment("reference", "default", 0, reference, none()),
        deployment("loads", "default", 0, loads, none()),
        deployment("mounted", "default", 0, mounted, volumes),
        deployment("profile", "default", 0, env(&[("AWS_PROFILE", SECRET)]), none()),
        deployment("annotated", "by-helm", 0, none(), none()),
        deployment("on-fargate", "by-helm", 0, none(), fargate),
        deployment("managed", "orders", 1, none(), none()),
        deployment("node", "default", 0, env(&[("AWS_REGION", "eu-west-1")]), none()),
        deployment("quiet", "default", 0, env(&[("PORT", "80")]), none()),
        proxy,
        cron,
    ]
}

async fn audit(scene: &TestNamespace<'_>, more: &[&str], exit: i32) -> Result<String> {
    let arguments = [&["audit", "-n", &scene.namespace], more].concat();
    Ok(run(&scene.stage.bed, &arguments, "").await?.ended(exit)?.stdout)
}

async fn items(scene: &TestNamespace<'_>, more: &[&str], exit: i32) -> Result<BTreeMap<String, Value>> {
    let text = audit(scene, &[more, &["-o", "json"]].concat(), exit).await?;
    let report: Value = serde_json::from_str(&text)?;
    ensure!(report["complete"] == true, "{}", report["unread"]);
    let items = report["items"].as_array().context("items")?;
    let name = |item: &Value| item["name"].as_str().unwrap_or_default().to_owned();
    Ok(items.iter().map(|item| (name(item), item.clone())).collect())
}

/// The form, the codes and the time of the move of one item.
fn shown(item: &Value) -> String {
    let codes: Vec<&str> = item["findings"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|finding| finding["code"].as_str())
        .collect();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    format!(
        "{} [{}] {}",
        text(&item["effective"]),
        codes.join(" "),
        text(&item["move"]["when"])
    )
}

#[tokio::test]
async fn mixed_fleet_is_shown_without_a_single_value() -> Result<()> {
    let scene = stage().await?.scene("cli-audit").await?;
    scene
        .apply(
            "orders",
            json!({"method": "PodIdentity", "role": {"managed": {}}}),
        )
        .await?;
    apply(&scene, &fleet())?;
    scene.until_ready("orders").await?;
    // The first pod can be older than the association.
    let restart = ["rollout", "restart", "deployment/managed", "-n", &scene.namespace];
    ensure!(scene.stage.bed.kubectl().args(restart).output()?.status.success());
    eventually("the pods run, and the new one carries the binding", async || {
        let items = items(&scene, &[], 2).await?;
        let runs = |name: &str| items.get(name).is_some_and(|item| item["pods"] == 1);
        Ok(runs("literal") && runs("managed") && items["managed"]["effective"] == "PodIdentity")
    })
    .await?;
    let found = items(&scene, &[], 2).await?;
    for (name, expected) in [
        ("literal", "StaticKey [LY701] now"),
        ("reference", "StaticKey [LY701] now"),
        ("loads", "NodeRole [LY702] -"),
        ("mounted", "Profile [LY702] after"),
        ("profile", "Profile [] after"),
        ("annotated", "IRSA [LY713] now"),
        ("on-fargate", "IRSA [LY713] stay"),
        ("managed", "PodIdentity [] -"),
        ("node", "NodeRole [LY704] now"),
        ("quiet", "NodeRole [] -"),
        ("proxy", "Proxy [LY703] now"),
        ("nightly", "StaticKey [LY701] now"),
    ] {
        let item = found
            .get(name)
            .with_context(|| format!("{name}: {:?}", found.keys()))?;
        ensure!(shown(item) == expected, "{name}: expected {expected}: {item}");
    }
    ensure!(found["literal"]["pods"] == 1 && found["nightly"]["pods"] == 0);
    ensure!(found["managed"]["managed"] == true && found["annotated"]["managed"] == false);
    ensure!(found["literal"]["evidence"] == json!(["AWS_ACCESS_KEY_ID with the value AKIA…MPLE"]));

    let read = items(&scene, &["--read-secrets"], 2).await?;
    ensure!(
        shown(&read["loads"]) == "StaticKey [LY701] now",
        "{}",
        read["loads"]
    );
    no_value_in_any_format(&scene).await?;
    gate_counts_only_new_findings(&scene).await
}

async fn no_value_in_any_format(scene: &TestNamespace<'_>) -> Result<()> {
    for format in ["text", "wide", "json", "yaml", "name", "csv", "dot", "html"] {
        let text = audit(scene, &["--read-secrets", "-o", format], 2).await?;
        for value in [SECRET, KEY, "\u{1b}", "\u{202e}"] {
            ensure!(!text.contains(value), "{format}: {text}");
        }
        let masked = audit(scene, &["-o", format, "--mask"], 2).await?;
        ensure!(!masked.contains("000000000000"), "{format}: {masked}");
    }
    let csv = audit(scene, &["-o", "csv"], 2).await?;
    ensure!(!csv.contains(",\"="), "{csv}");
    let html = audit(scene, &["-o", "html"], 2).await?;
    ensure!(
        !html.contains("<img") && html.matches("</script>").count() == 1,
        "{html}"
    );
    holds(
        &html,
        &[
            "Content-Security-Policy",
            "AKIA…MPLE",
            "deploy/annotated",
            "LY713",
        ],
    )
}

async fn gate_counts_only_new_findings(scene: &TestNamespace<'_>) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("audit.json");
    let path = path.to_str().context("path")?;
    let written = audit(scene, &["-o", "json", "--out", path], 2).await?;
    ensure!(written.is_empty(), "{written}");
    let line = ["--since", path, "--fail-on", "static,wide"];
    audit(scene, &line, 0).await?;
    let fresh = deployment(
        "fresh",
        "default",
        0,
        env(&[("AWS_ACCESS_KEY_ID", KEY)]),
        json!({}),
    );
    apply(scene, &[fresh])?;
    audit(scene, &line, 2).await?;
    audit(scene, &["-l", "app=quiet"], 0).await?;
    Ok(())
}

#[tokio::test]
async fn missing_rights_are_named_and_exit_3() -> Result<()> {
    let scene = stage().await?.scene("cli-audit-rights").await?;
    let arguments = ["audit", "-n", &scene.namespace, "--as", "cli-audit-tenant"];
    let ran = run(&scene.stage.bed, &arguments, "").await?.ended(3)?;
    holds(
        &ran.stdout,
        &[
            "NOT READ",
            "pods in cli-audit-rights",
            "only pod templates are judged",
            "cronjobs in cli-audit-rights",
            "those without pods are not seen",
            "workloadidentities in cli-audit-rights",
            "it is not known which credentials Lanyard manages",
        ],
    )
}

#[tokio::test]
async fn wrong_flags_of_audit_exit_1() -> Result<()> {
    let bed = &stage().await?.bed;
    for (arguments, words) in [
        (
            vec!["audit", "-n", "cli-nowhere"],
            "namespace cli-nowhere does not exist",
        ),
        (vec!["audit", "-A", "-n", "x"], "--all-namespaces excludes"),
        (vec!["audit", "--fail-on", "statc"], "nearest: static"),
        (
            vec!["audit", "--since", "/nonexistent"],
            "cannot read /nonexistent",
        ),
    ] {
        let ran = run(bed, &arguments, "").await?.ended(1)?;
        holds(&ran.stderr, &[words])?;
    }
    Ok(())
}
