//! Run: wires the parts together and ends them in the right order. Settings in; nothing out but how it ended.
//! Called by `main`; everything it starts does its I/O itself.

use std::sync::{Arc, RwLock};

use futures::Stream;
use futures::channel::mpsc::UnboundedSender;
use kube_runtime::reflector::Store;
use kube_runtime::watcher;
use lanyard_aws::Aws;
#[cfg(feature = "events")]
use lanyard_core::notice::Caller;
use lanyard_engine::pods::PodFold;
use lanyard_engine::{MayWrite, World};
use prometheus_client::registry::Registry;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::admin::{Admin, Readiness};
use crate::asked::Asked;
use crate::backoff::Backoff;
use crate::checks::Checks;
use crate::classes::{Changes, Classes};
use crate::contests::Contests;
use crate::context::{Context, Looks, Ref, Requests, Settling};
use crate::controller::Pace;
use crate::error::OperatorError;
#[cfg(feature = "events")]
use crate::events;
use crate::lease::{self, LeaseGate, Tenure};
use crate::metrics::{Budgets, Fleet, Leader, Metrics, PREFIX};
use crate::raw::RawIdentity;
use crate::settings::Settings;
use crate::shutdown::{DRAIN_LIMIT, drain, on_signals};
use crate::sweep::Sweeps;
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
    startup::tell_given(settings, &connected.api_server, &identity);

    let kube = connected.client;
    let readiness = Readiness::default();
    let mut registry = Registry::with_prefix(PREFIX);
    let metrics = Metrics::register(&mut registry);
    let changes = Arc::new(Changes::default());
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

fn stand(settings: &Settings, identity: &str, kube: &kube::Client, readiness: &Readiness) -> Tenure {
    let lease = settings.place.lease(identity, settings.timings());
    lease::stand(kube.clone(), lease, readiness.clone())
}

/// Works until the end, then gives the lease back: at once when nothing is under way any more.
async fn work_and_vacate(
    work: impl Future<Output = Result<(), OperatorError>>,
    mut tenure: Tenure,
    stop: &CancellationToken,
) -> Result<(), OperatorError> {
    let worked = tokio::select! {
        worked = drain(work, stop, DRAIN_LIMIT) => worked,
        () = tenure.broken() => return Err(OperatorError::LeaseAbandoned),
    };
    if worked.is_none() {
        tracing::warn!("some looks did not finish in time; what they left is found again by the next holder");
    }
    tenure.vacate(worked.is_some()).await;
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
    changes: Arc<Changes>,
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
        let Some(found) = self.stop.run_until_cancelled(self.world()).await else {
            return Ok(());
        };
        let (world, us) = found?;
        let context = Arc::new(self.context(world, store));
        let (wake, news) = futures::channel::mpsc::unbounded();
        let listening = self.listen(&context, us, wake);
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
            news,
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
    async fn world(&self) -> Result<(World, Ourselves), OperatorError> {
        startup::wait_for_crds(&self.kube, &self.readiness).await?;
        self.gate.gained(0).await;
        let (gate, timings) = (self.gate.clone(), self.settings.timings());
        let (leads, stop) = (self.gate.clone(), self.stop.clone());
        let goes_on: MayWrite = Arc::new(move || leads.is_open() && !stop.is_cancelled());
        let may_write: MayWrite = Arc::new(move || gate.is_open());
        let meter = Arc::new(self.metrics.clone());
        let aws = startup::aws(
            &self.settings.place,
            &timings,
            meter,
            Arc::clone(&may_write),
            goes_on,
        )
        .await;
        self.budgets.are_those_of(&aws);
        let found = startup::find(self.settings, &aws, &self.kube, may_write, &self.readiness).await?;
        let (world, caller) = found;
        Ok((world, Ourselves { aws, caller }))
    }

    /// Listens to events beside the controller, where the settings name a queue.
    #[cfg(feature = "events")]
    fn listen(
        &self,
        context: &Arc<Context>,
        us: Ourselves,
        wake: UnboundedSender<Ref>,
    ) -> Option<JoinHandle<()>> {
        let source = events::Source {
            queue: us.aws.queue(self.settings.events_queue.clone()?),
            caller: us.caller.as_deref().map(Caller::parse),
        };
        Some(tokio::spawn(events::listen(Arc::clone(context), source, wake)))
    }

    /// Built without events: the settings name no queue.
    #[cfg(not(feature = "events"))]
    fn listen(&self, _: &Arc<Context>, _: Ourselves, _: UnboundedSender<Ref>) -> Option<JoinHandle<()>> {
        None
    }

    fn context(&self, world: World, store: Store<RawIdentity>) -> Context {
        self.metrics.workers(self.settings.workers);
        Context {
            classes: Classes::new(Arc::clone(&self.changes), self.settings.require_class),
            pods: Arc::new(RwLock::new(PodFold::new(world.auto_mode()))),
            world,
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
            asked: Asked::default(),
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
