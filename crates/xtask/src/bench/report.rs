//! The measurements as data: one value for each scenario and size, with its targets.
//! Inputs: numbers. Output: JSON in one file.

use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

use super::gauge::Usage;
use super::tally::Tally;

/// One run of the bench.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Added by the gateway to each call of AWS.
    pub latency_ms: u64,
    /// Writes per second that AWS allows in the scenario `throttled`.
    pub writes_a_second: u32,
    /// Processors of the machine, which the emulators, the control plane and the bench share with the operator.
    pub processors: usize,
    /// The load average of the last minute when the bench began.
    pub load_before: String,
    pub measured: Vec<Measured>,
}

/// One scenario at one size.
#[derive(Debug, Default, Serialize)]
pub struct Measured {
    pub scenario: &'static str,
    pub size: usize,
    /// The event at which the seconds end.
    pub until: &'static str,
    pub seconds: f64,
    pub calls: Tally,
    /// Resident memory of the operator at the end, and the most that it was, in MB.
    pub resident_mb: f64,
    pub peak_mb: f64,
    /// The anonymous part of it at the end: heap and stacks.
    pub anonymous_mb: f64,
    /// Processor seconds of the operator in this scenario.
    pub cpu_seconds: f64,
    /// More numbers, by name.
    pub details: Vec<(&'static str, f64)>,
    pub targets: Vec<Target>,
}

/// A number to reach.
#[derive(Debug, Serialize)]
pub struct Target {
    pub what: &'static str,
    pub limit: f64,
    pub observed: f64,
    pub met: bool,
}

impl Target {
    /// A number that must not be exceeded.
    pub fn at_most(what: &'static str, limit: f64, observed: f64) -> Self {
        Self {
            what,
            limit,
            observed,
            met: observed <= limit,
        }
    }
}

impl Measured {
    /// With what the operator used from one moment to another.
    pub fn used(self, before: Usage, after: Usage) -> Self {
        Self {
            resident_mb: after.resident,
            peak_mb: after.peak,
            anonymous_mb: after.anonymous,
            cpu_seconds: after.cpu - before.cpu,
            ..self
        }
    }
}

impl Report {
    pub fn new(latency_ms: u64, writes_a_second: u32) -> Self {
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        Self {
            latency_ms,
            writes_a_second,
            processors: std::thread::available_parallelism().map_or(0, usize::from),
            load_before: load.split(' ').next().unwrap_or_default().to_owned(),
            measured: Vec::new(),
        }
    }

    pub fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        std::fs::write(path, text).with_context(|| format!("writing {}", path.display()))
    }
}
