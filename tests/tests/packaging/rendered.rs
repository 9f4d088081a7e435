//! Proves that the API server accepts everything that charts and kustomizations render, without unknown fields. Does I/O.

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, PostParams};
use kube::core::ObjectMeta;
use lanyard_testkit::TestBed;
use lanyard_tests::manifests;

use crate::chart::{self, NAMESPACE};
use crate::stage;

/// A dry run by the API server, which rejects unknown and duplicate fields.
const DRY_RUN: &[&str] = &["--dry-run=server", "--validate=strict"];
const COMPONENTS: &[&str] = &[
    "admission",
    "flow-schema",
    "ha",
    "network-policy",
    "off-eks",
    "release",
    "restart",
    "self-restraint",
    "tenants",
    "token-clients",
];

/// Creates the namespaces that rendered objects are in: a dry run creates none.
async fn namespaces(bed: &TestBed) -> Result<()> {
    let api = Api::<Namespace>::all(bed.client().await?);
    for name in [NAMESPACE, "platform"] {
        let metadata = ObjectMeta {
            name: Some(name.to_owned()),
            ..ObjectMeta::default()
        };
        let namespace = Namespace {
            metadata,
            ..Namespace::default()
        };
        match api.create(&PostParams::default(), &namespace).await {
            Err(kube::Error::Api(status)) if status.code == 409 => {}
            created => drop(created?),
        }
    }
    Ok(())
}

#[tokio::test]
async fn every_values_file_renders_valid_objects() -> Result<()> {
    let bed = &stage().await?.bed;
    namespaces(bed).await?;
    let lanyard = chart::path("lanyard")?;
    let lanyard = lanyard.to_str().context("a path")?;
    for file in chart::ci_values()? {
        let file = file.to_str().context("a path")?;
        chart::succeed(bed, &["lint", "--strict", lanyard, "--values", file]).await?;
        let mut documents = chart::template(bed, &["--values", file]).await?;
        // The kinds of the Prometheus operator, which the test bed does not serve: compared with `config/monitoring` instead.
        documents.retain(|document| !document.contains("apiVersion: monitoring.coreos.com/"));
        manifests::apply(bed, &documents, DRY_RUN).with_context(|| file.to_owned())?;
    }
    let crds = chart::path("lanyard-crds")?;
    chart::succeed(bed, &["lint", "--strict", crds.to_str().context("a path")?]).await?;
    Ok(())
}

#[tokio::test]
async fn every_component_renders_valid_objects() -> Result<()> {
    let bed = &stage().await?.bed;
    namespaces(bed).await?;
    let known = std::fs::read_dir(manifests::config()?.join("components"))?;
    let mut known: Vec<String> = known
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_>>()?;
    known.sort();
    assert_eq!(known, COMPONENTS, "a component that is not tested");
    let all = manifests::rendered(bed, COMPONENTS)?;
    manifests::apply(bed, &all, DRY_RUN)?;
    let example = manifests::config()?.join("overlays/example");
    let example = manifests::documents(bed.kubectl().arg("kustomize").arg(example).output()?)?;
    manifests::apply(bed, &example, DRY_RUN)
}
