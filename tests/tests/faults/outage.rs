//! Proves behaviour during an outage, when one or both services fail at every call. Existing bindings stay unchanged and
//! Ready, new identities wait, both report the cause, calls and status writes stay few, and everything recovers without
//! help. Does I/O.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lanyard_testkit::gateway::{Fault, Mark, Service};
use lanyard_tests::{TestEnv, TestNamespace, all_well, condition, side_by_side};
use serde_json::{Value, json};

use crate::kinds::Kind;
use crate::{new_stage, stage};

/// Duration of an outage: three backoff pauses of one, two and four seconds.
const OUTAGE: Duration = Duration::from_secs(8);
/// Maximum number of calls about an identity in that time: five reconciliations with at most six reads.
const CALLS: usize = 30;
/// Maximum number of status writes: one that reports it as unreadable, and one with the rest of the observation.
const STATUS_WRITES: usize = 2;

const IAM: &[Service] = &[Service::Iam];
const EKS: &[Service] = &[Service::Eks];
const BOTH: &[Service] = &[Service::Iam, Service::Eks];

/// The failing services and the kind of the fault.
#[derive(Clone, Copy)]
struct Row {
    down: &'static [Service],
    kind: Kind,
}

fn spec(role: &str) -> Value {
    json!({"method": "PodIdentity", "role": {"managed": {"name": role}}})
}

impl Row {
    fn name(self) -> String {
        let down: String = self.down.iter().map(|service| format!("{service}-")).collect();
        format!("out-{down}{}", self.kind.slug())
    }

    async fn play(self, stage: &TestEnv) -> Result<()> {
        let (existing, new) = (self.name(), format!("{}-new", self.name()));
        let scene = stage.scene(&existing).await?;
        scene.apply(&existing, spec(&existing)).await?;
        scene.until_is(&existing, "InSync", "True", "InSync").await?;
        scene.until_ready(&existing).await?;

        let gateway = &stage.bed.gateway;
        let target = |service: &Service, name: &str| Fault::on_any().to(*service).about(name);
        let faults = self
            .down
            .iter()
            .flat_map(|service| [target(service, &existing), target(service, &new)]);
        let faults: Vec<_> = faults
            .map(|target| gateway.faults().add(self.kind.at(target)))
            .collect();
        let mark = gateway.ledger().mark();
        scene.request_reconcile(&existing).await?;
        scene.apply(&new, spec(&new)).await?;
        self.until_reported(&scene, &existing, &new).await?;
        // A fixed period in which the calls are counted.
        tokio::time::sleep(OUTAGE).await;
        self.ensure_quiet(&scene, mark, &existing, &new).await?;

        faults.iter().for_each(|fault| fault.remove());
        scene.until_is(&existing, "InSync", "True", "InSync").await?;
        scene.until_ready(&new).await?;
        Ok(())
    }

    async fn until_reported(self, scene: &TestNamespace<'_>, existing: &str, new: &str) -> Result<()> {
        let cause = self.kind.expected_message();
        let object = scene
            .until_is(existing, "InSync", "Unknown", "Unreadable")
            .await?;
        let message = condition(&object, "InSync").context("InSync")?.message;
        ensure!(message.contains(cause), "InSync: {message}");
        let waits = |object: &_| {
            let found = condition(object, "Reconciling");
            found.is_some_and(|found| found.message.contains(cause))
        };
        scene
            .until(new, &format!("waiting with the cause {cause}"), waits)
            .await?;
        Ok(())
    }

    async fn ensure_quiet(
        self,
        scene: &TestNamespace<'_>,
        mark: Mark,
        existing: &str,
        new: &str,
    ) -> Result<()> {
        let calls = scene.stage.bed.gateway.ledger().since(mark);
        for name in [existing, new] {
            let about = calls.about(name);
            let writes = about.to_aws().writes();
            ensure!(writes.is_empty(), "written without a read: {writes}");
            let count = about.to_aws().count();
            ensure!(count <= CALLS, "{count} calls about {name} in {OUTAGE:?}");
            let status_writes = about.of("patch workloadidentities/status").count();
            ensure!(
                status_writes <= STATUS_WRITES,
                "the status of {name} was written {status_writes} times"
            );
        }
        let object = scene.identities().get(existing).await?;
        let ready = condition(&object, "Ready").context("Ready")?;
        ensure!(ready.status == "True", "Ready: {}", ready.message);
        ensure!(condition(&object, "Stalled").is_none(), "Stalled");
        Ok(())
    }
}

async fn play_all(stage: &'static TestEnv, rows: &[Row]) -> Result<()> {
    let rows = rows.iter().map(|row| (row.name(), row.play(stage)));
    all_well(side_by_side(rows).await)
}

const fn row(down: &'static [Service], kind: Kind) -> Row {
    Row { down, kind }
}

#[tokio::test]
async fn service_outage_keeps_bindings_and_recovers() -> Result<()> {
    let rows = [
        row(IAM, Kind::ServerError),
        row(EKS, Kind::ServerError),
        row(BOTH, Kind::ServerError),
        row(IAM, Kind::Reset),
        row(EKS, Kind::Reset),
        row(BOTH, Kind::TimedOut),
        row(BOTH, Kind::Nonsense),
    ];
    play_all(stage().await?, &rows).await
}

#[tokio::test]
async fn expired_credentials_or_clock_skew_recover() -> Result<()> {
    let rows = [
        row(BOTH, Kind::TokenExpired),
        row(IAM, Kind::TokenExpired),
        row(BOTH, Kind::ClockSkewed),
    ];
    play_all(stage().await?, &rows).await
}

/// Throttling slows down everything in the account, so this test has an environment of its own.
#[tokio::test]
async fn account_wide_throttling_recovers() -> Result<()> {
    let stage: &'static TestEnv = Box::leak(Box::new(new_stage().await?));
    play_all(stage, &[row(BOTH, Kind::Throttled), row(EKS, Kind::Throttled)]).await
}
