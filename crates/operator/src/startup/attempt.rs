//! One try to find out which cluster this is: who it is in AWS, and that the API server means the same one.
//! The place in; the cluster, or what keeps it from being known, out. Talks to AWS and the API server; called by `startup`.

use lanyard_aws::{Aws, AwsError, IdentifiedCluster};
use lanyard_core::model::arn::Issuer;
use lanyard_core::model::cluster::Cluster;

use super::issuer::{self, Verdict};
use crate::settings::{Place, Which};

/// Why it is not known which cluster this is.
pub(super) enum Unfound {
    /// AWS does not say.
    Aws(AwsError),
    /// The API server does not say who issues its tokens, in a sentence.
    Silent(String),
    /// What was named is another cluster than the API server's, in a sentence.
    TwoClusters(String),
}

/// Tries once.
pub(super) async fn attempt(
    place: &Place,
    aws: &Aws,
    kube: &kube::Client,
) -> Result<IdentifiedCluster, Unfound> {
    match &place.cluster {
        Which::Eks(name) => {
            let found = aws.identify(name).await.map_err(Unfound::Aws)?;
            let issuer = agreed(&found.cluster, &named(kube).await?)?;
            let cluster = Cluster {
                issuer,
                ..found.cluster
            };
            Ok(IdentifiedCluster { cluster, ..found })
        }
        Which::Other { id, issuer } => {
            let named = named(kube).await?;
            if let Some(expected) = issuer.as_ref().filter(|expected| **expected != named) {
                return Err(Unfound::TwoClusters(format!(
                    "the tokens of this API server carry another issuer than the one given: {named}, not {expected}; \
                     correct --issuer or the kubeconfig"
                )));
            }
            aws.identify_off_eks(id, named).await.map_err(Unfound::Aws)
        }
    }
}

async fn named(kube: &kube::Client) -> Result<Issuer, Unfound> {
    issuer::read(kube).await.map_err(|error| {
        Unfound::Silent(format!(
            "the API server does not say who issues its tokens: {error}"
        ))
    })
}

/// The issuer that the tokens of an EKS cluster really carry.
fn agreed(cluster: &Cluster, named: &Issuer) -> Result<Issuer, Unfound> {
    match issuer::compare(&cluster.issuer, named) {
        Verdict::Same(issuer) => Ok(issuer),
        Verdict::Other => Err(Unfound::TwoClusters(format!(
            "these are two clusters: {} of AWS issues tokens as {}, this API server as {named}; correct --cluster-name, \
             --region or the kubeconfig",
            cluster.identity, cluster.issuer
        ))),
    }
}
