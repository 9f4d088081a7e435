//! Startup: everything that has to be known before the first object is looked at, and the first log lines.
//! Settings in; a client, then the certainty that the CRDs are served, then the world of the cluster out. Talks to the
//! API server and, once the lease is held, to AWS. Called by `run`; each wait shows in the readiness.

mod attempt;
mod connect;
mod crds;
mod issuer;

use std::sync::Arc;
use std::time::Duration;

use lanyard_aws::{Aws, AwsError, AwsSettings, Class, IdentifiedCluster, Meter};
use lanyard_core::aws_event::QueueUrl;
use lanyard_core::model::cluster::Platform;
use lanyard_core::model::fact::Fact;
use lanyard_core::model::timings::Timings;
use lanyard_engine::{Engine, WriteCheck};
use tokio::time::sleep;

use self::attempt::{Unfound, attempt};
use crate::admin::{Readiness, What};
use crate::error::OperatorError;
use crate::settings::{Place, Settings, Which};

pub use connect::{Connected, connect};
pub use crds::wait_for_crds;

/// How long one question to the API server may take.
pub(crate) const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// How often something that is missing is looked for.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// How often it is asked again which cluster this is: a permission or a credential takes a person to repair.
const ASK_AGAIN: Duration = Duration::from_secs(15);

/// Tells what the operator was given.
pub fn tell_given(settings: &Settings, api_server: &str, identity: &str) {
    let place = &settings.place;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        cluster = %place.cluster,
        region = place.region.as_ref().map_or("as the SDK finds it", |region| region.as_str()),
        api_server,
        lease = %format_args!("{}/{}", place.lease_namespace, place.lease_name),
        identity,
        resync = ?settings.timings().resync,
        aws_rate = %place.aws_rate,
        workers = settings.workers,
        events_queue = settings.events_queue.as_ref().map_or("none", QueueUrl::as_str),
        read_only = settings.read_only,
        metrics = %settings.metrics_addr,
        health = %settings.health_addr,
        "Lanyard starts"
    );
}

/// The AWS side, with the meter and the gate that every call of it asks. `goes_on` is asked before a call that AWS
/// throttled is made again.
pub async fn aws(
    place: &Place,
    timings: &Timings,
    meter: Arc<dyn Meter>,
    may_write: WriteCheck,
    goes_on: WriteCheck,
) -> Aws {
    let aws = AwsSettings {
        region: place.region.clone(),
        operation_timeout: timings.operation,
        throttled_limit: timings.throttled,
        rates: place.aws_rate,
        meter,
        may_retry: goes_on,
        may_write,
    };
    Aws::connect(aws).await
}

/// Finds out which cluster this is, as often as it takes: nothing can be looked at without. Beside its world, who Lanyard
/// is in AWS, when STS says.
///
/// # Errors
/// When AWS says that there is no such cluster, which no waiting changes.
pub async fn find(
    settings: &Settings,
    aws: &Aws,
    kube: &kube::Client,
    may_write: WriteCheck,
    readiness: &Readiness,
) -> Result<(Engine, Option<String>), OperatorError> {
    let found = search(&settings.place, aws, kube, readiness).await?;
    let cluster = found.cluster.clone().with_agent(settings.pod_identity_agent);
    let (aws, kube) = (aws.clone(), kube.clone());
    let engine = Engine::new(aws, kube, cluster, found.auto_mode, settings.timings(), may_write);
    tell_found(&found, &engine).await;
    Ok((engine, found.caller_arn))
}

/// Finds out which cluster this is, in one try: for a command, whose user sees what is wrong and can repeat it.
/// `Ok(Err(..))`: AWS or the API server does not say, in a sentence.
///
/// # Errors
/// When AWS says that there is no such cluster, or the API server is another one's.
pub async fn find_once(
    place: &Place,
    timings: Timings,
    aws: &Aws,
    kube: &kube::Client,
    may_write: WriteCheck,
) -> Result<Result<Engine, String>, OperatorError> {
    let found = match attempt(place, aws, kube).await {
        Ok(found) => found,
        Err(Unfound::Aws(error)) => return final_of(place, error).map(Err),
        Err(Unfound::Silent(sentence)) => return Ok(Err(sentence)),
        Err(Unfound::TwoClusters(message)) => return Err(OperatorError::TwoClusters { message }),
    };
    let (aws, kube) = (aws.clone(), kube.clone());
    let engine = Engine::new(aws, kube, found.cluster, found.auto_mode, timings, may_write);
    Ok(Ok(engine))
}

/// What no waiting changes, as an error; what may pass, as a sentence.
fn final_of(place: &Place, error: AwsError) -> Result<String, OperatorError> {
    let message = error.step_failure(false).message;
    match (error.class(), &place.cluster) {
        (Class::NotFound, Which::Eks(cluster)) => {
            let cluster = cluster.clone();
            let source = Box::new(error);
            Err(OperatorError::NoSuchCluster { cluster, source })
        }
        (Class::Unsendable, _) => Err(OperatorError::Unsendable { message }),
        _ => Ok(message),
    }
}

async fn search(
    place: &Place,
    aws: &Aws,
    kube: &kube::Client,
    readiness: &Readiness,
) -> Result<IdentifiedCluster, OperatorError> {
    loop {
        let (what, sentence) = match attempt(place, aws, kube).await {
            Ok(found) => {
                readiness.met(What::Cluster);
                readiness.met(What::Issuer);
                return Ok(found);
            }
            Err(Unfound::Aws(error)) => (What::Cluster, final_of(place, error)?),
            Err(Unfound::Silent(sentence) | Unfound::TwoClusters(sentence)) => (What::Issuer, sentence),
        };
        let sentence = readiness.unmet_because(what, &sentence);
        tracing::error!(cluster = %place.cluster, again_in = ?ASK_AGAIN, "{sentence}");
        sleep(ASK_AGAIN).await;
    }
}

async fn tell_found(found: &IdentifiedCluster, engine: &Engine) {
    let agent = match engine.agent().await {
        _ if engine.cluster().platform == Platform::Other => "none off EKS".to_owned(),
        Fact::Present(agent) => agent.found,
        Fact::Absent => "none; Pod Identity needs the add-on eks-pod-identity-agent".to_owned(),
        Fact::Unreadable(why) => format!("unknown: {why}"),
    };
    let cluster = engine.cluster();
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
