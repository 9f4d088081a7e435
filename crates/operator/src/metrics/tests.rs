//! Tests of the metrics, on the text of a scrape.

use std::time::Duration;

use jiff::Timestamp;
use lanyard_aws::{BudgetStats, WaitingCalls};
use lanyard_core::model::status::{Correction, Status};
use lanyard_core::reconcile::outcome::{Answer, Skip, StepResult};
use lanyard_core::reconcile::summary::{Event, EventKind};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::encoding::text::encode;

use super::*;
use lanyard_core::model::field::Resource;
use lanyard_core::model::status::DriftItem;

fn scraped(registry: &Registry) -> String {
    let mut text = String::new();
    encode(&mut text, registry).unwrap();
    text
}

fn registered() -> (Registry, Metrics) {
    let mut registry = Registry::with_prefix(PREFIX);
    let metrics = Metrics::register(&mut registry);
    (registry, metrics)
}

fn item(resource: Resource, since: i64, reason: Option<DriftReason>) -> DriftItem {
    DriftItem {
        resource: resource.as_str().to_owned(),
        field: "field".to_owned(),
        desired: None,
        observed: None,
        reason,
        since: Some(Timestamp::from_second(since).unwrap()),
    }
}

fn summary(status: Status, reasons: &[Reason]) -> Summary {
    let event = |reason: &Reason| Event {
        kind: EventKind::Normal,
        reason: *reason,
        note: String::new(),
    };
    Summary {
        status,
        events: reasons.iter().map(event).collect(),
        next: Next::Resync,
        corrected: Vec::new(),
    }
}

#[test]
fn aws_call_counts_with_duration_and_wait() {
    let (registry, metrics) = registered();
    metrics.call(&Measured {
        service: "iam",
        operation: "GetRole",
        outcome: "throttled",
        waited: Duration::from_millis(300),
        duration: Duration::from_millis(20),
    });
    let text = scraped(&registry);
    for line in [
        "lanyard_aws_calls_total{service=\"iam\",operation=\"GetRole\",outcome=\"throttled\"} 1",
        "lanyard_aws_call_duration_seconds_sum{service=\"iam\",operation=\"GetRole\"} 0.02",
        "lanyard_aws_call_wait_seconds_bucket{le=\"0.25\",service=\"iam\"} 0",
        "lanyard_aws_call_wait_seconds_bucket{le=\"0.5\",service=\"iam\"} 1",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

#[test]
fn skipped_step_has_no_duration() {
    let (registry, metrics) = registered();
    let step = Step::DeleteAssociation { repairs: false };
    metrics.step(&step, &StepResult::Skipped(Skip::WriteGate), Duration::ZERO);
    assert!(!scraped(&registry).contains("lanyard_step_duration_seconds_count{"));
    metrics.step(
        &step,
        &StepResult::Done(Answer::Nothing),
        Duration::from_millis(7),
    );
    let text = scraped(&registry);
    assert!(
        text.contains("lanyard_step_duration_seconds_count{step=\"DeleteAssociation\"} 1"),
        "{text}"
    );
    assert!(
        text.contains("lanyard_steps_total{step=\"DeleteAssociation\",outcome=\"skipped\"} 1"),
        "{text}"
    );
}

#[test]
fn running_reconciles_are_counted_until_they_end() {
    let (registry, metrics) = registered();
    let running = metrics.reconcile_begins();
    assert!(scraped(&registry).contains("lanyard_reconciles_running 1"));
    drop(running);
    assert!(scraped(&registry).contains("lanyard_reconciles_running 0"));
}

#[test]
fn drift_is_counted_once_when_found_or_corrected() {
    let (registry, metrics) = registered();
    let mut status = Status::default();
    status.drift.items = vec![
        item(Resource::Role, 1, Some(DriftReason::Reported)),
        item(Resource::Role, 2, Some(DriftReason::Unmanaged)),
        item(Resource::Association, 2, Some(DriftReason::Unreadable)),
    ];
    status.drift.last_correction = Some(Correction {
        at: Timestamp::UNIX_EPOCH,
        items: vec![item(Resource::ServiceAccount, 0, None)],
    });
    let reconciled = |reasons: &[Reason], published| {
        metrics.reconciled(&summary(status.clone(), reasons), published, Duration::ZERO);
    };
    reconciled(&[Reason::DriftFound, Reason::DriftCorrected], false);
    reconciled(&[Reason::DriftFound, Reason::DriftCorrected], true);
    reconciled(&[], true);
    let text = scraped(&registry);
    for line in [
        "lanyard_drift_found_total{resource=\"Role\"} 1",
        "lanyard_drift_found_total{resource=\"ServiceAccount\"} 1",
        "lanyard_drift_found_total{resource=\"Association\"} 0",
        "lanyard_drift_corrected_total{resource=\"ServiceAccount\"} 1",
        "lanyard_drift_corrected_total{resource=\"Role\"} 0",
        "lanyard_reconcile_total{outcome=\"status_update_failed\"} 1",
        "lanyard_reconcile_total{outcome=\"success\"} 2",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

/// Budgets as a scrape shows them, without an AWS client.
#[derive(Debug)]
struct Shown(Vec<BudgetStats>);

impl Collector for Shown {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        budgets::encode(&self.0, &mut encoder)
    }
}

#[test]
fn budget_shows_learned_rate_and_waiting_calls() {
    let mut registry = Registry::with_prefix(PREFIX);
    let waiting = WaitingCalls {
        foreground: 3,
        background: 7,
    };
    registry.register_collector(Box::new(Shown(vec![BudgetStats {
        service: "iam",
        account: "own",
        access: "write",
        rate: 9.5,
        ceiling: 150,
        throttled: 4,
        waiting,
    }])));
    let (text, labels) = (
        scraped(&registry),
        "service=\"iam\",account=\"own\",access=\"write\"",
    );
    for line in [
        format!("lanyard_aws_budget_rate{{{labels}}} 9.5"),
        format!("lanyard_aws_budget_ceiling{{{labels}}} 150"),
        format!("lanyard_aws_budget_waiting{{{labels},lane=\"foreground\"}} 3"),
        format!("lanyard_aws_budget_waiting{{{labels},lane=\"background\"}} 7"),
        format!("lanyard_aws_budget_throttled_total{{{labels}}} 4"),
    ] {
        assert!(text.contains(&line), "{line}\n{text}");
    }
}

#[test]
fn series_of_alerts_exist_from_the_start() {
    let text = scraped(&registered().0);
    for line in [
        "# HELP lanyard_build Version of Lanyard.",
        "lanyard_reconciles_running 0",
        "lanyard_objects_in_backoff 0",
        "lanyard_drift_found_total{resource=\"Role\"} 0",
        "lanyard_drift_corrected_total{resource=\"Provider\"} 0",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}
