//! The selection of the cluster: an EKS cluster by its name, or any other cluster by an id.
//! Input: flags and the environment. Output: the selector, or a message. No I/O.

use std::fmt;

use clap::error::ErrorKind;
use clap::{ArgMatches, Args, Command, FromArgMatches};
use lanyard_core::model::arn::Issuer;
use lanyard_core::model::name::{ClusterId, ClusterName};

/// The selected cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClusterSelector {
    /// An EKS cluster. Lanyard reads its properties from EKS.
    Eks(ClusterName),
    /// Any other cluster.
    Other {
        /// The unique id of the cluster.
        id: ClusterId,
        /// The expected issuer of its tokens. `None`: the issuer of the API server.
        issuer: Option<Issuer>,
    },
}

impl fmt::Display for ClusterSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Eks(name) => write!(f, "{name}"),
            Self::Other { id, .. } => write!(f, "{id}"),
        }
    }
}

/// The flags as parsed by clap.
#[derive(Debug, Clone, Args)]
struct Flags {
    /// Name of the EKS cluster, as `aws eks list-clusters` prints it.
    #[arg(long, env = "LANYARD_CLUSTER_NAME", value_name = "NAME", value_parser = |text: &str| ClusterName::parse(text))]
    cluster_name: Option<ClusterName>,

    /// Unique id of a cluster outside EKS, instead of --cluster-name. Tags and role paths contain it, so it must never
    /// change.
    #[arg(long, env = "LANYARD_CLUSTER_ID", value_name = "ID", value_parser = |text: &str| ClusterId::parse(text))]
    cluster_id: Option<ClusterId>,

    /// Expected token issuer of a cluster outside EKS. Lanyard writes nothing if the API server has another issuer.
    /// Default: the issuer of the API server.
    #[arg(long, env = "LANYARD_ISSUER", value_name = "URL", value_parser = |text: &str| Issuer::parse(text))]
    issuer: Option<Issuer>,
}

impl Flags {
    fn selector(self) -> Result<ClusterSelector, &'static str> {
        match (self.cluster_name, self.cluster_id, self.issuer) {
            (Some(_), Some(_), _) => Err(
                "--cluster-name is for EKS clusters and --cluster-id for all other clusters: set only one of them",
            ),
            (None, None, _) => Err("--cluster-name is required, or --cluster-id for a cluster outside EKS"),
            (Some(_), None, Some(_)) => {
                Err("--issuer requires --cluster-id: Lanyard reads the issuer of an EKS cluster from EKS")
            }
            (Some(name), None, None) => Ok(ClusterSelector::Eks(name)),
            (None, Some(id), issuer) => Ok(ClusterSelector::Other { id, issuer }),
        }
    }
}

impl FromArgMatches for ClusterSelector {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let flags = Flags::from_arg_matches(matches)?;
        flags
            .selector()
            .map_err(|message| clap::Error::raw(ErrorKind::ArgumentConflict, message))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for ClusterSelector {
    fn augment_args(command: Command) -> Command {
        Flags::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Flags::augment_args_for_update(command)
    }
}
