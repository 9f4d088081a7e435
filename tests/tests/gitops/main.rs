//! Proves how Argo CD and Flux show Lanyard's resources: the health scripts run with the libraries that Argo CD opens,
//! and kstatus and the CEL expressions in the packages that Flux uses. Inputs: the files of `config/gitops`, the
//! scenarios and the closed set of reasons. Builds the evaluator on first use; needs no control plane.

#![cfg(test)]

mod argocd;
mod flux;
mod objects;
mod pipelines;

use std::sync::OnceLock;

use anyhow::{Context, Result};
use lanyard_testkit::cache::Cache;
use lanyard_testkit::tools::Evaluator;
use serde_json::Value;

/// Returns the answer to each question. Builds the evaluator once.
fn ask(questions: &[Value]) -> Result<Vec<Value>> {
    static EVALUATOR: OnceLock<Result<Evaluator, String>> = OnceLock::new();
    let build = || {
        let cache = Cache::open().map_err(|error| format!("{error:#}"))?;
        Evaluator::gitops(&cache).map_err(|error| format!("{error:#}"))
    };
    let evaluator = EVALUATOR.get_or_init(build);
    let evaluator = evaluator.as_ref().map_err(|error| anyhow::anyhow!("{error}"))?;
    evaluator.ask(questions)
}

/// Returns the results of questions that all have one.
fn results(questions: &[Value]) -> Result<Vec<Value>> {
    let result = |answer: &Value| {
        let result = answer.get("result").cloned();
        result.with_context(|| format!("no result: {answer}"))
    };
    ask(questions)?.iter().map(result).collect()
}
