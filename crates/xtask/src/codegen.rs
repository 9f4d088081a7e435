//! `cargo xtask codegen`: writes every generated file from the Rust it comes from, or checks that none is stale.
//! The api, core and cli crates in, `crds/`, `config/samples/`, `config/helm/*/files/`, Argo CD's ConfigMap,
//! alerts, dashboards, `docs/conditions.md` and `docs/reference/cli/` out. Does I/O: files of the workspace.

mod argocd;
mod charts;
mod command_line;
mod conditions;
mod dashboards;
mod diff;
mod generated;
mod kubernetes;
mod monitoring;
mod operator_iam;
mod rules;
mod wrap;

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use console::style;

use self::generated::Generated;

/// Writes the generated files: crds/, config/samples/, config/helm/*/files/, Argo CD's ConfigMap, alerts, dashboards,
/// docs/conditions.md and docs/reference/cli/.
#[derive(Args, Debug)]
pub struct CodegenArgs {
    /// Change nothing; show what is stale as a diff and fail.
    #[arg(long)]
    pub check: bool,
}

/// Directories that hold nothing but generated files: whatever else lies there is stale.
const OWNED_DIRS: [&str; 5] = [
    "crds",
    "config/samples",
    "docs/reference/cli",
    "config/helm/lanyard/files",
    "config/helm/lanyard-crds/files",
];

/// A file that is out of date.
enum Stale {
    /// It is not there, or says something else.
    Differs {
        path: PathBuf,
        found: String,
        wanted: String,
    },
    /// Nothing generates it any more.
    Left { path: PathBuf },
}

/// Writes the generated files, or only compares them.
///
/// # Errors
/// With `--check`, when a file is stale; else when a file cannot be read or written.
pub fn run(args: &CodegenArgs) -> Result<()> {
    let root = root();
    let generated = generate()?;
    let stale = find_stale(&root, &generated)?;
    if args.check {
        report(&stale, generated.len())
    } else {
        write(&root, &stale)
    }
}

/// Returns the stale files as a diff, or an empty text.
///
/// # Errors
/// When a file cannot be read.
pub fn stale() -> Result<String> {
    Ok(rendered(&find_stale(&root(), &generate()?)?))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn generate() -> Result<Generated> {
    let mut generated = kubernetes::crds()?;
    generated.append(&mut kubernetes::samples()?);
    generated.append(&mut command_line::files()?);
    generated.append(&mut argocd::files(&root())?);
    generated.append(&mut monitoring::files(&root())?);
    generated.append(&mut dashboards::files()?);
    generated.append(&mut operator_iam::files(&root())?);
    let mut copies = charts::files(&root(), &generated)?;
    generated.append(&mut copies);
    generated.insert("docs/conditions.md".into(), conditions::page());
    Ok(generated)
}

fn find_stale(root: &Path, generated: &Generated) -> Result<Vec<Stale>> {
    let mut stale = Vec::new();
    for (path, wanted) in generated {
        let found = read(&root.join(path))?.unwrap_or_default();
        if found != *wanted {
            stale.push(Stale::Differs {
                path: path.clone(),
                found,
                wanted: wanted.clone(),
            });
        }
    }
    for dir in OWNED_DIRS {
        for path in files_in(root, dir)?
            .into_iter()
            .filter(|path| !generated.contains_key(path))
        {
            stale.push(Stale::Left { path });
        }
    }
    Ok(stale)
}

fn report(stale: &[Stale], total: usize) -> Result<()> {
    print!("{}", rendered(stale));
    if !stale.is_empty() {
        bail!(
            "{} generated files are stale: run `cargo xtask codegen` and commit the result",
            stale.len()
        );
    }
    println!(
        "{} {total} generated files are as their sources say",
        style("ok").green()
    );
    Ok(())
}

fn rendered(stale: &[Stale]) -> String {
    let tell = |file: &Stale| match file {
        Stale::Differs { path, found, wanted } => diff::coloured(path, found, wanted),
        Stale::Left { path } => {
            let line = format!("{}: nothing generates it", path.display());
            format!("{}\n", style(line).red())
        }
    };
    stale.iter().map(tell).collect()
}

fn write(root: &Path, stale: &[Stale]) -> Result<()> {
    for file in stale {
        match file {
            Stale::Differs { path, wanted, .. } => {
                let target = root.join(path);
                let dir = target.parent().context("a generated file has no directory")?;
                fs::create_dir_all(dir).with_context(|| format!("making {}", dir.display()))?;
                fs::write(&target, wanted).with_context(|| format!("writing {}", path.display()))?;
                println!("{} {}", style("wrote").green(), path.display());
            }
            Stale::Left { path } => {
                fs::remove_file(root.join(path)).with_context(|| format!("removing {}", path.display()))?;
                println!("{} {}", style("removed").yellow(), path.display());
            }
        }
    }
    if stale.is_empty() {
        println!("nothing to do: every generated file is as its source says");
    }
    Ok(())
}

fn read(path: &Path) -> Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
    }
}

/// The files of a directory, as paths from the root; none when there is no such directory yet.
fn files_in(root: &Path, dir: &str) -> Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(root.join(dir)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| format!("listing {dir}")),
    };
    let mut paths = Vec::new();
    for entry in entries {
        paths.push(Path::new(dir).join(entry?.file_name()));
    }
    Ok(paths)
}
