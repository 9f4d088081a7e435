//! One attempt to identify the cluster: its description in AWS, and that the API server belongs to the same cluster.
//! Input: the cluster settings. Output: the cluster, or the error. Reads from AWS and the API server.

use lanyard_aws::{Aws, AwsError, IdentifiedCluster};
use lanyard_core::model::arn::Issuer;
use lanyard_core::model::cluster::Cluster;
use lanyard_engine::issuer::{self, IssuerMatch};

use crate::settings::{ClusterSelector, ClusterSettings};

/// The error of one attempt to identify the cluster.
pub(super) enum AttemptError {
    /// AWS returned an error.
    Aws(AwsError),
    /// The API server does not return the issuer of its tokens: the message.
    ApiServer(String),
    /// The settings select another cluster than that of the API server: the message.
    ClusterMismatch(String),
}

/// Tries once to identify the cluster.
pub(super) async fn attempt(
    settings: &ClusterSettings,
    aws: &Aws,
    kube: &kube::Client,
) -> Result<IdentifiedCluster, AttemptError> {
    match &settings.selector {
        ClusterSelector::Eks(name) => {
            let found = aws.identify(name).await.map_err(AttemptError::Aws)?;
            let issuer = token_issuer(&found.cluster, &api_server_issuer(kube).await?)?;
            let cluster = Cluster {
                issuer,
                ..found.cluster
            };
            Ok(IdentifiedCluster { cluster, ..found })
        }
        ClusterSelector::Other { id, issuer } => {
            let observed = api_server_issuer(kube).await?;
            if let Some(expected) = issuer.as_ref().filter(|expected| **expected != observed) {
                return Err(AttemptError::ClusterMismatch(format!(
                    "expected token issuer {expected}, the API server issues tokens as {observed}; correct --issuer \
                     or the kubeconfig"
                )));
            }
            aws.identify_off_eks(id, observed)
                .await
                .map_err(AttemptError::Aws)
        }
    }
}

async fn api_server_issuer(kube: &kube::Client) -> Result<Issuer, AttemptError> {
    issuer::read(kube).await.map_err(|error| {
        AttemptError::ApiServer(format!(
            "could not read the token issuer from the API server: {error}"
        ))
    })
}

/// The issuer in the tokens of an EKS cluster.
fn token_issuer(cluster: &Cluster, observed: &Issuer) -> Result<Issuer, AttemptError> {
    match issuer::compare(&cluster.issuer, observed) {
        IssuerMatch::Same(issuer) => Ok(issuer),
        IssuerMatch::Different => Err(AttemptError::ClusterMismatch(format!(
            "AWS and the API server describe different clusters: {} issues tokens as {}, this API server as {observed}; \
             correct --cluster-name, --region or the kubeconfig",
            cluster.identity, cluster.issuer
        ))),
    }
}
