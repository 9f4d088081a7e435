//! The errors that end the program. Each message names the problem and the next action. No I/O.

use std::io;
use std::net::SocketAddr;

use kube::config::{InClusterError, KubeconfigError};
use lanyard_aws::AwsError;
use lanyard_core::model::name::ClusterName;
pub use lanyard_engine::kube_message;

/// An error that ends the program.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// There is neither a kubeconfig nor the environment of a pod.
    #[error("no cluster configured: set KUBECONFIG, or run in a pod of the cluster")]
    NoCluster,
    /// The kubeconfig cannot be used.
    #[error("cannot use the kubeconfig that KUBECONFIG names: {source}")]
    Kubeconfig {
        /// The cause.
        source: KubeconfigError,
    },
    /// The pod has no usable ServiceAccount token.
    #[error("cannot use the ServiceAccount of the pod: {source}")]
    InCluster {
        /// The cause.
        source: InClusterError,
    },
    /// The client of the API server cannot be created.
    #[error("cannot create the client of the API server: {source}")]
    Client {
        /// The cause.
        source: Box<kube::Error>,
    },
    /// The API server denies a request. A retry would not help.
    #[error("the API server refuses {action}: {message}")]
    Refused {
        /// The refused action, such as `to list WorkloadIdentities`.
        action: &'static str,
        /// The message of the API server.
        message: String,
    },
    /// A listen address cannot be bound.
    #[error("cannot listen on {address}: {source} ({flag})")]
    Listen {
        /// The flag that sets the address.
        flag: &'static str,
        /// The address.
        address: SocketAddr,
        /// The cause.
        source: io::Error,
    },
    /// The cluster does not exist in the account and Region of the credentials.
    #[error(
        "AWS has no cluster {cluster} ({source}); check --cluster-name, --region and the AWS credentials"
    )]
    NoSuchCluster {
        /// The requested name.
        cluster: ClusterName,
        /// The error of AWS.
        source: Box<AwsError>,
    },
    /// The API server belongs to another cluster than the one that AWS describes.
    #[error("no writes: {message}")]
    ClusterMismatch {
        /// The two clusters.
        message: String,
    },
    /// The lease of the operator could not be acquired.
    #[error(
        "could not acquire lease {lease}: {cause}; stop the operator first \
         (kubectl -n lanyard-system scale deployment/lanyard --replicas=0)"
    )]
    LeaseUnavailable {
        /// The lease.
        lease: String,
        /// The cause, such as its holder.
        cause: String,
    },
    /// No request to AWS can be sent, for example because no Region is set.
    #[error("{message}")]
    AwsNotConfigured {
        /// The missing configuration.
        message: String,
    },
    /// Signal handlers cannot be installed.
    #[error("cannot listen for signals: {source}")]
    Signals {
        /// The cause.
        source: io::Error,
    },
    /// A task that has to run until the end of the program has ended.
    #[error(
        "{task} stopped unexpectedly ({cause}); this is a bug in Lanyard, and a restart continues its work"
    )]
    TaskEnded {
        /// The task.
        task: &'static str,
        /// How it ended.
        cause: &'static str,
    },
    /// Another operator may be the leader now.
    #[error(
        "lost the lease: it was not renewed in time, or another operator took it over. The next start waits for the \
         lease with nothing cached"
    )]
    LeaseLost,
    /// AWS was out of reach for so long that another replica shall try.
    #[error(
        "no response from AWS for {minutes} minutes: {cause}; releasing the lease, so that a replica on another node \
         can take over. Check the network, the AWS credentials and the Region"
    )]
    AwsOutOfReach {
        /// The time without a response.
        minutes: u64,
        /// The class of the last error.
        cause: &'static str,
    },
    /// The task that renews the lease has ended.
    #[error("lease renewal stopped unexpectedly; this is a bug in Lanyard")]
    LeaseAbandoned,
}
