//! `lanyard release`: lets go of WorkloadIdentities before an uninstall, so that neither they nor their namespaces wait
//! for an operator that is gone. Settings in; everything stays in AWS, and what was done and what was not is printed.
//! Talks to the API server and, as far as it answers, to AWS. Called by `main`.
//!
//! ```text
//!   lease ---> objects ---> one by one: look, release tags, then finalizer and custody ---> classes ---> report
//! ```
//!
//! The lease is held all the while: an operator that runs would take custody again.

mod classes;
mod objects;
mod one;
mod report;
mod settings;

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::StreamExt;
use indicatif::{ProgressBar, ProgressStyle};
use lanyard_core::class::ClassEntry;
use lanyard_engine::{Engine, GuardedClient, WriteCheck};
use tokio::time::timeout;

use self::classes::{Class, Followers};
use self::one::{Account, AwsSide, Outcome};
pub use self::report::Ended;
use self::report::Report;
pub use self::settings::{Output, ReleaseSettings, Which};
use crate::admin::Readiness;
use crate::error::OperatorError;
use crate::lease::{self, Claim, LeaseGate};
use crate::raw::{RawClass, RawIdentity};
use crate::startup;

/// Objects at once; the budget of the AWS side keeps their calls within bounds.
const AT_ONCE: usize = 8;
/// How often an object is tried whose things AWS does not let us tag for the moment. Then it goes without.
const ROUNDS: u8 = 3;

/// Lets go of what the settings name, or says what that would be.
///
/// # Errors
/// When there is no cluster to talk to, it is the wrong one, or an operator still holds the lease.
pub async fn run(settings: &ReleaseSettings) -> Result<Ended, OperatorError> {
    let kube = startup::connect().await?.client;
    if !settings.yes {
        let may_write: WriteCheck = Arc::new(|| false);
        let release = Release::prepare(settings, kube, may_write).await?;
        let (accounts, classes) = (release.preview().await?, release.classes_in_preview().await?);
        return Ok(release.report(accounts, classes).fingerprint());
    }
    let lease = settings.place.lease(&lease::identity(), settings.timings());
    let tenure = lease::run(kube.clone(), lease, Readiness::default());
    let released = under_lease(settings, kube, tenure.gate()).await;
    tenure.release(true).await;
    Ok(released?.fingerprint())
}

async fn under_lease(
    settings: &ReleaseSettings,
    kube: kube::Client,
    gate: LeaseGate,
) -> Result<Report, OperatorError> {
    gained(settings, &gate).await?;
    let may_write: WriteCheck = Arc::new(move || gate.is_open());
    let release = Release::prepare(settings, kube, may_write).await?;
    let (accounts, classes) = (release.let_go().await?, release.let_go_of_classes().await?);
    Ok(release.report(accounts, classes))
}

/// Waits for the lease for as long as one that nobody renews takes to run out, and that again.
async fn gained(settings: &ReleaseSettings, gate: &LeaseGate) -> Result<(), OperatorError> {
    let lease = format!("{}/{}", settings.place.lease_namespace, settings.place.lease_name);
    let spinner = ProgressBar::new_spinner().with_message(format!("waiting for the lease {lease}"));
    spinner.enable_steady_tick(std::time::Duration::from_millis(100));
    let gained = timeout(settings.timings().lease * 2, gate.gained(0)).await;
    spinner.finish_and_clear();
    if gained.is_ok() {
        return Ok(());
    }
    let holder = match gate.claim() {
        Claim::Standby { holder } => format!("{holder} holds it"),
        Claim::Unknown | Claim::Held { .. } => "it could not be written".to_owned(),
    };
    Err(OperatorError::LeaseTaken { lease, holder })
}

/// Everything that one release needs.
struct Release<'a> {
    settings: &'a ReleaseSettings,
    kube: kube::Client,
    may_write: WriteCheck,
    /// The world, or why AWS does not say which cluster this is.
    aws: Result<Engine, String>,
    /// Every class: some say in which account the roles of their identities are.
    classes: Vec<ClassEntry>,
}

impl<'a> Release<'a> {
    async fn prepare(
        settings: &'a ReleaseSettings,
        kube: kube::Client,
        may_write: WriteCheck,
    ) -> Result<Self, OperatorError> {
        let (place, timings) = (&settings.place, settings.timings());
        let goes_on: WriteCheck = Arc::new(|| true);
        let aws = startup::aws(place, &timings, Arc::new(()), Arc::clone(&may_write), goes_on).await;
        let aws = startup::find_once(place, timings, &aws, &kube, Arc::clone(&may_write)).await?;
        let classes = objects::classes(&kube).await?;
        Ok(Self {
            settings,
            kube,
            may_write,
            aws,
            classes: classes.iter().map(RawClass::listed).collect(),
        })
    }

    fn report(&self, accounts: Vec<Account>, classes: Vec<Class>) -> Report {
        let silent = self.aws.as_ref().err().cloned();
        Report::new(accounts, classes, silent, self.settings.output)
    }

    fn guarded(&self) -> GuardedClient<'_> {
        GuardedClient {
            kube: &self.kube,
            limit: self.settings.timings().operation,
            may_write: &self.may_write,
        }
    }

    fn side(&self) -> AwsSide<'_> {
        match &self.aws {
            Ok(engine) => AwsSide::Reached {
                engine,
                classes: &self.classes,
            },
            Err(why) => AwsSide::Silent {
                why,
                guarded: self.guarded(),
            },
        }
    }

    async fn held(&self) -> Result<Vec<RawIdentity>, OperatorError> {
        objects::held(&self.kube, self.settings.which.namespace.as_ref()).await
    }

    async fn preview(&self) -> Result<Vec<Account>, OperatorError> {
        let objects = self.held().await?;
        let bar = bar(objects.len(), "looking");
        let accounts = futures::stream::iter(objects)
            .map(|object| async move { self.side().would_release(&object).await })
            .buffered(AT_ONCE)
            .inspect(|_| bar.inc(1))
            .collect()
            .await;
        bar.finish_and_clear();
        Ok(accounts)
    }

    /// Classes are the whole cluster's: who follows them from another namespace keeps them.
    async fn followers(&self) -> Result<Followers, OperatorError> {
        Ok(Followers::of(&objects::held(&self.kube, None).await?))
    }

    async fn classes_in_preview(&self) -> Result<Vec<Class>, OperatorError> {
        let (all, followers) = (objects::classes(&self.kube).await?, self.followers().await?);
        Ok(classes::would_release(&all, &followers, &self.settings.which))
    }

    async fn let_go_of_classes(&self) -> Result<Vec<Class>, OperatorError> {
        let (all, followers) = (objects::classes(&self.kube).await?, self.followers().await?);
        Ok(classes::release(self.guarded(), &all, &followers, &self.settings.which).await)
    }

    /// Round by round, until nothing is held any more that another try could free.
    async fn let_go(&self) -> Result<Vec<Account>, OperatorError> {
        let mut accounts: BTreeMap<(String, String), Account> = BTreeMap::new();
        for round in 1..=ROUNDS {
            let objects = self.held().await?;
            let bar = bar(objects.len(), "releasing");
            let round: Vec<Account> = futures::stream::iter(objects)
                .map(|object| async move { self.side().release(&object, round == ROUNDS).await })
                .buffer_unordered(AT_ONCE)
                .inspect(|_| bar.inc(1))
                .collect()
                .await;
            bar.finish_and_clear();
            let all_free = round.iter().all(|account| account.outcome == Outcome::Released);
            let known = |account: Account| (account.key(), account);
            accounts.extend(round.into_iter().map(known));
            if all_free {
                break;
            }
        }
        Ok(accounts.into_values().collect())
    }
}

/// A bar on standard error, and nothing where that is no terminal.
fn bar(length: usize, message: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(u64::try_from(length).unwrap_or(u64::MAX)).with_message(message);
    match ProgressStyle::with_template("{msg} [{bar:40}] {pos}/{len} {eta}") {
        Ok(style) => bar.with_style(style.progress_chars("=> ")),
        Err(_) => bar,
    }
}
