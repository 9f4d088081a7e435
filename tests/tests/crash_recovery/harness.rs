//! Runs scenarios one after the other on one environment with one operator. Input: a scenario. Output: an error that names
//! the fault and lists the differences. Does I/O.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write as _;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use lanyard_tests::TestEnv;
use serde_json::Value;
use similar::TextDiff;
use tokio::sync::{Mutex, OnceCell};

use crate::fault::{CrashFault, FAULTS};
use crate::foreign;
use crate::run::Run;
use crate::scenario::Scenario;
use crate::snapshot::{without_corrections, without_providers};

/// Set by `cargo xtask test --all`: every n is tested.
const ALL: &str = "LANYARD_TEST_ALL";
/// The waits of a restart are short. The read-consistency time is longer than the stale reads of a fault.
const TIMINGS: &str = "lease=5s,renew-deadline=3s,operation=400ms,read-consistency=3s,propagation=100ms,cluster-facts=1ms,binding-propagation=200ms,step=50ms,waiting=300ms,annotation-interval=50ms,cached=200ms,margin=0ms";

/// The test environment, and the number of the operator that is running.
pub struct Harness {
    pub stage: TestEnv,
    operator: AtomicUsize,
}

/// The only harness of this binary; it ends with the process.
async fn harness() -> Result<&'static Harness> {
    static HARNESS: OnceCell<Harness> = OnceCell::const_new();
    HARNESS.get_or_try_init(Harness::open).await
}

impl Harness {
    async fn open() -> Result<Self> {
        Ok(Self {
            stage: TestEnv::behind_gateway(env!("CARGO_BIN_EXE_lanyard-under-test"), TIMINGS).await?,
            operator: AtomicUsize::new(0),
        })
    }

    /// Returns a function that kills the running operator.
    pub fn killer(&self) -> impl Fn() -> Result<()> + Send + Sync + 'static {
        self.stage.killer(self.operator.load(Ordering::SeqCst))
    }

    /// Starts an operator after another one was killed. The lease is deleted, because waiting for its expiry is tested
    /// elsewhere and would cost a second each time.
    pub async fn restart(&self) -> Result<()> {
        let number = self.operator.fetch_add(1, Ordering::SeqCst) + 1;
        let binary = env!("CARGO_BIN_EXE_lanyard-under-test");
        self.stage.succeed(binary, &format!("lanyard-{number}")).await
    }
}

/// Runs a scenario without a fault, then with each fault, and compares the results.
pub async fn play(scenario: Scenario) -> Result<()> {
    static TURN: Mutex<()> = Mutex::const_new(());
    let _turn = TURN.lock().await;
    let harness = harness().await?;
    let scene = harness.stage.scene(&scenario.name.replace('_', "-")).await?;
    foreign::create(&scene).await?;
    let run = Run::new(harness, &scene, scenario).await?;
    let logs = || {
        format!(
            "the operators' logs are in {}",
            harness.stage.bed.logs().display()
        )
    };
    let played = play_all(&run, scenario).await.with_context(logs);
    // The next scenario must begin with a running operator and without faults, whatever the result of this one.
    harness.stage.bed.gateway.faults().clear();
    if played.is_err() {
        harness.killer()()?;
        harness.restart().await?;
    }
    let cleared = run.clear().await;
    foreign::remove(&scene).await?;
    played.and(cleared)
}

async fn play_all(run: &Run<'_>, scenario: Scenario) -> Result<()> {
    let begun = Instant::now();
    let reference = run.play(None).await.context("run without a fault")?;
    let expected = run.state_where(|_| true).await?;
    let mut played = 0;
    for (fault, turns) in fault_plan(scenario, reference.writes) {
        for n in turns {
            let triggered = run_with_fault(run, fault, n, &expected)
                .await
                .with_context(|| format!("{fault:?} at write {n} of {}", scenario.name))?;
            if !triggered {
                break;
            }
            played += 1;
        }
    }
    let seconds = begun.elapsed().as_secs_f32();
    let line = format!(
        "{}: {} writes, {played} faults, {seconds:.1} s",
        scenario.name, reference.writes
    );
    // `println` would be captured by the test harness.
    writeln!(std::io::stderr(), "  {line}").context("printing the progress")
}

/// Runs a scenario with a fault and compares the result. Returns `true` if the fault was triggered.
async fn run_with_fault(run: &Run<'_>, fault: CrashFault, n: usize, expected: &Value) -> Result<bool> {
    let ended = run.play(Some((fault, n))).await?;
    let seen = |state: &Value| {
        let mut state = state.clone();
        if fault.may_pass_for_drift() || run.changes_spec_again() {
            state = without_corrections(state);
        }
        if run.changes_spec_again() {
            state = without_providers(state);
        }
        state
    };
    let expected = seen(expected);
    let observed = run.state_where(|observed| seen(observed) == expected).await?;
    ensure_same(&expected, &seen(&observed))?;
    Ok(ended.triggered)
}

/// The faults to test and the values of n: each fault at every n, up to the first n that no write reaches. By default each
/// fault is tested at one n, which differs between scenarios.
fn fault_plan(scenario: Scenario, writes: usize) -> Vec<(CrashFault, RangeInclusive<usize>)> {
    if std::env::var_os(ALL).is_some() {
        return FAULTS.map(|fault| (fault, 1..=usize::MAX)).into();
    }
    let mut hasher = DefaultHasher::new();
    scenario.name.hash(&mut hasher);
    let choice = usize::try_from(hasher.finish() >> 32).unwrap_or_default();
    let fault = FAULTS.get(choice % FAULTS.len()).copied();
    let n = 1 + choice / FAULTS.len() % writes.max(1);
    fault.into_iter().map(|fault| (fault, n..=n)).collect()
}

/// Fails with a line diff if two states differ.
pub fn ensure_same(expected: &Value, observed: &Value) -> Result<()> {
    if expected == observed {
        return Ok(());
    }
    let [expected, observed] = [expected, observed].map(|state| format!("{state:#}\n"));
    let diff = TextDiff::from_lines(&expected, &observed);
    bail!(
        "the state differs (- expected, + observed):\n{}",
        diff.unified_diff().context_radius(4)
    )
}
