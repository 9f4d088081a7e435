//! Scenario `create`: all objects at once, until each has its binding. Inputs: a fleet and the floor. Output: numbers.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::fleet::{Fleet, bar};
use super::floor::Floor;
use super::gauge;
use super::report::{Measured, Target};
use super::tally::Tally;

/// Longer than the slowest emulator needs for one identity.
const LIMIT_EACH: Duration = Duration::from_millis(500);
/// The operator's own waits, which do not grow with the fleet.
const LIMIT: Duration = Duration::from_secs(120);

pub async fn play(fleet: &Fleet<'_>, floor: &Floor) -> Result<Vec<Measured>> {
    let (process, ledger) = (fleet.stage.process_id(0)?, fleet.stage.bed.gateway.ledger());
    let (mark, before, began) = (ledger.mark(), gauge::of(process)?, Instant::now());
    fleet.create().await?;
    let applied = began.elapsed();
    let size = u32::try_from(fleet.size)?;
    let limit = LIMIT + LIMIT_EACH * size;
    let waiting = bar(fleet.size, "create: bound");
    fleet
        .watch
        .until(fleet.size, limit, &waiting, |seen| seen.bound)
        .await?;
    let took = began.elapsed().as_secs_f64();
    let waiting = bar(fleet.size, "create: Ready");
    fleet
        .watch
        .until(fleet.size, limit, &waiting, |seen| seen.ready)
        .await?;
    let ready = began.elapsed().as_secs_f64();

    let calls = Tally::of(&ledger.since(mark));
    let each = calls.calls as f64 / f64::from(size);
    let still = fleet.watch.seen().longest_still.as_secs_f64();
    let mut targets = vec![
        Target::at_most("AWS calls per identity", 6.0, each),
        Target::at_most("times the emulator's own time", 1.3, took / floor.same_calls),
    ];
    if fleet.size == 200 {
        targets.push(Target::at_most("seconds", 10.0, took));
    }
    let measured = Measured {
        scenario: "create",
        size: fleet.size,
        until: "every binding is in place",
        seconds: took,
        details: vec![
            (
                "seconds until the API server has taken all objects",
                applied.as_secs_f64(),
            ),
            (
                "seconds until all are Ready, with the waits for AWS propagation",
                ready,
            ),
            ("seconds of the emulator for the same calls", floor.same_calls),
            ("seconds of the emulator for the fewest calls", floor.fewest_calls),
            ("longest time without a status change", still),
            ("AWS writes per identity", calls.writes as f64 / f64::from(size)),
        ],
        calls,
        targets,
        ..Measured::default()
    };
    Ok(vec![measured.used(before, gauge::of(process)?)])
}
