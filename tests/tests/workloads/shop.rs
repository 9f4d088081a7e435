//! The namespace under test: one ServiceAccount used by a Deployment, a StatefulSet, a DaemonSet, a Job and a bare pod,
//! another used by a second Deployment, and one disruption budget. Starts the test bed; does I/O.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, DynamicObject, ListParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{GroupVersionKind, ObjectMeta};
use kube::{Client, Config, ResourceExt as _};
use lanyard_aws::{Aws, AwsSettings};
use lanyard_core::model::cluster::Cluster;
use lanyard_core::model::name::Region;
use lanyard_core::model::pods::Credential;
use lanyard_core::model::subject::Subject;
use lanyard_core::model::timings::Timings;
use lanyard_engine::Engine;
use lanyard_testkit::{TestBed, TestBedOptions};
use lanyard_tests::rights;
use lanyard_tests::with;
use serde_json::{Value, json};

pub const NAMESPACE: &str = "shop";
/// The operator's user name at the API server.
const OPERATOR: &str = "system:serviceaccount:lanyard-system:lanyard";
const ROLE: &str = "arn:aws:iam::000000000000:role/orders";

pub struct Shop {
    bed: TestBed,
    /// The administrator's client.
    pub client: Client,
    /// The engine with the rights of the operator's own ServiceAccount.
    pub engine: Engine,
    pub subject: Subject,
}

/// The credentials of all pods of the ServiceAccount.
pub fn web_identity() -> String {
    let carries = Credential::WebIdentity {
        role: ROLE.to_owned(),
        audience: "sts.amazonaws.com".to_owned(),
    };
    format!("{carries:?}")
}

impl Shop {
    pub async fn open() -> Result<Self> {
        let bed = TestBed::start(TestBedOptions::default()).await?;
        rights::apply(&bed, &["restart"])?;
        let client = bed.client().await?;
        for (api_version, kind, object) in objects() {
            create(&client, api_version, kind, object)
                .await
                .with_context(|| kind.to_owned())?;
        }
        Ok(Self {
            engine: engine(&bed, OPERATOR).await?,
            subject: serde_json::from_value(
                json!({"cluster": cluster()?.identity, "namespace": NAMESPACE, "name": "orders"}),
            )?,
            bed,
            client,
        })
    }

    pub async fn close(self) -> Result<()> {
        self.bed.stop().await
    }

    /// The engine with the rights of another user.
    pub async fn engine_as(&self, user: &str) -> Result<Engine> {
        engine(&self.bed, user).await
    }

    /// The uids of the pods that are not being deleted.
    pub async fn pods(&self, labels: &str) -> Result<BTreeSet<String>> {
        let api: Api<Pod> = Api::namespaced(self.client.clone(), NAMESPACE);
        let list = api.list(&ListParams::default().labels(labels)).await?;
        let stays = |pod: &&Pod| pod.metadata.deletion_timestamp.is_none();
        Ok(list.iter().filter(stays).filter_map(Pod::uid).collect())
    }

    /// The annotations of a Deployment's pod template.
    pub async fn template(&self, name: &str) -> Result<BTreeMap<String, String>> {
        let api: Api<Deployment> = Api::namespaced(self.client.clone(), NAMESPACE);
        let spec = api.get(name).await?.spec.context("a spec")?;
        let metadata = spec.template.metadata.context("a template with metadata")?;
        metadata.annotations.context("annotations")
    }

    /// The generation of each workload's spec.
    pub async fn generations(&self) -> Result<Vec<Option<i64>>> {
        let client = || self.client.clone();
        let deployment = Api::<Deployment>::namespaced(client(), NAMESPACE)
            .get("web")
            .await?;
        let stateful_set = Api::<StatefulSet>::namespaced(client(), NAMESPACE)
            .get("db")
            .await?;
        let daemon_set = Api::<DaemonSet>::namespaced(client(), NAMESPACE)
            .get("watcher")
            .await?;
        let metadata = [deployment.metadata, stateful_set.metadata, daemon_set.metadata];
        Ok(metadata.map(|metadata: ObjectMeta| metadata.generation).to_vec())
    }
}

fn cluster() -> Result<Cluster> {
    let cluster = json!({
        "identity": "arn:aws:eks:us-east-1:000000000000:cluster/lanyard", "platform": "EKS", "name": "lanyard", "region": "us-east-1",
        "partition": "aws", "account": "000000000000", "issuer": "https://oidc.eks.us-east-1.amazonaws.com/id/A1",
    });
    Ok(serde_json::from_value(cluster)?)
}

/// The engine with the rights of a user. Nothing here calls AWS.
async fn engine(bed: &TestBed, user: &str) -> Result<Engine> {
    let kubeconfig = Kubeconfig::read_from(bed.kubeconfig())?;
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    config.auth_info.impersonate = Some(user.to_owned());
    let settings = AwsSettings {
        region: Some(Region::parse("us-east-1")?),
        ..AwsSettings::default()
    };
    let (aws, kube) = (Aws::connect(settings).await, Client::try_from(config)?);
    Ok(Engine::new(
        aws,
        kube,
        cluster()?,
        false,
        Timings::default(),
        std::sync::Arc::new(|| true),
    ))
}

async fn create(client: &Client, api_version: &str, kind: &str, object: Value) -> Result<()> {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let kind = GroupVersionKind::gvk(group, version, kind);
    let resource = kube::api::ApiResource::from_gvk(&kind);
    let object: DynamicObject = serde_json::from_value(object)?;
    let api: Api<DynamicObject> = match kind.kind.as_str() {
        "Namespace" => Api::all_with(client.clone(), &resource),
        _ => Api::namespaced_with(client.clone(), NAMESPACE, &resource),
    };
    api.create(&PostParams::default(), &object).await?;
    Ok(())
}

fn objects() -> Vec<(&'static str, &'static str, Value)> {
    let annotations = json!({"eks.amazonaws.com/role-arn": ROLE});
    let orders = json!({"metadata": {"name": "orders", "annotations": annotations}});
    // Without a surge, so that the rollout takes pods away.
    let strategy = json!({"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}});
    let web = with(
        workload("web", "orders"),
        json!({"replicas": 3, "strategy": strategy}),
    );
    let db = with(
        workload("db", "orders"),
        json!({"replicas": 2, "serviceName": "db"}),
    );
    let job = json!({"template": {"spec": pod("orders", "Never")}});
    let budget = json!({"maxUnavailable": 1, "selector": {"matchExpressions": [{"key": "name", "operator": "In", "values": ["web"]}]}});
    let named = |name: &str, spec: Value| json!({"metadata": {"name": name}, "spec": spec});
    vec![
        ("v1", "Namespace", json!({"metadata": {"name": NAMESPACE}})),
        ("v1", "ServiceAccount", orders),
        ("v1", "ServiceAccount", json!({"metadata": {"name": "other"}})),
        ("policy/v1", "PodDisruptionBudget", named("web", budget)),
        ("apps/v1", "Deployment", named("web", web)),
        ("apps/v1", "StatefulSet", named("db", db)),
        (
            "apps/v1",
            "DaemonSet",
            named("watcher", workload("watcher", "orders")),
        ),
        (
            "apps/v1",
            "Deployment",
            named("other", workload("other", "other")),
        ),
        ("batch/v1", "Job", named("once", job)),
        ("v1", "Pod", named("bare", pod("orders", "Always"))),
    ]
}

fn workload(name: &str, service_account: &str) -> Value {
    let app = if service_account == "orders" {
        "shop"
    } else {
        "other"
    };
    json!({
        "selector": {"matchLabels": {"name": name}},
        "template": {"metadata": {"labels": {"name": name, "app": app}}, "spec": pod(service_account, "Always")},
    })
}

fn pod(service_account: &str, restart: &str) -> Value {
    json!({"serviceAccountName": service_account, "restartPolicy": restart, "containers": [{"name": "app", "image": "app"}]})
}
