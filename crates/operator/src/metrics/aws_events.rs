//! The metrics of the events queue: messages by outcome, triggered reconciles, and the age of events.
//! Input: outcomes. Output: counters and a histogram. No I/O.

use std::time::Duration;

use lanyard_core::aws_event::Ignored;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::labels::OutcomeLabels;

/// Upper bounds of the buckets of an event's age, in seconds: from fast deliveries of EventBridge to late ones of
/// CloudTrail.
const AGES: [f64; 9] = [1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0];

/// The outcomes of messages that are not ignored.
const RELEVANT: [&str; 3] = ["triggered", "known", "unmatched"];

/// The metrics of the events queue.
#[derive(Debug, Clone)]
pub struct AwsEventMetrics {
    messages: Family<OutcomeLabels, Counter>,
    /// Reconciles that events triggered.
    pub reconciles: Counter,
    age: Histogram,
}

impl AwsEventMetrics {
    /// Creates and registers the metrics. Every outcome starts at zero.
    #[must_use]
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            messages: Family::default(),
            reconciles: Counter::default(),
            age: Histogram::new(AGES),
        };
        for outcome in Ignored::ALL.map(Ignored::as_str).into_iter().chain(RELEVANT) {
            drop(metrics.messages.get_or_create(&OutcomeLabels { outcome }));
        }
        registry.register(
            "event_messages",
            "Messages of the events queue by outcome: triggered, known, unmatched, or the reason why they were ignored",
            metrics.messages.clone(),
        );
        registry.register(
            "event_reconciles",
            "Reconciles triggered by events",
            metrics.reconciles.clone(),
        );
        registry.register_with_unit(
            "event_age",
            "Age of events about managed resources when their message was read",
            Unit::Seconds,
            metrics.age.clone(),
        );
        metrics
    }

    /// Counts a message by its outcome.
    pub fn message(&self, outcome: &'static str) {
        self.messages.get_or_create(&OutcomeLabels { outcome }).inc();
    }

    /// Observes the age of an event.
    pub fn age(&self, age: Duration) {
        self.age.observe(age.as_secs_f64());
    }
}
