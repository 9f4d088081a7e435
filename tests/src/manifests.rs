//! The shipped kustomizations, rendered by kubectl: the operator with components of `config/components`.
//! Input: names of components. Output: YAML documents. Runs kubectl.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, ensure};
use lanyard_testkit::TestBed;

/// Renders `config/operator` with these components.
///
/// # Errors
/// Returns an error if a component does not exist or kustomize rejects it.
pub fn rendered(bed: &TestBed, components: &[&str]) -> Result<Vec<String>> {
    let overlay = tempfile::tempdir().context("a directory for an overlay")?;
    // kustomize accepts only relative paths.
    let root = "../".repeat(overlay.path().components().count() - 1);
    let config = format!("{}{}", root.trim_end_matches('/'), config()?.display());
    let components: Vec<String> = components
        .iter()
        .map(|component| format!("{config}/components/{component}"))
        .collect();
    let kustomization = format!(
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [{config}/operator]\ncomponents: [{}]\n",
        components.join(", ")
    );
    std::fs::write(overlay.path().join("kustomization.yaml"), kustomization)?;
    documents(bed.kubectl().arg("kustomize").arg(overlay.path()).output()?)
}

/// The YAML documents that a command prints.
///
/// # Errors
/// Returns an error with the output of a command that failed.
pub fn documents(output: Output) -> Result<Vec<String>> {
    ensure!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout)?;
    let documents = text
        .split("\n---\n")
        .map(|text| text.trim_start_matches("---\n").to_owned());
    Ok(documents.filter(|text| kind(text).is_some()).collect())
}

/// The kind of an object in YAML.
#[must_use]
pub fn kind(document: &str) -> Option<&str> {
    document.lines().find_map(|line| line.strip_prefix("kind: "))
}

/// Applies objects with these arguments.
///
/// # Errors
/// Returns an error if the API server refuses one.
pub fn apply(bed: &TestBed, documents: &[String], arguments: &[&str]) -> Result<()> {
    let mut command = bed.kubectl();
    command.args(["apply", "--filename", "-"]).args(arguments);
    let output = with_input(&mut command, &documents.join("\n---\n"))?;
    ensure!(output.status.success(), "{output:?}");
    Ok(())
}

fn with_input(command: &mut Command, text: &str) -> Result<Output> {
    let piped = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = piped.spawn()?;
    let mut input = child.stdin.take().context("the input of kubectl")?;
    // The documents fit into the pipe's buffer or kubectl reads them: it answers only after the end of its input.
    std::io::Write::write_all(&mut input, text.as_bytes())?;
    drop(input);
    Ok(child.wait_with_output()?)
}

/// The directory `config`.
///
/// # Errors
/// Returns an error if it does not exist.
pub fn config() -> Result<PathBuf> {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config");
    config.canonicalize().context("the directory config")
}
