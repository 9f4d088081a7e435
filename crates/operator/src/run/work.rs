//! The work of a replica: waits for the lease, builds the engine, and runs the watches, the drift scan and the controller.
//! Settings and clients in; it ends when the operator stops. Each part does its own I/O.

use std::sync::{Arc, RwLock};
use std::time::Duration;

use futures::Stream;
use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures::stream::select;
use kube_runtime::reflector::Store;
use lanyard_aws::{Aws, Meter};
#[cfg(feature = "events")]
use lanyard_core::aws_event::Caller;
use lanyard_engine::pods::PodIndex;
use lanyard_engine::{Engine, WriteCheck};
use tokio_util::sync::CancellationToken;

use crate::admin::Readiness;
#[cfg(feature = "events")]
use crate::aws_events;
use crate::background_tasks::BackgroundTasks;
use crate::class;
use crate::class_state::{Classes, IdentityChanges};
use crate::clock::Clock;
use crate::cluster_facts_poll;
use crate::cluster_info::ClusterInfo;
use crate::error::OperatorError;
use crate::identity::controller::{self, Sources};
use crate::identity::object_table::ObjectTable;
use crate::identity::{Context, IdentityRef};
use crate::lease::LeaseGate;
use crate::metrics::{Budgets, Metrics};
use crate::settings::Settings;
use crate::watched::WatchHealth;
use crate::work_limits::WorkLimits;
use crate::{drift_scan, startup, watches};
use lanyard_engine::raw::RawIdentity;

/// The watched WorkloadIdentities.
pub(super) struct Objects {
    /// Every object, as the watch last delivered it.
    pub store: Store<RawIdentity>,
    states: Arc<ObjectTable>,
    changes: Arc<IdentityChanges>,
    clock: Clock,
}

impl Objects {
    /// Prepares the watch. The stream drives it and emits the objects to reconcile.
    pub fn watch(
        kube: &kube::Client,
        metrics: &Metrics,
        clock: Clock,
        resync: Duration,
        health: &WatchHealth,
    ) -> (Self, impl Stream<Item = RawIdentity> + Send + 'static) {
        let changes = Arc::new(IdentityChanges::default());
        let states = Arc::new(ObjectTable::new(metrics.in_backoff(), clock.now(), resync));
        let (store, stream) =
            watches::objects::objects(kube.clone(), Arc::clone(&changes), Arc::clone(&states), health);
        let objects = Self {
            store,
            states,
            changes,
            clock,
        };
        (objects, stream)
    }
}

/// The operator's own AWS identity, for the listener of AWS events.
#[cfg_attr(
    not(feature = "events"),
    allow(dead_code, reason = "only the events feature reads it")
)]
struct OwnIdentity {
    aws: Aws,
    /// The caller ARN. `None` if STS did not return it.
    caller: Option<String>,
}

/// Everything that the work needs.
pub(super) struct Work<'a> {
    pub settings: &'a Settings,
    pub kube: kube::Client,
    pub readiness: Readiness,
    pub metrics: Metrics,
    /// Receives every AWS call.
    pub meter: Arc<dyn Meter>,
    pub watch_health: WatchHealth,
    pub budgets: Budgets,
    pub gate: LeaseGate,
    pub identity: String,
    pub stop: CancellationToken,
}

impl Work<'_> {
    /// Waits for the lease and builds the engine, then reconciles until the operator stops.
    pub async fn run(
        self,
        objects: Objects,
        stream: impl Stream<Item = RawIdentity> + Send + 'static,
    ) -> Result<(), OperatorError> {
        let Some(built) = self.stop.run_until_cancelled(self.engine()).await else {
            return Ok(());
        };
        let (engine, own_identity) = built?;
        let info = ClusterInfo::new(&engine, self.settings).run(engine.clone());
        let context = Arc::new(self.context(engine, objects));
        let (events, event_triggers) = unbounded();
        let mut tasks = BackgroundTasks::default();
        tasks.spawn("the publication of the cluster", info);
        self.listen(&mut tasks, &context, own_identity, events);
        let limits = WorkLimits {
            workers: self.settings.workers,
            describes_per_second: self.settings.describes_per_second,
        };
        let (terms, stop) = (terms(self.gate.clone()), self.stop.cancelled_owned());
        // Boxed, because the nested future exceeds the recursion limit of the compiler.
        Box::pin(reconcile_all(
            context,
            stream,
            terms,
            event_triggers,
            limits,
            tasks,
            stop,
        ))
        .await
    }

    /// Builds the engine. A standby makes no AWS call, so this waits for the lease.
    async fn engine(&self) -> Result<(Engine, OwnIdentity), OperatorError> {
        startup::wait_for_crds(&self.kube, &self.readiness).await?;
        self.gate.gained(0).await;
        let (gate, timings) = (self.gate.clone(), self.settings.timings());
        let (leads, stop) = (self.gate.clone(), self.stop.clone());
        let may_continue: WriteCheck = Arc::new(move || leads.is_open() && !stop.is_cancelled());
        let may_write: WriteCheck = Arc::new(move || gate.is_open());
        let aws = startup::aws(
            &self.settings.cluster,
            &timings,
            Arc::clone(&self.meter),
            Arc::clone(&may_write),
            may_continue,
        )
        .await;
        self.budgets.are_those_of(&aws);
        let (engine, caller) =
            startup::identify_cluster(self.settings, &aws, &self.kube, may_write, &self.readiness).await?;
        Ok((engine, OwnIdentity { aws, caller }))
    }

    /// Starts the listener of AWS events if the settings name a queue.
    #[cfg(feature = "events")]
    fn listen(
        &self,
        tasks: &mut BackgroundTasks,
        context: &Arc<Context>,
        own_identity: OwnIdentity,
        requeue: UnboundedSender<IdentityRef>,
    ) {
        let Some(queue) = self.settings.events_queue.clone() else {
            return;
        };
        let source = aws_events::EventSource {
            queue: own_identity.aws.queue(queue),
            caller: own_identity.caller.as_deref().map(Caller::parse),
        };
        let listener = aws_events::listen(Arc::clone(context), source, requeue);
        tasks.spawn("the listener of AWS events", listener);
    }

    /// Without the events feature, the settings cannot name a queue.
    #[cfg(not(feature = "events"))]
    fn listen(
        &self,
        _: &mut BackgroundTasks,
        _: &Arc<Context>,
        _: OwnIdentity,
        _: UnboundedSender<IdentityRef>,
    ) {
    }

    fn context(&self, engine: Engine, objects: Objects) -> Context {
        self.metrics.workers(self.settings.workers);
        Context {
            classes: Classes::new(objects.changes, self.settings.require_class),
            pods: Arc::new(RwLock::new(PodIndex::default())),
            engine,
            store: objects.store,
            lease: self.gate.clone(),
            read_only: self.settings.read_only,
            metrics: Arc::new(self.metrics.clone()),
            watch_health: self.watch_health.clone(),
            instance: self.identity.clone(),
            clock: objects.clock,
            objects: objects.states,
        }
    }
}

/// Runs the controller beside the watches on pods and classes and the drift scan. Ends with an error if one of the
/// background tasks ends.
async fn reconcile_all(
    context: Arc<Context>,
    objects: impl Stream<Item = RawIdentity> + Send + 'static,
    terms: impl Stream<Item = ()> + Send + 'static,
    event_triggers: UnboundedReceiver<IdentityRef>,
    limits: WorkLimits,
    mut tasks: BackgroundTasks,
    stop: impl Future<Output = ()> + Send + Sync + 'static,
) -> Result<(), OperatorError> {
    let service_accounts = watches::service_accounts::service_accounts(&context);
    let (requeue, requeued) = unbounded();
    let (drifted, drifted_objects) = unbounded();
    let poll_requeue = requeue.clone();
    let scan = drift_scan::run(Arc::clone(&context), requeue.clone(), drifted, limits);
    let pods = watches::pods::pods(Arc::clone(&context), requeue.clone());
    tasks.spawn("the watch on pods", pods);
    tasks.spawn("the class controller", class::run(Arc::clone(&context), requeue));
    tasks.spawn("the drift scan", scan);
    let poll = cluster_facts_poll::run(Arc::clone(&context), poll_requeue);
    tasks.spawn("the poll of cluster facts", poll);
    let sources = Sources {
        objects,
        triggers: select(select(service_accounts, requeued), event_triggers),
        drifted: drifted_objects,
        terms,
    };
    let controller = async {
        // Without the classes, the limits of an identity are unknown.
        context.classes.known().await;
        controller::run(Arc::clone(&context), sources, limits.workers, stop).await;
    };
    let result = tokio::select! {
        () = controller => Ok(()),
        error = tasks.ended() => Err(error),
    };
    tasks.stop().await;
    result
}

/// Yields an item each time the lease is gained, and one for the current term at once.
fn terms(gate: LeaseGate) -> impl Stream<Item = ()> + Send + 'static {
    futures::stream::unfold((gate, 0), |(gate, known)| async move {
        let term = gate.gained(known).await;
        Some(((), (gate, term)))
    })
}
