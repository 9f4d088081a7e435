//! Proves how the engine observes pods and their workloads, and how it restarts workloads, on a real API server whose
//! Deployments, StatefulSets and DaemonSets really roll. Runs with the operator's own RBAC rules, so that missing rights
//! fail here. Needs the test bed; does I/O.

mod observed;
mod shop;

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use jiff::Timestamp;
use lanyard_core::model::fact::{Fact, ReadError};
use lanyard_core::model::observed::Observed;
use lanyard_core::model::reason::Reason;
use lanyard_core::model::workload::{RestartedFor, Workload, WorkloadRef};
use lanyard_core::reconcile::gate::WriteGate;
use lanyard_core::reconcile::outcome::{Outcome, StepResult};
use lanyard_core::reconcile::plan::Plan;
use lanyard_core::reconcile::step::Step;
use lanyard_engine::Target;

use crate::observed::{credentials, indexed, owner, owners, until};
use crate::shop::{NAMESPACE, Shop};

/// Every kind that a rollout restarts, by name.
const WORKLOADS: [(&str, &str); 3] = [
    ("DaemonSet", "watcher"),
    ("Deployment", "web"),
    ("StatefulSet", "db"),
];

#[tokio::test]
async fn pods_are_observed_and_workloads_restarted() -> Result<()> {
    let shop = Shop::open().await?;
    listed_and_indexed_pods_are_equal(&shop).await?;
    workloads_report_rollout_and_budget(&shop).await?;
    restart_replaces_every_pod_once(&shop).await?;
    only_rollouts_are_restarted(&shop).await?;
    denied_reads_are_unreadable(&shop).await?;
    shop.close().await
}

async fn listed_and_indexed_pods_are_equal(shop: &Shop) -> Result<()> {
    let wanted = BTreeMap::from([
        ("DaemonSet watcher".to_owned(), 2),
        ("Deployment web".to_owned(), 3),
        ("StatefulSet db".to_owned(), 2),
        ("bare".to_owned(), 1),
    ]);
    // The Job's pod ends by itself and uses no credentials afterwards.
    let pods = until("the Job has ended", async || {
        let pods = present(shop.engine.fresh_pods(&shop.subject).await)?;
        Ok((owners(&pods) == wanted).then_some(pods))
    })
    .await?;
    ensure!(pods.fresh);
    ensure!(credentials(&pods) == [shop::web_identity()].into(), "{pods:?}");

    let fold = indexed(shop).await?;
    let counted = present(fold.counted(NAMESPACE, "orders", false))?;
    ensure!(!counted.fresh && owners(&counted) == wanted, "{counted:?}");
    ensure!(observed::sorted(&counted) == observed::sorted(&pods));
    let others = present(fold.counted(NAMESPACE, "other", false))?;
    ensure!(owners(&others) == BTreeMap::from([("Deployment other".to_owned(), 1)]));
    Ok(())
}

async fn workloads_report_rollout_and_budget(shop: &Shop) -> Result<()> {
    let wanted = |kind: &str, name: &str, disruptions_allowed: Option<i32>| Workload {
        owner: owner(kind, name),
        restarted_for: None,
        restarted_at: None,
        rolled_out: true,
        obstacle: None,
        disruptions_allowed,
    };
    let wanted = vec![
        wanted("DaemonSet", "watcher", None),
        wanted("Deployment", "web", Some(1)),
        wanted("StatefulSet", "db", None),
    ];
    until("all is rolled out", async || {
        let workloads = present(shop.engine.workloads(&shop.subject).await)?;
        Ok((workloads == wanted).then_some(()))
    })
    .await
}

async fn restart_replaces_every_pod_once(shop: &Shop) -> Result<()> {
    let before = shop.pods("app=shop").await?;
    let asked = Timestamp::now();
    let plan = restarts(&WORKLOADS.map(|(kind, name)| owner(kind, name)), "first");
    let outcome = apply(shop, &plan).await?;
    ensure!(outcome.done().count() == 3, "{outcome:?}");
    let mut unfinished = false;
    let workloads = until("all is rolled out again", async || {
        let workloads = present(shop.engine.workloads(&shop.subject).await)?;
        let over = workloads.iter().all(|workload| workload.rolled_out);
        unfinished |= !over;
        Ok(over.then_some(workloads))
    })
    .await?;
    ensure!(
        unfinished,
        "the rollout must not be complete before its pods are replaced"
    );
    let marks: Vec<_> = workloads
        .iter()
        .map(|workload| workload.restarted_for.clone())
        .collect();
    ensure!(marks == vec![Some(mark("first")); 3], "{marks:?}");
    until("every pod is new", async || {
        let after = shop.pods("app=shop").await?;
        Ok((after.is_disjoint(&before) && after.len() == before.len()).then_some(()))
    })
    .await?;
    let template = shop.template("web").await?;
    let restarted: Timestamp = template
        .get("kubectl.kubernetes.io/restartedAt")
        .context("when")?
        .parse()?;
    ensure!(
        restarted.duration_since(asked).abs().as_secs() <= 5,
        "{template:?}"
    );

    let generations = shop.generations().await?;
    let outcome = apply(shop, &plan).await?;
    ensure!(outcome.done().count() == 3, "{outcome:?}");
    ensure!(shop.generations().await? == generations, "restarted twice");
    Ok(())
}

async fn only_rollouts_are_restarted(shop: &Shop) -> Result<()> {
    let outcome = apply(shop, &restarts(&[owner("Job", "once")], "first")).await?;
    let ended = &outcome.steps.first().context("one step")?.1;
    let refused = matches!(ended, StepResult::Failed(trouble) if trouble.reason == Reason::Refused);
    ensure!(refused, "{ended:?}");
    let outcome = apply(shop, &restarts(&[owner("Deployment", "gone")], "first")).await?;
    let ended = &outcome.steps.first().context("one step")?.1;
    let gone = matches!(ended, StepResult::Failed(trouble) if trouble.reason == Reason::Unavailable);
    ensure!(gone, "{ended:?}");
    Ok(())
}

async fn denied_reads_are_unreadable(shop: &Shop) -> Result<()> {
    let unprivileged = shop.engine_as("without-rights").await?;
    let pods = unprivileged.fresh_pods(&shop.subject).await;
    let denied = ReadError::Denied(format!(
        "the RBAC of the operator lacks list on pods in {NAMESPACE}"
    ));
    ensure!(pods == Fact::Unreadable(denied), "{pods:?}");
    let workloads = unprivileged.workloads(&shop.subject).await;
    ensure!(
        matches!(workloads.unreadable(), Some(ReadError::Denied(_))),
        "{workloads:?}"
    );
    Ok(())
}

fn mark(binding: &str) -> RestartedFor {
    RestartedFor {
        binding: binding.to_owned(),
        created_until: Timestamp::UNIX_EPOCH,
    }
}

fn restarts(owners: &[WorkloadRef], binding: &str) -> Plan {
    let step = |owner: &WorkloadRef| Step::RestartWorkload {
        owner: owner.clone(),
        mark: mark(binding),
    };
    Plan {
        waves: vec![owners.iter().map(step).collect()],
        ..Plan::default()
    }
}

/// Applies a plan, as the operator does for an object of the subject.
async fn apply(shop: &Shop, plan: &Plan) -> Result<Outcome> {
    let metadata = kube::core::ObjectMeta {
        uid: Some("of-no-object".to_owned()),
        ..kube::core::ObjectMeta::default()
    };
    let target = Target::new(shop.subject.clone(), &metadata).context("a target")?;
    let mut observed = Observed::unread();
    let (gate, meter) = (|| WriteGate::Open, |_: &Step, _: &StepResult, _| {});
    Ok(shop
        .engine
        .apply(&target, plan, &mut observed, &gate, &meter)
        .await)
}

fn present<T: std::fmt::Debug>(fact: Fact<T>) -> Result<T> {
    match fact {
        Fact::Present(value) => Ok(value),
        other => anyhow::bail!("{other:?}"),
    }
}
