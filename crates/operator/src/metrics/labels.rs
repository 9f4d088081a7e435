//! Labels and buckets that several metrics share. Label values come from closed sets only. No I/O.

use lanyard_core::model::field::Resource;
use lanyard_core::model::status::DriftItem;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::histogram::Histogram;

/// Upper bounds of the buckets of every duration, in seconds: from a response of an emulator to a reconcile with many
/// slow steps.
const BUCKETS: [f64; 12] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// Every resource that can drift. Their series exist from the start.
pub(super) const RESOURCES: [Resource; 4] = [
    Resource::Provider,
    Resource::Role,
    Resource::Association,
    Resource::ServiceAccount,
];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ResourceLabels {
    resource: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OutcomeLabels {
    pub outcome: &'static str,
}

pub(super) fn histogram() -> Histogram {
    Histogram::new(BUCKETS)
}

pub(super) fn label(resource: Resource) -> ResourceLabels {
    ResourceLabels {
        resource: resource.as_str(),
    }
}

pub(super) fn resource_of(item: &DriftItem) -> Option<Resource> {
    RESOURCES
        .into_iter()
        .find(|resource| resource.as_str() == item.resource)
}
