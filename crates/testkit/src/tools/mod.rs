//! The programs of the test bed, built or installed on first use and found again afterwards.
//! Input: the cache and the pinned lists in `crates/testkit/tools`. Output: the path of every program. Does I/O: runs `go` and
//! `python3` when something is missing.

mod evaluator;
mod go;
mod install;
mod part;
mod progress;
mod python;

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::cache::Cache;

pub use self::evaluator::Evaluator;

/// The path of every program of the test bed.
#[derive(Clone, Debug)]
pub struct Tools {
    /// The store behind the API server.
    pub etcd: PathBuf,
    /// The API server.
    pub kube_apiserver: PathBuf,
    /// Deployments, ReplicaSets, ServiceAccounts and the other built-in controllers.
    pub kube_controller_manager: PathBuf,
    /// Puts pods on nodes.
    pub kube_scheduler: PathBuf,
    /// The command line, for people and for tests of what they see.
    pub kubectl: PathBuf,
    /// Simulates the kubelets.
    pub kwok: PathBuf,
    /// KWOK's own Stages for nodes and pods, in one file.
    pub kwok_stages: PathBuf,
    /// The Python that has ministack.
    pub ministack: PathBuf,
    /// AWS's models of IAM, STS and EKS: a file in JSON for each.
    pub models: PathBuf,
    /// The Python that has LocalStack, when it was asked for.
    pub localstack: Option<PathBuf>,
}

impl Tools {
    /// Finds all programs, building what is missing: about nine minutes on two cores the first time, nothing after that.
    /// Several processes may ask at once; one builds and the others wait. Blocks.
    pub fn install(cache: &Cache, localstack: bool) -> Result<Self> {
        let assets = kubebuilder_assets()?;
        let root = cache.dir("tools")?;
        let kubernetes = go::Module::kubernetes(&root);
        let kwok = go::Module::kwok(&root);
        let ministack = python::Venv::ministack(&root)?;
        let localstack_venv = localstack.then(|| python::Venv::localstack(&root)).transpose()?;

        let mut parts = Vec::new();
        parts.extend(
            kubernetes
                .binaries()
                .filter(|part| !provided(assets.as_deref(), part)),
        );
        parts.extend(kwok.binaries());
        parts.push(kwok.stages());
        parts.push(ministack.part());
        parts.push(ministack.models_part());
        parts.extend(localstack_venv.as_ref().map(python::Venv::part));
        install::missing(&parts)?;

        let provided_or_built = |name: &str| {
            assets
                .as_ref()
                .map_or_else(|| kubernetes.binary(name), |dir| dir.join(name))
        };
        Ok(Self {
            etcd: provided_or_built("etcd"),
            kube_apiserver: provided_or_built("kube-apiserver"),
            kube_controller_manager: kubernetes.binary("kube-controller-manager"),
            kube_scheduler: kubernetes.binary("kube-scheduler"),
            kubectl: provided_or_built("kubectl"),
            kwok: kwok.binary("kwok"),
            kwok_stages: kwok.stages_file(),
            ministack: ministack.python(),
            models: ministack.models(),
            localstack: localstack_venv.as_ref().map(python::Venv::python),
        })
    }

    /// Finds Helm, building it if it is missing: three minutes on two cores. Only the suite that installs the charts needs
    /// it. Blocks.
    pub fn install_helm(cache: &Cache) -> Result<PathBuf> {
        let helm = go::Module::helm(&cache.dir("tools")?);
        install::missing(&helm.binaries().collect::<Vec<_>>())?;
        Ok(helm.binary("helm"))
    }

    /// The directory with `kubectl`, for a `PATH`.
    pub fn bin(&self) -> &Path {
        self.kubectl.parent().unwrap_or(Path::new("."))
    }
}

/// The directory that `setup-envtest` fills, without controller manager and scheduler.
const ASSETS: [&str; 3] = ["etcd", "kube-apiserver", "kubectl"];

fn kubebuilder_assets() -> Result<Option<PathBuf>> {
    let Some(dir) = env::var_os("KUBEBUILDER_ASSETS")
        .filter(|dir| !dir.is_empty())
        .map(PathBuf::from)
    else {
        return Ok(None);
    };
    for name in ASSETS {
        if !dir.join(name).is_file() {
            bail!(
                "KUBEBUILDER_ASSETS is {}, which has no {name}: fill it with setup-envtest, or unset it",
                dir.display()
            );
        }
    }
    Ok(Some(dir))
}

fn provided(assets: Option<&Path>, part: &part::Part) -> bool {
    assets.is_some() && ASSETS.iter().any(|name| part.target.ends_with(name))
}
