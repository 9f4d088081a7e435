//! `cargo xtask bench soak MINUTES`: a fleet under random disruptions, and the faults that are left.
//! Inputs: minutes, the size of the fleet, a seed. Output: the disruptions, and the faults found; a fault is an error.
//! Does I/O: the test bed, two operators in release, Kubernetes and the emulators through the gateway.
//!
//! ```text
//!   fleet -> (edit | outage | kill)* until the minutes are over -> every outage ends -> verdict
//! ```

mod edit;
mod outage;
mod replicas;
mod state;
mod verdict;

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use indicatif::ProgressBar;
use lanyard_tests::{TestEnv, TestEnvOptions, put_class};

use self::edit::Edit;
use self::outage::Outage;
use self::replicas::Replicas;
use self::state::{CLASS, Soak, class};
use super::bed;
use super::fleet::{Fleet, bar};
use super::gauge;
use crate::build;

/// The shortest and the longest pause between two disruptions, in milliseconds.
const PAUSE: std::ops::Range<u64> = 100..1500;
/// Interval of the operator's drift scan, within which it has to find what no watch shows.
const INTERVAL: Duration = Duration::from_secs(60);

/// Disturb a fleet at random, end every disturbance, and report what is wrong afterwards
///
/// Out-of-band changes in AWS, changed specs and class, deleted and recreated objects, outages of the API server and of
/// AWS, throttling, silent watches and killed operators, with two replicas. A fault that is left is an error.
#[derive(Args, Debug, Clone)]
pub struct SoakArgs {
    /// How long the disruptions last, in minutes
    minutes: u64,
    /// Number of identities
    #[arg(long, value_name = "NUMBER", default_value_t = 500)]
    size: usize,
    /// Repeat the same sequence of disruptions
    #[arg(long, value_name = "NUMBER", default_value_t = 20_261_201)]
    seed: u64,
}

/// Runs the soak.
pub async fn run(args: &SoakArgs) -> Result<()> {
    ensure!(args.size > 0, "--size must be at least 1");
    let stage = stage(&build::operator_beside()?).await?;
    let result = disturb(&stage, args).await;
    let faulty = result.as_ref().map_or(true, |faults| !faults.is_empty());
    if faulty {
        eprintln!("logs of the operators: {}", stage.bed.logs().display());
    }
    stage.bed.stop().await?;
    let faults = result?;
    for fault in &faults {
        println!("  {} {fault}", console::style("fault").red().bold());
    }
    ensure!(
        faults.is_empty(),
        "{} faults are left after the soak",
        faults.len()
    );
    println!("  {}", console::style("no fault is left").green());
    Ok(())
}

async fn stage(binary: &str) -> Result<TestEnv> {
    let interval = format!("{}s", INTERVAL.as_secs());
    let options = TestEnvOptions {
        bed: bed::options(),
        // Leaked once: the options take static strings.
        arguments: vec!["--resync", interval.leak()],
        through_gateway: true,
        log_level: Some("info"),
        ..TestEnvOptions::default()
    };
    let stage = TestEnv::set(binary, options).await?;
    stage.until_leads(0, true).await?;
    Ok(stage)
}

/// Creates the fleet, disturbs it and returns the faults that are left.
async fn disturb(stage: &TestEnv, args: &SoakArgs) -> Result<Vec<String>> {
    let fleet = Fleet::new(stage, args.size).await?;
    put_class(&fleet.client, CLASS, true, class("0")).await?;
    fleet.create().await?;
    let ready = bar(args.size, "soak: Ready");
    let limit = Duration::from_secs(120 + args.size as u64);
    fleet
        .watch
        .until(args.size, limit, &ready, |seen| seen.ready)
        .await?;
    let mut soak = Soak {
        replicas: Replicas::new(stage, INTERVAL)?,
        rng: fastrand::Rng::with_seed(args.seed),
        teams: HashMap::new(),
        owner: "0".to_owned(),
        outage: None,
        counts: BTreeMap::new(),
        fleet,
    };
    verdict::create_foreign(&soak.fleet).await?;
    let before = gauge::of(soak.replicas.leader().await?.1)?;
    soak.disrupt(Duration::from_secs(args.minutes * 60)).await?;
    soak.print_counts();
    let faults = verdict::faults(&mut soak, INTERVAL).await?;
    let after = gauge::of(soak.replicas.leader().await?.1)?;
    println!(
        "  anonymous memory of the leader: {:.1} MB before, {:.1} MB after; peak {:.1} MB",
        before.anonymous, after.anonymous, after.peak
    );
    Ok(faults)
}

impl Soak<'_> {
    /// One disruption after another until the time is over; then ends the outage in effect.
    async fn disrupt(&mut self, lasting: Duration) -> Result<()> {
        let began = Instant::now();
        let progress = ProgressBar::new(lasting.as_secs());
        while began.elapsed() < lasting {
            progress.set_position(began.elapsed().as_secs());
            self.end_outage_if_over();
            self.replicas.replace_ended()?;
            self.disrupt_once().await?;
            // The pace of the schedule, which waits for nothing.
            tokio::time::sleep(Duration::from_millis(self.rng.u64(PAUSE))).await;
        }
        progress.finish_and_clear();
        self.end_outage();
        Ok(())
    }

    async fn disrupt_once(&mut self) -> Result<()> {
        let what = match self.rng.u8(0..100) {
            0..=1 => {
                self.replicas.kill_leader().await?;
                "an operator is killed"
            }
            2..=6 if self.outage.is_none() => self.begin_outage(),
            _ => {
                let edit = Edit::choose(
                    &mut self.rng,
                    self.outage.is_some_and(|(kind, _)| kind.hits_aws()),
                );
                edit.apply(self).await.with_context(|| format!("{edit:?}"))?;
                edit.name()
            }
        };
        *self.counts.entry(what).or_default() += 1;
        Ok(())
    }

    fn begin_outage(&mut self) -> &'static str {
        let (outage, lasting) = Outage::choose(&mut self.rng);
        outage.begin(&self.fleet.stage.bed);
        self.outage = Some((outage, Instant::now() + lasting));
        outage.name()
    }

    fn end_outage_if_over(&mut self) {
        if self.outage.is_some_and(|(_, until)| Instant::now() >= until) {
            self.end_outage();
        }
    }

    fn end_outage(&mut self) {
        if self.outage.take().is_some() {
            Outage::end(&self.fleet.stage.bed);
        }
    }

    fn print_counts(&self) {
        for (what, count) in &self.counts {
            println!("  {count:>6}  {what}");
        }
    }
}
