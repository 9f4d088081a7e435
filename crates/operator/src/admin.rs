//! The HTTP endpoints `/healthz`, `/readyz` and `/metrics`.
//! Input: the readiness and the registry of metrics. Output: HTTP responses. Listens on one or two addresses, from
//! before anything else starts until everything else has ended.

mod heartbeat;
mod readiness;

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::heartbeat::Heartbeat;
pub use self::readiness::{Readiness, Requirement};
use crate::error::OperatorError;

/// The media type of the OpenMetrics text format.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The maximum time until the runtime runs a new task.
const TASK_LIMIT: Duration = Duration::from_secs(5);

/// The bound listeners. They are bound first, so that an address in use stops the operator before it does anything.
#[derive(Debug)]
pub struct Admin {
    metrics: TcpListener,
    /// `None` if both endpoints share one address.
    health: Option<TcpListener>,
}

/// The running servers.
#[derive(Debug)]
pub struct Serving {
    stop: CancellationToken,
    servers: TaskTracker,
}

impl Admin {
    /// Listens on the addresses of the settings.
    ///
    /// # Errors
    /// Returns an error if an address cannot be bound.
    pub async fn bind(metrics: SocketAddr, health: SocketAddr) -> Result<Self, OperatorError> {
        let shared = metrics == health && metrics.port() != 0;
        let health = if shared {
            None
        } else {
            Some(listen("--health-addr", health).await?)
        };
        Ok(Self {
            metrics: listen("--metrics-addr", metrics).await?,
            health,
        })
    }

    /// Serves until [`Serving::stop`].
    #[must_use]
    pub fn serve(self, readiness: Readiness, heartbeat: Heartbeat, registry: Registry) -> Serving {
        let serving = Serving {
            stop: CancellationToken::new(),
            servers: TaskTracker::new(),
        };
        let (metrics, routes) = (metrics_routes(registry), health_routes(readiness, heartbeat));
        match self.health {
            Some(health) => {
                serving.spawn(health, routes);
                serving.spawn(self.metrics, metrics);
            }
            None => serving.spawn(self.metrics, metrics.merge(routes)),
        }
        serving.servers.close();
        serving
    }
}

impl Serving {
    fn spawn(&self, listener: TcpListener, routes: Router) {
        let stopped = self.stop.clone().cancelled_owned();
        self.servers.spawn(async move {
            let served = axum::serve(listener, routes)
                .with_graceful_shutdown(stopped)
                .await;
            if let Err(error) = served {
                tracing::error!(%error, "admin server failed");
            }
        });
    }

    /// Stops the servers after they have sent the responses in progress.
    pub async fn stop(self) {
        self.stop.cancel();
        self.servers.wait().await;
    }
}

async fn listen(flag: &'static str, address: SocketAddr) -> Result<TcpListener, OperatorError> {
    bind_any_family(address, TcpListener::bind)
        .await
        .map_err(|source| OperatorError::Listen {
            flag,
            address,
            source,
        })
}

/// Binds an address. `[::]` takes connections of both families, because a pod of an IPv6 cluster has an IPv6 address only.
/// On a node without IPv6 it means `0.0.0.0`.
async fn bind_any_family<T, Bound: Future<Output = io::Result<T>>>(
    address: SocketAddr,
    bind: impl Fn(SocketAddr) -> Bound,
) -> io::Result<T> {
    match bind(address).await {
        Err(error) if address.ip() == Ipv6Addr::UNSPECIFIED && is_without_ipv6(&error) => {
            bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port()))).await
        }
        result => result,
    }
}

/// True if the kernel has no IPv6 (`EAFNOSUPPORT` on Linux), or if it is disabled on all interfaces.
fn is_without_ipv6(error: &io::Error) -> bool {
    const EAFNOSUPPORT: i32 = 97;
    error.raw_os_error() == Some(EAFNOSUPPORT) || error.kind() == io::ErrorKind::AddrNotAvailable
}

fn health_routes(readiness: Readiness, heartbeat: Heartbeat) -> Router {
    let health = Router::new()
        .route("/healthz", get(healthz))
        .with_state(heartbeat);
    let ready = Router::new().route("/readyz", get(readyz)).with_state(readiness);
    health.merge(ready)
}

fn metrics_routes(registry: Registry) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .with_state(Arc::new(registry))
}

/// Liveness: the runtime starts tasks, and the task that renews the lease turns. It does not depend on anything outside,
/// because a restart would not repair that.
async fn healthz(State(heartbeat): State<Heartbeat>) -> (StatusCode, String) {
    if let Some(silence) = heartbeat.silence() {
        let message = format!("the lease task has not turned for {} s\n", silence.as_secs());
        return (StatusCode::SERVICE_UNAVAILABLE, message);
    }
    match timeout(TASK_LIMIT, tokio::spawn(async {})).await {
        Ok(Ok(())) => (StatusCode::OK, "ok\n".to_owned()),
        Ok(Err(_)) | Err(_) => {
            let message = format!(
                "the runtime did not run a task within {} s\n",
                TASK_LIMIT.as_secs()
            );
            (StatusCode::SERVICE_UNAVAILABLE, message)
        }
    }
}

async fn readyz(State(readiness): State<Readiness>) -> (StatusCode, String) {
    let unmet = readiness.unmet();
    if unmet.is_empty() {
        return (StatusCode::OK, "ready\n".to_owned());
    }
    (StatusCode::SERVICE_UNAVAILABLE, unmet.join("\n") + "\n")
}

/// Runs on a blocking thread, because each scrape counts the state of all identities.
async fn metrics(State(registry): State<Arc<Registry>>) -> Response {
    let encoded = spawn_blocking(move || {
        let mut text = String::new();
        encode(&mut text, &registry).map(|()| text)
    });
    match encoded.await {
        Ok(Ok(text)) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Ok(Err(_)) | Err(_) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "could not encode the metrics\n",
        )
            .into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn readyz_names_the_unmet_requirements() {
        let readiness = Readiness::default();
        let (status, body) = readyz(State(readiness.clone())).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(
            body.contains("waiting for the CRDs workloadidentities.lanyard.dev and workloadidentityclasses.lanyard.dev; apply crds/\n"),
            "{body}"
        );
        readiness.set_met(Requirement::Crds);
        readiness.set_met(Requirement::Lease);
        assert_eq!(
            readyz(State(readiness)).await,
            (StatusCode::OK, "ready\n".to_owned())
        );
    }

    #[tokio::test(start_paused = true)]
    async fn healthz_fails_while_the_lease_task_stands_still() {
        let heartbeat = Heartbeat::default();
        let health = async || healthz(State(heartbeat.clone())).await.0;
        assert_eq!(health().await, StatusCode::OK);
        tokio::time::sleep(Duration::from_secs(61)).await;
        assert_eq!(health().await, StatusCode::SERVICE_UNAVAILABLE);
        heartbeat.beat();
        assert_eq!(health().await, StatusCode::OK);
    }

    #[tokio::test]
    async fn metrics_are_served_as_open_metrics() {
        let response = metrics(State(Arc::new(Registry::with_prefix("lanyard")))).await;
        assert_eq!(response.headers()[header::CONTENT_TYPE], OPEN_METRICS);
        let body = axum::body::to_bytes(response.into_body(), 1000).await.unwrap();
        assert_eq!(body, "# EOF\n");
    }

    #[tokio::test]
    async fn address_in_use_error_names_its_flag() {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let first = TcpListener::bind(any).await.unwrap();
        let error = Admin::bind(any, first.local_addr().unwrap()).await.unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with("cannot listen on 127.0.0.1:") && text.ends_with("(--health-addr)"),
            "{text}"
        );
    }

    #[tokio::test]
    async fn unspecified_address_answers_both_families() {
        let any = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0));
        let listener = listen("--health-addr", any).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        for own in [
            Ipv4Addr::LOCALHOST.into(),
            std::net::IpAddr::from(Ipv6Addr::LOCALHOST),
        ] {
            let connected = tokio::net::TcpStream::connect((own, port)).await;
            // Only a machine without IPv6 has no address of its own of that family.
            let is_missing = own.is_ipv6() && listener.local_addr().unwrap().is_ipv4();
            assert!(connected.is_ok() || is_missing, "{own}: {connected:?}");
        }
    }

    #[tokio::test]
    async fn node_without_ipv6_listens_on_ipv4() {
        let without_ipv6 = |address: SocketAddr| {
            let bound = match address.is_ipv6() {
                true => Err(io::Error::from_raw_os_error(97)),
                false => Ok(address.to_string()),
            };
            std::future::ready(bound)
        };
        let any = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 8080));
        assert_eq!(bind_any_family(any, without_ipv6).await.unwrap(), "0.0.0.0:8080");
        let own = SocketAddr::from((Ipv6Addr::LOCALHOST, 8080));
        assert!(
            bind_any_family(own, without_ipv6).await.is_err(),
            "an address that was asked for"
        );
    }

    #[tokio::test]
    async fn servers_stop_on_request() {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let admin = Admin::bind(any, any).await.unwrap();
        admin
            .serve(Readiness::default(), Heartbeat::default(), Registry::default())
            .stop()
            .await;
    }
}
