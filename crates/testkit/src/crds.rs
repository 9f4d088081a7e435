//! The workspace's CRDs, put on a control plane. Input: `crds/*.yaml`. Output: kinds that are served. Does I/O.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client, ResourceExt as _};

/// Two levels above this crate.
const CRDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../crds");
const LIMIT: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(50);

/// Applies all of them and waits until each is served.
pub(crate) async fn apply(client: Client) -> Result<Vec<String>> {
    let api: Api<CustomResourceDefinition> = Api::all(client);
    let params = PatchParams::apply("lanyard-test-bed").force();
    let mut names = Vec::new();
    for crd in read()? {
        let name = crd.name_any();
        api.patch(&name, &params, &Patch::Apply(&crd))
            .await
            .with_context(|| format!("applying the CRD {name}"))?;
        tokio::time::timeout(LIMIT, served(&api, &name))
            .await
            .with_context(|| format!("the CRD {name} is not served"))?;
        names.push(name);
    }
    Ok(names)
}

async fn served(api: &Api<CustomResourceDefinition>, name: &str) {
    while !api.get(name).await.is_ok_and(|crd| is_established(&crd)) {
        tokio::time::sleep(POLL).await;
    }
}

fn is_established(crd: &CustomResourceDefinition) -> bool {
    let conditions = crd
        .status
        .iter()
        .filter_map(|status| status.conditions.as_ref())
        .flatten();
    conditions
        .into_iter()
        .any(|condition| condition.type_ == "Established" && condition.status == "True")
}

fn read() -> Result<Vec<CustomResourceDefinition>> {
    let dir = Path::new(CRDS);
    let mut paths: Vec<_> = fs::read_dir(dir)
        .with_context(|| {
            format!(
                "no CRDs in {}: make them with `cargo xtask codegen`",
                dir.display()
            )
        })?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    paths.sort();
    if paths.is_empty() {
        bail!(
            "no CRDs in {}: make them with `cargo xtask codegen`",
            dir.display()
        );
    }
    let parse = |path: &Path| -> Result<_> { Ok(serde_saphyr::from_str(&fs::read_to_string(path)?)?) };
    paths
        .iter()
        .map(|path| parse(path).with_context(|| format!("reading {}", path.display())))
        .collect()
}
