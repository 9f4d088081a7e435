//! Whether this operator leads, asked at each scrape: a value that was once set would outlive the lease.
//! The gate in, one gauge out; no I/O. Registered by `run`.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::lease::LeaseGate;

/// Tells whether the lease is held.
#[derive(Debug)]
pub struct Leader(LeaseGate);

impl Leader {
    /// Registers the gauge.
    pub fn register(registry: &mut Registry, gate: LeaseGate) {
        registry.register_collector(Box::new(Self(gate)));
    }
}

impl Collector for Leader {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        let gauge = ConstGauge::new(i64::from(self.0.is_open()));
        let help = "1 while this operator holds the lease and may write, 0 while it stands by.";
        gauge.encode(encoder.encode_descriptor("leader", help, None, gauge.metric_type())?)
    }
}
