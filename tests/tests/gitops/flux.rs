//! The states of Lanyard's resources in Flux: kstatus for identities, CEL expressions for classes, and the examples.
//! Input: the files of `config/gitops/flux`. Output: verdicts. Reads files.

use std::fs;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::objects::{State, all, not_reconciled, root, yaml};
use crate::{ask, results};

#[test]
fn identity_has_the_documented_kstatus() -> Result<()> {
    let mut objects = all()?;
    objects.push(not_reconciled());
    let question = |value: &Value| json!({"kstatus": true, "object": value});
    let questions: Vec<Value> = objects.iter().map(|object| question(&object.value)).collect();
    for (object, found) in objects.iter().zip(results(&questions)?) {
        let is_stalled = object.value["status"]["conditions"]
            .as_array()
            .is_some_and(|all| all.iter().any(|condition| condition["type"] == "Stalled"));
        let is_ready = object.value["status"]["conditions"]
            .as_array()
            .is_some_and(|all| {
                all.iter()
                    .any(|one| one["type"] == "Ready" && one["status"] == "True")
            });
        let expected = match object.state {
            State::Deleting => "Terminating",
            State::Stalled => "Failed",
            State::Intended if is_stalled => "Failed",
            State::Ready => "Current",
            State::Intended if is_ready => "Current",
            State::NotReconciled | State::Reconciling | State::Intended => "InProgress",
        };
        ensure!(
            found["status"] == expected,
            "{}: expected {expected}, got {found}",
            object.name
        );
    }
    Ok(())
}

/// The documents of every example.
fn examples() -> Result<Vec<(String, Value)>> {
    let mut documents = Vec::new();
    for entry in fs::read_dir(root().join("config/gitops/flux"))? {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        for document in fs::read_to_string(&path)?.split("\n---\n") {
            let value = serde_saphyr::from_str(document).with_context(|| format!("decoding {name}"))?;
            documents.push((name.clone(), value));
        }
    }
    ensure!(!documents.is_empty());
    Ok(documents)
}

#[test]
fn examples_have_only_fields_that_flux_has() -> Result<()> {
    for (file, document) in examples()? {
        let answers = ask(&[json!({"decode": true, "object": document})])?;
        ensure!(answers[0]["error"].is_null(), "{file}: {answers:?}");
    }
    Ok(())
}

#[test]
fn dependencies_name_existing_objects() -> Result<()> {
    let examples = examples()?;
    let mut edges = 0;
    for (file, document) in &examples {
        for dependency in document["spec"]["dependsOn"].as_array().into_iter().flatten() {
            let is_there = examples.iter().any(|(_, other)| {
                other["kind"] == document["kind"] && other["metadata"]["name"] == dependency["name"]
            });
            ensure!(is_there, "{file}: {dependency}");
            edges += 1;
        }
    }
    ensure!(edges > 3, "{edges} dependencies");
    Ok(())
}

#[test]
fn class_expressions_yield_the_documented_state() -> Result<()> {
    let examples = examples()?;
    let expressions = examples
        .iter()
        .flat_map(|(_, document)| {
            document["spec"]["healthCheckExprs"]
                .as_array()
                .into_iter()
                .flatten()
        })
        .find(|expressions| expressions["kind"] == "WorkloadIdentityClass")
        .context("no expressions for classes")?;
    let dir = root()
        .join("config/gitops/argocd/resource_customizations/lanyard.dev/WorkloadIdentityClass/testdata");
    for (file, expected) in [
        ("healthy", "Current"),
        ("unusable", "Failed"),
        ("deleting", "InProgress"),
    ] {
        let object = yaml(&dir.join(file).with_added_extension("yaml"))?;
        let found = results(&[json!({"expressions": expressions, "object": object})])?;
        ensure!(found[0]["status"] == expected, "{file}: {found:?}");
    }
    // Flux continues to wait after an error, and a class without a status has nothing that an expression can test.
    let object = yaml(&dir.join("no_status.yaml"))?;
    let found = ask(&[json!({"expressions": expressions, "object": object})])?;
    let error = found[0]["error"].as_str().unwrap_or_default();
    ensure!(error.contains("no such attribute"), "no status: {found:?}");
    Ok(())
}

#[test]
fn application_and_its_identity_are_valid() -> Result<()> {
    let text = fs::read_to_string(root().join("config/gitops/argocd/application.yaml"))?;
    let documents: Vec<&str> = text.split("\n---\n").collect();
    ensure!(documents.len() == 3, "{} documents", documents.len());
    let identity: lanyard_api::WorkloadIdentity = serde_saphyr::from_str(documents[1])?;
    ensure!(
        identity
            .spec
            .service_account
            .is_some_and(|account| account.create)
    );
    Ok(())
}
