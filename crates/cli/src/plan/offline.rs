//! The plan of files without a cluster: every step for an account and a cluster that have nothing yet. Input: manifests and the
//! flags that name the cluster. Output: items. No I/O.

use jiff::Timestamp;
use lanyard_core::model::cluster::Cluster;
use lanyard_core::model::timings::Timings;
use lanyard_core::reconcile::decide::decide;
use lanyard_core::reconcile::gate::WriteGate;

use super::class_facts::ClassFacts;
use super::collect::{Candidate, of_file};
use super::decision::{Accepted, accepted};
use super::fields::empty_account;
use super::item::{Depth, PlanItem};
use super::steps::planned_steps;
use crate::discovery::cluster_of;
use crate::envelope::Unread;
use crate::error::CliError;
use crate::global::Global;
use crate::manifest::Manifests;

/// The namespace of an object that names none, as for kubectl without a context.
const DEFAULT_NAMESPACE: &str = "default";

/// The cluster of the flags.
pub(super) fn cluster(global: &Global) -> Result<Cluster, CliError> {
    let (Some(arn), Some(issuer)) = (&global.aws.cluster_arn, &global.aws.issuer) else {
        let message =
            "--offline requires --cluster-arn and --issuer, since roles and trust policies contain them";
        return Err(CliError::Usage(message.to_owned()));
    };
    cluster_of(arn, issuer)
}

/// The facts that no offline plan has.
pub(super) fn unread() -> Unread {
    Unread {
        resource: "the cluster and AWS".to_owned(),
        cause: "--offline".to_owned(),
        consequence: "the steps are those for new objects: what exists, and drift, are not known".to_owned(),
    }
}

/// The objects of the files, as if they were new.
pub(super) fn candidates(manifests: &Manifests, global: &Global) -> Result<Vec<Candidate>, CliError> {
    let namespace = global.namespace.as_deref().unwrap_or(DEFAULT_NAMESPACE);
    let files = manifests.identities.iter();
    files
        .map(|file| of_file(file, manifests, namespace, None, None))
        .collect()
}

/// Plans one object.
pub(super) fn plan(
    item: PlanItem,
    candidate: &Candidate,
    cluster: &Cluster,
    facts: &ClassFacts,
    now: Timestamp,
) -> PlanItem {
    let Some(decoded) = candidate.object.decode(&cluster.identity) else {
        return item.invalid(vec!["its name or namespace is not a valid name".to_owned()]);
    };
    let mut item = item;
    item.depth = Depth::Offline;
    let (mut item, accepted) = match accepted(item, &decoded, cluster, facts) {
        Ok(accepted) => accepted,
        Err(item) => return *item,
    };
    let Accepted { identity, .. } = accepted;
    let observed = empty_account(&identity);
    let decision = decide(&identity, &decoded.status, &observed, &Timings::default(), now);
    item.suspended = decoded.is_suspended();
    item.steps = planned_steps(&decision, &observed, WriteGate::Open);
    item
}
