//! The programs that are built from pinned Go modules: the control plane, and apart from it KWOK, Helm and the evaluators.
//! Input: the modules' `go.mod`, `go.sum` and own code, compiled in. Output: parts for `install`. Runs `go`, which fetches what it needs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::install;
use super::part::Part;

/// The oldest Go that builds Kubernetes 1.36.
const GO: (u32, u32) = (1, 26);

/// Programs that are built from one `go.mod`.
struct Pin {
    name: &'static str,
    version: &'static str,
    go_mod: &'static str,
    go_sum: &'static str,
    /// Code of the module itself by file name.
    code: &'static [(&'static str, &'static str)],
    programs: &'static [Program],
}

/// A program in a module.
struct Program {
    name: &'static str,
    version: &'static str,
    package: &'static str,
    /// Measured on two cores, with nothing compiled before.
    usual_seconds: u64,
}

const K8S: &str = "v1.36.3";
const KUBERNETES: Pin = Pin {
    name: "kubernetes",
    version: K8S,
    go_mod: include_str!("../../tools/kubernetes/go.mod"),
    go_sum: include_str!("../../tools/kubernetes/go.sum"),
    code: &[],
    programs: &[
        program("etcd", "v3.6.8", "go.etcd.io/etcd/server/v3", 100),
        program("kube-apiserver", K8S, "k8s.io/kubernetes/cmd/kube-apiserver", 290),
        program(
            "kube-controller-manager",
            K8S,
            "k8s.io/kubernetes/cmd/kube-controller-manager",
            85,
        ),
        program("kube-scheduler", K8S, "k8s.io/kubernetes/cmd/kube-scheduler", 15),
        program("kubectl", K8S, "k8s.io/kubernetes/cmd/kubectl", 35),
    ],
};
const KWOK: Pin = Pin {
    name: "kwok",
    version: "v0.8.0",
    go_mod: include_str!("../../tools/kwok/go.mod"),
    go_sum: include_str!("../../tools/kwok/go.sum"),
    code: &[],
    programs: &[program("kwok", "v0.8.0", "sigs.k8s.io/kwok/cmd/kwok", 120)],
};
const GITOPS: Pin = Pin {
    name: "gitops",
    version: "v1",
    go_mod: include_str!("../../tools/gitops/go.mod"),
    go_sum: include_str!("../../tools/gitops/go.sum"),
    code: &[
        ("main.go", include_str!("../../tools/gitops/main.go")),
        ("lua.go", include_str!("../../tools/gitops/lua.go")),
        ("decode.go", include_str!("../../tools/gitops/decode.go")),
    ],
    programs: &[program("gitops", "v1", ".", 60)],
};
const PROMQL: Pin = Pin {
    name: "promql",
    version: "v0.316.0",
    go_mod: include_str!("../../tools/promql/go.mod"),
    go_sum: include_str!("../../tools/promql/go.sum"),
    code: &[("main.go", include_str!("../../tools/promql/main.go"))],
    programs: &[program("promql", "v0.316.0", ".", 60)],
};

const HELM_VERSION: &str = "v4.3.2";
const HELM: Pin = Pin {
    name: "helm",
    version: HELM_VERSION,
    go_mod: include_str!("../../tools/helm/go.mod"),
    go_sum: include_str!("../../tools/helm/go.sum"),
    code: &[],
    programs: &[program("helm", HELM_VERSION, "helm.sh/helm/v4/cmd/helm", 180)],
};

const fn program(
    name: &'static str,
    version: &'static str,
    package: &'static str,
    usual_seconds: u64,
) -> Program {
    Program {
        name,
        version,
        package,
        usual_seconds,
    }
}

/// KWOK's Stages that make a node ready at once and keep it so, and run, complete and delete pods at once.
const STAGES: [&str; 5] = [
    "node/fast/node-initialize.yaml",
    "node/heartbeat-with-lease/node-heartbeat-with-lease.yaml",
    "pod/fast/pod-ready.yaml",
    "pod/fast/pod-complete.yaml",
    "pod/fast/pod-delete.yaml",
];

/// A pinned module and the directory of the cache that its programs live in.
pub(super) struct Module {
    pin: &'static Pin,
    dir: PathBuf,
    ldflags: String,
}

impl Module {
    /// etcd and Kubernetes.
    pub(super) fn kubernetes(root: &Path) -> Self {
        // Built from the module cache there is no Git tree to take the version from, and clients refuse a server without.
        let versions = ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"].map(|package| {
            format!("-X {package}.gitVersion={K8S} -X {package}.gitMajor=1 -X {package}.gitMinor=36")
        });
        Self::new(root, &KUBERNETES, format!("-s -w {}", versions.join(" ")))
    }

    /// The simulated kubelet.
    pub(super) fn kwok(root: &Path) -> Self {
        Self::new(root, &KWOK, "-s -w".to_owned())
    }

    /// The package manager, for the suite that installs the charts.
    pub(super) fn helm(root: &Path) -> Self {
        let version = format!("-X helm.sh/helm/v4/internal/version.version={HELM_VERSION}");
        Self::new(root, &HELM, format!("-s -w {version}"))
    }

    /// The evaluator of rules and queries of Prometheus.
    pub(super) fn promql(root: &Path) -> Self {
        Self::new(root, &PROMQL, "-s -w".to_owned())
    }

    /// The evaluator of health checks of Argo CD and Flux.
    pub(super) fn gitops(root: &Path) -> Self {
        Self::new(root, &GITOPS, "-s -w".to_owned())
    }

    fn new(root: &Path, pin: &'static Pin, ldflags: String) -> Self {
        let mut contents = vec![pin.go_mod, pin.go_sum, ldflags.as_str()];
        contents.extend(pin.code.iter().map(|(_, text)| *text));
        let digest = install::digest(&contents);
        Self {
            dir: root.join(format!("{}-{}-{digest}", pin.name, pin.version)),
            pin,
            ldflags,
        }
    }

    /// Where a program of this module is, or will be.
    pub(super) fn binary(&self, name: &str) -> PathBuf {
        self.dir.join("bin").join(name)
    }

    /// Where KWOK's Stages are, or will be.
    pub(super) fn stages_file(&self) -> PathBuf {
        self.dir.join("stages.yaml")
    }

    /// One part for each program.
    pub(super) fn binaries(&self) -> impl Iterator<Item = Part> {
        self.pin.programs.iter().map(|program| {
            let (source, ldflags) = (self.source(program.name), self.ldflags.clone());
            Part {
                label: format!("{} {}", program.name, program.version),
                usual: Duration::from_secs(program.usual_seconds),
                dir: self.dir.clone(),
                target: self.binary(program.name),
                check: go_is_there,
                make: Box::new(move |to, log| source.build(program.package, &ldflags, to, log)),
            }
        })
    }

    /// KWOK's Stages, copied out of its module.
    pub(super) fn stages(&self) -> Part {
        let source = self.source("stages");
        Part {
            label: format!("{} {} stages", self.pin.name, self.pin.version),
            usual: Duration::from_secs(1),
            dir: self.dir.clone(),
            target: self.stages_file(),
            check: go_is_there,
            make: Box::new(move |to, _log| source.copy_stages(to)),
        }
    }

    /// Each part has its own copy of the files: parts of one module may be made by two processes at once.
    fn source(&self, part: &str) -> Source {
        Source {
            dir: self.dir.join("src").join(part),
            pin: self.pin,
        }
    }
}

/// The main module that `go` runs in: the two pinned files and the module's own code.
struct Source {
    dir: PathBuf,
    pin: &'static Pin,
}

impl Source {
    fn build(&self, package: &str, ldflags: &str, to: &Path, log: &Path) -> Result<()> {
        let mut go = self.go()?;
        go.args(["build", "-trimpath", "-buildvcs=false", "-ldflags", ldflags, "-o"])
            .arg(to)
            .arg(package);
        install::run(&mut go, log)
    }

    fn copy_stages(&self, to: &Path) -> Result<()> {
        let output = self
            .go()?
            .args(["list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/kwok"])
            .output()?;
        let dir = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()).join("kustomize/stage");
        let read = |path: &&str| {
            fs::read_to_string(dir.join(path)).with_context(|| format!("reading KWOK's stage {path}"))
        };
        let stages = STAGES.iter().map(read).collect::<Result<Vec<_>>>()?;
        Ok(fs::write(to, stages.join("\n---\n"))?)
    }

    fn go(&self) -> Result<Command> {
        fs::create_dir_all(&self.dir)?;
        let pinned = [("go.mod", self.pin.go_mod), ("go.sum", self.pin.go_sum)];
        for (name, text) in pinned.iter().chain(self.pin.code) {
            fs::write(self.dir.join(name), text)?;
        }
        let mut go = Command::new("go");
        go.current_dir(&self.dir)
            .env("GOFLAGS", "-mod=readonly")
            .env("GOWORK", "off")
            .env("CGO_ENABLED", "0");
        Ok(go)
    }
}

fn go_is_there() -> Result<()> {
    let (major, minor) = GO;
    let Ok(output) = Command::new("go")
        .args(["env", "GOVERSION", "GOTOOLCHAIN"])
        .output()
    else {
        bail!(
            "Go is not on the PATH: install Go {major}.{minor} or newer (go.dev/dl), it builds the test bed's control plane"
        );
    };
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut lines = said.lines();
    let (found, toolchain) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    // Any other setting lets an older Go fetch the one that go.mod asks for.
    if toolchain != "local" || version(found) >= Some(GO) {
        return Ok(());
    }
    bail!(
        "{found} is too old: install Go {major}.{minor} or newer (go.dev/dl), or set GOTOOLCHAIN=auto to let it fetch one"
    )
}

/// `go1.26.8` is (1, 26).
fn version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.strip_prefix("go")?.split(['.', 'r', 'b', '-', ' ']);
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_versions_compare_by_number() {
        assert_eq!(version("go1.26.8"), Some((1, 26)));
        assert_eq!(version("go1.27rc1"), Some((1, 27)));
        assert!(version("go1.9") < Some(GO));
        assert_eq!(version("devel"), None);
    }
}
