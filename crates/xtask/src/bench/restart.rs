//! Restart: the operator ends and another starts where everything is in place. A fleet in; how long until everything is
//! compared with AWS, and what that costs.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::fleet::{Fleet, bar};
use super::gauge;
use super::report::{Measured, Target};
use super::tally::Tally;

/// How often the new operator is asked.
const POLL: Duration = Duration::from_millis(100);
/// Limit of the design at ten thousand identities, in seconds.
const SECONDS: f64 = 60.0;
const AT: usize = 10_000;

pub async fn play(fleet: &Fleet<'_>, operator: &str, interval: Duration) -> Result<Vec<Measured>> {
    let (stage, ledger) = (fleet.stage, fleet.stage.bed.gateway.ledger());
    stage.stop(0).await?;
    let (mark, began) = (ledger.mark(), Instant::now());
    let resync = format!("{}s", interval.as_secs());
    stage.operator(operator, "lanyard-again", &["--resync", &resync])?;
    let process = stage.process_id(1)?;
    let before = gauge::of(process)?;
    let limit = interval * 4 + Duration::from_secs(120);
    let waiting = bar(fleet.size, "restart: checked");
    let mut leads = None;
    loop {
        let metrics = stage
            .asks(1, "/metrics")
            .await
            .map(|(_, body)| body)
            .unwrap_or_default();
        if leads.is_none() && value(&metrics, "lanyard_leader ") == Some(1.0) {
            leads = Some(began.elapsed().as_secs_f64());
        }
        let checked = checked(&metrics);
        waiting.set_position(checked as u64);
        if checked >= fleet.size as f64 {
            break;
        }
        if began.elapsed() > limit {
            bail!("only {checked} of {} were checked after {limit:?}", fleet.size);
        }
        tokio::time::sleep(POLL).await;
    }
    waiting.finish_and_clear();
    let took = began.elapsed().as_secs_f64();
    let calls = Tally::of(&ledger.since(mark));
    let mut targets = vec![Target::at_most("writes of AWS", 0.0, calls.writes as f64)];
    if fleet.size >= AT {
        targets.push(Target::at_most("seconds", SECONDS, took));
    }
    let measured = Measured {
        scenario: "restart",
        size: fleet.size,
        until: "everything is compared with AWS",
        seconds: took,
        details: vec![
            ("seconds until it led", leads.unwrap_or_default()),
            (
                "calls of AWS for each identity",
                calls.calls as f64 / fleet.size as f64,
            ),
        ],
        calls,
        targets,
        ..Measured::default()
    };
    Ok(vec![measured.used(before, gauge::of(process)?)])
}

/// The number of identities that the operator has compared with AWS, by a drift scan or by single reconciles.
fn checked(metrics: &str) -> f64 {
    let sum = |beginning: &str, without: &str| -> f64 {
        let lines = metrics.lines().filter(|line| line.starts_with(beginning));
        let lines = lines.filter(|line| without.is_empty() || !line.contains(without));
        lines.filter_map(last).sum()
    };
    let looks = sum("lanyard_reconcile_total{", "");
    let unchecked = "state=\"unchecked\"";
    let swept = sum("lanyard_drift_scan_objects{", unchecked);
    let left = sum("lanyard_drift_scan_objects{", "") - swept;
    looks.max(swept + looks.min(left))
}

/// The value of the first sample whose line begins so.
pub fn value(metrics: &str, beginning: &str) -> Option<f64> {
    metrics
        .lines()
        .find(|line| line.starts_with(beginning))
        .and_then(last)
}

fn last(line: &str) -> Option<f64> {
    line.rsplit(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reconciles_of_every_outcome_count_as_checks() {
        let metrics = "# TYPE lanyard_reconcile counter\nlanyard_reconcile_total{outcome=\"success\"} 5\n\
                       lanyard_reconcile_total{outcome=\"waiting\"} 2\nlanyard_leader 1\n";
        assert!((checked(metrics) - 7.0).abs() < f64::EPSILON);
        assert_eq!(value(metrics, "lanyard_leader "), Some(1.0));
    }

    #[test]
    fn unchecked_object_counts_after_its_reconcile() {
        let metrics = "lanyard_reconcile_total{outcome=\"success\"} 1\nlanyard_drift_scan_objects{state=\"checked\"} 95\n\
                       lanyard_drift_scan_objects{state=\"drifted\"} 1\nlanyard_drift_scan_objects{state=\"unchecked\"} 4\n";
        assert!((checked(metrics) - 97.0).abs() < f64::EPSILON);
    }
}
