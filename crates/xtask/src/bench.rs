//! `cargo xtask bench`: calls, seconds and bytes of the operator, beside the targets and the physical floor.
//! Inputs: sizes and scenarios. Output: a table, and JSON on request. A missed target is no failure.
//! Does I/O: the test bed, the operator in release, Kubernetes and the emulators through the gateway.
//!
//! ```text
//!   floor (a bed of its own: the emulator's time for the same calls)
//!   create -> steady -> drift-scan -> restart   (one bed for each size)
//!   throttled, pods (a bed of its own each)
//!   soak MINUTES (a subcommand: random disruptions, then a verdict)
//! ```

mod bed;
mod create;
mod drift_scan;
mod fleet;
mod floor;
mod gauge;
mod pods;
mod report;
mod restart;
mod soak;
mod steady;
mod table;
mod tally;
mod throttled;
mod watch;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use lanyard_tests::{TestEnv, TestEnvOptions};

use self::fleet::Fleet;
use self::report::{Measured, Report};
use crate::build;

/// Without `--quick`.
const SIZES: [usize; 2] = [200, 1000];
/// With it.
const QUICK: usize = 60;
/// Pods in the scenario `pods`; a tenth of them with `--quick`.
const PODS: usize = 3000;

/// Measure the operator on the local test bed, against its targets and the physical floor
///
/// Half of the identities use IRSA and half Pod Identity, each with a role, a managed policy and an inline policy. All
/// AWS calls go through the gateway, which adds latency. The operator, the gateway and this program are built in
/// release first. A missed target is marked and is no failure.
#[derive(Args, Debug, Clone)]
#[command(args_conflicts_with_subcommands = true)]
pub struct BenchArgs {
    #[command(subcommand)]
    command: Option<BenchCommand>,
    /// Numbers of identities, one run each [default: 200,1000]
    #[arg(long, value_name = "NUMBER,...", value_delimiter = ',')]
    sizes: Vec<usize>,
    /// Scenarios to measure; steady, drift-scan and restart use the fleet that create makes [default: all]
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    scenarios: Vec<Scenario>,
    /// A small fleet and short windows: under three minutes once everything is built
    #[arg(long, conflicts_with = "sizes")]
    quick: bool,
    /// Write all measurements to a file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Latency that the gateway adds to each AWS call, in milliseconds
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 20)]
    latency: u64,
    /// Writes per second that AWS allows in the scenario throttled
    #[arg(long, value_name = "NUMBER", default_value_t = 10)]
    writes: u32,
    /// Everything is built: the bench passes this to itself
    #[arg(long, hide = true, global = true)]
    built: bool,
}

/// A trial without a measurement.
#[derive(Subcommand, Debug, Clone)]
enum BenchCommand {
    Soak(soak::SoakArgs),
}

/// One scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// All objects are created at once.
    Create,
    /// Nothing happens.
    Steady,
    /// Everything is compared with AWS once, and drift is found.
    DriftScan,
    /// AWS allows few writes a second.
    Throttled,
    /// The operator starts where everything is in place.
    Restart,
    /// The operator starts beside many large pods of others and no identity.
    Pods,
}

impl BenchArgs {
    fn sizes(&self) -> Vec<usize> {
        match (self.quick, self.sizes.is_empty()) {
            (true, _) => vec![QUICK],
            (false, true) => SIZES.to_vec(),
            (false, false) => self.sizes.clone(),
        }
    }

    fn pods(&self) -> usize {
        if self.quick { PODS / 10 } else { PODS }
    }

    fn measures(&self, scenario: Scenario) -> bool {
        self.scenarios.is_empty() || self.scenarios.contains(&scenario)
    }

    /// Returns true if a scenario needs a created fleet.
    fn needs_fleet(&self) -> bool {
        [
            Scenario::Create,
            Scenario::Steady,
            Scenario::DriftScan,
            Scenario::Restart,
        ]
        .into_iter()
        .any(|scenario| self.measures(scenario))
    }

    fn latency(&self) -> Duration {
        Duration::from_millis(self.latency)
    }

    /// The interval of drift scans: long enough for one to end before the next begins.
    fn interval(&self, size: usize) -> Duration {
        let seconds = (size / 30).max(if self.quick { 30 } else { 60 });
        Duration::from_secs(u64::try_from(seconds).unwrap_or(u64::MAX))
    }
}

/// Runs the bench.
pub async fn run(args: &BenchArgs) -> Result<()> {
    if !args.built {
        return build::run_in_release();
    }
    if let Some(BenchCommand::Soak(args)) = &args.command {
        return soak::run(args).await;
    }
    let mut report = Report::new(args.latency, args.writes);
    for size in args.sizes() {
        if args.needs_fleet() {
            whole_life(args, size, &mut report).await?;
        }
        if args.measures(Scenario::Throttled) {
            let size = if args.quick { size / 2 } else { size.min(SIZES[0]) };
            let stage = stage(args, size).await?;
            let measured = throttled::play(&stage, size, args.writes).await;
            end(stage, measured, &mut report).await?;
        }
    }
    if args.measures(Scenario::Pods) {
        let stage = stage(args, 0).await?;
        let measured = pods::play(&stage, &build::operator_beside()?, args.pods()).await;
        end(stage, measured, &mut report).await?;
    }
    if let Some(path) = &args.json {
        report.write(path)?;
    }
    table::print(&report);
    Ok(())
}

/// Measures one fleet from its creation to a restart.
async fn whole_life(args: &BenchArgs, size: usize, report: &mut Report) -> Result<()> {
    let floor = floor::measure(size, args.latency()).await?;
    let stage = stage(args, size).await?;
    let fleet = Fleet::new(&stage, size).await?;
    let interval = args.interval(size);
    let measured = async {
        let mut measured = create::play(&fleet, &floor).await?;
        if args.measures(Scenario::Steady) {
            measured.extend(steady::play(&fleet, interval).await?);
        }
        if args.measures(Scenario::DriftScan) {
            measured.extend(drift_scan::play(&fleet, interval).await?);
        }
        if args.measures(Scenario::Restart) {
            measured.extend(restart::play(&fleet, &build::operator_beside()?, interval).await?);
        }
        anyhow::Ok(measured)
    };
    let measured = measured.await;
    drop(fleet);
    end(stage, measured, report).await
}

/// Stops the test environment. Its log is removed with it, so the last lines are printed on an error.
async fn end(stage: TestEnv, measured: Result<Vec<Measured>>, report: &mut Report) -> Result<()> {
    let log = measured.is_err().then(|| stage.log()).transpose()?;
    stage.bed.stop().await?;
    match measured {
        Ok(measured) => {
            measured.iter().for_each(table::print_one);
            report.measured.extend(measured);
            Ok(())
        }
        Err(error) => {
            let log = log.unwrap_or_default();
            let lines: Vec<&str> = log.lines().rev().take(20).collect();
            lines.iter().rev().for_each(|line| eprintln!("    {line}"));
            Err(error)
        }
    }
}

async fn stage(args: &BenchArgs, size: usize) -> Result<TestEnv> {
    let interval = format!("{}s", args.interval(size).as_secs());
    let options = TestEnvOptions {
        bed: bed::options(),
        // Leaked once for each size: the options take static strings.
        arguments: vec!["--resync", interval.leak()],
        log_level: Some("info"),
        // The real timings: the bench measures the operator as it runs on a cluster.
        timings: "read-consistency=30s,propagation=10s,read-back=3s",
        ..TestEnvOptions::default()
    };
    let binary = build::operator_beside()?;
    let stage = TestEnv::set(&binary, options).await?;
    stage.bed.gateway.set_latency(args.latency());
    stage.until_leads(0, true).await?;
    stage
        .until_answers(0, "/readyz", |status, _| status == 200)
        .await?;
    Ok(stage)
}
