//! The composition root: starts the admin server, the leader election and the work, and stops them in the right order.
//! Settings in; the reason of the exit out. Each part does its own I/O.

mod work;

use std::sync::Arc;

use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;

use crate::admin::{Admin, Readiness};
use crate::aws_reach::AwsReach;
use crate::clock::Clock;
use crate::error::OperatorError;
use crate::lease::{self, LeaderElection};
use crate::metrics::{Budgets, Fleet, Leader, Metrics, PREFIX, RequestMetrics};
use crate::settings::Settings;
use crate::shutdown::{DRAIN_LIMIT, drain, on_signals};
use crate::startup;
use crate::watched::WatchHealth;
use work::{Objects, Work};

/// Runs the operator until a signal stops it.
///
/// # Errors
/// Returns an error if the operator cannot start, loses the lease, cannot reach AWS for long, or if a part of it ends
/// unexpectedly.
pub async fn run(settings: &Settings) -> Result<(), OperatorError> {
    let stop = on_signals()?;
    let identity = lease::identity();
    let admin = Admin::bind(settings.metrics_addr, settings.health_addr).await?;
    let mut registry = Registry::with_prefix(PREFIX);
    let connected = startup::connect(RequestMetrics::register(&mut registry)).await?;
    startup::log_settings(settings, &connected.api_server, &identity);

    let kube = connected.client;
    let readiness = Readiness::default();
    let metrics = Metrics::register(&mut registry);
    let watch_health = WatchHealth {
        metrics: metrics.watches.clone(),
        readiness: readiness.clone(),
    };
    let (objects, stream) = Objects::watch(
        &kube,
        &metrics,
        Clock::system(),
        settings.timings().resync,
        &watch_health,
    );
    let lease = settings.cluster.lease(&identity, settings.timings());
    let election = lease::run(kube.clone(), lease, readiness.clone());
    Leader::register(&mut registry, election.gate());
    Fleet::register(&mut registry, objects.store.clone(), election.gate());
    let budgets = Budgets::register(&mut registry);
    let server = admin.serve(readiness.clone(), election.heartbeat(), registry);

    let reach = AwsReach::new(Arc::new(metrics.clone()));
    let work = Work {
        settings,
        kube,
        readiness,
        metrics,
        meter: Arc::new(reach.clone()),
        watch_health,
        budgets,
        gate: election.gate(),
        identity,
        stop: stop.clone(),
    };
    let work = async {
        tokio::select! {
            result = Box::pin(work.run(objects, stream)) => result,
            (minutes, cause) = reach.lost() => Err(OperatorError::AwsOutOfReach { minutes, cause }),
        }
    };
    let result = run_until_stopped(work, election, &stop).await;
    server.stop().await;
    result
}

/// Runs `work` until it ends or `stop` is cancelled, then releases the lease: at once if no write is in progress.
async fn run_until_stopped(
    work: impl Future<Output = Result<(), OperatorError>>,
    mut election: LeaderElection,
    stop: &CancellationToken,
) -> Result<(), OperatorError> {
    let gate = election.gate();
    let result = tokio::select! {
        result = drain(work, stop, DRAIN_LIMIT) => result,
        () = election.ended() => return Err(OperatorError::LeaseAbandoned),
        // As Kubernetes components do: the store and the cached facts can be as old as the outage that cost the lease.
        () = gate.lost() => return Err(OperatorError::LeaseLost),
    };
    if result.is_none() {
        tracing::warn!("some reconciles did not finish in time; the next leader continues them");
    }
    // An error ends the reconciles in progress, whose last write may still be in progress.
    let drained = matches!(result, Some(Ok(())));
    election.release(drained).await;
    result.unwrap_or(Ok(()))
}
