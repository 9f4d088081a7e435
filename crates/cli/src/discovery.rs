//! The cluster in AWS: which one it is, and the engine that reads it. Input: flags, the operator's description of itself, and
//! the hints of the kubeconfig. Output: an engine that never writes, or the cluster alone. Reads from AWS and the API server.

use std::sync::Arc;
use std::time::Duration;

use lanyard_aws::{Aws, AwsError, AwsSettings, Class, IdentifiedCluster};
use lanyard_core::model::arn::Issuer;
use lanyard_core::model::cluster::Cluster;
use lanyard_core::model::name::{ClusterId, ClusterName, NameError, Region};
use lanyard_core::model::timings::Timings;
use lanyard_engine::Engine;
use lanyard_engine::issuer::{self, IssuerMatch};

use crate::connect::Connection;
use crate::envelope::Unread;
use crate::error::CliError;
use crate::global::Global;
use crate::named_cluster::NamedCluster as Named;

/// The calls per second of the command line, far below those of the operator, with which it shares the account.
const RATES: &str = "iam=20,eks=10";

/// The cluster, with or without access to AWS.
pub(crate) enum Site {
    /// AWS and the cluster can be read.
    Full(Box<Engine>, Option<Unread>),
    /// AWS cannot be read, for this reason.
    WithoutAws(Box<Cluster>, Unread),
}

impl Site {
    /// The cluster.
    pub fn cluster(&self) -> &Cluster {
        match self {
            Self::Full(engine, _) => engine.cluster(),
            Self::WithoutAws(cluster, _) => cluster,
        }
    }
}

/// Identifies the cluster. Without access to AWS, its ARN has to be known, and its issuer is `recorded` if the API server
/// does not return it.
pub(crate) async fn identify(
    connection: &Connection,
    global: &Global,
    recorded: Option<&Issuer>,
) -> Result<Site, CliError> {
    let named = Named::of(connection, global).await?;
    let cause = match global.aws.no_aws {
        true => "--no-aws".to_owned(),
        false => match in_aws(connection, global, &named).await? {
            Ok((aws, found, unread)) => {
                let found = named.with_settings(found);
                return Ok(full(connection, global, aws, found, unread));
            }
            Err(cause) => cause,
        },
    };
    let unread = Unread {
        resource: "AWS".to_owned(),
        cause: cause.clone(),
        consequence: "only the changes of the spec are shown: drift, and what exists in AWS, are not known"
            .to_owned(),
    };
    if let Some(cluster) = named.described {
        return Ok(Site::WithoutAws(Box::new(cluster.clone()), unread));
    }
    let Some(arn) = named.arn else {
        return Err(CliError::UnknownCluster(format!(
            "AWS is not read ({cause}), and neither the operator nor the kubeconfig names the ARN of the cluster. Give \
             --cluster-arn, or credentials with eks:DescribeCluster"
        )));
    };
    let issuer = known_issuer(connection, global, recorded).await?;
    let cluster = cluster_of(&arn, &issuer)?;
    Ok(Site::WithoutAws(Box::new(cluster), unread))
}

/// The cluster, without a call of AWS if the operator describes it.
pub(crate) async fn known_cluster(connection: &Connection, global: &Global) -> Result<Cluster, CliError> {
    let named = Named::of(connection, global).await?;
    match named.described {
        Some(cluster) => Ok(cluster.clone()),
        None => Ok(identify(connection, global, None).await?.cluster().clone()),
    }
}

/// The cluster with this ARN and issuer.
pub(crate) fn cluster_of(arn: &str, issuer: &str) -> Result<Cluster, CliError> {
    Cluster::eks(arn, issuer)
        .map_err(|error| CliError::Usage(format!("the cluster {arn} with issuer {issuer}: {error}")))
}

/// The issuer of the flag, of the API server, or of the record.
async fn known_issuer(
    connection: &Connection,
    global: &Global,
    recorded: Option<&Issuer>,
) -> Result<String, CliError> {
    if let Some(issuer) = &global.aws.issuer {
        return Ok(issuer.clone());
    }
    match (issuer::read(&connection.client).await, recorded) {
        (Ok(issuer), _) => Ok(issuer.to_string()),
        (Err(_), Some(recorded)) => Ok(recorded.to_string()),
        (Err(message), None) => Err(CliError::UnknownCluster(format!(
            "the token issuer of the cluster is not known: {message}. Give --issuer"
        ))),
    }
}

type Identified = (Aws, IdentifiedCluster, Option<Unread>);

/// Identifies the cluster in AWS. Returns `Ok(Err(..))` with the cause if AWS cannot be read.
async fn in_aws(
    connection: &Connection,
    global: &Global,
    named: &Named<'_>,
) -> Result<Result<Identified, String>, CliError> {
    let invalid = |flag: &str, error: &NameError| CliError::Usage(format!("{flag}: {error}"));
    let region = named.region.clone().map(Region::parse).transpose();
    let region = region.map_err(|error| invalid("--region", &error))?;
    if let Some(id) = &named.id {
        let id = ClusterId::parse(id.clone()).map_err(|error| invalid("--cluster-id", &error))?;
        let issuer = known_issuer(connection, global, None).await?;
        let issuer = Issuer::parse(issuer).map_err(|error| invalid("--issuer", &error))?;
        let aws = aws(global, region).await?;
        let found = aws.identify_off_eks(&id, issuer).await;
        return Ok(found
            .map(|found| (aws, found, None))
            .map_err(|error| cause(&error)));
    }
    let Some(name) = named.name.clone() else {
        return Ok(Err(
            "neither the operator nor the kubeconfig names an EKS cluster, and --cluster-name is not set"
                .to_owned(),
        ));
    };
    let name = ClusterName::parse(name).map_err(|error| invalid("--cluster-name", &error))?;
    let aws = aws(global, region).await?;
    match aws.identify(&name).await {
        Ok(found) => checked(connection, found)
            .await
            .map(|(found, unread)| Ok((aws, found, unread))),
        // Another name than that of a cluster must not lead to a plan without AWS.
        Err(error) if error.class() == Class::NotFound => Err(CliError::OtherCluster(format!(
            "AWS has no EKS cluster {name} in this account and Region. Correct --cluster-name, --region or the AWS \
             credentials"
        ))),
        Err(error) => Ok(Err(cause(&error))),
    }
}

/// The message of an error of AWS, for the user of the command line instead of the operator.
fn cause(error: &AwsError) -> String {
    error
        .read_error()
        .to_string()
        .replace("the credentials of the operator", "your credentials")
}

/// Checks that the API server belongs to the cluster. Its issuer may not be readable, which is reported.
async fn checked(
    connection: &Connection,
    found: IdentifiedCluster,
) -> Result<(IdentifiedCluster, Option<Unread>), CliError> {
    let cluster = &found.cluster;
    match issuer::read(&connection.client).await {
        Ok(observed) => match issuer::compare(&cluster.issuer, &observed) {
            IssuerMatch::Same(issuer) => {
                let cluster = Cluster {
                    issuer,
                    ..found.cluster
                };
                Ok((IdentifiedCluster { cluster, ..found }, None))
            }
            IssuerMatch::Different => Err(CliError::OtherCluster(format!(
                "AWS and the API server describe different clusters: {} issues tokens as {}, this API server as \
                 {observed}. Correct --context, --cluster-name or --region",
                cluster.identity, cluster.issuer
            ))),
        },
        Err(cause) => {
            let unread = Unread {
                resource: "the token issuer of the API server".to_owned(),
                cause,
                consequence: "it is not checked that the API server belongs to the cluster in AWS".to_owned(),
            };
            Ok((found, Some(unread)))
        }
    }
}

async fn aws(global: &Global, region: Option<Region>) -> Result<Aws, CliError> {
    let rates = RATES.parse().map_err(CliError::Usage)?;
    let settings = AwsSettings {
        region,
        rates,
        operation_timeout: limit(global),
        may_write: Arc::new(|| false),
        ..AwsSettings::default()
    };
    Ok(Aws::connect(settings).await)
}

fn full(
    connection: &Connection,
    global: &Global,
    aws: Aws,
    found: IdentifiedCluster,
    unread: Option<Unread>,
) -> Site {
    let timings = Timings {
        operation: limit(global),
        ..Timings::default()
    };
    let kube = connection.client.clone();
    let closed = Arc::new(|| false);
    let engine = Engine::new(aws, kube, found.cluster, found.auto_mode, timings, closed);
    Site::Full(Box::new(engine), unread)
}

/// The time limit of one call. No limit is one day.
pub(crate) fn limit(global: &Global) -> Duration {
    let day = 24 * 3600;
    Duration::from_secs(match global.request_timeout {
        0 => day,
        seconds => seconds.min(day),
    })
}
