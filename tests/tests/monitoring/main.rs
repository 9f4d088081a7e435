//! Proves the alerts and dashboards of `config/monitoring` in the packages of Prometheus: each alert fires, is silent just
//! below its limit and without an operator, and every query reads what a running operator exposes.
//! Needs the test bed for the scrape; does I/O.

#![cfg(test)]

mod alerts;
mod scrape;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use lanyard_testkit::cache::Cache;
use lanyard_testkit::tools::Evaluator;
use serde_json::Value;

fn dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/monitoring")
}

fn read(file: &str) -> Result<String> {
    let path = dir().join(file);
    fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
}

/// The documents of a YAML file.
fn documents(file: &str) -> Result<Vec<Value>> {
    let text = read(file)?;
    let decode = |text: &str| serde_saphyr::from_str(text).with_context(|| format!("decoding {file}"));
    text.split("\n---\n").map(decode).collect()
}

/// The alerts of the plain rules.
fn alerts() -> Result<Vec<Value>> {
    let mut rules = documents("rules.yaml")?.remove(0);
    let alerts = rules["groups"][0]["rules"].take();
    alerts.as_array().cloned().context("no rules")
}

/// Returns the result of each question.
fn results(questions: &[Value]) -> Result<Vec<Value>> {
    let evaluator = Evaluator::promql(&Cache::open()?)?;
    let answers = evaluator.ask(questions)?;
    let result = |(answer, question): (&Value, &Value)| match answer.get("error") {
        Some(error) => anyhow::bail!("{error}: {question}"),
        None => Ok(answer["result"].clone()),
    };
    answers.iter().zip(questions).map(result).collect()
}
