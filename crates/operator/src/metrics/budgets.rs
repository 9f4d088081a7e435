//! The state of the call budgets as gauges: what was learned of AWS's rates, and who waits. Read at each scrape. A handle
//! on AWS in, gauges out; no I/O. Registered by `run`.

use std::fmt;
use std::sync::{Arc, OnceLock};

use lanyard_aws::{Aws, BudgetStats};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

/// Tells of the budgets, once there is an AWS side. Clones are handles to the same.
#[derive(Clone, Default)]
pub struct Budgets(Arc<OnceLock<Aws>>);

impl Budgets {
    /// Registers the gauges.
    #[must_use]
    pub fn register(registry: &mut Registry) -> Self {
        let budgets = Self::default();
        registry.register_collector(Box::new(budgets.clone()));
        budgets
    }

    /// From now on these are told of.
    pub fn are_those_of(&self, aws: &Aws) {
        // There is one AWS side in a process.
        let _ = self.0.set(aws.clone());
    }
}

impl fmt::Debug for Budgets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budgets").finish_non_exhaustive()
    }
}

impl Collector for Budgets {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        match self.0.get() {
            Some(aws) => encode(&aws.budgets(), &mut encoder),
            None => Ok(()),
        }
    }
}

pub(super) fn encode(states: &[BudgetStats], encoder: &mut DescriptorEncoder) -> Result<(), fmt::Error> {
    let help = "Calls a second that Lanyard makes at most, as learned from what AWS throttles; of several accounts, the lowest.";
    let mut family = encoder.encode_descriptor("aws_budget_rate", help, None, MetricType::Gauge)?;
    for state in states {
        ConstGauge::new(state.rate).encode(family.encode_family(&labels(state))?)?;
    }
    let help = "Calls a second that are never exceeded for long, reads and writes together: --aws-rate.";
    let mut family = encoder.encode_descriptor("aws_budget_ceiling", help, None, MetricType::Gauge)?;
    for state in states {
        ConstGauge::new(i64::from(state.ceiling)).encode(family.encode_family(&labels(state))?)?;
    }
    let help = "Calls that wait for their turn at this moment, by lane.";
    let mut family = encoder.encode_descriptor("aws_budget_waiting", help, None, MetricType::Gauge)?;
    for state in states {
        for (lane, calls) in [
            ("foreground", state.waiting.foreground),
            ("background", state.waiting.background),
        ] {
            let [service, account, kind] = labels(state);
            let labels = [service, account, kind, ("lane", lane)];
            let calls = i64::try_from(calls).unwrap_or(i64::MAX);
            ConstGauge::new(calls).encode(family.encode_family(&labels)?)?;
        }
    }
    let help = "Calls that AWS throttled, each time that it did.";
    let mut family = encoder.encode_descriptor("aws_budget_throttled", help, None, MetricType::Counter)?;
    for state in states {
        ConstCounter::new(state.throttled).encode(family.encode_family(&labels(state))?)?;
    }
    Ok(())
}

fn labels(state: &BudgetStats) -> [(&'static str, &'static str); 3] {
    [
        ("service", state.service),
        ("account", state.account),
        ("kind", state.kind),
    ]
}
