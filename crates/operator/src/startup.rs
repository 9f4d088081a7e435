//! Startup: everything that has to be known before the first object is looked at, and the first log lines.
//! Settings in; a client, then the certainty that the CRDs are served, then the world of the cluster out. Talks to the
//! API server and, once the lease is held, to AWS. Called by `run`; each wait shows in the readiness.

mod connect;
mod crds;
mod issuer;

use std::sync::Arc;
use std::time::Duration;

use lanyard_aws::{Aws, AwsSettings, Class, Found};
use lanyard_core::cluster::Cluster;
use lanyard_core::fact::Fact;
use lanyard_engine::World;
use tokio::time::sleep;

use self::issuer::Verdict;
use crate::admin::{Readiness, What};
use crate::error::OperatorError;
use crate::lease::LeaseGate;
use crate::metrics::Metrics;
use crate::settings::Settings;

pub use connect::{Connected, connect};
pub use crds::wait_for_crds;

/// How long one question to the API server may take.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// How often something that is missing is looked for.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// How often AWS is asked again who the cluster is: a permission or a credential takes a person to repair.
const ASK_AGAIN: Duration = Duration::from_secs(15);

/// Tells what the operator was given.
pub fn tell_given(settings: &Settings, api_server: &str, identity: &str) {
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        cluster = %settings.cluster_name,
        region = settings.region.as_ref().map_or("as the SDK finds it", |region| region.as_str()),
        api_server,
        lease = %format_args!("{}/{}", settings.lease_namespace, settings.lease_name),
        identity,
        resync = ?settings.timings().resync,
        workers = settings.workers,
        read_only = settings.read_only,
        metrics = %settings.metrics_addr,
        health = %settings.health_addr,
        "Lanyard starts"
    );
}

/// The AWS side, with the meter and the gate that every call of it asks.
pub async fn aws(settings: &Settings, metrics: &Metrics, gate: LeaseGate) -> Aws {
    let aws = AwsSettings {
        region: settings.region.clone(),
        operation_timeout: settings.timings().operation,
        meter: Arc::new(metrics.clone()),
        may_write: Arc::new(move || gate.is_open()),
    };
    Aws::connect(aws).await
}

/// Finds out which cluster this is, as often as it takes: nothing can be looked at without.
///
/// # Errors
/// When AWS says that there is no such cluster, which no waiting changes.
pub async fn find(
    settings: &Settings,
    aws: &Aws,
    kube: &kube::Client,
    gate: LeaseGate,
    readiness: &Readiness,
) -> Result<World, OperatorError> {
    let found = identify(settings, aws, readiness).await?;
    let cluster = agree(found.cluster.clone(), kube, readiness).await;
    let world = World::new(
        aws.clone(),
        kube.clone(),
        cluster,
        found.auto_mode,
        settings.timings(),
        Arc::new(move || gate.is_open()),
    );
    tell_found(&found, &world).await;
    Ok(world)
}

async fn identify(settings: &Settings, aws: &Aws, readiness: &Readiness) -> Result<Found, OperatorError> {
    loop {
        let error = match aws.identify(&settings.cluster_name).await {
            Ok(found) => {
                readiness.met(What::Cluster);
                return Ok(found);
            }
            Err(error) => error,
        };
        let sentence = error.trouble(false).message;
        match error.class() {
            Class::NotFound => {
                let cluster = settings.cluster_name.clone();
                let source = Box::new(error);
                return Err(OperatorError::NoSuchCluster { cluster, source });
            }
            Class::Unsendable => return Err(OperatorError::Unsendable { message: sentence }),
            _ => {}
        }
        tracing::error!(
            cluster = %settings.cluster_name,
            again_in = ?ASK_AGAIN,
            "AWS does not describe the cluster: {sentence}"
        );
        readiness.unmet_because(What::Cluster, &sentence);
        sleep(ASK_AGAIN).await;
    }
}

/// Waits until API server and AWS mean the same cluster, and tells it with the issuer that its tokens really carry.
async fn agree(cluster: Cluster, kube: &kube::Client, readiness: &Readiness) -> Cluster {
    loop {
        let refused = match issuer::read(kube).await {
            Err(error) => format!("the API server does not say who issues its tokens: {error}"),
            Ok(named) => match issuer::compare(&cluster.issuer, &named) {
                Verdict::Same(issuer) => {
                    readiness.met(What::Issuer);
                    return Cluster { issuer, ..cluster };
                }
                Verdict::Other => format!(
                    "these are two clusters: {} of AWS issues tokens as {}, this API server as {named}; correct \
                     --cluster-name, --region or the kubeconfig",
                    cluster.identity, cluster.issuer
                ),
            },
        };
        tracing::error!(again_in = ?ASK_AGAIN, "nothing is written: {refused}");
        readiness.unmet_because(What::Issuer, &refused);
        sleep(ASK_AGAIN).await;
    }
}

async fn tell_found(found: &Found, world: &World) {
    let agent = match world.agent().await {
        Fact::Present(agent) => agent.found,
        Fact::Absent => "none; Pod Identity needs the add-on eks-pod-identity-agent".to_owned(),
        Fact::Unreadable(why) => format!("unknown: {why}"),
    };
    let cluster = world.cluster();
    tracing::info!(
        account = %cluster.account,
        cluster = %cluster.identity,
        issuer = %cluster.issuer,
        caller = found.caller_arn.as_deref().unwrap_or("unknown"),
        auto_mode = found.auto_mode,
        agent,
        "found the cluster"
    );
    if !cluster.issuer.is_public() {
        tracing::warn!(
            issuer = %cluster.issuer,
            "AWS cannot reach this issuer, so IRSA cannot work on this cluster"
        );
    }
}
