//! What comes from the events queue, counted: messages by what became of them, the looks that they caused, and how old
//! what they tell was. Outcomes in, counters out; no I/O. A part of `Metrics`, fed by `events`.

use std::time::Duration;

use lanyard_core::aws_event::Ignored;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// Upper ends of the buckets of an event's age, in seconds: from what EventBridge is quick with to what CloudTrail is late with.
const AGES: [f64; 9] = [1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0];

/// What becomes of messages that are not dropped.
const KEPT: [&str; 3] = ["triggered", "known", "unmatched"];

/// What is counted of events.
#[derive(Debug, Clone)]
pub struct Notices {
    messages: Family<OutcomeLabels, Counter>,
    /// Looks that were asked for.
    pub looks: Counter,
    age: Histogram,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

impl Notices {
    /// Makes all of them and registers them, every outcome at zero.
    #[must_use]
    pub fn register(registry: &mut Registry) -> Self {
        let notices = Self {
            messages: Family::default(),
            looks: Counter::default(),
            age: Histogram::new(AGES),
        };
        for outcome in Ignored::ALL.map(Ignored::as_str).into_iter().chain(KEPT) {
            drop(notices.messages.get_or_create(&OutcomeLabels { outcome }));
        }
        registry.register(
            "event_messages",
            "Messages of the events queue, by what became of them: looked, known, orphans, or why they were dropped",
            notices.messages.clone(),
        );
        registry.register(
            "event_reconciles",
            "Looks that events asked for",
            notices.looks.clone(),
        );
        registry.register_with_unit(
            "event_age",
            "How long ago it had happened when a message that tells of something Lanyard keeps was read",
            Unit::Seconds,
            notices.age.clone(),
        );
        notices
    }

    /// A message came to this.
    pub fn message(&self, outcome: &'static str) {
        self.messages.get_or_create(&OutcomeLabels { outcome }).inc();
    }

    /// A message told of something this old.
    pub fn age(&self, age: Duration) {
        self.age.observe(age.as_secs_f64());
    }
}
