//! The state of the call budgets: learned rates and waiting calls.
//! Input: a handle on the AWS client, read at each scrape. Output: gauges and counters. No I/O.

use std::fmt;
use std::sync::{Arc, OnceLock};

use lanyard_aws::{Aws, BudgetStats};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

/// The collector of the budgets. It is empty until the AWS client exists. All clones share one state.
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

    /// Sets the AWS client whose budgets are shown.
    pub fn are_those_of(&self, aws: &Aws) {
        // A process has one AWS client.
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
    let help = "Learned limit of AWS API calls per second; the lowest of several accounts.";
    let mut family = encoder.encode_descriptor("aws_budget_rate", help, None, MetricType::Gauge)?;
    for state in states {
        ConstGauge::new(state.rate).encode(family.encode_family(&labels(state))?)?;
    }
    let help = "Configured limit of AWS API calls per second, reads and writes together (--aws-rate).";
    let mut family = encoder.encode_descriptor("aws_budget_ceiling", help, None, MetricType::Gauge)?;
    for state in states {
        ConstGauge::new(i64::from(state.ceiling)).encode(family.encode_family(&labels(state))?)?;
    }
    let help = "Number of AWS API calls in the queue of the rate limit by lane.";
    let mut family = encoder.encode_descriptor("aws_budget_waiting", help, None, MetricType::Gauge)?;
    for state in states {
        for (lane, calls) in [
            ("foreground", state.waiting.foreground),
            ("background", state.waiting.background),
        ] {
            let [service, account, access] = labels(state);
            let labels = [service, account, access, ("lane", lane)];
            let calls = i64::try_from(calls).unwrap_or(i64::MAX);
            ConstGauge::new(calls).encode(family.encode_family(&labels)?)?;
        }
    }
    let help = "AWS API calls that AWS throttled, each attempt counted.";
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
        ("access", state.access),
    ]
}
