//! Startup: connects to the API server, waits for the CRDs and identifies the cluster.
//! Input: the settings. Output: a client, then the engine of the cluster. Reads from the API server and, once the lease
//! is held, from AWS. Each wait shows in the readiness.

mod attempt;
mod connect;
mod count_requests;
mod crds;

use std::sync::Arc;
use std::time::Duration;

use lanyard_aws::{Aws, AwsError, AwsSettings, Class, IdentifiedCluster, Meter};
use lanyard_core::aws_event::QueueUrl;
use lanyard_core::model::cluster::Platform;
use lanyard_core::model::fact::Fact;
use lanyard_core::model::timings::Timings;
use lanyard_engine::{Engine, WriteCheck};
use tokio::time::sleep;

use self::attempt::{AttemptError, attempt};
use crate::admin::{Readiness, Requirement};
use crate::error::OperatorError;
use crate::settings::{ClusterSelector, ClusterSettings, Settings};

pub use connect::{Connected, connect};
pub use crds::wait_for_crds;

/// The interval between attempts to identify the cluster. A missing permission or credential needs a manual repair.
const RETRY_INTERVAL: Duration = Duration::from_secs(15);

/// Logs the settings.
pub fn log_settings(settings: &Settings, api_server: &str, identity: &str) {
    let cluster = &settings.cluster;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        cluster = %cluster.selector,
        region = cluster.region.as_ref().map_or("from the SDK", |region| region.as_str()),
        api_server,
        lease = %format_args!("{}/{}", cluster.lease_namespace, cluster.lease_name),
        identity,
        resync = ?settings.timings().resync,
        aws_rate = %cluster.aws_rate,
        workers = settings.workers,
        events_queue = settings.events_queue.as_ref().map_or("none", QueueUrl::as_str),
        read_only = settings.read_only,
        metrics = %settings.metrics_addr,
        health = %settings.health_addr,
        "starting Lanyard"
    );
}

/// Creates the AWS client, with the meter and the write check of every call. `may_retry` is checked before a throttled
/// call is repeated.
pub async fn aws(
    settings: &ClusterSettings,
    timings: &Timings,
    meter: Arc<dyn Meter>,
    may_write: WriteCheck,
    may_retry: WriteCheck,
) -> Aws {
    let aws = AwsSettings {
        region: settings.region.clone(),
        operation_timeout: timings.operation,
        throttled_limit: timings.throttled,
        rates: settings.aws_rate,
        meter,
        may_retry,
        may_write,
    };
    Aws::connect(aws).await
}

/// Identifies the cluster, with retries: no reconcile is possible before. Returns the engine and, if STS returns it,
/// the ARN of the caller.
///
/// # Errors
/// Returns an error if the cluster does not exist in AWS: a retry would not help.
pub async fn identify_cluster(
    settings: &Settings,
    aws: &Aws,
    kube: &kube::Client,
    may_write: WriteCheck,
    readiness: &Readiness,
) -> Result<(Engine, Option<String>), OperatorError> {
    let found = retry_until_found(&settings.cluster, aws, kube, readiness).await?;
    let cluster = found.cluster.clone().with_agent(settings.pod_identity_agent);
    let (aws, kube) = (aws.clone(), kube.clone());
    let engine = Engine::new(aws, kube, cluster, found.auto_mode, settings.timings(), may_write);
    log_cluster(&found, &engine).await;
    Ok((engine, found.caller_arn))
}

/// Identifies the cluster in one attempt, for a command that the user can repeat. Returns `Ok(Err(..))` with a message
/// if AWS or the API server does not describe the cluster.
///
/// # Errors
/// Returns an error if the cluster does not exist in AWS, or if the API server belongs to another one.
pub async fn try_identify_cluster(
    settings: &ClusterSettings,
    timings: Timings,
    aws: &Aws,
    kube: &kube::Client,
    may_write: WriteCheck,
) -> Result<Result<Engine, String>, OperatorError> {
    let found = match attempt(settings, aws, kube).await {
        Ok(found) => found,
        Err(AttemptError::Aws(error)) => return retryable_message(settings, error).map(Err),
        Err(AttemptError::ApiServer(message)) => return Ok(Err(message)),
        Err(AttemptError::ClusterMismatch(message)) => {
            return Err(OperatorError::ClusterMismatch { message });
        }
    };
    let (aws, kube) = (aws.clone(), kube.clone());
    let engine = Engine::new(aws, kube, found.cluster, found.auto_mode, timings, may_write);
    Ok(Ok(engine))
}

/// The message of an AWS error that a retry can resolve. Returns every other one as an error.
fn retryable_message(settings: &ClusterSettings, error: AwsError) -> Result<String, OperatorError> {
    let message = error.step_failure(false).message;
    match (error.class(), &settings.selector) {
        (Class::NotFound, ClusterSelector::Eks(cluster)) => {
            let cluster = cluster.clone();
            let source = Box::new(error);
            Err(OperatorError::NoSuchCluster { cluster, source })
        }
        (Class::Unsendable, _) => Err(OperatorError::AwsNotConfigured { message }),
        _ => Ok(message),
    }
}

async fn retry_until_found(
    settings: &ClusterSettings,
    aws: &Aws,
    kube: &kube::Client,
    readiness: &Readiness,
) -> Result<IdentifiedCluster, OperatorError> {
    loop {
        let (requirement, cause) = match attempt(settings, aws, kube).await {
            Ok(found) => {
                readiness.set_met(Requirement::Cluster);
                readiness.set_met(Requirement::Issuer);
                return Ok(found);
            }
            Err(AttemptError::Aws(error)) => (Requirement::Cluster, retryable_message(settings, error)?),
            Err(AttemptError::ApiServer(message) | AttemptError::ClusterMismatch(message)) => {
                (Requirement::Issuer, message)
            }
        };
        let message = readiness.set_unmet(requirement, &cause);
        tracing::error!(cluster = %settings.selector, again_in = ?RETRY_INTERVAL, "{message}");
        sleep(RETRY_INTERVAL).await;
    }
}

async fn log_cluster(found: &IdentifiedCluster, engine: &Engine) {
    let agent = match engine.agent().await {
        _ if engine.cluster().platform == Platform::Other => "not applicable outside EKS".to_owned(),
        Fact::Present(agent) => agent.found,
        Fact::Absent => "none; Pod Identity needs the add-on eks-pod-identity-agent".to_owned(),
        Fact::Unreadable(error) => format!("unknown: {error}"),
    };
    let cluster = engine.cluster();
    tracing::info!(
        account = %cluster.account,
        cluster = %cluster.identity,
        issuer = %cluster.issuer,
        caller = found.caller_arn.as_deref().unwrap_or("unknown"),
        auto_mode = found.auto_mode,
        agent,
        "identified the cluster"
    );
    if !cluster.issuer.is_public() {
        tracing::warn!(
            issuer = %cluster.issuer,
            "AWS cannot reach the issuer, so IRSA cannot work on this cluster; use Pod Identity, or a public issuer"
        );
    }
}
