//! Steady: nothing happens for at least one whole comparison with AWS. A fleet in, numbers out: writes above all, which
//! are to be none, to AWS and to the objects alike.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;

use super::fleet::{Fleet, bar};
use super::gauge;
use super::report::{Measured, Target};
use super::tally::Tally;

/// Time after a creation until the last waits for AWS propagation and consistency are over.
const SETTLED: Duration = Duration::from_secs(25);
/// Limit of the design for calls per identity in one drift scan, without Describes.
const CALLS_EACH: f64 = 0.05;
/// From this size on that holds: below it, the few calls that any comparison takes weigh more.
const FROM: usize = 1000;
/// Limit of the design for ten thousand identities, in MB of heap and stacks.
const MEMORY: f64 = 60.0;

pub async fn play(fleet: &Fleet<'_>, interval: Duration) -> Result<Vec<Measured>> {
    pass(SETTLED, "steady: settling").await;
    let (process, ledger) = (fleet.stage.process_id(0)?, fleet.stage.bed.gateway.ledger());
    let versions: BTreeMap<_, _> = fleet.versions().await?.into_iter().collect();
    let (mark, before) = (ledger.mark(), gauge::of(process)?);
    pass(interval, "steady: one interval").await;
    let (calls, after) = (Tally::of(&ledger.since(mark)), gauge::of(process)?);
    let now = fleet.versions().await?;
    let changed = now
        .iter()
        .filter(|(name, version)| versions.get(name) != Some(version));
    let changed = changed.count();

    let each = (calls.calls - calls.describes) as f64 / fleet.size as f64;
    let mut targets = vec![Target::at_most(
        "writes, to AWS and to the objects",
        0.0,
        (calls.writes + changed) as f64,
    )];
    if fleet.size >= FROM {
        targets.push(Target::at_most(
            "calls of AWS for each identity and interval, Describes aside",
            CALLS_EACH,
            each,
        ));
    }
    if fleet.size >= 10_000 {
        targets.push(Target::at_most("MB of anonymous memory", MEMORY, after.anonymous));
    }
    let measured = Measured {
        scenario: "steady",
        size: fleet.size,
        until: "one interval is over",
        seconds: interval.as_secs_f64(),
        details: vec![
            ("objects that were written", changed as f64),
            ("calls of AWS for each identity, Describes aside", each),
            (
                "KB resident for each identity",
                after.resident * 1000.0 / fleet.size as f64,
            ),
        ],
        calls,
        targets,
        ..Measured::default()
    };
    Ok(vec![measured.used(before, after)])
}

/// Lets a time pass that is itself what is measured.
async fn pass(time: Duration, what: &str) {
    let seconds = time.as_secs();
    let bar = bar(usize::try_from(seconds).unwrap_or_default(), what);
    for _ in 0..seconds {
        tokio::time::sleep(Duration::from_secs(1)).await;
        bar.inc(1);
    }
    bar.finish_and_clear();
}
