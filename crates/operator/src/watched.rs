//! One watch of the API server with its own backoff, log, metrics and readiness.
//! The events of kube's watcher in; the same events out, paused after an error. Reads from the API server.
//!
//! kube's own backoff is not used: the `Init` event before each list resets it, so that a failing list is repeated every
//! second for ever, and `Controller` pauses all its triggers for the errors of one
//! (kube-runtime, `utils/stream_backoff.rs` and `controller/mod.rs`).

mod config;

use std::fmt::Debug;
use std::time::Duration;

use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use jiff::Timestamp;
use kube::Resource;
use kube::api::Api;
use kube_runtime::watcher::{self, Config, Error, Event, watcher};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep, timeout};

pub use self::config::{WATCH_TIMEOUT, paged};
use crate::admin::{Readiness, Requirement};
use crate::backoff::{delay, spread};
use crate::metrics::WatchMetrics;

/// The maximum delay after an error.
const MAX_DELAY: Duration = Duration::from_secs(30);

/// The readiness is turned off after failures for this time.
const UNREADY_AFTER: Duration = Duration::from_secs(120);

/// A watch without an error for this time works again, also if nothing happens that it could report. It is longer than an
/// attempt on a dead connection.
const RECOVERED_AFTER: Duration = Duration::from_secs(WATCH_TIMEOUT.as_secs() + 20);

/// The health of all watches: metrics and readiness.
#[derive(Debug, Clone)]
pub struct WatchHealth {
    /// The metrics of watches.
    pub metrics: WatchMetrics,
    /// The readiness of the operator.
    pub readiness: Readiness,
}

/// Watches all objects of an API. `name`: the resource, as metrics and messages show it. The stream pauses after each
/// error; the watcher then continues or lists again.
pub fn watched<K>(
    api: Api<K>,
    config: Config,
    name: &'static str,
    health: &WatchHealth,
) -> impl Stream<Item = Result<Event<K>, Error>> + Send + use<K>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    paused_after_errors(watcher(api, config).boxed(), name, health)
}

fn paused_after_errors<K: Send + 'static>(
    events: BoxStream<'static, Result<Event<K>, Error>>,
    name: &'static str,
    health: &WatchHealth,
) -> impl Stream<Item = Result<Event<K>, Error>> + Send + use<K> {
    health.metrics.watch_begins(name);
    let watch = Watched {
        events,
        state: WatchState::new(name, health.clone()),
    };
    futures::stream::unfold(watch, |mut watch| async move {
        let event = watch.next().await?;
        Some((event, watch))
    })
}

struct Watched<K> {
    events: BoxStream<'static, Result<Event<K>, Error>>,
    state: WatchState,
}

impl<K> Watched<K> {
    async fn next(&mut self) -> Option<Result<Event<K>, Error>> {
        if let Some(pause) = self.state.pause.take() {
            sleep(pause).await;
        }
        let event = loop {
            if !self.state.is_failing() {
                break self.events.next().await?;
            }
            match timeout(RECOVERED_AFTER, self.events.next()).await {
                Ok(event) => break event?,
                Err(_) => self.state.recovered(),
            }
        };
        match &event {
            // It precedes each list, also one that fails.
            Ok(Event::Init) => {}
            Ok(Event::InitApply(_)) => self.state.delivered(),
            Ok(Event::InitDone | Event::Apply(_) | Event::Delete(_)) => {
                self.state.delivered();
                self.state.recovered();
            }
            Err(error) => self.state.failed(error),
        }
        Some(event)
    }
}

/// The failures of one watch.
struct WatchState {
    name: &'static str,
    health: WatchHealth,
    failures: u32,
    /// The time of the first failure since the watch last worked.
    failing_since: Option<Instant>,
    pause: Option<Duration>,
    /// The last logged error.
    logged: Option<String>,
}

impl WatchState {
    fn new(name: &'static str, health: WatchHealth) -> Self {
        Self {
            name,
            health,
            failures: 0,
            failing_since: None,
            pause: None,
            logged: None,
        }
    }

    const fn is_failing(&self) -> bool {
        self.failing_since.is_some()
    }

    fn delivered(&self) {
        self.health.metrics.event(self.name, Timestamp::now());
    }

    fn recovered(&mut self) {
        if self.failing_since.take().is_none() {
            return;
        }
        (self.failures, self.logged) = (0, None);
        self.health.readiness.set_met(Requirement::Watch(self.name));
        tracing::info!(watch = self.name, "the watch works again");
    }

    fn failed(&mut self, error: &watcher::Error) {
        self.failures = self.failures.saturating_add(1);
        let pause = spread(delay(self.failures).min(MAX_DELAY), &(self.name, self.failures));
        self.pause = Some(pause);
        self.health.metrics.error(self.name);
        let error = error.to_string();
        let now = Instant::now();
        let since = *self.failing_since.get_or_insert(now);
        if now - since >= UNREADY_AFTER {
            let requirement = Requirement::Watch(self.name);
            self.health.readiness.set_unmet(requirement, &error);
        }
        if self.logged.as_ref() != Some(&error) {
            tracing::warn!(watch = self.name, %error, "the watch failed; it is repeated with a growing pause");
            self.logged = Some(error);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use k8s_openapi::api::core::v1::Namespace;
    use parking_lot::Mutex;
    use prometheus_client::encoding::text::encode;
    use prometheus_client::registry::Registry;

    use super::*;

    fn health() -> (WatchHealth, Registry) {
        let mut registry = Registry::with_prefix("lanyard");
        let health = WatchHealth {
            metrics: WatchMetrics::register(&mut registry),
            readiness: Readiness::default(),
        };
        health.readiness.set_met(Requirement::Crds);
        health.readiness.set_met(Requirement::Lease);
        (health, registry)
    }

    /// A watch that lists in vain, as kube's watcher does: `Init` before each attempt.
    fn failing() -> impl Stream<Item = Result<Event<Namespace>, Error>> + Send {
        let attempt = || [Ok(Event::Init), Err(Error::NoResourceVersion)];
        futures::stream::repeat_with(attempt).flat_map(futures::stream::iter)
    }

    /// The times of the errors within `period`.
    async fn errors_within(
        stream: impl Stream<Item = Result<Event<Namespace>, Error>>,
        period: Duration,
    ) -> Vec<Duration> {
        let (began, times) = (Instant::now(), Arc::new(Mutex::new(Vec::new())));
        let seen = Arc::clone(&times);
        let errors = stream.for_each(move |event| {
            if event.is_err() {
                seen.lock().push(began.elapsed());
            }
            futures::future::ready(())
        });
        assert!(timeout(period, errors).await.is_err());
        let times = times.lock();
        times.clone()
    }

    #[tokio::test(start_paused = true)]
    async fn failing_list_is_repeated_with_growing_pauses() {
        let (health, registry) = health();
        let stream = paused_after_errors(failing().boxed(), "pods", &health);
        let times = errors_within(stream, Duration::from_secs(600)).await;
        assert!((15..30).contains(&times.len()), "{times:?}");
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        let line = format!("lanyard_watch_errors_total{{watch=\"pods\"}} {}", times.len());
        assert!(text.contains(&line), "{text}");
    }

    #[tokio::test(start_paused = true)]
    async fn readiness_is_off_after_two_minutes_of_failure() {
        let (health, _registry) = health();
        let stream = Box::pin(paused_after_errors(failing().boxed(), "pods", &health));
        errors_within(stream, Duration::from_secs(100)).await;
        assert!(health.readiness.unmet().is_empty());
        let stream = Box::pin(paused_after_errors(failing().boxed(), "pods", &health));
        errors_within(stream, Duration::from_secs(180)).await;
        let unmet = health.readiness.unmet().join("\n");
        assert!(unmet.contains("watch on pods"), "{unmet}");
    }

    #[tokio::test(start_paused = true)]
    async fn event_or_silence_turns_readiness_on_again() {
        let (health, _registry) = health();
        let until_unready = || failing().take(24);
        let listed = futures::stream::iter([Ok(Event::Init), Ok(Event::InitDone)]);
        let events = until_unready().chain(listed).chain(until_unready());
        let events = events.chain(futures::stream::pending());
        let mut stream = Box::pin(paused_after_errors(events.boxed(), "pods", &health));
        for _ in 0..24 {
            stream.next().await;
        }
        assert_eq!(health.readiness.unmet().len(), 1);
        stream.next().await;
        stream.next().await;
        assert!(health.readiness.unmet().is_empty());
        for _ in 0..24 {
            stream.next().await;
        }
        assert_eq!(health.readiness.unmet().len(), 1);
        let silence = timeout(RECOVERED_AFTER * 2, stream.next()).await;
        assert!(silence.is_err() && health.readiness.unmet().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn error_is_logged_once_and_counts_start_again_after_an_event() {
        let (health, _registry) = health();
        let mut state = WatchState::new("pods", health);
        for _ in 0..3 {
            state.failed(&Error::NoResourceVersion);
        }
        let last = state.pause.take();
        state.recovered();
        assert!(state.logged.is_none() && !state.is_failing());
        state.failed(&Error::NoResourceVersion);
        assert!(state.pause < last);
    }
}
