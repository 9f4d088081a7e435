//! Which cluster: an EKS cluster by its name, or any other by an id of its own. The flags in, one of the two or the
//! sentence that says what is wrong out; no I/O. Flattened into `Place`.

use std::fmt;

use clap::error::ErrorKind;
use clap::{ArgMatches, Args, Command, FromArgMatches};
use lanyard_core::model::arn::Issuer;
use lanyard_core::model::name::{ClusterId, ClusterName};

/// Which cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// One of EKS's: everything about it is read from EKS.
    Eks(ClusterName),
    /// Any other.
    Other {
        /// What tells it from every other cluster.
        id: ClusterId,
        /// The issuer that its tokens are to carry; without it, whichever the API server names.
        issuer: Option<Issuer>,
    },
}

impl fmt::Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Eks(name) => write!(f, "{name}"),
            Self::Other { id, .. } => write!(f, "{id}"),
        }
    }
}

/// The flags, each by itself.
#[derive(Debug, Clone, Args)]
struct Flags {
    /// Name of the EKS cluster, as `aws eks list-clusters` prints it.
    #[arg(long, env = "LANYARD_CLUSTER_NAME", value_name = "NAME", value_parser = |text: &str| ClusterName::parse(text))]
    cluster_name: Option<ClusterName>,

    /// For a cluster that is not EKS's, instead of its name: an id that no other cluster has. Tags and the paths of roles
    /// are made from it, so it must never change.
    #[arg(long, env = "LANYARD_CLUSTER_ID", value_name = "ID", value_parser = |text: &str| ClusterId::parse(text))]
    cluster_id: Option<ClusterId>,

    /// For a cluster that is not EKS's: the issuer that its tokens must carry, or nothing is written. Without it, whichever
    /// the API server names.
    #[arg(long, env = "LANYARD_ISSUER", value_name = "URL", value_parser = |text: &str| Issuer::parse(text))]
    issuer: Option<Issuer>,
}

impl Flags {
    fn which(self) -> Result<Which, &'static str> {
        match (self.cluster_name, self.cluster_id, self.issuer) {
            (Some(_), Some(_), _) => Err(
                "--cluster-name is for a cluster of EKS and --cluster-id for any other: give only one of them",
            ),
            (None, None, _) => {
                Err("--cluster-name is required, or --cluster-id for a cluster that is not EKS's")
            }
            (Some(_), None, Some(_)) => {
                Err("--issuer goes with --cluster-id: the issuer of an EKS cluster is read from EKS")
            }
            (Some(name), None, None) => Ok(Which::Eks(name)),
            (None, Some(id), issuer) => Ok(Which::Other { id, issuer }),
        }
    }
}

impl FromArgMatches for Which {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let flags = Flags::from_arg_matches(matches)?;
        flags
            .which()
            .map_err(|sentence| clap::Error::raw(ErrorKind::ArgumentConflict, sentence))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for Which {
    fn augment_args(command: Command) -> Command {
        Flags::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Flags::augment_args_for_update(command)
    }
}
