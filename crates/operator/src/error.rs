//! What stops the operator: each variant is one sentence that says what is wrong and what to do. No I/O.
//! Returned by the parts that `run` starts; printed by `main`.

use std::io;
use std::net::SocketAddr;

use kube::config::{InClusterError, KubeconfigError};
use lanyard_aws::AwsError;
use lanyard_core::model::name::ClusterName;
use lanyard_core::model::text::quote;

/// Why the operator ends other than by being told to.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// Neither a kubeconfig nor a pod.
    #[error("there is no cluster to talk to: set KUBECONFIG, or run in a pod of the cluster")]
    NoCluster,
    /// The kubeconfig is of no use.
    #[error("the file that KUBECONFIG names cannot be used: {source}")]
    Kubeconfig {
        /// What is wrong with it.
        source: KubeconfigError,
    },
    /// The pod has no usable ServiceAccount token.
    #[error("the pod's ServiceAccount cannot be used: {source}")]
    InCluster {
        /// What is wrong with it.
        source: InClusterError,
    },
    /// The client cannot be set up.
    #[error("the client of the API server cannot be set up: {source}")]
    Client {
        /// What is wrong.
        source: Box<kube::Error>,
    },
    /// The API server does not let us in; waiting would not change that.
    #[error("the API server refuses {what}: {message}")]
    Refused {
        /// What was asked for.
        what: &'static str,
        /// What it says.
        message: String,
    },
    /// An address is taken or not ours.
    #[error("cannot listen on {address}: {source} ({flag})")]
    Listen {
        /// The flag that sets it.
        flag: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The cluster's name is wrong, or the account or Region.
    #[error(
        "AWS has no cluster {cluster} ({source}): check --cluster-name, --region and whose credentials these are"
    )]
    NoSuchCluster {
        /// The name that was given.
        cluster: ClusterName,
        /// What AWS says.
        source: Box<AwsError>,
    },
    /// The API server is another cluster's than the one that AWS describes.
    #[error("nothing is written: {message}")]
    TwoClusters {
        /// Which two.
        message: String,
    },
    /// An operator still works, or somebody else holds its lease.
    #[error(
        "nothing is released while somebody else may write: the lease {lease} was not to be had, {holder}; stop the \
         operator first (kubectl -n lanyard-system scale deployment/lanyard --replicas=0)"
    )]
    LeaseTaken {
        /// The lease.
        lease: String,
        /// Who holds it.
        holder: String,
    },
    /// AWS cannot even be asked, such as without a Region.
    #[error("{message}")]
    Unsendable {
        /// What is missing.
        message: String,
    },
    /// Signals cannot be listened for.
    #[error("cannot listen for signals: {source}")]
    Signals {
        /// What the system says.
        source: io::Error,
    },
    /// The task that renews the lease is gone.
    #[error("the lease is not renewed any more; this is a fault of Lanyard's")]
    LeaseAbandoned,
}

/// What the API server or the way to it says, short and safe to show: the client's own text repeats itself, and of a
/// broken connection only the innermost cause says what is wrong.
#[must_use]
pub fn plainly(error: &kube::Error) -> String {
    if let kube::Error::Api(status) = error {
        return quote(&status.message);
    }
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    quote(&innermost.to_string())
}
