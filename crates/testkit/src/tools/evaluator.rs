//! The programs that evaluate Lanyard's files as other projects do: health checks as Argo CD and Flux, rules as
//! Prometheus.
//! Input: a list of questions as JSON. Output: one answer for each. Does I/O: builds the program on first use and runs it.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::{go, install};
use crate::cache::Cache;

/// A built evaluator. The questions and answers of each are described in its Go code in `crates/testkit/tools`.
#[derive(Clone, Debug)]
pub struct Evaluator(PathBuf);

impl Evaluator {
    /// Health checks of Argo CD (Lua) and of Flux (kstatus and CEL). Blocks.
    ///
    /// # Errors
    /// Returns an error if Go is not installed or the program does not build.
    pub fn gitops(cache: &Cache) -> Result<Self> {
        Self::built(&go::Module::gitops(&cache.dir("tools")?), "gitops")
    }

    /// Rules and queries of Prometheus. Blocks.
    ///
    /// # Errors
    /// Returns an error if Go is not installed or the program does not build.
    pub fn promql(cache: &Cache) -> Result<Self> {
        Self::built(&go::Module::promql(&cache.dir("tools")?), "promql")
    }

    /// Builds all evaluators. Blocks.
    ///
    /// # Errors
    /// Returns an error if Go is not installed or a program does not build.
    pub fn install_all(cache: &Cache) -> Result<()> {
        Self::gitops(cache)?;
        Self::promql(cache).map(drop)
    }

    fn built(module: &go::Module, name: &str) -> Result<Self> {
        install::missing(&module.binaries().collect::<Vec<_>>())?;
        Ok(Self(module.binary(name)))
    }

    /// Returns the answer to each question, in their order. Blocks.
    ///
    /// # Errors
    /// Returns an error if the program fails, or does not answer every question.
    pub fn ask(&self, questions: &[Value]) -> Result<Vec<Value>> {
        let input = serde_json::to_vec(questions)?;
        let mut child = Command::new(&self.0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut stdin = child.stdin.take().context("a child without stdin")?;
        // The program can answer before it has read everything, and the pipes are small.
        let writer = thread::spawn(move || stdin.write_all(&input));
        let output = child.wait_with_output()?;
        if !output.status.success() {
            bail!(
                "the evaluator failed: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        writer
            .join()
            .map_err(|_| anyhow::anyhow!("the writer panicked"))??;
        let answers: Vec<Value> = serde_json::from_slice(&output.stdout)?;
        ensure!(
            answers.len() == questions.len(),
            "{} answers to {} questions",
            answers.len(),
            questions.len()
        );
        Ok(answers)
    }
}
