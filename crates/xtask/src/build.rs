//! Building a program of this workspace to run it: always the tree as it stands.
//! A package and the name of its binary in, the path of the binary out. Runs cargo, whose own progress is shown.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use cargo_metadata::MetadataCommand;

/// Builds a binary and tells where it is.
pub fn binary(package: &str, name: &str) -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        // With this program's own features: nothing that is built for it already is built once more.
        .args(["build", "--package", package, "--package", "xtask", "--bin", name])
        .status();
    ensure!(built.context("running cargo")?.success(), "{name} does not build");
    // This program and the one just built come from the same build, so they lie in the same folder.
    let own = std::env::current_exe().context("finding this program")?;
    Ok(own.parent().context("this program has no folder")?.join(name))
}

/// Builds this program and the operator in release, and runs this program again as it was called: what is measured must
/// not be slowed down by what measures.
pub fn run_in_release() -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let packages = ["--package", "xtask", "--package", "lanyard-operator", "--bins"];
    let built = Command::new(cargo)
        .args(["build", "--release"])
        .args(packages)
        .status();
    ensure!(
        built.context("running cargo")?.success(),
        "the release does not build"
    );
    let metadata = MetadataCommand::new()
        .no_deps()
        .exec()
        .context("asking cargo where it builds")?;
    let program = metadata.target_directory.join("release").join("xtask");
    let arguments = std::env::args_os().skip(1).chain(["--built".into()]);
    let ended = Command::new(&program).args(arguments).status();
    ensure!(
        ended.with_context(|| format!("running {program}"))?.success(),
        "the bench broke off"
    );
    Ok(())
}

/// The path of the operator that was built with this program.
pub fn operator_beside() -> Result<String> {
    let own = std::env::current_exe().context("finding this program")?;
    let operator = own.with_file_name("lanyard");
    let path = operator
        .to_str()
        .context("the path of the operator is not UTF-8")?;
    Ok(path.to_owned())
}
