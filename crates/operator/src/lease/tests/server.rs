//! An API server for one Lease, with optimistic concurrency and clients that it can refuse.
//! In memory, so that the paused clock is the only clock.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http::{Method, Request, Response, StatusCode};
use k8s_openapi::api::coordination::v1::Lease;
use kube::client::Body;
use kube::core::Status;

#[derive(Clone, Default)]
pub(super) struct Server {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    lease: Option<Lease>,
    version: u64,
    refused: BTreeSet<String>,
}

impl Server {
    /// A client. The server recognises its operator by the identity in its writes; reads carry none.
    pub(super) fn client(&self) -> kube::Client {
        let state = Arc::clone(&self.state);
        let service = tower::service_fn(move |request: Request<Body>| {
            let state = Arc::clone(&state);
            async move {
                let (parts, body) = request.into_parts();
                let body = body.collect_bytes().await.unwrap();
                let sent = serde_json::from_slice::<Lease>(&body).ok();
                Ok::<_, Infallible>(state.lock().unwrap().respond(&parts.method, sent))
            }
        });
        kube::Client::new(service, "default")
    }

    pub(super) fn holder(&self) -> Option<String> {
        let state = self.state.lock().unwrap();
        state.lease.as_ref()?.spec.as_ref()?.holder_identity.clone()
    }

    /// Refuses all requests of this operator from now on.
    pub(super) fn refuse(&self, identity: &str) {
        self.state.lock().unwrap().refused.insert(identity.to_owned());
    }

    pub(super) fn allow(&self, identity: &str) {
        self.state.lock().unwrap().refused.remove(identity);
    }
}

impl State {
    fn respond(&mut self, method: &Method, sent: Option<Lease>) -> Response<Body> {
        let writer = sent
            .as_ref()
            .and_then(|lease| lease.spec.as_ref()?.holder_identity.clone());
        let refused = match &writer {
            Some(writer) => self.refused.contains(writer),
            None => self.lease.is_none() && !self.refused.is_empty(),
        };
        if refused {
            return failure(StatusCode::FORBIDDEN, "leases is forbidden");
        }
        match (method, sent) {
            (&Method::GET, _) => match &self.lease {
                Some(lease) => json(StatusCode::OK, lease),
                None => failure(StatusCode::NOT_FOUND, "not found"),
            },
            (&Method::POST, Some(_)) if self.lease.is_some() => {
                failure(StatusCode::CONFLICT, "already exists")
            }
            (&Method::PUT, Some(lease)) if version(&lease) != self.lease.as_ref().and_then(version) => {
                failure(StatusCode::CONFLICT, "the object has been modified")
            }
            (_, Some(lease)) => self.store(lease),
            (_, None) => failure(StatusCode::BAD_REQUEST, "no lease"),
        }
    }

    fn store(&mut self, mut lease: Lease) -> Response<Body> {
        self.version += 1;
        lease.metadata.resource_version = Some(self.version.to_string());
        let response = json(StatusCode::OK, &lease);
        self.lease = Some(lease);
        response
    }
}

fn version(lease: &Lease) -> Option<&String> {
    lease.metadata.resource_version.as_ref()
}

fn json(status: StatusCode, body: &impl serde::Serialize) -> Response<Body> {
    let body = Body::from(serde_json::to_vec(body).unwrap());
    Response::builder().status(status).body(body).unwrap()
}

fn failure(status: StatusCode, message: &str) -> Response<Body> {
    let response = Status::failure(message, reason(status)).with_code(status.as_u16());
    json(status, &response)
}

/// kube evaluates only the reason. The real server always sends one.
fn reason(status: StatusCode) -> &'static str {
    match status {
        StatusCode::FORBIDDEN => "Forbidden",
        StatusCode::NOT_FOUND => "NotFound",
        StatusCode::CONFLICT => "Conflict",
        _ => "BadRequest",
    }
}
