//! Run: wires the parts together and ends them in the right order. Settings in; nothing out but how it ended.
//! Called by `main`; everything it starts does its I/O itself.

use std::sync::{Arc, RwLock};

use futures::Stream;
use futures::channel::mpsc::UnboundedSender;
use kube_runtime::reflector::Store;
use kube_runtime::watcher;
use lanyard_aws::Aws;
#[cfg(feature = "events")]
use lanyard_core::aws_event::Caller;
use lanyard_engine::pods::PodIndex;
use lanyard_engine::{Engine, WriteCheck};
use prometheus_client::registry::Registry;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::admin::{Admin, Readiness};
#[cfg(feature = "events")]
use crate::aws_events;
use crate::backoff::Backoff;
use crate::checks::Checks;
use crate::class_state::{Classes, IdentityChanges};
use crate::context::{Context, IdentityRef, Looks, Requests, Settling};
use crate::controller::Pace;
use crate::corrections::Contests;
use crate::drift_scan::Sweeps;
use crate::error::OperatorError;
use crate::lease::{self, LeaderElection, LeaseGate};
use crate::metrics::{Budgets, Fleet, Leader, Metrics, PREFIX};
use crate::raw::RawIdentity;
use crate::settings::Settings;
use crate::shutdown::{DRAIN_LIMIT, drain, on_signals};
use crate::triggers::Triggers;
use crate::{controller, startup};

/// Runs the operator until a signal stops it.
///
/// # Errors
/// When it cannot start, or cannot go on.
pub async fn run(settings: &Settings) -> Result<(), OperatorError> {
    let stop = on_signals()?;
    let identity = lease::identity();
    let admin = Admin::bind(settings.metrics_addr, settings.health_addr).await?;
    let connected = startup::connect().await?;
    startup::log_settings(settings, &connected.api_server, &identity);

    let kube = connected.client;
    let readiness = Readiness::default();
    let mut registry = Registry::with_prefix(PREFIX);
    let metrics = Metrics::register(&mut registry);
    let changes = Arc::new(IdentityChanges::default());
    let (store, objects) = controller::objects(kube.clone(), Arc::clone(&changes));
    let tenure = stand(settings, &identity, &kube, &readiness);
    Leader::register(&mut registry, tenure.gate());
    Fleet::register(&mut registry, store.clone(), tenure.gate());
    let budgets = Budgets::register(&mut registry);
    let serving = admin.serve(readiness.clone(), registry);

    let shell = Shell {
        settings,
        changes,
        kube,
        readiness,
        metrics,
        budgets,
        gate: tenure.gate(),
        identity,
        stop: stop.clone(),
    };
    let ended = work_and_vacate(Box::pin(shell.work(store, objects)), tenure, &stop).await;
    serving.stop().await;
    ended
}

fn stand(settings: &Settings, identity: &str, kube: &kube::Client, readiness: &Readiness) -> LeaderElection {
    let lease = settings.cluster.lease(identity, settings.timings());
    lease::run(kube.clone(), lease, readiness.clone())
}

/// Works until the end, then gives the lease back: at once when nothing is under way any more.
async fn work_and_vacate(
    work: impl Future<Output = Result<(), OperatorError>>,
    mut tenure: LeaderElection,
    stop: &CancellationToken,
) -> Result<(), OperatorError> {
    let worked = tokio::select! {
        worked = drain(work, stop, DRAIN_LIMIT) => worked,
        () = tenure.ended() => return Err(OperatorError::LeaseAbandoned),
    };
    if worked.is_none() {
        tracing::warn!("some looks did not finish in time; what they left is found again by the next holder");
    }
    tenure.release(worked.is_some()).await;
    worked.unwrap_or(Ok(()))
}

/// Lanyard in AWS, for those who listen to events.
#[cfg_attr(not(feature = "events"), allow(dead_code, reason = "only events need it"))]
struct Ourselves {
    aws: Aws,
    /// Who that is, when STS said so.
    caller: Option<String>,
}

/// What the work needs.
struct Shell<'a> {
    settings: &'a Settings,
    /// Told of every change of an object.
    changes: Arc<IdentityChanges>,
    kube: kube::Client,
    readiness: Readiness,
    metrics: Metrics,
    budgets: Budgets,
    gate: LeaseGate,
    identity: String,
    stop: CancellationToken,
}

impl Shell<'_> {
    /// Waits for what is needed, then controls until the stop; a stop ends the waits at once.
    async fn work(
        self,
        store: Store<RawIdentity>,
        objects: impl Stream<Item = Result<RawIdentity, watcher::Error>> + Send + 'static,
    ) -> Result<(), OperatorError> {
        let Some(found) = self.stop.run_until_cancelled(self.engine()).await else {
            return Ok(());
        };
        let (engine, us) = found?;
        let context = Arc::new(self.context(engine, store));
        let (requeue, changes) = futures::channel::mpsc::unbounded();
        let listening = self.listen(&context, us, requeue);
        let leading = terms(self.gate.clone());
        let pace = Pace {
            workers: self.settings.workers,
            describes_per_second: self.settings.describes_per_second,
        };
        // Boxed: one future of everything nests deeper than the compiler goes.
        Box::pin(controller::run(
            context,
            objects,
            leading,
            changes,
            pace,
            self.stop.cancelled_owned(),
        ))
        .await;
        if let Some(listening) = listening {
            listening.abort();
        }
        Ok(())
    }

    /// The world of the cluster. A standby makes no call of AWS, so it is found when the lease is first gained.
    async fn engine(&self) -> Result<(Engine, Ourselves), OperatorError> {
        startup::wait_for_crds(&self.kube, &self.readiness).await?;
        self.gate.gained(0).await;
        let (gate, timings) = (self.gate.clone(), self.settings.timings());
        let (leads, stop) = (self.gate.clone(), self.stop.clone());
        let goes_on: WriteCheck = Arc::new(move || leads.is_open() && !stop.is_cancelled());
        let may_write: WriteCheck = Arc::new(move || gate.is_open());
        let meter = Arc::new(self.metrics.clone());
        let aws = startup::aws(
            &self.settings.cluster,
            &timings,
            meter,
            Arc::clone(&may_write),
            goes_on,
        )
        .await;
        self.budgets.are_those_of(&aws);
        let found =
            startup::identify_cluster(self.settings, &aws, &self.kube, may_write, &self.readiness).await?;
        let (engine, caller) = found;
        Ok((engine, Ourselves { aws, caller }))
    }

    /// Listens to events beside the controller, where the settings name a queue.
    #[cfg(feature = "events")]
    fn listen(
        &self,
        context: &Arc<Context>,
        us: Ourselves,
        requeue: UnboundedSender<IdentityRef>,
    ) -> Option<JoinHandle<()>> {
        let source = aws_events::EventSource {
            queue: us.aws.queue(self.settings.events_queue.clone()?),
            caller: us.caller.as_deref().map(Caller::parse),
        };
        Some(tokio::spawn(aws_events::listen(
            Arc::clone(context),
            source,
            requeue,
        )))
    }

    /// Built without events: the settings name no queue.
    #[cfg(not(feature = "events"))]
    fn listen(
        &self,
        _: &Arc<Context>,
        _: Ourselves,
        _: UnboundedSender<IdentityRef>,
    ) -> Option<JoinHandle<()>> {
        None
    }

    fn context(&self, engine: Engine, store: Store<RawIdentity>) -> Context {
        self.metrics.workers(self.settings.workers);
        Context {
            classes: Classes::new(Arc::clone(&self.changes), self.settings.require_class),
            pods: Arc::new(RwLock::new(PodIndex::new(engine.auto_mode()))),
            engine,
            store,
            lease: self.gate.clone(),
            read_only: self.settings.read_only,
            metrics: Arc::new(self.metrics.clone()),
            backoff: Backoff::new(self.metrics.in_backoff()),
            instance: self.identity.clone(),
            contests: Contests::default(),
            requests: Requests::default(),
            settling: Settling::default(),
            looks: Looks::new(self.settings.events_queue.is_some()),
            checks: Checks::default(),
            asked: Triggers::default(),
            sweeps: Sweeps::default(),
        }
    }
}

/// An item for each time that the lease is gained; the one under which this begins comes first.
fn terms(gate: LeaseGate) -> impl Stream<Item = ()> + Send + 'static {
    futures::stream::unfold((gate, 0), |(gate, known)| async move {
        let term = gate.gained(known).await;
        Some(((), (gate, term)))
    })
}
