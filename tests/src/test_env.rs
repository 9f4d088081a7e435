//! A test environment: a test bed with operators running on it, which are queried and stopped as Kubernetes does. Input:
//! options. Output: a running environment. Does I/O; waits only on conditions.

use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard};

use anyhow::{Context, Result, bail};
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{Api, DeleteParams};
use lanyard_testkit::cache::Cache;
use lanyard_testkit::gateway::{Calls, Entry, Front, Mark, Target};
use lanyard_testkit::process::{Port, get};
use lanyard_testkit::{Process, TestBed, TestBedOptions};
use tokio::sync::Notify;

use crate::patience::{PATIENCE, POLL};

/// Timings that are shorter than the defaults: AWS needs seconds where the emulator answers at once.
/// No object has its slot for a full reconcile during a test: slots depend on the uid and the time of day, so that one of
/// fifty objects would be reconciled in a minute of one test run in thirty.
const TIMINGS: &str = "read-consistency=1s,propagation=1s,read-back=100ms,stall-after=5s,full-resync=876000h";

/// Options of a test environment.
#[derive(Debug, Clone, Default)]
pub struct TestEnvOptions {
    /// The test bed.
    pub bed: TestBedOptions,
    /// The flags that describe the cluster to the operator.
    pub cluster: ClusterFlags,
    /// Additional arguments for the operator.
    pub arguments: Vec<&'static str>,
    /// Starts the operator before its CRDs exist.
    pub without_crds: bool,
    /// Sends the operator's calls of the API server through the gateway, as its calls of AWS are.
    pub through_gateway: bool,
    /// The components of `config/components` that, with `config/operator`, give the operator its rights in the cluster;
    /// its calls of the API server then go through the gateway. `None`: the operator is the administrator.
    pub rights: Option<&'static [&'static str]>,
    /// Additional environment variables for the operator, such as its AWS credentials.
    pub environment: Vec<(&'static str, String)>,
    /// Additional timings, in the syntax of `--timings`.
    pub timings: &'static str,
    /// The log filter of the operators. Default: `info,lanyard=debug`.
    pub log_level: Option<&'static str>,
}

/// The flags that name the cluster. Default: the EKS cluster of the test bed.
#[derive(Debug, Clone)]
pub struct ClusterFlags(pub Vec<&'static str>);

impl Default for ClusterFlags {
    fn default() -> Self {
        Self(vec!["--cluster-name", "lanyard"])
    }
}

impl TestEnvOptions {
    /// The flags for a second cluster, on which no pods run.
    #[must_use]
    pub fn second(self) -> Self {
        let bed = TestBedOptions {
            nodes: 1,
            webhook: false,
            ..self.bed
        };
        Self { bed, ..self }
    }
}

/// A test bed with operators running on it.
#[derive(Debug)]
pub struct TestEnv {
    /// The test bed.
    pub bed: TestBed,
    cluster: ClusterFlags,
    front: Option<Front>,
    /// The operator has its namespace, in which it may write.
    describes_itself: bool,
    environment: Vec<(&'static str, String)>,
    timings: String,
    log_level: &'static str,
    operators: Arc<Mutex<Vec<Operator>>>,
}

/// An operator under test and the address of its health and metrics server.
#[derive(Debug)]
struct Operator {
    process: Process,
    metrics: Port,
    health: Port,
}

impl TestEnv {
    /// Starts a test bed and, on it, the operator. `binary`: `env!("CARGO_BIN_EXE_lanyard-under-test")`.
    ///
    /// # Errors
    /// Returns an error if the test bed or the operator does not start.
    pub async fn set(binary: &str, options: TestEnvOptions) -> Result<Self> {
        let bed = TestBed::start(options.bed.clone()).await?;
        Self::on(bed, binary, options).await
    }

    /// Starts a second cluster in the same account with an operator of its own.
    ///
    /// # Errors
    /// Returns an error if the test bed or the operator does not start.
    pub async fn beside(&self, cluster: &'static str, binary: &str, options: TestEnvOptions) -> Result<Self> {
        let bed = self.bed.beside(cluster, options.bed.clone()).await?;
        let cluster = ClusterFlags(vec!["--cluster-name", cluster]);
        Self::on(bed, binary, TestEnvOptions { cluster, ..options }).await
    }

    /// Starts the operator on a running test bed.
    ///
    /// # Errors
    /// Returns an error if the test bed or the operator does not start.
    pub async fn on(bed: TestBed, binary: &str, options: TestEnvOptions) -> Result<Self> {
        if !options.without_crds {
            bed.apply_crds().await?;
        }
        let front = match options.rights {
            None => options.through_gateway.then(|| bed.front.clone()),
            Some(rights) => Some(crate::rights::grant(&bed, rights).await?),
        };
        let stage = Self {
            bed,
            cluster: options.cluster,
            front,
            describes_itself: options.rights.is_some(),
            environment: options.environment,
            timings: format!("{TIMINGS},{}", options.timings),
            log_level: options.log_level.unwrap_or("info,lanyard=debug"),
            operators: Arc::default(),
        };
        stage.operator(binary, "lanyard", &options.arguments)?;
        Ok(stage)
    }

    /// Starts a test bed and an operator whose calls all go through the gateway, with additional timings.
    ///
    /// # Errors
    /// Returns an error if the test bed or the operator does not start.
    pub async fn behind_gateway(binary: &str, timings: &'static str) -> Result<Self> {
        let options = TestEnvOptions {
            through_gateway: true,
            timings,
            ..TestEnvOptions::default()
        };
        Self::set(binary, options).await
    }

    /// Starts another operator, which logs under its own name.
    ///
    /// # Errors
    /// Returns an error if it does not start.
    pub fn operator(&self, binary: &str, name: &str, arguments: &[&str]) -> Result<()> {
        let cache = Cache::open()?;
        let [metrics, health] = [Port::claim(&cache)?, Port::claim(&cache)?];
        let mut command = Command::new(binary);
        command
            .args(&self.cluster.0)
            .args(["--timings", &self.timings, "--log-level", self.log_level]);
        command.args([
            "--metrics-addr",
            &metrics.address(),
            "--health-addr",
            &health.address(),
        ]);
        if self.describes_itself {
            command.env("POD_NAMESPACE", crate::rights::NAMESPACE);
        }
        command.args(arguments).envs(self.environment.iter().cloned());
        let process = match &self.front {
            Some(front) => self.bed.spawn_through(front, name, command)?,
            None => self.bed.spawn(name, command)?,
        };
        self.operators()?.push(Operator {
            process,
            metrics,
            health,
        });
        Ok(())
    }

    /// Every call that the first operator has made through the gateway.
    ///
    /// # Errors
    /// Returns an error if one of them was refused for lack of a right.
    pub fn permitted_calls(&self) -> Result<Calls> {
        let calls = self.bed.gateway.ledger().since(Mark::default()).by("lanyard");
        let denied = |code: &str| code.starts_with("AccessDenied");
        let is_refused =
            |entry: &&Entry| entry.status == Some(403) || entry.code.as_deref().is_some_and(denied);
        let refused: Vec<&Entry> = calls.entries().iter().filter(is_refused).collect();
        anyhow::ensure!(refused.is_empty(), "missing rights: {refused:#?}");
        Ok(calls)
    }

    fn operators(&self) -> Result<MutexGuard<'_, Vec<Operator>>> {
        self.operators
            .lock()
            .map_err(|_| anyhow::anyhow!("a test panicked while it held the operators"))
    }

    fn with<T>(&self, number: usize, part: impl FnOnce(&mut Operator) -> Result<T>) -> Result<T> {
        part(
            self.operators()?
                .get_mut(number)
                .context("no operator with this number")?,
        )
    }

    /// The complete log of the first operator.
    ///
    /// # Errors
    /// Returns an error if the log cannot be read.
    pub fn log(&self) -> Result<String> {
        self.with(0, |operator| {
            std::fs::read_to_string(operator.process.log()).context("reading the operator's log")
        })
    }

    /// The process id of an operator.
    ///
    /// # Errors
    /// Returns an error if the operator does not exist.
    pub fn process_id(&self, number: usize) -> Result<u32> {
        self.with(number, |operator| Ok(operator.process.id()))
    }

    /// Sends a GET request to an operator's health or metrics server. Returns the status and the body.
    ///
    /// # Errors
    /// Returns an error if it does not answer.
    pub async fn asks(&self, number: usize, path: &str) -> Result<(u16, String)> {
        let address = self.with(number, |operator| {
            Ok(if path == "/metrics" {
                operator.metrics.address()
            } else {
                operator.health.address()
            })
        })?;
        let answer = get(&format!("http://{address}{path}")).await?;
        Ok((
            answer.status.as_u16(),
            String::from_utf8_lossy(&answer.body).into_owned(),
        ))
    }

    /// Waits until the answer of an operator for a path satisfies a predicate.
    ///
    /// # Errors
    /// Returns an error with the last answer if the timeout expires.
    pub async fn until_answers(
        &self,
        number: usize,
        path: &str,
        wanted: impl Fn(u16, &str) -> bool,
    ) -> Result<()> {
        let mut last = String::new();
        let asking = async {
            loop {
                match self.asks(number, path).await {
                    Ok((status, body)) if wanted(status, &body) => return,
                    Ok((status, body)) => last = format!("{status} {body}"),
                    Err(error) => last = format!("{error:#}"),
                }
                tokio::time::sleep(POLL).await;
            }
        };
        if tokio::time::timeout(PATIENCE, asking).await.is_err() {
            bail!("{path} of operator {number} did not give the expected answer; last: {last}");
        }
        Ok(())
    }

    /// Waits until an operator reports that it is, or is not, the leader.
    ///
    /// # Errors
    /// Returns an error if the timeout expires.
    pub async fn until_leads(&self, number: usize, leads: bool) -> Result<()> {
        let line = format!("lanyard_leader {}", u8::from(leads));
        let says = |status, body: &str| status == 200 && body.lines().any(|found| found == line);
        self.until_answers(number, "/metrics", says).await
    }

    /// Sends SIGTERM to an operator, as Kubernetes does, and waits until it has ended.
    ///
    /// # Errors
    /// Returns an error if it does not end before the timeout.
    pub async fn stop(&self, number: usize) -> Result<std::process::ExitStatus> {
        self.signaller(number, "TERM")?()?;
        self.ended(number).await
    }

    /// Returns true if an operator has ended.
    ///
    /// # Errors
    /// Returns an error if the operator does not exist or its state cannot be read.
    pub fn has_ended(&self, number: usize) -> Result<bool> {
        self.with(number, |operator| Ok(operator.process.exited()?.is_some()))
    }

    /// Waits until an operator has ended.
    ///
    /// # Errors
    /// Returns an error if it does not end before the timeout.
    pub async fn ended(&self, number: usize) -> Result<std::process::ExitStatus> {
        let ended = async {
            loop {
                match self.with(number, |operator| operator.process.exited())? {
                    Some(status) => return Ok(status),
                    None => tokio::time::sleep(POLL).await,
                }
            }
        };
        tokio::time::timeout(PATIENCE, ended)
            .await
            .context("the operator did not end")?
    }

    /// Returns a function that kills an operator and waits until it is gone. Hooks of the gateway, which outlive any
    /// borrow, use it.
    pub fn killer(&self, number: usize) -> impl Fn() -> Result<()> + Send + Sync + 'static {
        let operators = Arc::clone(&self.operators);
        move || {
            let mut operators = operators
                .lock()
                .map_err(|_| anyhow::anyhow!("a test panicked while it held the operators"))?;
            let operator = operators
                .get_mut(number)
                .context("no operator with this number")?;
            operator.process.kill()
        }
    }

    /// Kills an operator after a call was carried out and before the operator receives the answer. The returned future
    /// resolves when the operator is dead. It fails if the call does not occur before the timeout.
    pub fn kills_at(&self, number: usize, call: Target) -> impl Future<Output = Result<()>> + use<> {
        let (kill, dead) = (self.killer(number), Arc::new(Notify::new()));
        let notify = Arc::clone(&dead);
        let fault = call.calls_after(move |_| {
            // Fails only for an operator that was never started.
            drop(kill());
            notify.notify_one();
            std::future::ready(())
        });
        self.bed.gateway.faults().add(fault);
        async move {
            let ended = tokio::time::timeout(PATIENCE, dead.notified()).await;
            ended.context("the call did not occur")
        }
    }

    /// Starts an operator after another one was killed. Deletes the lease first, as an administrator does who knows that
    /// the holder is dead.
    ///
    /// # Errors
    /// Returns an error if the lease cannot be deleted or the operator does not start.
    pub async fn succeed(&self, binary: &str, name: &str) -> Result<()> {
        let leases: Api<Lease> = Api::namespaced(self.bed.client().await?, "kube-system");
        leases.delete("lanyard", &DeleteParams::default()).await?;
        self.operator(binary, name, &[])
    }

    /// Returns a function that sends a signal, such as `STOP` or `CONT`, to an operator. Hooks of the gateway, which
    /// outlive any borrow, use it.
    ///
    /// # Errors
    /// Returns an error if the operator does not exist. The returned function fails if the signal cannot be sent.
    pub fn signaller(
        &self,
        number: usize,
        signal: &'static str,
    ) -> Result<impl Fn() -> Result<()> + Send + Sync + 'static> {
        let id = self.with(number, |operator| Ok(operator.process.id()))?;
        Ok(move || {
            let mut command = Command::new("kill");
            let sent = command.args(["-s", signal, &id.to_string()]).status();
            anyhow::ensure!(sent.context("running kill")?.success(), "kill failed");
            Ok(())
        })
    }
}
