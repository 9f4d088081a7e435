//! A stage is a test bed with the operator running on it; a scene is one namespace of a stage, for one test.
//! In: what a test does. Out: objects as the API server has them. Does I/O; waits only on conditions.

use std::process::Command;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, DynamicObject, ObjectMeta};
use kube::runtime::wait::await_condition;
use lanyard_api::status::DriftStatus;
use lanyard_api::{ANNOTATION_REQUESTED_AT, WorkloadIdentity};
use lanyard_testkit::gateway::{Entry, Mark};
use lanyard_testkit::process::get;
use lanyard_testkit::{Process, TestBed, TestBedOptions};
use serde_json::{Value, json};

use crate::aws::Clients;

/// The longest that anything awaited may take; far more than it does, since machines differ.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often a process is asked again.
const POLL: Duration = Duration::from_millis(50);
/// The times that a suite shortens: what AWS needs seconds for, the emulator does at once.
const TIMINGS: &str = "settling=1s,propagation=1s";

/// How a stage is set.
#[derive(Debug, Clone, Default)]
pub struct StageOptions {
    /// The test bed.
    pub bed: TestBedOptions,
    /// More arguments for the operator.
    pub arguments: Vec<&'static str>,
    /// Whether the operator starts before its CRDs are there.
    pub without_crds: bool,
}

/// A test bed with the operator running on it.
#[derive(Debug)]
pub struct Stage {
    /// The test bed.
    pub bed: TestBed,
    operators: Mutex<Vec<Operator>>,
}

/// An operator under test, and where it answers.
#[derive(Debug)]
struct Operator {
    process: Process,
    metrics: String,
    health: String,
}

impl Stage {
    /// Starts a test bed and, on it, the operator. `binary`: `env!("CARGO_BIN_EXE_lanyard-under-test")`.
    ///
    /// # Errors
    /// When something does not start.
    pub async fn set(binary: &str, options: StageOptions) -> Result<Self> {
        let bed = TestBed::start(options.bed).await?;
        if !options.without_crds {
            bed.apply_crds().await?;
        }
        let stage = Self {
            bed,
            operators: Mutex::default(),
        };
        stage.operator(binary, "lanyard", &options.arguments)?;
        Ok(stage)
    }

    /// Starts one more operator, which logs under its own name.
    ///
    /// # Errors
    /// When it does not start.
    pub fn operator(&self, binary: &str, name: &str, arguments: &[&str]) -> Result<()> {
        let [metrics, health] = [free_address()?, free_address()?];
        let mut command = Command::new(binary);
        command.args([
            "--cluster-name",
            "lanyard",
            "--timings",
            TIMINGS,
            "--log-level",
            "info,lanyard=debug",
        ]);
        command.args(["--metrics-addr", &metrics, "--health-addr", &health]);
        command.args(arguments);
        let process = self.bed.spawn(name, command)?;
        self.operators()?.push(Operator {
            process,
            metrics,
            health,
        });
        Ok(())
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
                .context("no operator of that number")?,
        )
    }

    /// Everything that the first operator has logged so far.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn log(&self) -> Result<String> {
        self.with(0, |operator| {
            std::fs::read_to_string(operator.process.log()).context("reading the operator's log")
        })
    }

    /// What an operator answers under a path of its health or metrics server: status and body.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn asks(&self, number: usize, path: &str) -> Result<(u16, String)> {
        let address = self.with(number, |operator| {
            Ok(if path == "/metrics" {
                operator.metrics.clone()
            } else {
                operator.health.clone()
            })
        })?;
        let answer = get(&format!("http://{address}{path}")).await?;
        Ok((
            answer.status.as_u16(),
            String::from_utf8_lossy(&answer.body).into_owned(),
        ))
    }

    /// Waits until an operator answers under a path as wanted.
    ///
    /// # Errors
    /// When patience ends; the error says what it answered last.
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
            bail!("{path} of operator {number} never answered as wanted; last: {last}");
        }
        Ok(())
    }

    /// Asks an operator to stop, as Kubernetes does, and waits until it has.
    ///
    /// # Errors
    /// When it does not end in time.
    pub async fn stop(&self, number: usize) -> Result<std::process::ExitStatus> {
        let id = self.with(number, |operator| Ok(operator.process.id()))?;
        let killed = Command::new("kill")
            .arg(id.to_string())
            .status()
            .context("running kill")?;
        anyhow::ensure!(killed.success(), "kill failed");
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
            .context("it did not end")?
    }

    /// A new namespace for one test.
    ///
    /// # Errors
    /// When it cannot be made.
    pub async fn scene(&self, namespace: &str) -> Result<Scene<'_>> {
        let client = self.bed.client().await?;
        let body = Namespace {
            metadata: ObjectMeta {
                name: Some(namespace.to_owned()),
                ..ObjectMeta::default()
            },
            ..Namespace::default()
        };
        Api::<Namespace>::all(client.clone())
            .create(&PostParams::default(), &body)
            .await?;
        Ok(Scene {
            stage: self,
            client,
            aws: Clients::new(&self.bed).await,
            namespace: namespace.to_owned(),
        })
    }
}

/// One namespace of a stage, for one test.
pub struct Scene<'a> {
    /// Where it plays.
    pub stage: &'a Stage,
    /// The administrator's client.
    pub client: kube::Client,
    /// AWS, as somebody beside Lanyard uses it.
    pub aws: Clients,
    /// The namespace.
    pub namespace: String,
}

impl Scene<'_> {
    /// WorkloadIdentities of the namespace.
    #[must_use]
    pub fn identities(&self) -> Api<WorkloadIdentity> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// ServiceAccounts of the namespace.
    #[must_use]
    pub fn accounts(&self) -> Api<ServiceAccount> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Creates a ServiceAccount.
    ///
    /// # Errors
    /// When the API server refuses it.
    pub async fn account(&self, name: &str) -> Result<ServiceAccount> {
        let metadata = ObjectMeta {
            name: Some(name.to_owned()),
            ..ObjectMeta::default()
        };
        let account = ServiceAccount {
            metadata,
            ..ServiceAccount::default()
        };
        Ok(self.accounts().create(&PostParams::default(), &account).await?)
    }

    /// Applies a WorkloadIdentity as a GitOps tool would.
    ///
    /// # Errors
    /// When the API server refuses it.
    pub async fn apply(&self, name: &str, spec: Value) -> Result<()> {
        let resource = ApiResource::erase::<WorkloadIdentity>(&());
        let mut object = DynamicObject::new(name, &resource).within(&self.namespace);
        object.data = json!({"spec": spec});
        let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), &self.namespace, &resource);
        api.patch(
            name,
            &PatchParams::apply("gitops").force(),
            &Patch::Apply(&object),
        )
        .await?;
        Ok(())
    }

    /// Waits until an object satisfies a condition; says how it stands when it does not.
    ///
    /// # Errors
    /// When patience ends.
    pub async fn until(
        &self,
        name: &str,
        what: &str,
        condition: impl Fn(&WorkloadIdentity) -> bool,
    ) -> Result<WorkloadIdentity> {
        let met = await_condition(self.identities(), name, |object: Option<&WorkloadIdentity>| {
            object.is_some_and(&condition)
        });
        match tokio::time::timeout(PATIENCE, met).await {
            Ok(object) => object?.context("the object is gone"),
            Err(_) => {
                let stands = self.identities().get(name).await?;
                bail!(
                    "{name} never came to be {what}; it stands so:\n{}",
                    serde_json::to_string_pretty(&stands.status)?
                )
            }
        }
    }

    /// Waits until a condition has a status and reason.
    ///
    /// # Errors
    /// When patience ends.
    pub async fn until_is(
        &self,
        name: &str,
        kind: &str,
        status: &str,
        reason: &str,
    ) -> Result<WorkloadIdentity> {
        let what = format!("{kind}={status} ({reason})");
        self.until(name, &what, |object| {
            let found = condition(object, kind);
            found.is_some_and(|found| found.status == status && found.reason == reason)
                && object
                    .status
                    .as_ref()
                    .and_then(|status| status.observed_generation)
                    == object.metadata.generation
        })
        .await
    }

    /// Waits until a pod created now would get its role.
    ///
    /// # Errors
    /// When patience ends.
    pub async fn until_ready(&self, name: &str) -> Result<WorkloadIdentity> {
        self.until_is(name, "Ready", "True", "Bound").await
    }

    /// Asks for a fresh look, as `flux reconcile` does, without waiting for it.
    ///
    /// # Errors
    /// When the API server refuses it.
    pub async fn request_look(&self, name: &str) -> Result<()> {
        let nonce = format!("{:?}", std::time::SystemTime::now());
        let patch = json!({"metadata": {"annotations": {ANNOTATION_REQUESTED_AT: nonce}}});
        self.identities()
            .patch_metadata(name, &PatchParams::default(), &Patch::Merge(&patch))
            .await?;
        Ok(())
    }

    /// The calls about one identity of the namespace since a mark: about its role, and about its association.
    ///
    /// # Errors
    /// When the object is gone or names no role.
    pub async fn calls_about(&self, name: &str, mark: Mark) -> Result<Vec<Entry>> {
        let role = self.role_of(&self.identities().get(name).await?)?;
        let association = format!("{}/{name}", self.namespace);
        let calls = self.stage.bed.gateway.ledger().since(mark);
        let about = |entry: &&Entry| entry.call.is_about(&role) || entry.call.is_about(&association);
        Ok(calls.entries().iter().filter(about).cloned().collect())
    }

    /// Deletes an object and waits until it is gone.
    ///
    /// # Errors
    /// When patience ends; the error says how the object stands.
    pub async fn delete(&self, name: &str) -> Result<()> {
        self.identities().delete(name, &DeleteParams::default()).await?;
        let gone = await_condition(self.identities(), name, |object: Option<&WorkloadIdentity>| {
            object.is_none()
        });
        if tokio::time::timeout(PATIENCE, gone).await.is_err() {
            let stands = self.identities().get(name).await?;
            bail!(
                "{name} was never gone; it stands so:\n{}",
                serde_json::to_string_pretty(&stands)?
            );
        }
        Ok(())
    }

    /// The name of an object's role, from its status.
    ///
    /// # Errors
    /// When the status names none.
    pub fn role_of(&self, object: &WorkloadIdentity) -> Result<String> {
        let arn = object
            .status
            .as_ref()
            .and_then(|status| status.role.as_ref())
            .map(|role| role.arn.clone());
        let arn = arn.context("the status names no role")?;
        Ok(arn.rsplit('/').next().unwrap_or_default().to_owned())
    }
}

/// An address of this machine that nobody listens on. Somebody may take it before it is used: then the start fails.
fn free_address() -> Result<String> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").context("looking for a free port")?;
    Ok(listener.local_addr()?.to_string())
}

/// The drift of an object's status; empty before its first look.
#[must_use]
pub fn drift(object: &WorkloadIdentity) -> DriftStatus {
    object
        .status
        .as_ref()
        .and_then(|status| status.drift.clone())
        .unwrap_or_default()
}

/// A condition of an object.
#[must_use]
pub fn condition(object: &WorkloadIdentity, kind: &str) -> Option<Condition> {
    object
        .status
        .as_ref()?
        .conditions
        .iter()
        .find(|condition| condition.type_ == kind)
        .cloned()
}
