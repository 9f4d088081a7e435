//! The health scripts and actions of Argo CD. Input: the files in upstream's layout. Output: verdicts. Reads files.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use lanyard_api::{WorkloadIdentity, WorkloadIdentityClass};
use serde_json::{Value, json};

use crate::objects::{State, all, not_reconciled, root, yaml};
use crate::{ask, results};

const KINDS: [&str; 2] = ["WorkloadIdentity", "WorkloadIdentityClass"];

fn dir(kind: &str) -> PathBuf {
    root()
        .join("config/gitops/argocd/resource_customizations/lanyard.dev")
        .join(kind)
}

fn script(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}

fn list<'a>(document: &'a Value, key: &str) -> Result<&'a Vec<Value>> {
    let list = document[key].as_array();
    list.with_context(|| format!("no list {key} in {document}"))
}

/// Reads the object that a test names, which has to be one that the API accepts.
fn object(dir: &Path, test: &Value, key: &str) -> Result<Value> {
    let path = dir.join(test[key].as_str().context("a path")?);
    let object = yaml(&path)?;
    let typed = match object["kind"].as_str() {
        Some("WorkloadIdentity") => serde_json::from_value::<WorkloadIdentity>(object.clone()).map(drop),
        _ => serde_json::from_value::<WorkloadIdentityClass>(object.clone()).map(drop),
    };
    typed.with_context(|| format!("decoding {}", path.display()))?;
    Ok(object)
}

#[test]
fn health_scripts_pass_their_upstream_tests() -> Result<()> {
    for kind in KINDS {
        let dir = dir(kind);
        let lua = script(&dir.join("health.lua"))?;
        let document = yaml(&dir.join("health_test.yaml"))?;
        for test in list(&document, "tests")? {
            let object = object(&dir, test, "inputPath")?;
            let found = results(&[json!({"lua": lua, "object": object})])?;
            ensure!(
                found == [test["healthStatus"].clone()],
                "{kind}: {test}\n{found:?}"
            );
        }
    }
    Ok(())
}

#[test]
fn every_scenario_and_reason_has_its_health() -> Result<()> {
    let lua = script(&dir("WorkloadIdentity").join("health.lua"))?;
    let mut objects = all()?;
    objects.push(not_reconciled());
    let question = |value: &Value| json!({"lua": lua, "object": value});
    let questions: Vec<Value> = objects.iter().map(|object| question(&object.value)).collect();
    for (object, health) in objects.iter().zip(results(&questions)?) {
        let expected = match object.state {
            State::Deleting | State::NotReconciled | State::Reconciling => "Progressing",
            State::Intended => "Suspended",
            State::Stalled => "Degraded",
            State::Ready => "Healthy",
        };
        ensure!(
            health["status"] == expected,
            "{}: expected {expected}, got {health}",
            object.name
        );
        let message = health["message"].as_str().unwrap_or_default();
        ensure!(!message.is_empty(), "{}: no message", object.name);
    }
    Ok(())
}

#[test]
fn newer_generation_is_progressing() -> Result<()> {
    let lua = script(&dir("WorkloadIdentity").join("health.lua"))?;
    let mut questions = Vec::new();
    for mut object in all()? {
        let generation = object.value["status"]["observedGeneration"].as_i64();
        object.value["metadata"]["generation"] = json!(generation.context("a generation")? + 1);
        questions.push(json!({"lua": lua, "object": object.value}));
    }
    for (health, question) in results(&questions)?.iter().zip(&questions) {
        ensure!(health["status"] == "Progressing", "{health}: {question}");
    }
    Ok(())
}

#[test]
fn actions_pass_their_upstream_tests() -> Result<()> {
    let dir = dir("WorkloadIdentity").join("actions");
    let document = yaml(&dir.join("action_test.yaml"))?;
    let discovery = script(&dir.join("discovery.lua"))?;
    for test in list(&document, "discoveryTests")? {
        let object = object(&dir, test, "inputPath")?;
        let found = results(&[json!({"lua": discovery, "object": object})])?;
        let expected = list(test, "result")?;
        for action in expected {
            let name = action["name"].as_str().context("a name")?;
            let disabled = &found[0][name]["disabled"];
            ensure!(*disabled == action["disabled"], "{name}: {test}\n{found:?}");
        }
        let count = found[0].as_object().map(serde_json::Map::len);
        ensure!(count == Some(expected.len()), "{test}\n{found:?}");
    }
    for test in list(&document, "actionTests")? {
        let name = test["action"].as_str().context("an action")?;
        let lua = script(&dir.join(name).join("action.lua"))?;
        let input = object(&dir, test, "inputPath")?;
        let expected = object(&dir, test, "expectedOutputPath")?;
        let mut found = results(&[json!({"lua": lua, "object": input})])?;
        let found = numbers(found.remove(0));
        ensure!(found == numbers(expected), "{name}: {found:#}");
    }
    Ok(())
}

/// Lua has one type of numbers.
fn numbers(value: Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64()),
        Value::Array(items) => items.into_iter().map(numbers).collect(),
        Value::Object(map) => map.into_iter().map(|(key, item)| (key, numbers(item))).collect(),
        other => other,
    }
}

#[test]
fn scripts_have_only_the_libraries_of_argocd() -> Result<()> {
    for call in [
        "string.format('x')",
        "math.floor(1)",
        "io.read()",
        "os.time()",
        "('x'):upper()",
    ] {
        let answers = ask(&[json!({"lua": format!("return {{{call}}}"), "object": {"kind": "X"}})])?;
        ensure!(!answers[0]["error"].is_null(), "{call}: {answers:?}");
    }
    Ok(())
}

#[test]
fn config_map_has_every_script_and_action() -> Result<()> {
    let map = yaml(&root().join("config/gitops/argocd/argocd-cm.yaml"))?;
    for kind in KINDS {
        let key = format!("resource.customizations.health.lanyard.dev_{kind}");
        let lua = script(&dir(kind).join("health.lua"))?;
        ensure!(map["data"][&key] == lua, "{key} differs from the script");
    }
    let key = "resource.customizations.actions.lanyard.dev_WorkloadIdentity";
    let actions: Value = serde_saphyr::from_str(map["data"][key].as_str().context("the actions")?)?;
    let dir = dir("WorkloadIdentity").join("actions");
    let mut found = Vec::new();
    for action in list(&actions, "definitions")? {
        let name = action["name"].as_str().context("a name")?;
        ensure!(
            action["action.lua"] == script(&dir.join(name).join("action.lua"))?,
            "{name}"
        );
        found.push(name.to_owned());
    }
    let mut folders = Vec::new();
    for entry in fs::read_dir(&dir)? {
        let path = entry?.path();
        if path.join("action.lua").exists() {
            folders.push(
                path.file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned(),
            );
        }
    }
    found.sort();
    folders.sort();
    ensure!(found == folders, "{found:?} and {folders:?}");
    ensure!(actions["discovery.lua"] == script(&dir.join("discovery.lua"))?);
    Ok(())
}
