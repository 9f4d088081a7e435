//! The pipelines of `config/ci`: valid YAML, with commands that the command line accepts. Reads files.

use std::fs;

use anyhow::{Context, Result, ensure};

use crate::objects::{root, yaml};

#[test]
fn pipelines_call_the_command_line_with_valid_flags() -> Result<()> {
    for file in ["config/ci/github.yaml", "config/ci/gitlab.yaml"] {
        let path = root().join(file);
        ensure!(yaml(&path)?.is_object(), "{file}");
        let text = fs::read_to_string(&path)?;
        let mut lines = text.lines().map(str::trim);
        let line = lines.find_map(|line| line.strip_prefix("kubectl lanyard "));
        let line = line.with_context(|| format!("{file} does not call the plugin"))?;
        let words = line.split(" > ").next().unwrap_or_default().split_whitespace();
        let arguments: Vec<&str> = ["kubectl-lanyard"].into_iter().chain(words).collect();
        lanyard_cli::command()
            .try_get_matches_from(&arguments)
            .with_context(|| format!("{file}: {arguments:?}"))?;
    }
    Ok(())
}
