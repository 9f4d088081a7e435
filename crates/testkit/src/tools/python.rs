//! The AWS emulators: Python packages, each in a virtual environment of its own because their dependencies clash.
//! Input: the pinned requirements, compiled in. Output: parts for `install`. Runs `python3` and its pip.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::install;
use super::part::Part;

/// The oldest Python that the pinned packages run on.
const PYTHON: (u32, u32) = (3, 11);

/// Writes the service models of an environment's botocore.
const EXPORT: &str = include_str!("../../tools/models/export.py");

/// One virtual environment.
pub(super) struct Venv {
    name: &'static str,
    version: &'static str,
    requirements: &'static str,
    usual_seconds: u64,
    dir: PathBuf,
}

impl Venv {
    /// IAM, STS and EKS.
    pub(super) fn ministack(root: &Path) -> Result<Self> {
        Self::new(
            root,
            "ministack",
            include_str!("../../tools/ministack/requirements.txt"),
            20,
        )
    }

    /// IAM and STS.
    pub(super) fn localstack(root: &Path) -> Result<Self> {
        Self::new(
            root,
            "localstack",
            include_str!("../../tools/localstack/requirements.txt"),
            95,
        )
    }

    fn new(root: &Path, name: &'static str, requirements: &'static str, usual_seconds: u64) -> Result<Self> {
        let version = first_version(requirements)
            .with_context(|| format!("no version in the requirements of {name}"))?;
        // The packages lie in a directory named after Python's version: after an upgrade they would not be found.
        let python = format!("{:?}", installed_python());
        let digest = install::digest(&[requirements, &python]);
        Ok(Self {
            name,
            version,
            requirements,
            usual_seconds,
            dir: root.join(format!("{name}-{version}-{digest}")),
        })
    }

    /// The interpreter that has the packages.
    pub(super) fn python(&self) -> PathBuf {
        self.dir.join("venv/bin/python")
    }

    /// The directory of AWS's service models, which come with botocore.
    pub(super) fn models(&self) -> PathBuf {
        self.dir.join(format!("models-{}", install::digest(&[EXPORT])))
    }

    /// The service models, written out of the environment's botocore; it has to be installed first.
    pub(super) fn models_part(&self) -> Part {
        let python = self.python();
        Part {
            label: "AWS's service models".to_owned(),
            usual: Duration::from_secs(1),
            dir: self.dir.clone(),
            target: self.models(),
            check: python_is_there,
            make: Box::new(move |to, log| {
                install::run(Command::new(&python).args(["-c", EXPORT]).arg(to), log)
            }),
        }
    }

    pub(super) fn part(&self) -> Part {
        let requirements = self.requirements;
        Part {
            label: format!("{} {}", self.name, self.version),
            usual: Duration::from_secs(self.usual_seconds),
            dir: self.dir.clone(),
            target: self.dir.join("venv"),
            check: python_is_there,
            make: Box::new(move |to, log| make(to, log, requirements)),
        }
    }
}

/// A virtual environment may be moved as long as it is entered by `bin/python -m`, which finds itself by its own path.
fn make(to: &Path, log: &Path, requirements: &str) -> Result<()> {
    install::run(Command::new("python3").args(["-m", "venv"]).arg(to), log)?;
    let list = to.join("requirements.txt");
    fs::write(&list, requirements)?;
    let mut pip = Command::new(to.join("bin/python"));
    pip.args([
        "-m",
        "pip",
        "install",
        "--no-input",
        "--disable-pip-version-check",
        "--requirement",
    ])
    .arg(list);
    install::run(&mut pip, log)
}

fn python_is_there() -> Result<()> {
    let (major, minor) = PYTHON;
    let wanted = format!("install Python {major}.{minor} or newer, which runs the AWS emulators");
    match installed_python() {
        None => bail!("python3 is not on the PATH: {wanted}"),
        Some((major, minor)) if (major, minor) < PYTHON => {
            bail!("python3 is Python {major}.{minor}: {wanted}")
        }
        Some(_) => {}
    }
    if ask("import venv, ensurepip").is_none() {
        bail!("python3 has no venv module: install it (on Debian and Ubuntu: apt install python3-venv)");
    }
    Ok(())
}

fn installed_python() -> Option<(u32, u32)> {
    let said = ask("import sys; print(sys.version_info[0], sys.version_info[1])")?;
    let (major, minor) = said.trim().split_once(' ')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// Returns the output of Python for this code, or `None` if there is no Python or the code fails.
fn ask(code: &str) -> Option<String> {
    let output = Command::new("python3").args(["-c", code]).output().ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The version in the first pinned line: `name==1.2.3`.
fn first_version(requirements: &str) -> Option<&str> {
    let line = requirements
        .lines()
        .find(|line| !line.starts_with('#') && line.contains("=="))?;
    line.split_once("==").map(|(_, version)| version.trim())
}
