//! The work tree: its root, its files as Git sees them, and its packages as Cargo sees them.
//! Runs `git` and `cargo metadata` once; every part reads the result.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use cargo_metadata::{Metadata, MetadataCommand, Package, Target, TargetKind};

const TESTKIT: &str = "lanyard-testkit";
/// Integration tests of the package `tests` that need no test bed.
const PURE: [&str; 1] = ["scenarios"];

/// The work tree.
pub(crate) struct Checkout {
    pub(crate) root: PathBuf,
    /// Tracked or new, but not ignored; relative to the root.
    pub(crate) files: BTreeSet<PathBuf>,
    metadata: Metadata,
}

/// Requirements of an integration test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    Nothing,
    /// A control plane and emulators, as all in a package that uses the testkit.
    TestBed,
}

impl Checkout {
    /// # Errors
    /// When Cargo cannot read the workspace (also when `Cargo.lock` is stale), or when this is no Git work tree.
    pub(crate) fn open() -> Result<Self> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.toml");
        let metadata = MetadataCommand::new()
            .manifest_path(manifest)
            .other_options(["--locked".to_owned()])
            .exec()?;
        let root = metadata.workspace_root.clone().into_std_path_buf();
        let files = files(&root)?;
        Ok(Self {
            root,
            files,
            metadata,
        })
    }

    /// The packages of the workspace.
    pub(crate) fn packages(&self) -> Vec<&Package> {
        self.metadata.workspace_packages()
    }

    /// The files with this extension.
    pub(crate) fn with_extension(&self, extension: &str) -> impl Iterator<Item = &Path> {
        self.files
            .iter()
            .map(PathBuf::as_path)
            .filter(move |path| path.extension().is_some_and(|found| found == extension))
    }

    pub(crate) fn read(&self, path: &Path) -> Result<String> {
        fs::read_to_string(self.root.join(path)).with_context(|| format!("reading {}", path.display()))
    }

    /// The integration tests with these needs, by name.
    pub(crate) fn integration_tests(&self, needs: Needs) -> BTreeSet<&str> {
        self.packages()
            .into_iter()
            .flat_map(|package| package.targets.iter().map(move |target| (package, target)))
            .filter(|(package, target)| {
                target.kind.contains(&TargetKind::Test) && needs == needs_of(package, target)
            })
            .map(|(_, target)| target.name.as_str())
            .collect()
    }
}

fn needs_of(package: &Package, test: &Target) -> Needs {
    let uses_testkit =
        package.name == TESTKIT || package.dependencies.iter().any(|used| used.name == TESTKIT);
    if uses_testkit && !PURE.contains(&test.name.as_str()) {
        Needs::TestBed
    } else {
        Needs::Nothing
    }
}

fn files(root: &Path) -> Result<BTreeSet<PathBuf>> {
    let listed = Command::new("git")
        .current_dir(root)
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .output()
        .context("starting git, which lists the files to judge")?;
    if !listed.status.success() {
        bail!(
            "git cannot list the files: {}",
            String::from_utf8_lossy(&listed.stderr).trim()
        );
    }
    let names = String::from_utf8_lossy(&listed.stdout);
    let paths = names.split_terminator('\0').map(PathBuf::from);
    // A file that was deleted but is still tracked is listed too.
    Ok(paths.filter(|path| root.join(path).is_file()).collect())
}
