//! Throttled: AWS allows few writes a second, and many objects are created at once. A stage in, numbers out, beside the
//! time that the bucket alone would take.

use std::time::{Duration, Instant};

use anyhow::Result;
use k8s_openapi::api::events::v1::Event;
use kube::api::{Api, ListParams};
use lanyard_testkit::gateway::Throttle;
use lanyard_tests::TestEnv;

use super::fleet::{Fleet, bar};
use super::gauge;
use super::report::{Measured, Target};
use super::tally::Tally;

/// Time to wait beyond three times the minimum of the token bucket.
const LIMIT: Duration = Duration::from_secs(60);
/// Writes of one identity, at most.
const WRITES_EACH: u32 = 4;

pub async fn play(stage: &TestEnv, size: usize, allowed: u32) -> Result<Vec<Measured>> {
    let fleet = Fleet::new(stage, size).await?;
    let (process, gateway) = (stage.process_id(0)?, &stage.bed.gateway);
    gateway.set_throttles(vec![Throttle::writes(f64::from(allowed))]);
    let (mark, before, began) = (gateway.ledger().mark(), gauge::of(process)?, Instant::now());
    fleet.create().await?;
    let waiting = bar(size, "throttled: bound");
    let most = WRITES_EACH * u32::try_from(size)?;
    let limit = LIMIT + Duration::from_secs(u64::from(3 * most / allowed.max(1)));
    fleet
        .watch
        .until(size, limit, &waiting, |seen| seen.bound)
        .await?;
    let took = began.elapsed().as_secs_f64();

    let calls = Tally::of(&gateway.ledger().since(mark));
    // A bucket that was full, with one second's worth.
    let floor = (calls.writes_taken() as f64 / f64::from(allowed) - 1.0).max(1.0);
    let events = Api::<Event>::all(fleet.client.clone())
        .list(&ListParams::default())
        .await?;
    let ours = |event: &&Event| event.reporting_controller.as_deref() == Some("lanyard.dev/operator");
    let warnings = events.items.iter().filter(ours);
    let warnings = warnings
        .filter(|event| event.type_.as_deref() == Some("Warning"))
        .count();
    let seen = fleet.watch.seen();
    let reports = seen.throttling_reports + warnings;
    let measured = Measured {
        scenario: "throttled",
        size,
        until: "every binding is in place",
        seconds: took,
        details: vec![
            ("seconds that the bucket alone would take", floor),
            ("calls that AWS throttled", calls.throttled as f64),
            (
                "longest time without a status that moved",
                seen.longest_still.as_secs_f64(),
            ),
            ("identities that came through", seen.bound as f64),
        ],
        targets: vec![
            Target::at_most("times the bucket's own time", 1.1, took / floor),
            Target::at_most("statuses and events that report an error", 0.0, reports as f64),
        ],
        calls,
        ..Measured::default()
    };
    drop(seen);
    Ok(vec![measured.used(before, gauge::of(process)?)])
}
