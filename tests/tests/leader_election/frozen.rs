//! Proves that a leader which is suspended during its work for longer than its lease, and then resumes, starts no further
//! write and ends with an error. Does I/O.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kube::api::DeleteParams;
use lanyard_testkit::gateway::Fault;
use lanyard_tests::TestNamespace;
use serde_json::{Value, json};

use crate::pair::{NAMES, OPERATION, Pair, begun_after, nth_write};

const READ_ONLY: &str = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";
/// Duration of each write that is under way when the leader freezes: well below the write timeout.
const UNDER_WAY: Duration = Duration::from_millis(800);

fn spec(name: &str, method: &str) -> Value {
    json!({"method": method, "serviceAccount": {"create": true},
           "role": {"managed": {"name": name, "policyArns": [READ_ONLY]}}})
}

/// The leader's work at the moment of the freeze.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Work {
    Create,
    Delete,
}

/// One freeze: at the n-th write of this work.
struct Round<'a> {
    pair: &'a Pair,
    scene: &'a TestNamespace<'a>,
    leader: usize,
    work: Work,
    n: usize,
}

impl Round<'_> {
    fn name(&self) -> String {
        format!("{:?}-{}", self.work, self.n).to_lowercase()
    }

    /// Freezes the leader at its n-th write. Returns `false` if it made fewer writes. The other operator leads afterwards.
    async fn play(&self) -> Result<bool> {
        let name = self.name();
        let subject = format!("{}/{name}", self.scene.namespace);
        if self.work == Work::Delete {
            self.scene.apply(&name, spec(&name, "IRSA")).await?;
            self.scene.until_ready(&name).await?;
            self.pair.until_idle(self.leader).await?;
        }
        let holder = self.pair.holder().await?.context("the lease has no holder")?;
        let mark = self.pair.stage.bed.gateway.ledger().mark();
        // The role has the identity's name, so that the calls about it match the subject like those about the object.
        let freeze = self.pair.freeze_at(nth_write(self.n, &name), self.leader)?;
        self.begin(&name).await?;
        self.until_done(&name).await?;
        freeze.disarm();
        let Some(frozen) = freeze.triggered_at() else {
            return Ok(false);
        };
        // After the last write the new leader has no work that could be observed.
        self.pair.until_taken_from(&holder).await?;
        let resumed = self.pair.resume(self.leader)?;
        let status = self.pair.stage.ended(self.leader).await?;
        ensure!(status.code() == Some(1), "ended with {status}");

        let calls = self.pair.calls(self.leader, mark);
        let late = begun_after(&calls, resumed);
        ensure!(
            late.is_empty(),
            "{subject}: begun after the lease was lost: {late:?}"
        );
        let ended = calls.entries().iter().filter(|entry| entry.call.write);
        let outlasting = ended.filter(|entry| entry.ended > frozen + OPERATION && entry.began < resumed);
        ensure!(outlasting.count() == 0, "{subject}: a write outlasted the margin");
        self.check(&name).await?;
        // Kubernetes restarts it. The new one is the standby.
        self.pair.start(self.leader + 2).await?;
        Ok(true)
    }

    async fn begin(&self, name: &str) -> Result<()> {
        match self.work {
            Work::Create => self.scene.apply(name, spec(name, "IRSA")).await,
            Work::Delete => {
                let identities = self.scene.identities();
                identities.delete(name, &DeleteParams::default()).await?;
                Ok(())
            }
        }
    }

    async fn until_done(&self, name: &str) -> Result<()> {
        match self.work {
            Work::Create => self.scene.until_ready(name).await.map(drop),
            Work::Delete => self.scene.until_gone(name).await,
        }
    }

    /// Checks that the result equals that of one operator without a freeze.
    async fn check(&self, name: &str) -> Result<()> {
        let account = self.scene.accounts().get_opt(name).await?;
        if self.work == Work::Delete {
            ensure!(!self.scene.aws.has_role(name).await?, "the role is still there");
            ensure!(account.is_none(), "the ServiceAccount is still there");
            return Ok(());
        }
        ensure!(self.scene.aws.attached(name).await? == [READ_ONLY]);
        let annotations = account.and_then(|account| account.metadata.annotations);
        let annotated = annotations.and_then(|all| all.get("eks.amazonaws.com/role-arn").cloned());
        ensure!(annotated.is_some_and(|arn| arn.ends_with(name)), "not annotated");
        Ok(())
    }
}

/// Tests each write in turn. The standby of one round is the leader of the next.
async fn frozen_at_each_write(work: Work) -> Result<()> {
    let pair = Pair::new().await?;
    let scene = pair.stage.scene("frozen").await?;
    let mut frozen = 0;
    for n in 1.. {
        let round = Round {
            pair: &pair,
            scene: &scene,
            leader: frozen,
            work,
            n,
        };
        let logs = || format!("{work:?}, write {n}; logs in {}", pair.stage.bed.logs().display());
        if !round.play().await.with_context(logs)? {
            break;
        }
        frozen += 1;
    }
    // A deletion by IRSA writes the ServiceAccount, the policy, the role and the object. A creation writes more.
    ensure!(frozen >= 4, "froze at only {frozen} writes");
    pair.stage.bed.stop().await
}

#[tokio::test]
async fn leader_frozen_during_creation_starts_no_late_write() -> Result<()> {
    frozen_at_each_write(Work::Create).await
}

#[tokio::test]
async fn leader_frozen_during_deletion_starts_no_late_write() -> Result<()> {
    frozen_at_each_write(Work::Delete).await
}

#[tokio::test]
async fn concurrent_writes_of_frozen_leader_end_within_margin() -> Result<()> {
    const MANY: usize = 6;
    let pair = Pair::new().await?;
    let scene = pair.stage.scene("many").await?;
    let gateway = &pair.stage.bed.gateway;
    // Each creation takes a while. When the last call has arrived, all are under way and the leader freezes.
    let arrived = Arc::new(AtomicUsize::new(0));
    let stop = pair.stage.signaller(0, "STOP")?;
    gateway
        .faults()
        .add(Fault::on("CreateRole").first(MANY).calls_before(move |_| {
            if arrived.fetch_add(1, Ordering::SeqCst) + 1 == MANY {
                // A failed freeze is visible at once: the standby does not take over.
                let _ = stop();
            }
            std::future::ready(())
        }));
    gateway
        .faults()
        .add(Fault::on("CreateRole").first(MANY).delays(UNDER_WAY));
    let holder = pair.holder().await?.context("the lease has no holder")?;
    let mark = gateway.ledger().mark();
    for n in 0..MANY {
        let name = format!("many-{n}");
        scene.apply(&name, spec(&name, "PodIdentity")).await?;
    }
    let taken = pair.until_taken_from(&holder).await?;
    let in_flight = pair.calls(0, mark).of("CreateRole");
    ensure!(in_flight.count() == MANY, "{in_flight}");
    ensure!(
        in_flight.entries().iter().all(|entry| entry.ended < taken),
        "a write ended after the other operator held the lease"
    );
    for n in 0..MANY {
        scene.until_ready(&format!("many-{n}")).await?;
    }
    let resumed = pair.resume(0)?;
    let status = pair.stage.ended(0).await?;
    ensure!(status.code() == Some(1), "ended with {status}");
    let late = begun_after(&pair.calls(0, mark), resumed);
    ensure!(late.is_empty(), "begun after the lease was lost: {late:?}");
    for n in 0..MANY {
        let name = format!("many-{n}");
        let created = gateway.ledger().since(mark).about(&name).of("CreateRole");
        let made = created.entries().iter().filter(|entry| entry.status == Some(200));
        ensure!(
            made.count() == 1,
            "{} created {name} twice:\n{created}",
            NAMES.join(" or ")
        );
        ensure!(scene.aws.associations("many", &name).await?.len() == 1);
    }
    pair.stage.bed.stop().await
}
