//! The leader gauge.
//! Input: the gate of the lease, read at each scrape; a stored value would outlive the lease. Output: a gauge. No I/O.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::lease::LeaseGate;

/// The collector of the leader gauge.
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
        let help = "1 if this operator is the leader and may write, 0 if it is a standby.";
        gauge.encode(encoder.encode_descriptor("leader", help, None, gauge.metric_type())?)
    }
}
