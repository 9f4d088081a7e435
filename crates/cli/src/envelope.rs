//! The envelope of every JSON and YAML result. Fields are only added. Plain values; no I/O.

use std::fmt;

use jiff::Timestamp;
use lanyard_core::model::cluster::Cluster;
use schemars::JsonSchema;
use serde::Serialize;

use crate::exit::Exit;

/// The version of the format.
const API_VERSION: &str = "cli.lanyard.dev/v1";

/// The result of a command.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Envelope<T> {
    /// The version of this format: `cli.lanyard.dev/v1`.
    pub api_version: &'static str,
    /// The kind of the items: `Plan`, `Trust`, `Doctor`, `Verify`, `Audit`, `Import`, `Rights` or `Version`.
    pub kind: &'static str,
    /// The cluster. Absent if the command does not need it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<ClusterRef>,
    /// The time of the result in UTC, as in RFC 3339.
    pub taken_at: String,
    /// The version of the command line.
    pub version: &'static str,
    /// False if something that counts could not be read.
    pub complete: bool,
    /// Everything that could not be read.
    pub unread: Vec<Unread>,
    /// The results.
    pub items: Vec<T>,
}

impl<T> Envelope<T> {
    /// The exit of a result in which nothing was found.
    pub(crate) const fn completeness(&self) -> Exit {
        match self.complete {
            true => Exit::Done,
            false => Exit::Incomplete,
        }
    }
}

/// The cluster of a result.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterRef {
    /// The ARN of an EKS cluster, or the id of any other cluster.
    pub identity: String,
    /// The issuer of its tokens.
    pub issuer: String,
}

/// A value that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Unread {
    /// The resource, such as `role arn:aws:iam::111122223333:role/orders`.
    pub resource: String,
    /// The cause, such as the missing right.
    pub cause: String,
    /// The consequence for the result.
    pub consequence: String,
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            resource,
            cause,
            consequence,
        } = self;
        write!(f, "not read: {resource}: {cause}; {consequence}")
    }
}

impl From<&Cluster> for ClusterRef {
    fn from(cluster: &Cluster) -> Self {
        Self {
            identity: cluster.identity.to_string(),
            issuer: cluster.issuer.to_string(),
        }
    }
}

impl<T> Envelope<T> {
    /// An envelope with these results and the unread values of all of them.
    pub fn new(
        kind: &'static str,
        cluster: Option<ClusterRef>,
        now: Timestamp,
        mut unread: Vec<Unread>,
        items: Vec<T>,
    ) -> Self {
        unread.sort();
        unread.dedup();
        Self {
            api_version: API_VERSION,
            kind,
            cluster,
            taken_at: now.to_string(),
            version: env!("CARGO_PKG_VERSION"),
            complete: unread.is_empty(),
            unread,
            items,
        }
    }
}
