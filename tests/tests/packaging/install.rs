//! Proves installation, upgrade and uninstallation with Helm: objects and CRDs outlive the charts. Does I/O.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{Api, ApiResource, DynamicObject, PostParams};
use lanyard_api::WorkloadIdentity;
use lanyard_testkit::{TestBed, TestBedOptions};
use serde_json::json;

use crate::chart::{self, NAMESPACE, succeed};

const LIMIT: &[&str] = &["--wait", "--timeout", "120s", "--namespace", NAMESPACE];

#[tokio::test]
async fn charts_install_upgrade_and_leave_objects() -> Result<()> {
    let bed = TestBed::start(TestBedOptions::default()).await?;
    let (crds, lanyard) = (chart::path("lanyard-crds")?, chart::path("lanyard")?);
    let (crds, lanyard) = (
        crds.to_str().context("a path")?,
        lanyard.to_str().context("a path")?,
    );
    let install = |name, path| [&["upgrade", "--install", name, path, "--create-namespace"], LIMIT].concat();
    succeed(&bed, &install("lanyard-crds", crds)).await?;
    let values = ["--set", "clusterName=lanyard,region=us-east-1"];
    succeed(&bed, &[&install("lanyard", lanyard)[..], &values].concat()).await?;

    let client = bed.client().await?;
    let deployments = Api::<Deployment>::namespaced(client.clone(), NAMESPACE);
    let pods =
        |deployment: &Deployment| serde_json::to_value(&deployment.spec).map(|spec| spec["template"].clone());
    let before = deployments.get("lanyard").await?;
    let changed = ["--reuse-values", "--set", "settings.resync=5m"];
    succeed(&bed, &[&install("lanyard", lanyard)[..], &changed].concat()).await?;
    let after = deployments.get("lanyard").await?;
    ensure!(
        pods(&before)? != pods(&after)?,
        "a changed setting did not roll the Deployment"
    );

    let resource = ApiResource::erase::<WorkloadIdentity>(&());
    let mut object = DynamicObject::new("orders", &resource).within("default");
    object.data = json!({"spec": {"role": {"managed": {}}}});
    let objects: Api<DynamicObject> = Api::namespaced_with(client, "default", &resource);
    objects.create(&PostParams::default(), &object).await?;
    for release in ["lanyard", "lanyard-crds"] {
        succeed(&bed, &["uninstall", release, "--wait", "--namespace", NAMESPACE]).await?;
    }
    ensure!(deployments.get_opt("lanyard").await?.is_none());
    objects
        .get("orders")
        .await
        .context("the object went with the charts")?;
    bed.stop().await
}
