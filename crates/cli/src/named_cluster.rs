//! The cluster as flags, the operator and the kubeconfig name it, in this order. Input: a connection and flags. Output: names.
//! Reads from the API server, and ends the command if the operator describes another cluster.

use lanyard_aws::IdentifiedCluster;
use lanyard_core::model::cluster::{AgentPolicy, Cluster, Platform};
use lanyard_engine::issuer::{self, IssuerMatch};

use crate::connect::Connection;
use crate::error::CliError;
use crate::global::Global;

/// The names of the cluster, each from the first source that has it.
#[derive(Debug)]
pub(crate) struct NamedCluster<'a> {
    /// The cluster as the operator describes it, unless a flag names one.
    pub described: Option<&'a Cluster>,
    /// The name in EKS.
    pub name: Option<String>,
    /// The id of a cluster outside EKS.
    pub id: Option<String>,
    /// The Region.
    pub region: Option<String>,
    /// The ARN.
    pub arn: Option<String>,
    operator: Option<&'a Cluster>,
}

impl<'a> NamedCluster<'a> {
    /// Collects the names.
    ///
    /// # Errors
    /// Returns an error if the operator describes another cluster than that of the API server.
    pub async fn of(connection: &'a Connection, global: &Global) -> Result<Self, CliError> {
        let operator = connection.operator(global).await;
        let flags = &global.aws;
        let by_flag =
            flags.cluster_name.is_some() || flags.cluster_id.is_some() || flags.cluster_arn.is_some();
        let info = operator.info.as_ref().map(|info| &info.cluster);
        let described = info.filter(|_| !by_flag);
        if let Some(cluster) = described {
            is_that_of_the_api_server(cluster, connection, global).await?;
        }
        let (name, id, region) = described.map(parts).unwrap_or_default();
        let hint = &connection.hint;
        let deployed = Some(&operator.hint).filter(|_| !by_flag);
        let is_off_eks = flags.cluster_id.is_some() || id.is_some();
        let arn = flags.cluster_arn.clone();
        let of_arn = |at: usize| arn.as_deref().and_then(|arn| part(arn, at));
        Ok(Self {
            described,
            name: flags
                .cluster_name
                .clone()
                .or_else(|| of_arn(5))
                .or(name)
                .or_else(|| deployed.and_then(|deployed| deployed.name.clone()))
                .or_else(|| hint.name.clone())
                .or_else(|| hint.arn_part(5))
                .filter(|_| !is_off_eks),
            id: flags.cluster_id.clone().or(id),
            region: flags
                .region
                .clone()
                .or_else(|| of_arn(3))
                .or(region)
                .or_else(|| deployed.and_then(|deployed| deployed.region.clone()))
                .or_else(|| hint.region.clone())
                .or_else(|| hint.arn_part(3)),
            arn: flags.cluster_arn.clone().or_else(|| hint.arn.clone()),
            operator: info,
        })
    }

    /// The identified cluster with the settings of the operator.
    pub fn with_settings(&self, found: IdentifiedCluster) -> IdentifiedCluster {
        let own = |known: &&&Cluster| known.identity == found.cluster.identity;
        let agent = match self
            .operator
            .as_ref()
            .filter(own)
            .is_some_and(|known| known.ensures_agent())
        {
            true => AgentPolicy::Ensure,
            false => AgentPolicy::Require,
        };
        let cluster = found.cluster.with_agent(agent);
        IdentifiedCluster { cluster, ..found }
    }
}

/// The name, the id and the Region of a cluster.
fn parts(cluster: &Cluster) -> (Option<String>, Option<String>, Option<String>) {
    match &cluster.platform {
        Platform::Eks { name, region, .. } => (Some(name.to_string()), None, Some(region.to_string())),
        Platform::Other => (None, Some(cluster.identity.to_string()), None),
    }
}

/// A part of the ARN of a cluster.
fn part(arn: &str, at: usize) -> Option<String> {
    let part = arn.split(':').nth(at)?;
    Some(part.trim_start_matches("cluster/").to_owned())
}

/// Checks that the operator's description belongs to the API server: a restored ConfigMap can be that of another cluster. An
/// API server that does not return its issuer is compared with AWS later.
async fn is_that_of_the_api_server(
    cluster: &Cluster,
    connection: &Connection,
    global: &Global,
) -> Result<(), CliError> {
    let Ok(observed) = issuer::read(&connection.client).await else {
        return Ok(());
    };
    match issuer::compare(&cluster.issuer, &observed) {
        IssuerMatch::Same(_) => Ok(()),
        IssuerMatch::Different => Err(CliError::OtherCluster(format!(
            "ConfigMap {}/lanyard-info describes {}, whose issuer is {}, and this API server issues tokens as {observed}. \
             Restart the operator, or give --cluster-name",
            global.operator_namespace, cluster.identity, cluster.issuer
        ))),
    }
}
