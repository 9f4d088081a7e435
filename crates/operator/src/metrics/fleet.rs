//! The state of all identities: their conditions and drift.
//! Input: the store of identities, counted at each scrape. Output: gauges. No I/O.

use std::collections::BTreeMap;

use kube_runtime::reflector::Store;
use lanyard_core::model::condition::{ConditionStatus, ConditionType};
use lanyard_core::model::status::Status;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::labels::{RESOURCES, resource_of};
use crate::lease::LeaseGate;
use lanyard_engine::raw::RawIdentity;

/// The collector of all identities. Only the leader shows them, because a sum over all operators would count twice.
#[derive(Debug)]
pub struct Fleet {
    store: Store<RawIdentity>,
    gate: LeaseGate,
}

impl Fleet {
    /// Registers the gauges.
    pub fn register(registry: &mut Registry, store: Store<RawIdentity>, gate: LeaseGate) {
        registry.register_collector(Box::new(Self { store, gate }));
    }
}

impl Collector for Fleet {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        if !self.gate.is_open() {
            return Ok(());
        }
        let mut counts = Counts::zero();
        for object in self.store.state() {
            counts.add(&object.decode_status());
        }
        let help = "Number of WorkloadIdentities by condition and status; without a Ready condition they count as Ready Unknown.";
        let mut family = encoder.encode_descriptor("identities", help, None, MetricType::Gauge)?;
        for ((condition, status), identities) in &counts.conditions {
            let labels = [("condition", *condition), ("status", *status)];
            ConstGauge::new(*identities).encode(family.encode_family(&labels)?)?;
        }
        let help = "Number of drift items in the status of WorkloadIdentities, by resource; at most 20 of each identity.";
        let mut family = encoder.encode_descriptor("drift_items", help, None, MetricType::Gauge)?;
        for (resource, items) in &counts.drift {
            ConstGauge::new(*items).encode(family.encode_family(&[("resource", *resource)])?)?;
        }
        Ok(())
    }
}

/// The counts of one scrape. The series that alerts use exist even at zero.
struct Counts {
    conditions: BTreeMap<(&'static str, &'static str), i64>,
    drift: BTreeMap<&'static str, i64>,
}

impl Counts {
    fn zero() -> Self {
        let ready = ["True", "False", "Unknown"].map(|status| ((ConditionType::Ready.as_str(), status), 0));
        let stalled = ((ConditionType::Stalled.as_str(), "True"), 0);
        Self {
            conditions: ready.into_iter().chain([stalled]).collect(),
            drift: RESOURCES.map(|resource| (resource.as_str(), 0)).into(),
        }
    }

    fn add(&mut self, status: &Status) {
        for condition in &status.conditions {
            *self
                .conditions
                .entry((condition.kind.as_str(), status_label(condition.status)))
                .or_default() += 1;
        }
        if status.condition(ConditionType::Ready).is_none() {
            *self
                .conditions
                .entry((ConditionType::Ready.as_str(), "Unknown"))
                .or_default() += 1;
        }
        for resource in status.drift.items.iter().filter_map(resource_of) {
            *self.drift.entry(resource.as_str()).or_default() += 1;
        }
    }
}

const fn status_label(status: ConditionStatus) -> &'static str {
    match status {
        ConditionStatus::True => "True",
        ConditionStatus::False => "False",
        ConditionStatus::Unknown => "Unknown",
    }
}
