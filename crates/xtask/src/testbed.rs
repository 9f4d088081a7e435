//! `cargo xtask testbed`: a test bed that stays up in the background, for use with kubectl.
//! Input: the subcommand. Output: shell lines on standard output, everything else on standard error. Does I/O.
//!
//! ```text
//!   up --> hold (a process of its own, owns the test bed) --> testbed/state.json <-- env, down
//!            holds testbed/holder.lock for as long as it lives
//! ```

mod components;
mod holder;
mod state;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Subcommand;
use indicatif::ProgressBar;
use lanyard_testkit::cache::Cache;
use lanyard_testkit::tools::Tools;

use self::components::Components;
use self::state::{Place, State};

/// The limit of the start of a test bed whose tools are installed.
const START_LIMIT: Duration = Duration::from_secs(180);
/// The limit of its end.
const STOP_LIMIT: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(100);

/// The local test bed by hand: a real Kubernetes control plane with simulated nodes, and emulated IAM, STS and EKS
#[derive(Subcommand)]
pub enum Command {
    /// Start the test bed in the background and print what to export
    ///
    /// The first time, this builds etcd, Kubernetes and KWOK and installs the AWS emulators:
    /// about ten minutes, with progress. Afterwards it takes about five seconds.
    /// The CRDs in `crds/` are applied. It runs until `down`.
    ///
    ///   eval "$(cargo xtask testbed up)"
    ///   kubectl get nodes
    #[command(verbatim_doc_comment)]
    Up(Components),
    /// Stop the test bed; nothing of it stays but the installed tools
    Down,
    /// Print again what to export, to point another shell at the running test bed
    ///
    ///   eval "$(cargo xtask testbed env)"
    #[command(verbatim_doc_comment)]
    Env,
    /// Own the test bed until SIGTERM; `up` starts this
    #[command(hide = true)]
    Hold(Components),
}

/// Runs one of them.
pub async fn run(command: Command) -> Result<()> {
    let place = Place::open(Cache::open()?)?;
    match command {
        Command::Up(components) => up(&place, components).await,
        Command::Down => down(&place).await,
        Command::Env => env(&place),
        Command::Hold(components) => holder::hold(&place, components).await,
    }
}

async fn up(place: &Place, components: Components) -> Result<()> {
    if place.is_held()? {
        let state = place.read().context("a test bed is just starting or stopping")?;
        if components.localstack && state.localstack.is_none() {
            bail!("the test bed is running without LocalStack: `cargo xtask testbed down` first");
        }
        eprintln!("The test bed is already running.");
        return show(&state);
    }
    // In the foreground, where its progress can be seen.
    let cache = place.cache().clone();
    tokio::task::spawn_blocking(move || Tools::install(&cache, components.localstack)).await??;
    let state = start(place, components).await?;
    show(&state)
}

async fn start(place: &Place, components: Components) -> Result<State> {
    place.clear()?;
    let mut holder = holder::spawn(place, components)?;
    let spinner = ProgressBar::new_spinner().with_message("starting the test bed, about 5 s");
    spinner.enable_steady_tick(POLL);
    let begun = Instant::now();
    while begun.elapsed() < START_LIMIT {
        if let Ok(state) = place.read() {
            spinner.finish_and_clear();
            eprintln!("The test bed is up after {:.1} s.", begun.elapsed().as_secs_f32());
            return Ok(state);
        }
        if let Some(status) = holder.try_wait()? {
            spinner.finish_and_clear();
            bail!("the test bed did not start ({status})\n{}", place.log_tail());
        }
        tokio::time::sleep(POLL).await;
    }
    holder.kill()?;
    bail!(
        "the test bed did not start within {} s\n{}",
        START_LIMIT.as_secs(),
        place.log_tail()
    )
}

async fn down(place: &Place) -> Result<()> {
    if !place.is_held()? {
        eprintln!("No test bed is running.");
        return Ok(());
    }
    holder::ask_to_stop(place)?;
    let begun = Instant::now();
    while place.is_held()? {
        if begun.elapsed() > STOP_LIMIT {
            bail!(
                "the test bed did not stop within {} s\n{}",
                STOP_LIMIT.as_secs(),
                place.log_tail()
            );
        }
        tokio::time::sleep(POLL).await;
    }
    eprintln!("The test bed is down.");
    Ok(())
}

fn env(place: &Place) -> Result<()> {
    if !place.is_held()? {
        bail!("no test bed is running: start one with `cargo xtask testbed up`");
    }
    show(
        &place
            .read()
            .context("the test bed is just starting or stopping")?,
    )
}

/// Shell lines on standard output, so that `eval` gets nothing else.
fn show(state: &State) -> Result<()> {
    eprintln!("EKS cluster {} with issuer {}", state.cluster_arn, state.issuer);
    if let Some(url) = &state.localstack {
        eprintln!("LocalStack  {url}");
    }
    eprintln!("Logs        {}", state.logs.display());
    state
        .env
        .iter()
        .for_each(|(name, value)| println!("export {name}={}", quoted(value)));
    println!("export PATH={}:\"$PATH\"", quoted(&state.bin.to_string_lossy()));
    Ok(())
}

/// One word for a POSIX shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
