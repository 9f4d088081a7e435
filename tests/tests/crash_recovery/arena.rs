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

use crate::beside;
use crate::fault::{BLOWS, CrashFault};
use crate::run::Run;
use crate::scenario::Scenario;
use crate::world::{without_corrections, without_providers};

/// Set by `cargo xtask test --all`: every n is tested.
const ALL: &str = "LANYARD_TEST_ALL";
/// The waits of a restart are short. The read-consistency time is longer than the stale reads of a fault.
const TIMINGS: &str = "lease=1s,renew-deadline=600ms,operation=400ms,read-consistency=3s,propagation=100ms,cluster-facts=1ms,binding-propagation=200ms,step=50ms,waiting=300ms,cached=200ms,margin=0ms";

/// The test environment, and the number of the operator that is running.
pub struct Arena {
    pub stage: TestEnv,
    operator: AtomicUsize,
}

/// The only harness of this binary; it ends with the process.
async fn arena() -> Result<&'static Arena> {
    static ARENA: OnceCell<Arena> = OnceCell::const_new();
    ARENA.get_or_try_init(Arena::open).await
}

impl Arena {
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
    let arena = arena().await?;
    let scene = arena.stage.scene(&scenario.name.replace('_', "-")).await?;
    beside::put(&scene).await?;
    let run = Run::new(arena, &scene, scenario).await?;
    let logs = || format!("the operators' logs are in {}", arena.stage.bed.logs().display());
    let played = play_all(&run, scenario).await.with_context(logs);
    // The next scenario must begin with a running operator and without faults, whatever the result of this one.
    arena.stage.bed.gateway.faults().clear();
    if played.is_err() {
        arena.killer()()?;
        arena.restart().await?;
    }
    let cleared = run.clear().await;
    beside::remove(&scene).await?;
    played.and(cleared)
}

async fn play_all(run: &Run<'_>, scenario: Scenario) -> Result<()> {
    let begun = Instant::now();
    let reference = run.play(None).await.context("undisturbed")?;
    let wanted = run.world_where(|_| true).await?;
    let mut played = 0;
    for (blow, turns) in blows(scenario, reference.deeds) {
        for n in turns {
            let struck = strike(run, blow, n, &wanted)
                .await
                .with_context(|| format!("{blow:?} at deed {n} of {}", scenario.name))?;
            if !struck {
                break;
            }
            played += 1;
        }
    }
    let seconds = begun.elapsed().as_secs_f32();
    let line = format!(
        "{}: {} deeds, {played} blows, {seconds:.1} s",
        scenario.name, reference.deeds
    );
    // `println` would be captured by the test harness.
    writeln!(std::io::stderr(), "  {line}").context("saying how far it is")
}

/// Runs a scenario with a fault and compares the result. Returns `true` if the fault was triggered.
async fn strike(run: &Run<'_>, blow: CrashFault, n: usize, wanted: &Value) -> Result<bool> {
    let ended = run.play(Some((blow, n))).await?;
    let seen = |world: &Value| {
        let mut world = world.clone();
        if blow.may_look_like_drift() || run.changes_its_mind() {
            world = without_corrections(world);
        }
        if run.changes_its_mind() {
            world = without_providers(world);
        }
        world
    };
    let wanted = seen(wanted);
    let found = run.world_where(|found| seen(found) == wanted).await?;
    same(&wanted, &seen(&found))?;
    Ok(ended.struck)
}

/// The faults to test and the values of n: each fault at every n, up to the first n that no write reaches. By default each
/// fault is tested at one n, which differs between scenarios.
fn blows(scenario: Scenario, deeds: usize) -> Vec<(CrashFault, RangeInclusive<usize>)> {
    if std::env::var_os(ALL).is_some() {
        return BLOWS.map(|blow| (blow, 1..=usize::MAX)).into();
    }
    let mut hasher = DefaultHasher::new();
    scenario.name.hash(&mut hasher);
    let choice = usize::try_from(hasher.finish() >> 32).unwrap_or_default();
    let blow = BLOWS.get(choice % BLOWS.len()).copied();
    let n = 1 + choice / BLOWS.len() % deeds.max(1);
    blow.into_iter().map(|blow| (blow, n..=n)).collect()
}

/// Fails with a line diff if two states differ.
pub fn same(wanted: &Value, found: &Value) -> Result<()> {
    if wanted == found {
        return Ok(());
    }
    let [wanted, found] = [wanted, found].map(|world| format!("{world:#}\n"));
    let diff = TextDiff::from_lines(&wanted, &found);
    bail!(
        "another world (- wanted, + found):\n{}",
        diff.unified_diff().context_radius(4)
    )
}
