//! `lanyard release`: releases WorkloadIdentities before an uninstall, so that they and their namespaces can be deleted
//! without an operator.
//! Input: the settings. Output: a printed report; all AWS resources stay. Reads from and writes to the API server and,
//! if it is available, AWS.
//!
//! ```text
//!   lease ---> list ---> for each object: decide, replace tags, remove finalizer and inventory ---> classes ---> report
//! ```
//!
//! The command holds the lease until it ends: a running operator would write the inventory again.

mod class;
mod list;
mod object;
mod report;
mod settings;

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::StreamExt;
use indicatif::{ProgressBar, ProgressStyle};
use lanyard_core::class::ClassEntry;
use lanyard_engine::{Engine, GuardedClient, WriteCheck};
use tokio::time::timeout;

use self::class::{ClassResult, Followers};
use self::object::{AwsAccess, ObjectResult, Outcome};
pub use self::report::ReleaseOutcome;
use self::report::Report;
pub use self::settings::{Output, ReleaseScope, ReleaseSettings};
use crate::admin::Readiness;
use crate::error::OperatorError;
use crate::lease::{self, Claim, LeaseGate};
use crate::metrics::RequestMetrics;
use crate::startup;
use lanyard_engine::raw::{RawClass, RawIdentity};

/// The number of concurrent releases. The call budget limits their calls of AWS.
const CONCURRENCY: usize = 8;
/// The number of attempts to replace the tags of an object's resources. The last one releases the object in any case.
const ROUNDS: u8 = 3;

/// Releases the objects in scope, or shows the changes if `--yes` is missing.
///
/// # Errors
/// Returns an error if the cluster is not reachable or is another one than AWS describes, or if the lease is held.
pub async fn run(settings: &ReleaseSettings) -> Result<ReleaseOutcome, OperatorError> {
    let kube = startup::connect(RequestMetrics::default()).await?.client;
    if !settings.yes {
        let may_write: WriteCheck = Arc::new(|| false);
        let release = Release::prepare(settings, kube, may_write).await?;
        let objects = release.preview().await?;
        let classes = release.preview_classes().await?;
        return Ok(release.report(objects, classes).print());
    }
    let lease = settings.cluster.lease(&lease::identity(), settings.timings());
    let leader_election = lease::run(kube.clone(), lease, Readiness::default());
    let released = under_lease(settings, kube, leader_election.gate()).await;
    leader_election.release(true).await;
    Ok(released?.print())
}

async fn under_lease(
    settings: &ReleaseSettings,
    kube: kube::Client,
    gate: LeaseGate,
) -> Result<Report, OperatorError> {
    acquire(settings, &gate).await?;
    let may_write: WriteCheck = Arc::new(move || gate.is_open());
    let release = Release::prepare(settings, kube, may_write).await?;
    let objects = release.release_objects().await?;
    let classes = release.release_classes().await?;
    Ok(release.report(objects, classes))
}

/// Waits for the lease, for twice the time after which a lease that is not renewed expires.
async fn acquire(settings: &ReleaseSettings, gate: &LeaseGate) -> Result<(), OperatorError> {
    let lease = format!(
        "{}/{}",
        settings.cluster.lease_namespace, settings.cluster.lease_name
    );
    let spinner = ProgressBar::new_spinner().with_message(format!("waiting for the lease {lease}"));
    spinner.enable_steady_tick(std::time::Duration::from_millis(100));
    let acquired = timeout(settings.timings().lease * 2, gate.gained(0)).await;
    spinner.finish_and_clear();
    if acquired.is_ok() {
        return Ok(());
    }
    let cause = match gate.claim() {
        Claim::Standby { holder } => format!("held by {holder}"),
        Claim::Unknown | Claim::Held { .. } => "could not write it".to_owned(),
    };
    Err(OperatorError::LeaseUnavailable { lease, cause })
}

/// The inputs of a release.
struct Release<'a> {
    settings: &'a ReleaseSettings,
    kube: kube::Client,
    may_write: WriteCheck,
    /// The engine, or the cause if AWS does not describe the cluster.
    aws: Result<Engine, String>,
    /// All classes, which give the accounts of the roles.
    classes: Vec<ClassEntry>,
}

impl<'a> Release<'a> {
    async fn prepare(
        settings: &'a ReleaseSettings,
        kube: kube::Client,
        may_write: WriteCheck,
    ) -> Result<Self, OperatorError> {
        let (cluster, timings) = (&settings.cluster, settings.timings());
        let may_retry: WriteCheck = Arc::new(|| true);
        let aws = startup::aws(cluster, &timings, Arc::new(()), Arc::clone(&may_write), may_retry).await;
        let aws =
            startup::try_identify_cluster(cluster, timings, &aws, &kube, Arc::clone(&may_write)).await?;
        let classes = list::classes(&kube).await?;
        Ok(Self {
            settings,
            kube,
            may_write,
            aws,
            classes: classes.iter().map(RawClass::listed).collect(),
        })
    }

    fn report(&self, objects: Vec<ObjectResult>, classes: Vec<ClassResult>) -> Report {
        let aws_unavailable = self.aws.as_ref().err().cloned();
        Report::new(objects, classes, aws_unavailable, self.settings.output)
    }

    fn guarded(&self) -> GuardedClient<'_> {
        GuardedClient {
            kube: &self.kube,
            limit: self.settings.timings().operation,
            may_write: &self.may_write,
        }
    }

    fn access(&self) -> AwsAccess<'_> {
        match &self.aws {
            Ok(engine) => AwsAccess::Available {
                engine,
                classes: &self.classes,
            },
            Err(cause) => AwsAccess::Unavailable {
                cause,
                guarded: self.guarded(),
            },
        }
    }

    async fn held(&self) -> Result<Vec<RawIdentity>, OperatorError> {
        list::held(&self.kube, self.settings.scope.namespace.as_ref()).await
    }

    async fn preview(&self) -> Result<Vec<ObjectResult>, OperatorError> {
        let objects = self.held().await?;
        let bar = bar(objects.len(), "reading");
        let results = futures::stream::iter(objects)
            .map(|object| async move { self.access().would_release(&object).await })
            .buffered(CONCURRENCY)
            .inspect(|_| bar.inc(1))
            .collect()
            .await;
        bar.finish_and_clear();
        Ok(results)
    }

    /// The followers of each class in all namespaces: classes are cluster-scoped.
    async fn followers(&self) -> Result<Followers, OperatorError> {
        Ok(Followers::of(&list::held(&self.kube, None).await?))
    }

    async fn preview_classes(&self) -> Result<Vec<ClassResult>, OperatorError> {
        let (all, followers) = (list::classes(&self.kube).await?, self.followers().await?);
        Ok(class::would_release(&all, &followers, &self.settings.scope))
    }

    async fn release_classes(&self) -> Result<Vec<ClassResult>, OperatorError> {
        let (all, followers) = (list::classes(&self.kube).await?, self.followers().await?);
        Ok(class::release(self.guarded(), &all, &followers, &self.settings.scope).await)
    }

    /// Releases objects in rounds, until a round has released all of them.
    async fn release_objects(&self) -> Result<Vec<ObjectResult>, OperatorError> {
        let mut results: BTreeMap<(String, String), ObjectResult> = BTreeMap::new();
        for round in 1..=ROUNDS {
            let objects = self.held().await?;
            let bar = bar(objects.len(), "releasing");
            let round: Vec<ObjectResult> = futures::stream::iter(objects)
                .map(|object| async move { self.access().release(&object, round == ROUNDS).await })
                .buffer_unordered(CONCURRENCY)
                .inspect(|_| bar.inc(1))
                .collect()
                .await;
            bar.finish_and_clear();
            let all_released = round.iter().all(|result| result.outcome == Outcome::Released);
            let by_key = |result: ObjectResult| (result.key(), result);
            results.extend(round.into_iter().map(by_key));
            if all_released {
                break;
            }
        }
        Ok(results.into_values().collect())
    }
}

/// A progress bar on standard error. It is hidden if standard error is not a terminal.
fn bar(length: usize, message: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(u64::try_from(length).unwrap_or(u64::MAX)).with_message(message);
    match ProgressStyle::with_template("{msg} [{bar:40}] {pos}/{len} {eta}") {
        Ok(style) => bar.with_style(style.progress_chars("=> ")),
        Err(_) => bar,
    }
}
