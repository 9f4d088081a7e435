//! Scenario `drift-scan`: another tool changes a few roles. Input: a fleet. Output: the time until each change is found
//! and corrected, at most one interval.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use futures::future::try_join_all;
use kube::api::Api;
use lanyard_api::WorkloadIdentity;
use lanyard_tests::drift;

use super::fleet::{Fleet, Member, READ_ONLY, bar};
use super::gauge;
use super::report::{Measured, Target};
use super::tally::Tally;

/// Roles that are changed, spread over the fleet.
const CHANGED: usize = 10;
/// Interval at which the statuses are read.
const POLL: Duration = Duration::from_millis(250);

pub async fn play(fleet: &Fleet<'_>, interval: Duration) -> Result<Vec<Measured>> {
    let (process, ledger) = (fleet.stage.process_id(0)?, fleet.stage.bed.gateway.ledger());
    let spread = (fleet.size / CHANGED).max(1);
    let members: Vec<Member> = fleet.members().step_by(spread).take(CHANGED).collect();
    try_join_all(members.iter().map(|member| detach(fleet, member))).await?;
    let (mark, before, began) = (ledger.mark(), gauge::of(process)?, Instant::now());
    let waiting = bar(members.len(), "drift-scan: found and corrected");
    let found = members.iter().map(|member| async {
        until_corrected(fleet, member, interval * 4).await?;
        waiting.inc(1);
        anyhow::Ok(began.elapsed().as_secs_f64())
    });
    let mut times = try_join_all(found).await?;
    waiting.finish_and_clear();
    times.sort_by(f64::total_cmp);
    let last = times.last().copied().unwrap_or_default();

    let calls = Tally::of(&ledger.since(mark));
    let measured = Measured {
        scenario: "drift-scan",
        size: fleet.size,
        until: "all ten changed roles are corrected",
        seconds: last,
        details: vec![
            ("seconds of the interval", interval.as_secs_f64()),
            (
                "seconds until the first is corrected",
                times.first().copied().unwrap_or_default(),
            ),
        ],
        targets: vec![Target::at_most(
            "intervals until drift is seen and put back",
            // A tenth, by which intervals are spread, and the time that one comparison takes.
            1.2,
            last / interval.as_secs_f64(),
        )],
        calls,
        ..Measured::default()
    };
    Ok(vec![measured.used(before, gauge::of(process)?)])
}

fn objects(fleet: &Fleet<'_>, member: &Member) -> Api<WorkloadIdentity> {
    Api::namespaced(fleet.client.clone(), &member.namespace)
}

async fn detach(fleet: &Fleet<'_>, member: &Member) -> Result<()> {
    let object = objects(fleet, member).get(&member.name).await?;
    let role = object.status.and_then(|status| status.role).context("no role")?;
    let role = role.arn.rsplit('/').next().unwrap_or_default().to_owned();
    let detach = fleet
        .aws
        .iam
        .detach_role_policy()
        .role_name(role)
        .policy_arn(READ_ONLY);
    detach.send().await.context("DetachRolePolicy").map(drop)
}

async fn until_corrected(fleet: &Fleet<'_>, member: &Member, limit: Duration) -> Result<()> {
    let api = objects(fleet, member);
    let corrected = async {
        loop {
            if drift(&api.get(&member.name).await?).last_correction.is_some() {
                return anyhow::Ok(());
            }
            tokio::time::sleep(POLL).await;
        }
    };
    let corrected = tokio::time::timeout(limit, corrected).await;
    corrected.with_context(|| format!("{} was not put back within {limit:?}", member.name))?
}
