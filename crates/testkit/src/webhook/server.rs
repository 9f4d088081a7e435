//! The HTTPS server that receives the admission review of each new pod.
//! Input: AdmissionReview. Output: AdmissionReview with a patch; a pod is never refused. Network I/O.

use std::collections::BTreeSet;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::decision::decide;
use super::patch::patch;
use super::sources::Sources;

/// The namespaces whose pods pass unchanged, as when the webhook cannot be reached: its registration fails open.
pub(crate) type Silent = Arc<Mutex<BTreeSet<String>>>;

/// State that answers need.
pub(crate) struct Admission {
    pub sources: Sources,
    pub region: String,
    /// The number of pods that the API server has sent.
    pub asked: watch::Sender<usize>,
    /// The namespaces whose pods pass unchanged.
    pub silent: Silent,
}

/// Serves until its task is ended; the connections end with it.
pub(crate) async fn serve(listener: TcpListener, tls: ServerConfig, admission: Arc<Admission>) {
    let acceptor = TlsAcceptor::from(Arc::new(tls));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(connections.spawn(converse(stream, acceptor.clone(), Arc::clone(&admission)))),
                Err(why) => tracing::warn!(%why, "the pod webhook could not take a connection"),
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn converse(stream: TcpStream, acceptor: TlsAcceptor, admission: Arc<Admission>) {
    let ended = async {
        let stream = acceptor.accept(stream).await?;
        let answer = service_fn(move |request| answer(request, Arc::clone(&admission)));
        http1::Builder::new()
            .serve_connection(TokioIo::new(stream), answer)
            .await?;
        anyhow::Ok(())
    };
    if let Err(why) = ended.await {
        tracing::debug!(%why, "a connection to the pod webhook ended early");
    }
}

async fn answer(request: Request<Incoming>, admission: Arc<Admission>) -> Result<Response<Full<Bytes>>> {
    let body = request.into_body().collect().await?.to_bytes();
    let review: Value = serde_json::from_slice(&body)?;
    admission.asked.send_modify(|asked| *asked += 1);
    let asked = review.get("request").context("a review without a request")?;
    let uid = asked.get("uid");
    let unchanged = json!({"uid": uid, "allowed": true});
    let response = match admission.operations(asked).await {
        Ok(operations) if operations.is_empty() => unchanged,
        Ok(operations) => {
            let patch = STANDARD.encode(serde_json::to_vec(&operations)?);
            json!({"uid": uid, "allowed": true, "patchType": "JSONPatch", "patch": patch})
        }
        // AWS's webhook decides from what it has seen; what it has not seen lets the pod through as it is.
        Err(why) => {
            tracing::warn!(%why, "the pod webhook left a pod as it is");
            unchanged
        }
    };
    let reviewed =
        json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response});
    Ok(Response::builder()
        .header("content-type", "application/json")
        .body(Full::from(reviewed.to_string()))?)
}

impl Admission {
    async fn operations(&self, asked: &Value) -> Result<Vec<Value>> {
        let pod = asked.get("object").context("a review without a pod")?;
        let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
        let namespace = text(asked.get("namespace"));
        let service_account = text(pod.pointer("/spec/serviceAccountName"));
        if self
            .silent
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(&namespace)
        {
            return Ok(Vec::new());
        }
        let known = self.sources.of(&namespace, &service_account).await?;
        let spread = RandomState::new().hash_one(asked.get("uid").map(Value::to_string));
        let decision = decide(pod, &known, spread);
        Ok(decision
            .map(|decision| patch(pod, &decision, &self.region))
            .unwrap_or_default())
    }
}
